"""Activation functions: parameters, names, the threshold unit; values against Keras are in test_layers.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ranvier import activations, layers, ops
from ranvier._registry import CustomObjectScope

X = np.array([-7.0, -1.5, -0.4, 0.0, 0.3, 0.8, 2.0, 6.5])
LISTED = [
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "celu",
    "gelu",
    "silu",
    "swish",
    "mish",
    "softplus",
    "softsign",
    "sigmoid",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "tanh",
    "hard_tanh",
    "exponential",
    "softmax",
    "log_softmax",
    "log_sigmoid",
    "tanh_shrink",
    "soft_shrink",
    "hard_shrink",
    "squareplus",
    "glu",
    "sparsemax",
    "sparse_plus",
    "sparse_sigmoid",
    "step",
]


def values(function: Any, *args: Any, x: np.ndarray = X) -> np.ndarray:
    return function(ops.convert_to_tensor(x, "float64"), *args).numpy()


@pytest.mark.parametrize("name", LISTED)
def test_every_name_gives_function_layer_and_dense(name: str) -> None:
    function = activations.get(name)
    assert function is getattr(activations, name)
    assert activations.get(activations.serialize(function)) is function
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    y = function(x)
    expected = y.numpy() if hasattr(y, "numpy") else y
    layer = layers.Activation(name)
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-6, atol=1e-6)
    assert layer.compute_output_shape((None, 4)) == (None, *expected.shape[1:])
    dense = layers.Dense(4, activation=name, kernel_initializer="identity")
    np.testing.assert_allclose(dense(x).numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (values(activations.relu, 0.1), np.where(X > 0, X, 0.1 * X)),
        (values(activations.relu, 0.0, 1.0), np.clip(X, 0, 1)),
        (values(activations.relu, 0.1, 1.0, 0.5), np.where(X >= 0.5, np.minimum(X, 1), 0.1 * (X - 0.5))),
        (values(activations.leaky_relu), np.where(X > 0, X, 0.2 * X)),
        (values(activations.elu, 0.5), np.where(X > 0, X, 0.5 * np.expm1(X))),
        (values(activations.celu, 2.0), np.where(X > 0, X, 2 * np.expm1(X / 2))),
        (
            values(activations.gelu, True),
            X / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (X + 0.044715 * X**3))),
        ),
        (values(activations.soft_shrink, 1.0), np.sign(X) * np.maximum(np.abs(X) - 1, 0)),
        (values(activations.hard_shrink, 1.0), np.where(np.abs(X) > 1, X, 0)),
        (values(activations.threshold, 0.5, -2.0), np.where(X > 0.5, X, -2)),
        (values(activations.squareplus, 1.0), (X + np.sqrt(X**2 + 1)) / 2),
        (values(activations.step), (X >= 0).astype(float)),
        (values(activations.softmax, 0), np.exp(X) / np.exp(X).sum()),
    ],
)
def test_parameters(result: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


def test_the_threshold_unit_has_no_gradient() -> None:
    x = ops.convert_to_tensor(X)
    x.requires_grad = True
    activations.step(x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 0)


def test_sparsemax_is_a_projection_on_the_simplex() -> None:
    x = np.random.default_rng(1).normal(size=(50, 6))
    p = values(activations.sparsemax, x=x)
    np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-12)
    assert (p >= 0).all() and (p == 0).any()
    # optimality: x - p is the same, and largest, on the support
    gap = x - p
    for row, probabilities in zip(gap, p, strict=True):
        support = probabilities > 0
        np.testing.assert_allclose(row[support], row[support].max(), rtol=1e-12, atol=1e-12)
        assert (row[~support] <= row[support].max() + 1e-12).all()


def test_integers_become_floats() -> None:
    assert activations.sigmoid(np.array([0, 1])).dtype == "float32"
    assert activations.relu([1, -1]).numpy().tolist() == [1.0, 0.0]


def test_ones_own() -> None:
    def cube(x: Any) -> Any:
        return ops.power(x, 3)

    assert activations.get(cube) is cube
    assert activations.native_name(cube) is None
    with CustomObjectScope({"cube": cube}):
        assert activations.get("cube") is cube
    assert activations.deserialize("cube", {"cube": cube}) is cube
    assert activations.get(None) is activations.linear


@pytest.mark.parametrize(
    ("identifier", "error", "message"),
    [("rleu", ValueError, "did you mean 'relu'"), (3, TypeError, r"\[activation\] expected a name, a function")],
)
def test_bad_names(identifier: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        activations.get(identifier)


def test_glu_needs_an_even_axis() -> None:
    with pytest.raises(ValueError, match=r"\[glu\] expected an even size on axis -1, received x with shape \(2, 3\)"):
        activations.glu(np.ones((2, 3)))
