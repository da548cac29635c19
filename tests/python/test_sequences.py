"""Losses and metrics of sequences: masks, weights of time steps, perplexity; alone and in training, against Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ranvier
from golden.sequence_cases import (
    LOSSES,
    METRICS,
    REDUCTIONS,
    VARIANTS,
    chosen,
    loss_data,
    tagger,
    tagger_weights,
    training_data,
)
from golden.store import load
from ranvier import layers, losses, metrics, ops
from ranvier.models.compiled import masked_weight

GOLDEN = load("sequences")


def prediction(values: np.ndarray, mask: np.ndarray | None) -> Any:
    y = ops.convert_to_tensor(values)
    if mask is not None:
        y._keras_mask = ops.convert_to_tensor(mask)
    return y


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_are_those_of_keras(loss: str, reduction: str, variant: str) -> None:
    name, arguments = LOSSES[loss]
    target, values = loss_data(loss)
    mask, weight = chosen(variant)
    function = getattr(losses, name)(reduction=reduction, **arguments)
    found = function(target, prediction(values, mask), sample_weight=weight)
    np.testing.assert_allclose(found.numpy(), GOLDEN[f"{loss}/{reduction}/{variant}"], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("metric", METRICS)
def test_metrics_are_those_of_keras(metric: str, variant: str) -> None:
    name, arguments = METRICS[metric]
    target, values = loss_data("scce")
    mask, weight = chosen(variant)
    one = getattr(metrics, name)(**arguments)
    one.update_state(target, values, weight if mask is None else masked_weight(mask, weight))
    np.testing.assert_allclose(one.result(), GOLDEN[f"metric/{metric}/{variant}"], rtol=1e-6)


@pytest.mark.parametrize("masked", [True, False])
def test_training_is_that_of_keras(masked: bool) -> None:
    ranvier.config.set_floatx("float64")
    try:
        model = tagger(ranvier, masked)
        model.set_weights(tagger_weights())
        model.compile(
            ranvier.optimizers.SGD(0.3),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            weighted_metrics=["accuracy", "sparse_categorical_crossentropy"],
        )
        x, y, weight = training_data()
        label = "mask" if masked else "none"
        values = model.evaluate(x, y, sample_weight=weight, batch_size=20, verbose=0, return_dict=True)
        np.testing.assert_allclose([values[key] for key in sorted(values)], GOLDEN[f"{label}/evaluate"], rtol=1e-6)
        history = model.fit(x, y, sample_weight=weight, batch_size=20, epochs=2, shuffle=False, verbose=0).history
        np.testing.assert_allclose([history[key] for key in sorted(history)], GOLDEN[f"{label}/logs"], rtol=1e-6)
        for i, w in enumerate(model.get_weights()):
            np.testing.assert_allclose(w, GOLDEN[f"{label}/w{i}"], rtol=1e-6, atol=1e-9)
    finally:
        ranvier.config.set_floatx("float32")


def test_batches_of_any_size_and_replays_have_their_own_masks() -> None:
    """Metrics of a pass do not depend on how it is cut, and a replay takes the masks of its batch."""
    x, y, _ = training_data()
    results = []
    for batch_size in (20, 7, 1):
        model = tagger(ranvier, True)
        model.set_weights(tagger_weights())
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=[metrics.Perplexity(), "accuracy"])
        values = model.evaluate(x, y, batch_size=batch_size, verbose=0, return_dict=True)
        results.append((values["perplexity"], values["accuracy"]))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    np.testing.assert_allclose(results[0], results[2], rtol=1e-5)
    counted = x != 0
    p = model.predict(x, verbose=0)
    own = np.take_along_axis(p, y[..., None], -1)[..., 0][counted]
    np.testing.assert_allclose(results[0][0], np.exp(-np.log(own).mean()), rtol=1e-5)


def test_all_masked_sequences_give_zero_not_nan() -> None:
    target, values = loss_data("scce")
    nothing = np.zeros(target.shape, bool)
    for reduction in REDUCTIONS:
        loss = losses.SparseCategoricalCrossentropy(reduction=reduction)
        for weight in (None, np.ones(target.shape)):
            found = loss(target, prediction(values, nothing), sample_weight=weight).numpy()
            np.testing.assert_array_equal(found, np.zeros(found.shape))
    model = tagger(ranvier, True)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(np.zeros((4, 3), int), np.zeros((4, 3), int), verbose=0).history
    assert history["loss"] == [0.0]
    assert history["accuracy"] == [0.0]


def test_weights_of_rows_count_for_all_their_steps() -> None:
    x, y, _ = training_data()
    weight = np.linspace(0.5, 2, len(x))
    values = []
    for given in (weight, np.repeat(weight[:, None], x.shape[1], 1)):
        model = tagger(ranvier, True)
        model.set_weights(tagger_weights())
        model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
        values.append(model.evaluate(x, y, sample_weight=given, verbose=0))
    np.testing.assert_allclose(values[0], values[1], rtol=1e-6)


def test_wrong_weights_and_masks_are_named() -> None:
    x, y, weight = training_data()
    model = tagger(ranvier, True)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"sample_weight: expected shape .*received \(20, 6\)"):
        model.fit(x, y, sample_weight=weight[:, :6], verbose=0)
    target, values = loss_data("scce")
    flat = losses.MeanSquaredError()
    with pytest.raises(ValueError, match="mask"):
        flat(np.zeros((6, 5)), prediction(np.zeros((6, 5)), np.ones((6, 5), bool)))
    with pytest.raises(ValueError, match=r"mask: expected bools for the first axes of shape \(6, 5, 4\)"):
        prediction(values, np.ones((6, 4), bool))


# -- perplexity --------------------------------------------------------------------------------------------------------


def test_perplexity() -> None:
    labels, logits = loss_data("scce-logits")
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    own = -np.log(np.take_along_axis(p, labels[..., None], -1)[..., 0])
    for kwargs, scores in (({}, p), ({"from_logits": True}, logits)):
        metric = metrics.Perplexity(**kwargs)
        assert metric.result() == 0.0
        metric.update_state(labels[:2], scores[:2])
        metric.update_state(labels[2:], scores[2:])
        np.testing.assert_allclose(metric.result(), np.exp(own.mean()), rtol=1e-6)
        weight = np.linspace(0, 1, labels.size).reshape(labels.shape)
        metric.reset_state()
        metric.update_state(labels, scores, weight)
        np.testing.assert_allclose(metric.result(), np.exp((own * weight).sum() / weight.sum()), rtol=1e-6)
        masked = metrics.Perplexity(mask_token_id=1, **kwargs)
        masked.update_state(labels, scores, weight)
        kept = weight * (labels != 1)
        np.testing.assert_allclose(masked.result(), np.exp((own * kept).sum() / kept.sum()), rtol=1e-6)
        padded = metrics.Perplexity(mask_token_id=-1, **kwargs)
        padded.update_state(np.where(labels == 1, -1, labels), scores)  # an id outside of the vocabulary
        np.testing.assert_allclose(padded.result(), np.exp(own[labels != 1].mean()), rtol=1e-6)
    uniform = metrics.Perplexity()
    uniform.update_state(np.zeros((2, 3), int), np.full((2, 3, 8), 0.125))
    np.testing.assert_allclose(uniform.result(), 8)
    again = metrics.deserialize(metrics.serialize(metrics.Perplexity(True, 0, name="p")))
    assert (again.from_logits, again.mask_token_id, again.name) == (True, 0, "p")
    with pytest.raises(ValueError, match="expected integer labels"):
        uniform.update_state(np.zeros((2, 4), int), np.full((2, 3, 8), 0.125))


def test_layers_that_end_masks_end_them_for_losses() -> None:
    x, _, _ = training_data()
    model = ranvier.Sequential(
        [layers.Embedding(9, 3, mask_zero=True), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )
    model.compile("sgd", "mse", metrics=["mae"])
    assert np.isfinite(model.fit(x, np.ones((20, 1)), verbose=0).history["mae"]).all()
