"""What CIFAR-10 and CIFAR-100 share: archives of fixed-length records, label bytes and then a planar 32 x 32 image.

The binary version of the files: unlike the Python version they are no pickles, so reading them runs no code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ranvier.datasets import _fetch
from ranvier.datasets._fetch import File
from ranvier.datasets._tar import read_members

MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
_PIXELS = 3 * 32 * 32


def load_records(
    dataset: str, archive: File, mirrors: Sequence[str], rows: Mapping[str, int], classes: Sequence[int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The files of an archive as images `(rows, 32, 32, 3)` and labels `(rows, len(classes))`, both uint8.

    Args:
        dataset: name of the data set and of its folder.
        archive: the .tar.gz file.
        mirrors: addresses that end with a slash.
        rows: path inside the archive -> number of records.
        classes: number of classes, for each label byte of a record.

    Raises:
        ConnectionError: the archive is not there and cannot be downloaded; says where to put it.
        ValueError: the archive has other content.
    """
    (content,) = _fetch.load(dataset, (archive,), mirrors)
    width = len(classes) + _PIXELS
    arrays = read_members(content, {name: count * width for name, count in rows.items()}, archive.name)
    parts = []
    for name, array in zip(rows, arrays, strict=True):
        records = array.reshape(-1, width)
        labels = records[:, : len(classes)].copy()
        if labels.size and (labels.max(axis=0) >= classes).any():
            raise ValueError(
                f"[{archive.name}] expected labels below {', '.join(map(str, classes))} in {name}, "
                f"received {', '.join(map(str, labels.max(axis=0)))}."
            )
        images = records[:, len(classes) :].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        parts.append((np.ascontiguousarray(images), labels))
    return parts
