"""Fashion-MNIST: 70,000 pictures of clothes of 28 x 28 pixels in 10 classes, in the format of MNIST.

H. Xiao, K. Rasul and R. Vollgraf (2017), "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", arXiv:1708.07747, https://github.com/zalandoresearch/fashion-mnist, MIT licence, copyright Zalando SE. The
four original IDX files are fetched from a mirror on first use.
"""

from __future__ import annotations

import gzip

import numpy as np

from ranvier.datasets import _fetch
from ranvier.datasets._fetch import File
from ranvier.datasets._idx import parse_idx

__all__ = ["load_data"]

Split = tuple[np.ndarray, np.ndarray]

MIRRORS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)

# SHA-256 of the files whose MD5 the authors publish: 8d4fb7e6c68d591d4c3dfef9ec88bf0d,
# 25c81989df183df01b3e8a0aad5dffbe, bef4ecab320f06d8554ea6380940ec79 and bb300cfdad3c16e7a12a480ee83cd310.
FILES = tuple(
    File(name, sha256, size, stored=True)
    for name, sha256, size in (
        (
            "train-images-idx3-ubyte.gz",
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            26_421_880,
        ),
        ("train-labels-idx1-ubyte.gz", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
        ("t10k-images-idx3-ubyte.gz", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
        ("t10k-labels-idx1-ubyte.gz", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
    )
)


def load_data() -> tuple[Split, Split]:
    """Loads Fashion-MNIST as `(x_train, y_train), (x_test, y_test)`.

    The files are looked for in `$RANVIER_DATASETS/fashion_mnist` and in the cache folder
    (`$XDG_CACHE_HOME/ranvier/fashion_mnist`, by default `~/.cache/ranvier/fashion_mnist`), and else downloaded once
    (31 MB) into the first of these. Their content is verified every time.

    Returns:
        `x_train` of shape `(60000, 28, 28)` and `x_test` of shape `(10000, 28, 28)`, uint8, 0 (background) to 255;
        `y_train` and `y_test` of shape `(60000,)` and `(10000,)`, uint8: 0 T-shirt/top, 1 trouser, 2 pullover,
        3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag, 9 ankle boot.

    Raises:
        ConnectionError: the files are not there and cannot be downloaded; says where to put them.
        ValueError: a file has other content than Fashion-MNIST.
    """
    contents = _fetch.load("fashion_mnist", FILES, MIRRORS)
    arrays = [
        parse_idx(gzip.decompress(content), file.name, axes=3 if "images" in file.name else 1)
        for content, file in zip(contents, FILES, strict=True)
    ]
    return (arrays[0], arrays[1]), (arrays[2], arrays[3])
