"""Sonar: 208 echoes from the sea floor, of a metal cylinder or of rocks of that shape.

R. P. Gorman and T. J. Sejnowski (1988), "Analysis of hidden units in a layered network trained to classify sonar
targets", Neural Networks 1, 75-89. UCI Machine Learning Repository, https://doi.org/10.24432/C5T01Q, CC BY 4.0.
"""

from __future__ import annotations

import numpy as np

from ranvier.datasets import _fetch
from ranvier.datasets._fetch import File

__all__ = ["load_data"]

MIRRORS = ("https://raw.githubusercontent.com/jbrownlee/Datasets/master/",)
FILES = (File("sonar.csv", "3079c09b5d2789a0f96aff82c28e5164fafe2495c5f8da96c6c256c1bd25763f", 87_775),)


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """Loads the echoes as `(x, y)`; there is no customary split, so cross-validate.

    The file is looked for in `$RANVIER_DATASETS/sonar`, in `$RANVIER_DATASETS` and in the cache folder
    (`~/.cache/ranvier/sonar`), and else downloaded once (88 kB). Its content is verified every time.

    Returns:
        `x` of shape `(208, 60)`, float32, 0 to 1: the energy in 60 bands of frequency, from low to high; `y` of shape
        `(208,)`, uint8: 1 for a mine (the cylinder, 111 rows), 0 for a rock (97). Rocks come first.

    Raises:
        ConnectionError: the file is not there and cannot be downloaded; says where to put it.
        ValueError: the file has other content.
    """
    (content,) = _fetch.load("sonar", FILES, MIRRORS)
    rows = [line.split(",") for line in content.decode("ascii").split()]
    x = np.array([row[:-1] for row in rows], dtype=np.float32)
    return x, np.array([row[-1] == "M" for row in rows], dtype=np.uint8)
