"""Images in folders as batches: `image_dataset_from_directory`."""

from __future__ import annotations

import operator
import os
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ranvier import _core, config
from ranvier.data import MappedLoader, epoch_order
from ranvier.ops import image as image_ops
from ranvier.ops._convert import channels_first
from ranvier.utils.image_files import img_to_array, load_img, pillow

__all__ = ["ImageDataset", "image_dataset_from_directory"]

_HERE = "image_dataset_from_directory"
_FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


class ImageDataset:
    """Batches of image files, read when they are needed; every `for` loop over it is one epoch.

    A batch is ``(images, labels)``, or images alone when there are no labels. Images are floatx, values 0 to 255, of
    shape ``(batch, height, width, channels)``; labels are int32, or floatx of shape ``(batch, classes)``
    (categorical) or ``(batch, 1)`` (binary). With ``batch_size=None`` images come one by one, without the batch axis.

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
        read: Callable[[str], np.ndarray],
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
                images = np.stack(list(pool.map(self._read, [self.file_paths[i] for i in picked])))
                batch = (images,) if self._labels is None else (images, self._labels[picked])
                if self.batch_size is None:
                    batch = tuple(part[0] for part in batch)
                yield batch if len(batch) > 1 else batch[0]

    def map(self, function: Callable[..., Any]) -> MappedLoader:
        """Batches changed by `function(images, labels)`, for example by augmentation."""
        return MappedLoader(self, function)


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    verbose: bool = True,
) -> Any:
    """Image files (bmp, gif, jpeg, jpg, png) below a folder as batches, with a class for each of its subfolders.

    Args:
        directory: the folder.
        labels: ``"inferred"`` from the subfolders, None, or one int for each file, in alphabetical order of the paths.
        label_mode: ``"int"``, ``"categorical"`` (one-hot), ``"binary"`` (two classes, 0 and 1), or None for no labels.
        class_names: the subfolders to use, in the order of their labels. By default all, sorted.
        color_mode: ``"rgb"``, ``"rgba"`` or ``"grayscale"``.
        batch_size: images in a batch; None gives one by one.
        image_size: ``(height, width)`` that images are resized to.
        shuffle: a new order in each epoch, and files mixed before they are split.
        seed: fixes the orders. Required where shuffled files are split, so that both parts fit together.
        validation_split: share of the files in the validation part.
        subset: ``"training"``, ``"validation"`` or ``"both"`` (a pair of data sets).
        interpolation: ``"bilinear"``, ``"nearest"``, ``"bicubic"``, ``"lanczos3"`` or ``"lanczos5"``.
        follow_links: also go into linked folders.
        crop_to_aspect_ratio: cut the largest part of the wanted proportions out of the middle before resizing.
        pad_to_aspect_ratio: pad with 0 to the wanted proportions before resizing.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        verbose: print how many files were found.

    Returns:
        An `ImageDataset`, or a list of two with ``subset="both"``.

    Raises:
        ImportError: Pillow is not installed.
        NotADirectoryError: there is no such folder.
        ValueError: no images, labels that do not fit, contradicting arguments; while looping: a damaged file, by name.
    """
    pillow(_HERE)
    folder = Path(directory)
    if not folder.is_dir():
        raise NotADirectoryError(f"[{_HERE}] directory: expected a folder, received {str(directory)!r}.")
    _one_of("label_mode", label_mode, ("int", "categorical", "binary", None))
    _one_of("color_mode", color_mode, tuple(_CHANNELS))
    _one_of("interpolation", interpolation, _INTERPOLATIONS)
    _one_of("subset", subset, ("training", "validation", "both", None))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(f"[{_HERE}] expected one of crop_to_aspect_ratio and pad_to_aspect_ratio, received both.")
    if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
        raise ValueError(f"[{_HERE}] batch_size: expected a positive int or None, received {batch_size!r}.")
    if validation_split is not None and not 0 < validation_split < 1:
        raise ValueError(
            f"[{_HERE}] validation_split: expected a number between 0 and 1, received {validation_split!r}."
        )
    if (validation_split is None) != (subset is None):
        raise ValueError(f"[{_HERE}] expected validation_split and subset together, received only one of them.")
    if validation_split is not None and shuffle and seed is None:
        raise ValueError(f"[{_HERE}] seed: expected an int, so that the parts of shuffled files do not overlap.")
    height, width = _size(image_size)

    if labels is None or label_mode is None:
        labels, label_mode = None, None
    paths, numbers, names = _index(folder, labels, class_names, follow_links)
    if not paths:
        raise ValueError(f"[{_HERE}] expected image files ({', '.join(_FORMATS)}) below {str(folder)!r}, found none.")
    if label_mode == "binary" and len(names or ()) != 2:
        raise ValueError(f"[{_HERE}] label_mode='binary' needs 2 classes, found {names}.")
    if verbose:
        classes = "" if names is None else f" belonging to {len(names)} classes"
        print(f"Found {len(paths)} files{classes}.")

    start = random.getrandbits(31) if seed is None else operator.index(seed)
    if shuffle:  # by the generator Keras shuffles with, so that its seeds split the same files
        order = np.arange(len(paths))
        np.random.RandomState(start % 2**32).shuffle(order)
        paths, numbers = [paths[i] for i in order], None if numbers is None else numbers[order]

    def read(path: str) -> np.ndarray:
        pixels = img_to_array(load_img(path, color_mode))
        resized = image_ops.resize(
            pixels,
            (height, width),
            interpolation,
            crop_to_aspect_ratio=crop_to_aspect_ratio,
            pad_to_aspect_ratio=pad_to_aspect_ratio,
            data_format="channels_last",
        ).numpy()
        return resized.transpose(2, 0, 1) if first else resized

    first = channels_first(data_format, _HERE)
    values = None if numbers is None else _encoded(numbers, label_mode, len(names or ()))

    def part(rows: slice, mix: bool) -> ImageDataset:
        chosen = None if values is None else values[rows]
        return ImageDataset(paths[rows], chosen, names, batch_size, read, mix, start)

    if validation_split is None:
        return part(slice(None), shuffle)
    held = int(validation_split * len(paths))
    if held == 0:
        raise ValueError(f"[{_HERE}] validation_split={validation_split} of {len(paths)} files is not one file.")
    training, validation = slice(0, len(paths) - held), slice(len(paths) - held, None)
    if subset == "both":
        return [part(training, shuffle), part(validation, False)]
    return part(training if subset == "training" else validation, shuffle)


def _one_of(name: str, value: Any, known: tuple[Any, ...]) -> None:
    if value not in known:
        raise ValueError(f"[{_HERE}] {name}: expected one of {', '.join(map(repr, known))}, received {value!r:.200}.")


def _size(image_size: Any) -> tuple[int, int]:
    pair = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(pair) != 2 or not all(isinstance(n, int | np.integer) and n >= 1 for n in pair):
        raise ValueError(f"[{_HERE}] image_size: expected (height, width), received {image_size!r:.200}.")
    return int(pair[0]), int(pair[1])


def _files(folder: Path, follow_links: bool) -> list[str]:
    """Image files below `folder`, folder by folder, in alphabetical order."""
    walk = sorted(os.walk(folder, followlinks=follow_links))
    return [
        str(Path(root) / name) for root, _, names in walk for name in sorted(names) if name.lower().endswith(_FORMATS)
    ]


def _index(
    folder: Path, labels: Any, class_names: Sequence[str] | None, follow_links: bool
) -> tuple[list[str], np.ndarray | None, list[str] | None]:
    """The files, a number for each and the classes' names."""
    if not isinstance(labels, str):
        if class_names is not None:
            raise ValueError(f"[{_HERE}] class_names: only goes with labels='inferred'.")
        paths = _files(folder, follow_links)
        if labels is None:
            return paths, None, None
        given = np.asarray(labels)
        if given.shape != (len(paths),) or given.dtype.kind not in "iu" or (given.size and given.min() < 0):
            raise ValueError(
                f"[{_HERE}] labels: expected one int of 0 or more for each of the {len(paths)} files, received shape "
                f"{given.shape} of {given.dtype}."
            )
        return paths, given.astype("int32"), [str(n) for n in np.unique(given)]
    if labels != "inferred":
        raise ValueError(f"[{_HERE}] labels: expected 'inferred', None or a list of ints, received {labels!r:.200}.")
    found = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    names = found if class_names is None else [str(name) for name in class_names]
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"[{_HERE}] class_names: expected subfolders among {found}, received {missing} too.")
    groups = [_files(folder / name, follow_links) for name in names]
    numbers = np.repeat(np.arange(len(names), dtype="int32"), [len(group) for group in groups])
    return [path for group in groups for path in group], numbers, names


def _encoded(numbers: np.ndarray, label_mode: str | None, classes: int) -> np.ndarray:
    if label_mode == "int":
        return numbers
    if label_mode == "binary":
        return numbers[:, None].astype(config.floatx())
    if numbers.max() >= classes:
        raise ValueError(
            f"[{_HERE}] labels: expected 0 … {classes - 1} for {classes} classes, received {numbers.max()}; number the "
            "classes without gaps."
        )
    return np.eye(classes, dtype=config.floatx())[numbers]
