"""Running sums, largest elements, elements by position, triangles: values by NumPy, gradients by difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ranvier
from ranvier import layers, ops


def gradient_of(function: Callable[[Any], Any], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of a weighted sum of the result, and the same by central differences."""
    weight = np.linspace(0.5, 1.5, function(ops.convert_to_tensor(x)).numpy().size)

    def total(value: np.ndarray) -> float:
        return float((function(ops.convert_to_tensor(value)).numpy().ravel() * weight).sum())

    tensor = ops.convert_to_tensor(x)
    tensor.requires_grad = True
    y = function(tensor)
    (ops.reshape(y, (-1,)) * weight).sum().backward()
    numeric = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = 1e-6
        numeric[i] = (total(x + step) - total(x - step)) / 2e-6
    return tensor.grad.numpy(), numeric


X = np.random.default_rng(0).permutation(24).reshape(2, 3, 4) / 10.0
INDEX = np.array([[[0, 3], [1, 1], [-1, 2]], [[2, 0], [3, -4], [0, 0]]])

CASES: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "cumsum": (ops.cumsum, X.ravel().cumsum()),
    "cumsum-0": (lambda x: ops.cumsum(x, 0), X.cumsum(0)),
    "cumsum-1": (lambda x: ops.cumsum(x, 1), X.cumsum(1)),
    "cumsum-last": (lambda x: ops.cumsum(x, axis=-1), X.cumsum(-1)),
    "top_k": (lambda x: ops.top_k(x, 2)[0], -np.sort(-X, -1)[..., :2]),
    "top_k-all": (lambda x: ops.top_k(x, 4)[0], -np.sort(-X, -1)),
    "take_along_axis": (lambda x: ops.take_along_axis(x, INDEX, -1), np.take_along_axis(X, INDEX, -1)),
    "take_along_axis-1": (
        lambda x: ops.take_along_axis(x, INDEX[:, :1, :1], 1),
        np.take_along_axis(X, np.broadcast_to(INDEX[:, :1, :1], (2, 1, 4)), 1),
    ),
    "take_along_axis-flat": (lambda x: ops.take_along_axis(x, np.array([5, -1, 5])), X.ravel()[[5, -1, 5]]),
    "tril": (ops.tril, np.tril(X)),
    "tril-1": (lambda x: ops.tril(x, 1), np.tril(X, 1)),
    "triu": (ops.triu, np.triu(X)),
    "triu--2": (lambda x: ops.triu(x, -2), np.triu(X, -2)),
}


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case: str) -> None:
    function, expected = CASES[case]
    for dtype in ("float64", "float32"):
        y = function(ops.convert_to_tensor(X, dtype))
        assert y.dtype == dtype
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12 if dtype == "float64" else 1e-5, atol=1e-6)
    found, numeric = gradient_of(function, X)
    np.testing.assert_allclose(found, numeric, atol=1e-8)


def test_integers_ties_and_nan() -> None:
    values, positions = ops.top_k(np.array([[3, 1, 3, 2], [0, 0, 0, 0]]), 3)
    assert (values.dtype, positions.dtype) == ("int64", "int32")
    np.testing.assert_array_equal(values.numpy(), [[3, 3, 2], [0, 0, 0]])
    np.testing.assert_array_equal(positions.numpy(), [[0, 2, 3], [0, 1, 2]])
    _, positions = ops.top_k(np.array([1.0, np.nan, np.inf]), 2)
    np.testing.assert_array_equal(positions.numpy(), [1, 2])
    np.testing.assert_array_equal(ops.cumsum(np.array([True, True, False])).numpy(), [1, 2, 2])
    np.testing.assert_array_equal(ops.tril(np.ones((3, 3), int), -1).numpy(), np.tril(np.ones((3, 3), int), -1))
    np.testing.assert_array_equal(ops.tril(np.ones((2, 2), bool)).numpy(), [[True, False], [True, True]])


def test_empty_tensors() -> None:
    assert ops.cumsum(np.zeros((0, 3)), 1).shape == (0, 3)
    assert ops.cumsum(np.zeros((2, 0)), 1).shape == (2, 0)
    assert ops.top_k(np.zeros((0, 3)), 2)[0].shape == (0, 2)
    assert ops.triu(np.zeros((0, 3))).shape == (0, 3)
    assert ops.take_along_axis(np.zeros((2, 3)), np.zeros((2, 0), int), 1).shape == (2, 0)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="top_k: expected k from 1 to 4"):
        ops.top_k(X, 5)
    with pytest.raises(ValueError, match="top_k: expected k from 1 to 4"):
        ops.top_k(X, 0)
    with pytest.raises(ValueError, match=r"cumsum.*axis"):
        ops.cumsum(X, 3)
    with pytest.raises(ValueError, match=r"\[tril\] x: expected at least two axes"):
        ops.tril(np.zeros(3))
    with pytest.raises(TypeError, match=r"\[take_along_axis\] indices: expected integers"):
        ops.take_along_axis(X, X, 1)
    with pytest.raises(ValueError, match=r"\[take_along_axis\] indices: expected as many axes as x"):
        ops.take_along_axis(X, INDEX[0], 1)
    with pytest.raises(ValueError, match=r"expected numbers in \[-4, 4\) on axis -1, received 4"):
        ops.take_along_axis(X, INDEX * 0 + 4, -1)


def test_in_models() -> None:
    x = ranvier.Input((3, 4))
    y = ops.tril(ops.cumsum(layers.Dense(4)(x), axis=1))
    model = ranvier.Model(x, ops.top_k(y, 2)[0])
    assert model.predict(X.astype("float32"), verbose=0).shape == (2, 3, 2)


def test_operators_end_masks_as_in_keras() -> None:
    """A sum by operator is a function of numbers; the layer Add passes masks on."""
    words = ranvier.Input((5,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(words)
    data = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0]])
    mean = layers.GlobalAveragePooling1D()
    for function, masked in (
        (lambda t: t + t, False),
        (lambda t: t * 2.0, False),
        (ops.tanh, False),
        (lambda t: layers.add([t, t]), True),
        (layers.Activation("tanh"), True),
    ):
        model = ranvier.Model(words, [function(x), mean(function(x))])
        values, means = model.predict(data, verbose=0)
        expected = np.stack([row[:n].mean(0) for row, n in zip(values, (3, 1) if masked else (5, 5), strict=True)])
        np.testing.assert_allclose(means, expected, rtol=1e-5, atol=1e-7)
