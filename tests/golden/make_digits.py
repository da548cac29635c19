"""Makes python/ranvier/datasets/digits.npz from the copy of the UCI digits that scikit-learn ships.

Run once with an interpreter that has scikit-learn: `python tests/golden/make_digits.py`. The result is the same bytes
every time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TEST_ROWS_PER_DIGIT = 36
TARGET = Path(__file__).parents[2] / "python" / "ranvier" / "datasets" / "digits.npz"


def main() -> None:
    data = load_digits()
    images = data.images.astype(np.uint8)
    labels = data.target.astype(np.uint8)
    assert np.array_equal(images, data.images) and images.shape == (1797, 8, 8)
    is_test = np.zeros(len(labels), dtype=bool)
    for digit in range(10):
        rows = np.flatnonzero(labels == digit)
        # The middle of each of 36 equal parts of the digit's rows.
        is_test[rows[(2 * np.arange(TEST_ROWS_PER_DIGIT) + 1) * len(rows) // (2 * TEST_ROWS_PER_DIGIT)]] = True
    np.savez_compressed(
        TARGET, x_train=images[~is_test], y_train=labels[~is_test], x_test=images[is_test], y_test=labels[is_test]
    )
    print(f"{TARGET}: {TARGET.stat().st_size} bytes, {np.sum(~is_test)} + {np.sum(is_test)} rows")


if __name__ == "__main__":
    main()
