"""Abalone: measurements of 4,177 sea snails, and the rings of their shells, which tell the age (rings + 1.5 years).

W. J. Nash, T. L. Sellers, S. R. Talbot, A. J. Cawthorn and W. B. Ford (1994), "The Population Biology of Abalone in
Tasmania", Sea Fisheries Division Technical Report 48. UCI Machine Learning Repository,
https://doi.org/10.24432/C55C7W, CC BY 4.0.
"""

from __future__ import annotations

import numpy as np

from ranvier.datasets import _fetch
from ranvier.datasets._fetch import File

__all__ = ["FEATURES", "load_data"]

MIRRORS = ("https://raw.githubusercontent.com/jbrownlee/Datasets/master/",)
FILES = (File("abalone.csv", "eb2de13be807e9bb9ec4128b9c89b98ab23d7739121cfd17b7dde69b46ba7bf6", 191_872),)

FEATURES = ("length", "diameter", "height", "whole weight", "shucked weight", "viscera weight", "shell weight")


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Loads the snails as `(sex, x), y`; there is no customary split.

    The file is looked for in `$RANVIER_DATASETS/abalone`, in `$RANVIER_DATASETS` and in the cache folder
    (`~/.cache/ranvier/abalone`), and else downloaded once (192 kB). Its content is verified every time.

    Returns:
        `sex` of shape `(4177,)`: the strings "M" (male), "F" (female) and "I" (infant); `x` of shape `(4177, 7)`,
        float32: the columns `FEATURES`, in units of 200 mm and 200 g; `y` of shape `(4177,)`, float32: 1 to 29 rings.

    Raises:
        ConnectionError: the file is not there and cannot be downloaded; says where to put it.
        ValueError: the file has other content.
    """
    (content,) = _fetch.load("abalone", FILES, MIRRORS)
    rows = [line.split(",") for line in content.decode("ascii").split()]
    numbers = np.array([row[1:] for row in rows], dtype=np.float32)
    return (np.array([row[0] for row in rows]), np.ascontiguousarray(numbers[:, :-1])), numbers[:, -1].copy()
