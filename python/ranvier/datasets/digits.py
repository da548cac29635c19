"""Digits: 1,797 handwritten digits of 8 x 8 pixels, shipped with the package.

E. Alpaydin and C. Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
https://doi.org/10.24432/C50P49, licence CC BY 4.0 (see DIGITS_LICENSE.txt). These are the rows of its test file,
written by 13 people: 32 x 32 bitmaps, of which each pixel here counts the dark ones of a 4 x 4 block.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["load_data"]

Split = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Split, Split]:
    """Loads the digits as `(x_train, y_train), (x_test, y_test)`, always the same split; needs no network.

    The test set has 36 rows of each digit, taken at even distances over all its rows in the order of the original
    file, so that it has as many of each digit and some of each writer; the rest is for training.

    Returns:
        `x_train` of shape `(1437, 8, 8)` and `x_test` of shape `(360, 8, 8)`, uint8, 0 (background) to 16;
        `y_train` of shape `(1437,)` and `y_test` of shape `(360,)`, int64, 0 to 9.
    """
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as stored:
        x_train, y_train, x_test, y_test = (stored[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    return (x_train, y_train.astype(np.int64)), (x_test, y_test.astype(np.int64))
