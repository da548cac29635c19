"""Daily temperatures: the minimum of each day in Melbourne, 1981 to 1990, in degrees Celsius.

Australian Bureau of Meteorology. Every year has 365 days: the last of 1984 and of 1988 is missing, as everywhere the
series is found.
"""

from __future__ import annotations

import numpy as np

from ranvier.datasets import _fetch
from ranvier.datasets._fetch import File

__all__ = ["load_data"]

MIRRORS = ("https://raw.githubusercontent.com/jbrownlee/Datasets/master/",)
FILES = (
    File("daily-min-temperatures.csv", "8b9de63ed6789492bf497625e7f9beb96a63d367b4b0a21754006f749fa5e5da", 67_921),
)


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """Loads the series as `(days, temperatures)`.

    The file is looked for in `$RANVIER_DATASETS/series`, in `$RANVIER_DATASETS` and in the cache folder
    (`~/.cache/ranvier/series`), and else downloaded once (68 kB). Its content is verified every time.

    Returns:
        `days` of shape `(3650,)`, datetime64[D], in order; `temperatures` of shape `(3650,)`, float32.

    Raises:
        ConnectionError: the file is not there and cannot be downloaded; says where to put it.
        ValueError: the file has other content.
    """
    (content,) = _fetch.load("series", FILES, MIRRORS)
    rows = [line.split(",") for line in content.decode("ascii").replace('"', "").split()[1:]]
    days = np.array([row[0] for row in rows], dtype="datetime64[D]")
    return days, np.array([row[1] for row in rows], dtype=np.float32)
