"""Texts in folders as batches: `text_dataset_from_directory`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ranvier.utils.file_dataset import FileDataset, FileKind, datasets_from_directory

__all__ = ["TextDataset", "text_dataset_from_directory"]

_HERE = "text_dataset_from_directory"


class TextDataset(FileDataset):
    """Batches of text files, see `FileDataset`: arrays of `str`, shape ``(batch,)`` and dtype object."""

    def _stack(self, values: list[Any]) -> np.ndarray:
        return np.array(values, dtype=object)


_KIND = FileKind(_HERE, "text", (".txt",), TextDataset)


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str | None = None,
    verbose: bool = True,
) -> Any:
    """Text files (txt, in UTF-8) below a folder as batches, with a class for each of its subfolders.

    Args:
        directory: the folder.
        labels: ``"inferred"`` from the subfolders, None, or one int for each file, in alphabetical order of the paths.
        label_mode: ``"int"``, ``"categorical"`` (one-hot), ``"binary"`` (two classes, 0 and 1), or None for no labels.
        class_names: the subfolders to use, in the order of their labels. By default all, sorted.
        batch_size: texts in a batch; None gives one by one.
        max_length: cut texts to so many characters. Default none.
        shuffle: a new order in each epoch, and files mixed before they are split.
        seed: fixes the orders. Required where shuffled files are split, so that both parts fit together.
        validation_split: share of the files in the validation part.
        subset: ``"training"``, ``"validation"`` or ``"both"`` (a pair of data sets).
        follow_links: also go into linked folders.
        format: accepted for Keras's sake.
        verbose: print how many files were found.

    Returns:
        A `TextDataset`, or a list of two with ``subset="both"``; for `fit` of a model that begins with
        `TextVectorization`, or with ``.map(lambda texts, labels: (vectorize(texts), labels))``.

    Raises:
        NotADirectoryError: there is no such folder.
        ValueError: no texts, labels that do not fit, contradicting arguments; while looping: a file that is not UTF-8.
    """
    if max_length is not None and (not isinstance(max_length, int) or max_length < 1):
        raise ValueError(f"[{_HERE}] max_length: expected a positive int or None, received {max_length!r:.80}.")

    def read(path: str) -> str:
        try:
            return Path(path).read_bytes().decode("utf-8")[:max_length]
        except UnicodeDecodeError as error:
            raise ValueError(f"[{_HERE}] {path!r}: expected text in UTF-8: {error}.") from None

    return datasets_from_directory(
        _KIND,
        read,
        directory,
        labels,
        label_mode,
        class_names,
        batch_size,
        shuffle,
        seed,
        validation_split,
        subset,
        follow_links,
        verbose,
    )
