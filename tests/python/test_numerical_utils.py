"""to_categorical and normalize."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier import config, utils
from ranvier.utils.numerical import normalize, to_categorical


def test_to_categorical_shapes_and_values() -> None:
    np.testing.assert_array_equal(to_categorical([2, 0]), [[0, 0, 1], [1, 0, 0]])
    assert to_categorical([1], num_classes=4).dtype == np.dtype(config.floatx())
    assert to_categorical([[1], [0]], 3).shape == (2, 3)
    assert to_categorical([[1, 0], [2, 1]]).shape == (2, 2, 3)
    np.testing.assert_array_equal(to_categorical(np.array([[1.0, 0.0]])), [[[0, 1], [1, 0]]])
    assert to_categorical(np.zeros(0, int), 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, -1], None, r"labels from 0 to 0, received -1"),
        ([0, 3], 3, r"labels from 0 to 2, received 3; number the classes from 0"),
        ([0.0, 1.5], None, r"whole numbers as labels, received 1.5"),
        ([], None, r"received none; pass num_classes"),
    ],
)
def test_to_categorical_refuses_labels_out_of_range(labels: list[float], classes: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_categorical(labels, classes)


def test_normalize() -> None:
    x = np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)
    out = normalize(x)
    np.testing.assert_allclose(out, [[0.6, 0.8], [0, 0]], rtol=1e-6)
    assert out.dtype == np.float32
    np.testing.assert_allclose(normalize(x, axis=0, order=1), [[1, 1], [0, 0]])
    np.testing.assert_allclose(normalize([1, 1, 2], axis=0, order=1), [0.25, 0.25, 0.5])


def test_utils_exports_lazily() -> None:
    assert utils.to_categorical is to_categorical and utils.normalize is normalize
    assert "to_categorical" in dir(utils)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = utils.nothing
