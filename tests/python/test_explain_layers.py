"""What layers see: feature maps, filters, Grad-CAM, and inputs made for a unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ranvier
from explain_models import IMAGES, KERNEL, RNG, Mean, Own, OwnGraph, graph, linear, network
from ranvier import explain, layers, ops
from ranvier.explain.running import find_layer

# --- layers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [network, Own, graph, OwnGraph])
def test_feature_maps_are_what_the_layer_returns(make: Callable[[], Any]) -> None:
    model = make()
    model(IMAGES)
    expected = np.tanh(IMAGES @ find_layer(model, "features", "t").kernel.numpy())
    np.testing.assert_allclose(explain.feature_maps(model, IMAGES, "features", batch_size=2), expected, atol=1e-6)
    inner = find_layer(model, "maps", "t")
    expected = np.maximum(expected @ inner.kernel.numpy(), 0)
    for name in ("maps", inner):
        np.testing.assert_allclose(explain.feature_maps(model, IMAGES, name), expected, atol=1e-6)


def test_layers_by_index_and_unknown_ones() -> None:
    model = network()
    np.testing.assert_array_equal(explain.feature_maps(model, IMAGES, -1), model.predict(IMAGES, verbose=0))
    for wrong in ("map", 4, -5, layers.Dense(2, name="stranger"), None):
        with pytest.raises(ValueError, match=r"\[feature_maps\] layer: expected one of features, maps, mean, out"):
            explain.feature_maps(model, IMAGES, wrong)


def test_filters() -> None:
    model = network()
    np.testing.assert_array_equal(explain.filters(model), model.layers[0].kernel.numpy().T)
    np.testing.assert_array_equal(explain.filters(model, "out"), model.layers[-1].kernel.numpy().T)
    flat = ranvier.Sequential([ranvier.Input((6, 5)), layers.Rescaling(2.0), layers.Flatten(), layers.Dense(3)])
    np.testing.assert_array_equal(explain.filters(flat), flat.weights[0].numpy().T.reshape(3, 6, 5))
    with pytest.raises(ValueError, match=r"\[filters\] layer: expected a built layer with a kernel, .*'mean' \(Mean\)"):
        explain.filters(model, "mean")
    with pytest.raises(ValueError, match=r"\[filters\] expected a model with a kernel"):
        explain.filters(ranvier.Sequential([ranvier.Input((2,)), layers.Flatten()]))


# --- Grad-CAM ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [network, Own, graph, OwnGraph])
def test_grad_cam_by_hand(make: Callable[..., Any]) -> None:
    model = make()
    model(IMAGES)
    maps = explain.feature_maps(model, IMAGES, "maps").astype(float)
    kernel = find_layer(model, "out", "t").kernel.numpy().astype(float)
    predicted = np.asarray(model(IMAGES)).argmax(axis=1)
    highest = []
    for target in (None, 0, 1, 2):
        classes = predicted if target is None else np.full(5, target)
        # The score is the mean of the maps times the kernel: its slope at each of the 30 places is kernel / 30.
        weights = kernel[:, classes].T / 30
        expected = np.maximum(np.einsum("rhwc,rc->rhw", maps, weights), 0)
        found = explain.grad_cam(model, IMAGES, "maps", target, resize=False, batch_size=2)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        highest.append(expected.max())
    assert max(highest) > 0


def test_grad_cam_with_frozen_weights_and_of_signals() -> None:
    model = network((9,))
    signals = RNG.normal(size=(3, 9, 2)).astype("float32")
    before = explain.grad_cam(model, signals, "features", 1)
    model.trainable = False
    np.testing.assert_array_equal(before, explain.grad_cam(model, signals, "features", 1))
    assert before.shape == (3, 9) and before.min() >= 0


class Shrink(layers.Layer):
    """Means of blocks of 2 x 2."""

    def call(self, x: Any) -> Any:
        n, h, w, c = x.shape
        return ops.mean(ops.reshape(x, (n, h // 2, 2, w // 2, 2, c)), axis=(2, 4))


def test_small_maps_are_brought_to_the_size_of_the_input() -> None:
    model = ranvier.Sequential([ranvier.Input((4, 6, 1)), Shrink(name="small"), Mean(), layers.Dense(1)])
    model.set_weights([np.ones((1, 1)), np.zeros(1)])
    x = np.zeros((1, 4, 6, 1), "float32")
    x[0, :2, 2:4] = 6.0  # the block in the middle of the upper line: score slope 1 / 6 everywhere
    small = explain.grad_cam(model, x, "small", resize=False)[0]
    np.testing.assert_allclose(small, [[0, 1, 0], [0, 0, 0]], atol=1e-6)
    large = explain.grad_cam(model, x, "small")[0]
    row = np.array([0, 0.25, 0.75, 0.75, 0.25, 0])  # linear between the centres of blocks, at 0.5, 2.5 and 4.5
    np.testing.assert_allclose(large, np.outer([1, 0.75, 0.25, 0], row), atol=1e-6)


def test_grad_cam_says_what_it_needs() -> None:
    model = network()
    with pytest.raises(ValueError, match=r"\[grad_cam\] layer: expected the name .*no convolution.*features, maps"):
        explain.grad_cam(model, IMAGES)
    with pytest.raises(ValueError, match=r"expected one with output \(rows, ..., channels\), received 'mean'"):
        explain.grad_cam(model, IMAGES, "mean")
    with pytest.raises(ValueError, match="layer: expected one of"):
        explain.grad_cam(model, IMAGES, "conv")


# --- activation maximisation ------------------------------------------------------------------------------------------


def test_activation_maximisation_finds_the_corner() -> None:
    # Without penalty a linear score is largest where the kernel's signs say.
    found = explain.activation_maximization(linear("softmax"), [0, 1, 2], l2=0, steps=100)
    np.testing.assert_allclose(found, (KERNEL.T > 0).astype(float), atol=1e-6)
    found = explain.activation_maximization(linear(), 2, l2=0, steps=150, bounds=(-3, 2))
    np.testing.assert_allclose(found, np.where(KERNEL[:, [2]].T > 0, 2, -3), atol=1e-6)


def test_activation_maximisation_of_a_layer_raises_it() -> None:
    model = network()
    found = explain.activation_maximization(model, [0, 2], "features", steps=50, bounds=None, seed=4)
    start = explain.activation_maximization(model, [0, 2], "features", steps=1, bounds=None, seed=4)
    assert found.shape == (2, 6, 5, 2) and found.dtype == np.float32
    for i, channel in enumerate((0, 2)):
        after, before = (explain.feature_maps(model, x, "features")[i, ..., channel].mean() for x in (found, start))
        assert after > before + 0.3
    again = explain.activation_maximization(model, [0, 2], "features", steps=50, bounds=None, seed=4)
    np.testing.assert_array_equal(found, again)
    assert explain.activation_maximization(model, 1, steps=2).shape == (1, 6, 5, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": 3}, r"target: expected an index from 0 to 2 \(the model has 3 outputs\), received 3"),
        ({"target": 4, "layer": "features"}, r"target: expected an index from 0 to 3 \(layer 'features' has 4"),
        ({"target": -1}, "target: expected an index of at least 0"),
        ({"target": []}, "target: expected an index of at least 0"),
        ({"target": 1, "bounds": (1, 1)}, r"bounds: expected \(smallest, largest\)"),
        ({"target": 1, "steps": 0}, "steps: expected an integer of at least 1"),
        ({"target": 1, "l2": -1}, "l2: expected a number of at least 0"),
        ({"target": 1, "start": np.zeros(3)}, r"start: expected an array of shape \(6, 5, 2\), received shape \(3,\)"),
        ({"target": 1, "layer": "nothing"}, "layer: expected one of features"),
    ],
)
def test_activation_maximisation_refuses(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=rf"\[activation_maximization\] {message}"):
        explain.activation_maximization(network(), **arguments)


def test_activation_maximisation_needs_to_know_the_size() -> None:
    with pytest.raises(ValueError, match=r"built model of one input of known size, .* begin it with Input"):
        explain.activation_maximization(ranvier.Sequential([layers.Dense(2)]), 0)
