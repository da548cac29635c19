"""Masks in layers of one's own: taken as arguments, passed on, made and changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ranvier import Input, Model, Sequential, layers, losses, ops

X = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
MASK = np.array([[True, True, True, False], [True, False, False, False]])


def masked(x: np.ndarray = X, mask: np.ndarray = MASK) -> Any:
    tensor = ops.convert_to_tensor(x)
    tensor._keras_mask = ops.convert_to_tensor(mask)
    return tensor


class Marks(layers.Layer):
    """Steps that are not all zero count."""

    def call(self, inputs: Any) -> Any:
        return inputs * 1.0

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return ops.any(ops.not_equal(inputs, 0.0), axis=-1)


class MeanOverTime(layers.Layer):
    """The mean over the steps that count."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return ops.mean(inputs, axis=1)
        weights = ops.expand_dims(ops.cast(mask, inputs.dtype), -1)
        return ops.sum(inputs * weights, axis=1) / ops.sum(weights, axis=1)


class Doubles(layers.Layer):
    def __init__(self, supports: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = supports

    def call(self, inputs: Any) -> Any:
        return inputs * 2.0


class Pair(layers.Layer):
    """Two inputs, each with its own argument for a mask."""

    def call(self, query: Any, value: Any, query_mask: Any = None, value_mask: Any = None) -> Any:
        found = [0.0 if m is None else float(ops.sum(ops.cast(m, "float32"))) for m in (query_mask, value_mask)]
        return query + value * 0.0 + np.array(found).sum()


def test_call_receives_the_mask_of_its_input() -> None:
    expected = np.stack([X[0, :3].mean(0), X[1, 0]])
    np.testing.assert_allclose(MeanOverTime()(masked()).numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(MeanOverTime()(X, mask=MASK).numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(MeanOverTime()(X).numpy(), X.mean(1), rtol=1e-6)


def test_arguments_have_masks_of_their_own() -> None:
    y = Pair()(masked(), value=masked(mask=~MASK))
    np.testing.assert_allclose(y.numpy(), X + MASK.sum() + (~MASK).sum(), rtol=1e-6)


@pytest.mark.parametrize("supports", [True, False])
def test_only_layers_that_support_masks_pass_them_on(supports: bool) -> None:
    mask = Doubles(supports)(masked())._keras_mask
    assert (mask is not None) == supports
    if supports:
        np.testing.assert_array_equal(mask.numpy(), MASK)


def test_a_layer_that_defines_compute_mask_makes_masks() -> None:
    x = np.where(MASK[..., None], X, 0).astype("float32")
    assert Marks().supports_masking
    np.testing.assert_array_equal(Marks()(x)._keras_mask.numpy(), MASK)


@pytest.mark.parametrize("functional", [False, True])
def test_masks_reach_layers_and_loss_in_models(functional: bool) -> None:
    x = np.where(MASK[..., None], X, 0).astype("float32")
    stack = [Marks(), Doubles(True)]
    if functional:
        inputs = Input((4, 3))
        y: Any = inputs
        for layer in stack:
            y = layer(y)
        model, pooled = Model(inputs, y), Model(inputs, MeanOverTime()(y))
    else:
        model, pooled = Sequential(stack), Sequential([*stack, MeanOverTime()])
    np.testing.assert_allclose(pooled.predict(x, verbose=0)[1], 2 * X[1, 0], rtol=1e-6)
    np.testing.assert_array_equal(model(x)._keras_mask.numpy(), MASK)
    model.compile("sgd", "mean_squared_error")
    target = np.zeros_like(x)
    expected = np.square(2 * X[MASK]).mean()
    assert model.evaluate(x, target, verbose=0) == pytest.approx(expected, rel=1e-5)
    per_step = losses.MeanSquaredError(reduction="sum")(target, model(x))
    assert float(per_step) == pytest.approx(expected * MASK.sum(), rel=1e-5)


def test_a_mask_must_fit() -> None:
    tensor = ops.convert_to_tensor(X)
    with pytest.raises(ValueError, match=r"mask: expected bools for the first axes of shape \(2, 4, 3\)"):
        tensor._keras_mask = ops.convert_to_tensor(MASK[:, :2])
    assert tensor._keras_mask is None
