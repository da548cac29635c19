"""CIFAR-10: 60,000 colour images of 32 x 32 pixels in 10 classes.

A. Krizhevsky (2009), "Learning Multiple Layers of Features from Tiny Images", technical report, University of Toronto,
https://www.cs.toronto.edu/~kriz/cifar.html. The original archive (its binary version) is fetched on first use.
"""

from __future__ import annotations

import numpy as np

from ranvier.datasets._cifar import MIRRORS, load_records
from ranvier.datasets._fetch import File

__all__ = ["load_data"]

Split = tuple[np.ndarray, np.ndarray]

# The authors publish its MD5, c32a1d4ab5d03f1284b67883e8d87530; the SHA-256 is of the same file.
ARCHIVE = File(
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    170_052_171,
    stored=True,
)
TRAIN = {f"cifar-10-batches-bin/data_batch_{i}.bin": 10_000 for i in range(1, 6)}
TEST = {"cifar-10-batches-bin/test_batch.bin": 10_000}


def load_data() -> tuple[Split, Split]:
    """Loads CIFAR-10 as `(x_train, y_train), (x_test, y_test)`.

    The archive `cifar-10-binary.tar.gz` is looked for in `$RANVIER_DATASETS/cifar10` and in the cache folder
    (`$XDG_CACHE_HOME/ranvier/cifar10`, by default `~/.cache/ranvier/cifar10`), and else downloaded once (170 MB) into
    the first of these. Its content is verified every time.

    Returns:
        `x_train` of shape `(50000, 32, 32, 3)` and `x_test` of shape `(10000, 32, 32, 3)`, uint8, 0 to 255;
        `y_train` and `y_test` of shape `(50000, 1)` and `(10000, 1)`, uint8: 0 airplane, 1 automobile, 2 bird, 3 cat,
        4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck.

    Raises:
        ConnectionError: the archive is not there and cannot be downloaded; says where to put it.
        ValueError: the archive has other content.
    """
    *train, test = load_records("cifar10", ARCHIVE, MIRRORS, TRAIN | TEST, (10,))
    x_train, y_train = (np.concatenate(arrays) for arrays in zip(*train, strict=True))
    return (x_train, y_train), test
