"""Attributions against values one can compute by hand, and the axioms their papers promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ranvier
from explain_models import IMAGES, KERNEL, RNG, ROWS, Own, linear, network
from ranvier import explain, layers, ops

# --- saliency ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [None, "softmax", "sigmoid"])
def test_the_gradient_of_a_linear_model_is_its_kernel(activation: str | None) -> None:
    model = linear(activation)
    for target in range(3):
        found = explain.saliency(model, ROWS, target)
        np.testing.assert_allclose(found, np.tile(KERNEL[:, target], (7, 1)), rtol=1e-6)
        assert found.dtype == np.float32
    each = np.array([0, 2, 1, 1, 0, 2, 2])
    np.testing.assert_allclose(explain.saliency(model, ROWS, each, batch_size=3), KERNEL[:, each].T, rtol=1e-6)


def test_none_is_the_predicted_class() -> None:
    model = linear("softmax")
    predicted = model.predict(ROWS, verbose=0).argmax(axis=1)
    assert len(set(predicted)) > 1
    np.testing.assert_array_equal(explain.saliency(model, ROWS), explain.saliency(model, ROWS, predicted))


def test_outputs_behind_the_softmax() -> None:
    model = linear("softmax")
    p = model.predict(ROWS, verbose=0).astype(float)
    expected = p[:, [1]] * (KERNEL[:, 1] - p @ KERNEL.T)  # dp/dx of a softmax of linear functions
    np.testing.assert_allclose(explain.saliency(model, ROWS, 1, logits=False), expected, atol=1e-5)


def test_a_function_as_target() -> None:
    model = linear()
    found = explain.saliency(model, ROWS, lambda y: y[:, 0] - 2 * y[:, 2])
    np.testing.assert_allclose(found, np.tile(KERNEL[:, 0] - 2 * KERNEL[:, 2], (7, 1)), rtol=1e-5)
    whole = explain.saliency(model, ROWS, lambda y: ops.sum(y[:, 1]))
    np.testing.assert_allclose(whole, np.tile(KERNEL[:, 1], (7, 1)), rtol=1e-5)


def test_one_output_needs_no_target() -> None:
    model = ranvier.Sequential([ranvier.Input((4,)), layers.Dense(1)])
    np.testing.assert_array_equal(explain.saliency(model, ROWS), np.tile(model.weights[0].numpy()[:, 0], (7, 1)))


def test_explaining_changes_nothing() -> None:
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(IMAGES, np.zeros(5), verbose=0)
    ops.sum(model(IMAGES)).backward()
    grads = [np.array(w.grad) for w in model.trainable_weights]
    state = ranvier._core.get_random_state()
    weights = model.get_weights()
    with ranvier.no_grad():
        explain.saliency(model, IMAGES)
        explain.grad_cam(model, IMAGES, "maps")
        explain.integrated_gradients(model, IMAGES, steps=3)
        explain.occlusion(model, IMAGES)
        explain.feature_maps(model, IMAGES, "features")
        explain.activation_maximization(model, 1, steps=3)
    assert ranvier._core.get_random_state() == state
    for before, weight in zip(grads, model.trainable_weights, strict=True):
        np.testing.assert_array_equal(before, np.array(weight.grad))
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert all(weight.trainable for weight in model.weights)


def test_dropout_and_batch_statistics_are_off() -> None:
    model = ranvier.Sequential(
        [ranvier.Input((4,)), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(2, name="last")]
    )
    moving = [w.numpy() for w in model.layers[0].weights]
    first = explain.saliency(model, ROWS, 0)
    np.testing.assert_array_equal(first, explain.saliency(model, ROWS, 0))
    for before, after in zip(moving, model.layers[0].weights, strict=True):
        np.testing.assert_array_equal(before, after.numpy())


def test_smooth_grad() -> None:
    np.testing.assert_allclose(  # noise does not change the gradient of a linear model
        explain.smooth_grad(linear(), ROWS, 1, samples=4), np.tile(KERNEL[:, 1], (7, 1)), rtol=1e-6
    )
    model = network()
    np.testing.assert_allclose(
        explain.smooth_grad(model, IMAGES, noise=0, samples=2), explain.saliency(model, IMAGES), atol=1e-7
    )
    noisy = explain.smooth_grad(model, IMAGES, samples=3, seed=1)
    np.testing.assert_array_equal(noisy, explain.smooth_grad(model, IMAGES, samples=3, seed=1))
    assert np.abs(noisy - explain.smooth_grad(model, IMAGES, samples=3, seed=2)).max() > 1e-6


# --- integrated gradients ---------------------------------------------------------------------------------------------


def test_integrated_gradients_of_a_linear_model() -> None:
    baseline = np.array([1.0, -1.0, 0.5, 2.0])
    found = explain.integrated_gradients(linear(), ROWS, 2, baseline, steps=1)
    np.testing.assert_allclose(found, (ROWS - baseline) * KERNEL[:, 2], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("baseline", [0.0, 0.7, IMAGES[::-1]], ids=["zero", "number", "rows"])
def test_attributions_add_up_to_the_difference(baseline: Any, logits: bool) -> None:
    model = network()
    found = explain.integrated_gradients(model, IMAGES, 1, baseline, steps=200, logits=logits, batch_size=2)
    start = np.broadcast_to(np.asarray(baseline, "float32"), IMAGES.shape)

    def f(x: np.ndarray) -> np.ndarray:
        y = model.predict(x, verbose=0).astype(float)
        return y[:, 1] if not logits else model.layers[-1].kernel.numpy()[:, 1] @ hidden(x).T

    def hidden(x: np.ndarray) -> np.ndarray:
        return explain.feature_maps(model, x, "mean").astype(float)

    # 200 points of a function with kinks (relu): better than 1e-3 of the difference.
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), f(IMAGES) - f(start), atol=1e-3)


def test_a_feature_without_influence_gets_nothing() -> None:
    model = linear("softmax")
    kernel = KERNEL.copy()
    kernel[2] = 0
    model.set_weights([kernel, np.zeros(3)])
    assert np.abs(explain.integrated_gradients(model, ROWS)[:, 2]).max() == 0


# --- occlusion --------------------------------------------------------------------------------------------------------


def covered_by_loops(f: Callable[[np.ndarray], float], x: np.ndarray, window: tuple, stride: tuple) -> np.ndarray:
    total, times = np.zeros(x.shape[:2]), np.zeros(x.shape[:2])
    last = [n - w for n, w in zip(x.shape, window, strict=False)]
    for top in [*range(0, last[0], stride[0]), last[0]]:
        for left in [*range(0, last[1], stride[1]), last[1]]:
            other = x.copy()
            other[top : top + window[0], left : left + window[1]] = 0.25
            total[top : top + window[0], left : left + window[1]] += f(x) - f(other)
            times[top : top + window[0], left : left + window[1]] += 1
    return total / times


@pytest.mark.parametrize(("window", "stride"), [((2, 2), (2, 2)), ((3, 2), (1, 1)), ((6, 5), (1, 1)), ((4, 3), (3, 2))])
def test_occlusion_against_loops(window: tuple, stride: tuple) -> None:
    model = network()
    found = explain.occlusion(model, IMAGES, window, stride, target=1, value=0.25, batch_size=7)
    for row, image in enumerate(IMAGES):
        expected = covered_by_loops(lambda x: float(model(x[None])[0, 1]), image, window, stride)
        np.testing.assert_allclose(found[row], expected, atol=1e-6)


def test_occlusion_of_features_is_exact_for_a_linear_model() -> None:
    value = ROWS.mean(axis=0)
    found = explain.occlusion(linear(), ROWS, target=0, value=value)
    np.testing.assert_allclose(found, (ROWS - value) * KERNEL[:, 0], rtol=1e-4, atol=1e-5)


def test_occlusion_of_each_rows_own_class_and_of_signals() -> None:
    model = network((9,))
    signals = RNG.normal(size=(3, 9, 2)).astype("float32")
    found = explain.occlusion(model, signals, window=3, stride=3)
    for row, target in enumerate(model.predict(signals, verbose=0).argmax(axis=1)):
        one = explain.occlusion(model, signals[row : row + 1], 3, 3, target=int(target))
        np.testing.assert_allclose(found[row], one[0], atol=1e-7)
    assert found.shape == (3, 9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 7}, r"window: expected sizes within the shape \(6, 5, 2\) of a row, received 7"),
        ({"window": 0}, "window: expected an integer of at least 1"),
        ({"window": (1, 1, 1, 1)}, "window: expected sizes within"),
        ({"window": 2, "stride": (1, 2, 3)}, r"stride: expected an integer of at least 1, or 2 of them"),
        ({"window": 2.5}, "window: expected an integer"),
        ({"value": np.zeros(3)}, r"baseline: expected a number, an array of shape \(6, 5, 2\)"),
    ],
)
def test_windows_that_do_not_fit(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=rf"\[occlusion\] {message}"):
        explain.occlusion(network(), IMAGES, **arguments)


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            IMAGES[0],
            r"expected rows of shape \(6, 5, 2\), received x with shape \(6, 5, 2\); for one row pass x\[None\]",
        ),
        (IMAGES[..., 0], r"received x with shape \(5, 6, 5\)\.$"),
        (IMAGES[:0], "expected at least one row"),
        (np.zeros(3), r"expected rows of shape \(6, 5, 2\), received x with shape \(3,\)\.$"),
        ([IMAGES, IMAGES], "expected one array of rows, received list of 2 arrays"),
    ],
)
@pytest.mark.parametrize("function", [explain.saliency, explain.grad_cam, explain.occlusion])
def test_inputs_that_do_not_fit(function: Callable[..., Any], x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        function(network(), x)
    assert str(caught.value).startswith(f"[{function.__name__}] x: ")


def test_a_missing_channel_axis_is_named() -> None:
    model = ranvier.Sequential([ranvier.Input((6, 5, 1)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"; pass x\[..., None\]"):
        explain.saliency(model, np.zeros((3, 6, 5)))
    with pytest.raises(ValueError, match=r"; for one row pass x\[None, ..., None\]"):
        explain.saliency(model, np.zeros((6, 5)))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (3, r"expected an index from 0 to 2 \(the model has 3 outputs\), received 3"),
        (-1, "expected an index from 0 to 2 .* received -1"),
        ([0, 1], "expected an index, 5 of them"),
        (1.0, "expected an index"),
        ("cat", "expected an index"),
        (lambda y: y, r"one for each row, shape \(5,\), received shape \(5, 3\)"),
        (lambda y: np.ones(5), "depends on the input through operations with a gradient"),
    ],
)
def test_targets_that_do_not_exist(target: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"\[saliency\] .*{message}"):
        explain.saliency(network(), IMAGES, target)


def test_integers_lists_and_unbuilt_models() -> None:
    model = ranvier.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(2)])
    x = RNG.integers(0, 256, (3, 4, 4), dtype=np.uint8)
    kernel = None
    for given in (x, x.tolist(), x.astype(float)):
        found = explain.saliency(model, given, 0)
        kernel = model.weights[0].numpy()[:, 0].reshape(4, 4) / 255
        np.testing.assert_allclose(found, np.tile(kernel, (3, 1, 1)), rtol=1e-5)


def test_float64_models_stay_precise() -> None:
    model = ranvier.Sequential([ranvier.Input((4,)), layers.Dense(3, activation="tanh", dtype="float64")])
    x = ROWS.astype("float64")
    found = explain.saliency(model, x, 1)
    slope = (1 - np.tanh(x @ model.weights[0].numpy()) ** 2)[:, [1]] * model.weights[0].numpy()[:, 1]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, slope, rtol=1e-12)


def test_models_of_several_outputs_and_inputs() -> None:
    x = ranvier.Input((4,))
    model = ranvier.Model(x, [layers.Dense(2, name="a")(x), layers.Dense(3, name="b")(x)])
    kernel = model.get_layer("b").kernel.numpy()
    found = explain.integrated_gradients(model, ROWS, lambda outputs: outputs[1][:, 2], steps=2)
    np.testing.assert_allclose(found, ROWS * kernel[:, 2], rtol=1e-5, atol=1e-6)
    for target in (None, 0):
        with pytest.raises(ValueError, match=r"\[saliency\] target: expected a function of the outputs"):
            explain.saliency(model, ROWS, target)
    two = ranvier.Model([x, other := ranvier.Input((4,), name="other")], layers.Add()([x, other]))
    with pytest.raises(ValueError, match=r"\[saliency\] expected a model of one input, received .* other"):
        explain.saliency(two, ROWS, 0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: explain.saliency(None, IMAGES), TypeError, r"\[saliency\] model: expected a Model"),
        (lambda m: explain.filters("m"), TypeError, r"\[filters\] model: expected a Model"),
        (lambda m: explain.activation_maximization(3, 0), TypeError, r"\[activation_maximization\] model:"),
        (lambda m: explain.smooth_grad(m, IMAGES, noise="a"), ValueError, "noise: expected a number of at least 0"),
        (lambda m: explain.smooth_grad(m, IMAGES, noise=-1), ValueError, "noise: expected a number of at least 0"),
        (lambda m: explain.smooth_grad(m, IMAGES, samples=0), ValueError, "samples: expected an integer of at least 1"),
        (lambda m: explain.saliency(m, IMAGES, batch_size=0), ValueError, "batch_size: expected an integer"),
        (lambda m: explain.integrated_gradients(m, IMAGES, steps=10**9), ValueError, "steps: .* from 1 to 1,000"),
        (lambda m: explain.integrated_gradients(m, IMAGES, baseline="a"), ValueError, "baseline: expected a number"),
        (lambda m: explain.saliency(m, [["a"]]), TypeError, r"\[saliency\] x: expected numbers"),
    ],
)
def test_arguments_that_make_no_sense(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(network())


def test_a_subclass_is_built_by_its_first_explanation() -> None:
    assert explain.feature_maps(Own(), IMAGES, "maps").shape == (5, 6, 5, 3)


def test_an_activation_that_is_a_function_of_ones_own() -> None:
    model = ranvier.Sequential([ranvier.Input((4,)), layers.Dense(3, activation=lambda v: 2 * v)])
    expected = 2 * model.weights[0].numpy()[:, 1]
    np.testing.assert_allclose(explain.saliency(model, ROWS, 1), np.tile(expected, (7, 1)), rtol=1e-6)


def test_outputs_with_places_are_added_up() -> None:
    model = ranvier.Sequential([ranvier.Input((6, 5, 2)), layers.Dense(3, activation="softmax")])
    kernel = model.weights[0].numpy()
    np.testing.assert_allclose(
        explain.saliency(model, IMAGES, 1), np.broadcast_to(kernel[:, 1], IMAGES.shape), rtol=1e-6
    )
    with pytest.raises(ValueError, match="no single predicted class, received None"):
        explain.saliency(model, IMAGES)
