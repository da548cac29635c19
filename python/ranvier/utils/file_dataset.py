"""Files in folders, a class for each subfolder, as batches: what data sets of images and of texts have in common."""

from __future__ import annotations

import operator
import os
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ranvier import _core, config
from ranvier.data import MappedLoader, epoch_order

__all__ = ["FileDataset", "FileKind", "datasets_from_directory", "one_of"]


class FileDataset:
    """Batches of files, read when they are needed; every `for` loop over it is one epoch.

    A batch is ``(values, labels)``, or values alone when there are no labels. Labels are int32, or floatx of shape
    ``(batch, classes)`` (categorical) or ``(batch, 1)`` (binary). With ``batch_size=None`` files come one by one,
    without the batch axis.

    Attributes:
        class_names: names of the classes in the order of their labels, or None.
        file_paths: the files, as strings.
    """

    def __init__(
        self,
        file_paths: Sequence[str],
        labels: np.ndarray | None,
        class_names: list[str] | None,
        batch_size: int | None,
        read: Callable[[str], Any],
        shuffle: bool,
        seed: int,
    ) -> None:
        self.file_paths = list(file_paths)
        self.class_names = class_names
        self.batch_size = batch_size
        self._labels = labels
        self._read = read
        self._shuffle = shuffle
        self._seed = seed
        self._epoch = 0

    def __len__(self) -> int:
        """The number of batches."""
        return -(-len(self.file_paths) // (self.batch_size or 1))

    def __iter__(self) -> Iterator[Any]:
        rows = len(self.file_paths)
        order = epoch_order(rows, self._seed, self._epoch) if self._shuffle else np.arange(rows)
        self._epoch += 1
        size = self.batch_size or 1
        # Decoders work without Python's lock.
        with ThreadPoolExecutor(max(1, _core.get_num_threads())) as pool:
            for start in range(0, rows, size):
                picked = order[start : start + size]
                values = self._stack(list(pool.map(self._read, [self.file_paths[i] for i in picked])))
                batch = (values,) if self._labels is None else (values, self._labels[picked])
                if self.batch_size is None:
                    batch = tuple(part[0] for part in batch)
                yield batch if len(batch) > 1 else batch[0]

    def _stack(self, values: list[Any]) -> np.ndarray:
        """What was read of each file, as one array."""
        return np.stack(values)

    def map(self, function: Callable[..., Any]) -> MappedLoader:
        """Batches changed by `function(values, labels)`, for example by augmentation or `TextVectorization`."""
        return MappedLoader(self, function)


class FileKind(NamedTuple):
    """What a function of this family reads.

    Attributes:
        function: its name, for messages.
        what: what the files hold, for messages: "image".
        endings: of file names.
        dataset: the class of what it returns.
    """

    function: str
    what: str
    endings: tuple[str, ...]
    dataset: type[FileDataset]


def datasets_from_directory(
    kind: FileKind,
    read: Callable[[str], Any],
    directory: Any,
    labels: Any,
    label_mode: str | None,
    class_names: Sequence[str] | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    follow_links: bool,
    verbose: bool,
) -> Any:
    """The files below a folder as a data set, or a list of two with ``subset="both"``.

    Args:
        kind: of files.
        read: from the path of a file to what is in it.
        directory: this and all others as in `image_dataset_from_directory`.
    """
    here = kind.function
    folder = Path(directory)
    if not folder.is_dir():
        raise NotADirectoryError(f"[{here}] directory: expected a folder, received {str(directory)!r}.")
    one_of(here, "label_mode", label_mode, ("int", "categorical", "binary", None))
    one_of(here, "subset", subset, ("training", "validation", "both", None))
    if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
        raise ValueError(f"[{here}] batch_size: expected a positive int or None, received {batch_size!r}.")
    if validation_split is not None and not 0 < validation_split < 1:
        raise ValueError(
            f"[{here}] validation_split: expected a number between 0 and 1, received {validation_split!r}."
        )
    if (validation_split is None) != (subset is None):
        raise ValueError(f"[{here}] expected validation_split and subset together, received only one of them.")
    if validation_split is not None and shuffle and seed is None:
        raise ValueError(f"[{here}] seed: expected an int, so that the parts of shuffled files do not overlap.")

    if labels is None or label_mode is None:
        labels, label_mode = None, None
    paths, numbers, names = _index(kind, folder, labels, class_names, follow_links)
    if not paths:
        endings = ", ".join(kind.endings)
        raise ValueError(f"[{here}] expected {kind.what} files ({endings}) below {str(folder)!r}, found none.")
    if label_mode == "binary" and len(names or ()) != 2:
        raise ValueError(f"[{here}] label_mode='binary' needs 2 classes, found {names}.")
    if verbose:
        classes = "" if names is None else f" belonging to {len(names)} classes"
        print(f"Found {len(paths)} files{classes}.")

    start = random.getrandbits(31) if seed is None else operator.index(seed)
    if shuffle:  # by the generator Keras shuffles with, so that its seeds split the same files
        order = np.arange(len(paths))
        np.random.RandomState(start % 2**32).shuffle(order)
        paths, numbers = [paths[i] for i in order], None if numbers is None else numbers[order]
    values = None if numbers is None else _encoded(kind, numbers, label_mode, len(names or ()))

    def part(rows: slice, mix: bool) -> FileDataset:
        chosen = None if values is None else values[rows]
        return kind.dataset(paths[rows], chosen, names, batch_size, read, mix, start)

    if validation_split is None:
        return part(slice(None), shuffle)
    held = int(validation_split * len(paths))
    if held == 0:
        raise ValueError(f"[{here}] validation_split={validation_split} of {len(paths)} files is not one file.")
    training, validation = slice(0, len(paths) - held), slice(len(paths) - held, None)
    if subset == "both":
        return [part(training, shuffle), part(validation, False)]
    return part(training if subset == "training" else validation, shuffle)


def one_of(here: str, name: str, value: Any, known: tuple[Any, ...]) -> None:
    """ValueError unless `value` is among the known ones."""
    if value not in known:
        raise ValueError(f"[{here}] {name}: expected one of {', '.join(map(repr, known))}, received {value!r:.200}.")


def _files(kind: FileKind, folder: Path, follow_links: bool) -> list[str]:
    """Its files below `folder`, folder by folder, in alphabetical order."""
    walk = sorted(os.walk(folder, followlinks=follow_links))
    return [
        str(Path(root) / name)
        for root, _, names in walk
        for name in sorted(names)
        if name.lower().endswith(kind.endings)
    ]


def _index(
    kind: FileKind, folder: Path, labels: Any, class_names: Sequence[str] | None, follow_links: bool
) -> tuple[list[str], np.ndarray | None, list[str] | None]:
    """The files, a number for each and the classes' names."""
    if not isinstance(labels, str):
        if class_names is not None:
            raise ValueError(f"[{kind.function}] class_names: only goes with labels='inferred'.")
        paths = _files(kind, folder, follow_links)
        if labels is None:
            return paths, None, None
        given = np.asarray(labels)
        if given.shape != (len(paths),) or given.dtype.kind not in "iu" or (given.size and given.min() < 0):
            raise ValueError(
                f"[{kind.function}] labels: expected one int of 0 or more for each of the {len(paths)} files, "
                f"received shape {given.shape} of {given.dtype}."
            )
        return paths, given.astype("int32"), [str(n) for n in np.unique(given)]
    if labels != "inferred":
        raise ValueError(
            f"[{kind.function}] labels: expected 'inferred', None or a list of ints, received {labels!r:.200}."
        )
    found = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    names = found if class_names is None else [str(name) for name in class_names]
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"[{kind.function}] class_names: expected subfolders among {found}, received {missing} too.")
    groups = [_files(kind, folder / name, follow_links) for name in names]
    numbers = np.repeat(np.arange(len(names), dtype="int32"), [len(group) for group in groups])
    return [path for group in groups for path in group], numbers, names


def _encoded(kind: FileKind, numbers: np.ndarray, label_mode: str | None, classes: int) -> np.ndarray:
    if label_mode == "int":
        return numbers
    if label_mode == "binary":
        return numbers[:, None].astype(config.floatx())
    if numbers.max() >= classes:
        raise ValueError(
            f"[{kind.function}] labels: expected 0 … {classes - 1} for {classes} classes, received {numbers.max()}; "
            "number the classes without gaps."
        )
    return np.eye(classes, dtype=config.floatx())[numbers]
