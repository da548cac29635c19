"""CIFAR-100: 60,000 colour images of 32 x 32 pixels in 100 classes, which form 20 superclasses.

A. Krizhevsky (2009), "Learning Multiple Layers of Features from Tiny Images", technical report, University of Toronto,
https://www.cs.toronto.edu/~kriz/cifar.html. The original archive (its binary version) is fetched on first use.
"""

from __future__ import annotations

import numpy as np

from ranvier.datasets._cifar import MIRRORS, load_records
from ranvier.datasets._fetch import File

__all__ = ["load_data"]

Split = tuple[np.ndarray, np.ndarray]

# The authors publish its MD5, 03b5dce01913d631647c71ecec9e9cb8; the SHA-256 is of the same file.
ARCHIVE = File(
    "cifar-100-binary.tar.gz",
    "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    168_513_733,
    stored=True,
)
TRAIN = {"cifar-100-binary/train.bin": 50_000}
TEST = {"cifar-100-binary/test.bin": 10_000}


def load_data(label_mode: str = "fine") -> tuple[Split, Split]:
    """Loads CIFAR-100 as `(x_train, y_train), (x_test, y_test)`.

    The archive `cifar-100-binary.tar.gz` is looked for in `$RANVIER_DATASETS/cifar100` and in the cache folder
    (`$XDG_CACHE_HOME/ranvier/cifar100`, by default `~/.cache/ranvier/cifar100`), and else downloaded once (169 MB)
    into the first of these. Its content is verified every time.

    Args:
        label_mode: `"fine"` for the 100 classes, `"coarse"` for the 20 superclasses. Default `"fine"`.

    Returns:
        `x_train` of shape `(50000, 32, 32, 3)` and `x_test` of shape `(10000, 32, 32, 3)`, uint8, 0 to 255;
        `y_train` and `y_test` of shape `(50000, 1)` and `(10000, 1)`, int64 (as Keras has them here, unlike CIFAR-10).

    Raises:
        ConnectionError: the archive is not there and cannot be downloaded; says where to put it.
        ValueError: the archive has other content, or another `label_mode`.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"[cifar100] label_mode: expected 'fine' or 'coarse', received {label_mode!r}.")
    parts = load_records("cifar100", ARCHIVE, MIRRORS, TRAIN | TEST, (20, 100))
    place = 1 if label_mode == "fine" else 0
    train, test = ((images, labels[:, place : place + 1].astype(np.int64)) for images, labels in parts)
    return train, test
