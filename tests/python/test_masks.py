"""Masks: which layers take, pass on, change and end them, as in Keras; what a mask does to a whole model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ranvier
from families import FAMILIES, case_inputs, make, random_mask, shapes_of
from golden.store import load
from ranvier import layers, ops

GOLDEN = load("masks")


@pytest.mark.parametrize("key", GOLDEN)
def test_masks_come_out_as_in_keras(key: str) -> None:
    label, variant = key.split("/")
    family, _, i = label.split("-")
    row = FAMILIES[family].contract[int(i)]
    layer = make(ranvier, row.layer, row.arguments)
    xs = [ops.convert_to_tensor(x if row.integers else x.astype("float32")) for x in case_inputs(label, row)]
    for n, x in enumerate(xs if variant == "all" else xs[:1]):
        x._keras_mask = ops.convert_to_tensor(random_mask(f"{label}{n}", x.shape))
    masks = [x._keras_mask for x in xs]
    for _ in range(2):  # the first call builds
        y = layer(xs if isinstance(row.inputs, list) else xs[0])
        mask = (y[0] if isinstance(y, list | tuple) else y)._keras_mask
        if GOLDEN[key].shape == (0,):
            assert mask is None
        else:
            np.testing.assert_array_equal(mask.numpy(), GOLDEN[key].astype(bool))
        for x, before in zip(xs, masks, strict=True):  # what went in is as it was
            assert (x._keras_mask is None) == (before is None)


def test_every_layer_with_time_steps_was_compared() -> None:
    compared = {key.split("-")[1] for key in GOLDEN}
    with_steps = {
        row.layer
        for name, family in FAMILIES.items()
        for row in family.contract
        if name not in ("attention", "recurrent", "positions")  # whose own tests compare masks
        if not row.call and min(len(s) for s in shapes_of(row.inputs)) >= 3
    }
    # Keras has no such layers, or refuses the rows' arguments or masks of time steps.
    refused = {"Softmax", "Grayscale", "Posterization", "RandomGaussianBlur", "LayerNormalization", "RMSNormalization"}
    assert with_steps - compared <= refused


def test_softmax_leaves_out_elements_and_passes_steps_on() -> None:
    layer = layers.Softmax()
    scores = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    counts = np.array([1, 0, 1, 1], bool)
    y = layer(scores, mask=counts).numpy()
    expected = np.exp(scores) * counts
    np.testing.assert_allclose(y, expected / expected.sum(-1, keepdims=True), rtol=1e-6)
    np.testing.assert_array_equal(layer(scores, mask=np.zeros((2, 3, 4), bool)).numpy(), np.zeros((2, 3, 4)))
    x = ops.convert_to_tensor(scores)
    x._keras_mask = ops.convert_to_tensor(np.array([[True, True, False]] * 2))
    y = layer(x)
    np.testing.assert_allclose(y.numpy(), layer(scores).numpy(), rtol=1e-6)
    np.testing.assert_array_equal(y._keras_mask.numpy(), x._keras_mask.numpy())


def test_masks_given_to_a_call() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    mask = np.array([[True, True, False], [False, False, False]])
    for data_format in ("channels_last", "channels_first"):
        layer = layers.GlobalAveragePooling1D(data_format=data_format)
        y = layer(x if data_format == "channels_last" else x.transpose(0, 2, 1), mask=mask).numpy()
        np.testing.assert_allclose(y[0], x[0, :2].mean(0), rtol=1e-6)
        np.testing.assert_array_equal(y[1], np.zeros(4))  # nothing to take a mean of
    layer = layers.BatchNormalization(momentum=0.0)
    layer(x, mask=mask, training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), x[0, :2].mean(0), rtol=1e-5)
    with pytest.raises(ValueError, match=r"mask"):
        layer(x, mask=mask[:, :2], training=True)
    empty = layer(x, mask=np.zeros((2, 3), bool), training=True)
    assert np.isfinite(empty.numpy()).all()


def test_masking_zeroes_and_masks() -> None:
    x = np.array([[[1.0, 2.0], [9.0, 9.0], [9.0, 1.0]]], "float32")
    layer = layers.Masking(9.0)
    y = layer(x)
    np.testing.assert_array_equal(y.numpy(), [[[1, 2], [0, 0], [9, 1]]])
    np.testing.assert_array_equal(y._keras_mask.numpy(), [[True, False, True]])
    np.testing.assert_array_equal(layer.compute_mask(x).numpy(), [[True, False, True]])
    with pytest.raises(ValueError, match="mask_value: expected a number"):
        layers.Masking("0")
    with pytest.raises(ValueError, match=r"\(batch, time, features\)"):
        layers.Masking()(np.zeros(3))


def test_flags() -> None:
    assert layers.Dense(2).supports_masking
    assert layers.Embedding(3, 2, mask_zero=True).supports_masking
    assert not layers.Embedding(3, 2).supports_masking
    assert not layers.Flatten().supports_masking
    np.testing.assert_array_equal(
        layers.Embedding(3, 2, mask_zero=True).compute_mask([[1, 0]]).numpy(), [[True, False]]
    )
    assert layers.Embedding(3, 2).compute_mask([[1, 0]]) is None


class Doubled(layers.Dense):
    """A built-in layer with a call of one's own."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        return super().call(inputs, training) * 2.0


class Counting(layers.Layer):
    """Reads its mask and ends it."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:  # where only the shape of the result is asked for
            return ops.sum(inputs, axis=1)
        counts = ops.cast(mask, inputs.dtype)
        return ops.sum(inputs * ops.expand_dims(counts, -1), axis=1)


def padded_data() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    x = draw.integers(1, 9, size=(24, 6))
    for row, length in zip(x, draw.integers(1, 7, size=24), strict=True):
        row[length:] = 0
    return x, draw.normal(size=(24, 1)).astype("float32")


@pytest.mark.parametrize("kind", ["native", "activation", "changed", "custom", "functional"])
def test_padding_changes_nothing_in_a_model(kind: str) -> None:
    """More padding: the same predictions and the same training."""
    behind = {
        "native": [layers.Dense(5, activation="tanh"), layers.GlobalAveragePooling1D()],
        "activation": [layers.Dense(5, activation=lambda x: ops.tanh(x) * 1.0), layers.GlobalAveragePooling1D()],
        "changed": [Doubled(5), layers.GlobalAveragePooling1D()],
        "custom": [layers.Dropout(0.0), Counting()],
        "functional": [layers.BatchNormalization(), layers.ReLU(), layers.GlobalAveragePooling1D()],
    }[kind]
    results = []
    x, y = padded_data()
    start = None
    for width in (6, 11):
        ranvier.utils.set_random_seed(2)
        stack = [layers.Embedding(9, 4, mask_zero=True), *behind, layers.Dense(1)]
        if kind == "functional":
            words = ranvier.Input((None,), dtype="int32")
            value = words
            for layer in stack:
                value = layer(value)
            model = ranvier.Model(words, value)
        else:
            model = ranvier.Sequential(stack)
        wide = np.pad(x, ((0, 0), (0, width - 6)))
        model(wide[:2])
        start = model.get_weights() if start is None else start
        model.set_weights(start)
        model.compile(ranvier.optimizers.SGD(0.1), "mse")
        model.fit(wide, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        results.append((model.predict(wide, verbose=0), model.evaluate(wide, y, verbose=0)))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-5)
