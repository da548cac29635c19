"""MNIST: 70,000 handwritten digits of 28 x 28 pixels.

Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86(11), 2278-2324. The four original IDX files are fetched from a mirror on first use.
"""

from __future__ import annotations

import os

import numpy as np

from ranvier.datasets import _fetch
from ranvier.datasets._fetch import File
from ranvier.datasets._idx import parse_idx

__all__ = ["load_data"]

Split = tuple[np.ndarray, np.ndarray]

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)

# SHA-256 and size of the original release, uncompressed.
FILES = (
    File("train-images-idx3-ubyte.gz", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47_040_016),
    File("train-labels-idx1-ubyte.gz", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60_008),
    File("t10k-images-idx3-ubyte.gz", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7_840_016),
    File("t10k-labels-idx1-ubyte.gz", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10_008),
)


def load_data(path: str | os.PathLike[str] = "mnist.npz") -> tuple[Split, Split]:
    """Loads MNIST as `(x_train, y_train), (x_test, y_test)`.

    The files are looked for in `$RANVIER_DATASETS/mnist` and in the cache folder (`$XDG_CACHE_HOME/ranvier/mnist`, by
    default `~/.cache/ranvier/mnist`), and else downloaded once (11 MB) into the first of these. Their content is
    verified every time.

    Args:
        path: an existing .npz file with the arrays `x_train`, `y_train`, `x_test` and `y_test` is read instead, as
            Keras stores it; any other name is accepted for scripts written for Keras and means nothing.

    Returns:
        `x_train` of shape `(60000, 28, 28)` and `x_test` of shape `(10000, 28, 28)`, uint8, 0 (background) to 255;
        `y_train` and `y_test` of shape `(60000,)` and `(10000,)`, uint8, 0 to 9.

    Raises:
        ConnectionError: the files are not there and cannot be downloaded; says where to put them.
        ValueError: a file has other content than MNIST.
    """
    if os.path.isfile(path):
        return _from_npz(path)
    contents = _fetch.load("mnist", FILES, MIRRORS)
    arrays = [
        parse_idx(content, file.name, axes=3 if "images" in file.name else 1)
        for content, file in zip(contents, FILES, strict=True)
    ]
    return (arrays[0], arrays[1]), (arrays[2], arrays[3])


def _from_npz(path: str | os.PathLike[str]) -> tuple[Split, Split]:
    names = ("x_train", "y_train", "x_test", "y_test")
    try:
        # np.load leaves a file of its own open when the zip is damaged.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            x_train, y_train, x_test, y_test = (stored[name] for name in names)
    except Exception as error:  # a damaged zip raises what zipfile, zlib and struct happen to raise
        raise ValueError(
            f"[mnist] {os.fspath(path)}: expected an .npz file with {', '.join(names)}, received {error}; "
            "delete or rename it, and the original files are fetched."
        ) from error
    return (x_train, y_train), (x_test, y_test)
