"""Losses with ignored classes and predictions of one axis (values from Keras 3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import ops
from robustness_helpers import Python, X, Y, network

LABELS = np.array([0, 2, -1, 1, -1])
LOGITS = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
WEIGHTS = np.array([1, 2, 3, 0.5, 1], "float32")


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize(
    ("ignored", "reduction", "plain", "weighted"),
    [
        (-1, "sum_over_batch_size", 1.0870678, 1.1396865),
        (-1, "mean_with_sample_weight", 1.0870678, 0.9768742),
        (-1, "sum", 3.2612035, 3.4190595),
        (0, "sum_over_batch_size", 0.8448448, 1.3660512),
        (0, "mean_with_sample_weight", 0.8448449, 0.84064686),
        (0, "sum", 3.3793795, 5.464205),
    ],
)
def test_ignored_class(from_logits: bool, ignored: int, reduction: str, plain: float, weighted: float) -> None:
    labels = LABELS if ignored == -1 else np.abs(LABELS)
    scores = LOGITS if from_logits else ops.softmax(LOGITS)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits, ignore_class=ignored, reduction=reduction)
    assert float(loss(labels, scores)) == pytest.approx(plain, rel=1e-5)
    assert float(loss(labels[:, None], scores)) == pytest.approx(plain, rel=1e-5)
    assert float(loss(labels, scores, WEIGHTS)) == pytest.approx(weighted, rel=1e-5)


def test_ignored_class_with_nothing_left() -> None:
    loss = keras.losses.SparseCategoricalCrossentropy(True, ignore_class=0)
    x = keras.Variable(LOGITS)
    value = loss(np.zeros(5, int), x.value)
    value.backward()
    assert float(value) == 0 and not x.grad.numpy().any()


def test_ignored_class_in_recorded_steps() -> None:
    """The number of rows that count changes from batch to batch of the same shape."""
    y = np.where(np.arange(64) % 5 < np.arange(64) // 16, -1, Y)
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    model, twin = network(optimizer=keras.optimizers.SGD(0.5)), network(Python(), optimizer=keras.optimizers.SGD(0.5))
    for m in (model, twin):
        m.compile(keras.optimizers.SGD(0.5), loss)
        for start in range(0, 64, 16):
            m.train_on_batch(X[start : start + 16], y[start : start + 16])
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("reduction", "plain", "weighted"),
    [
        ("sum_over_batch_size", 0.625, 1.09375),
        ("mean_with_sample_weight", 0.625, 0.625),
        ("sum", 0.625, 4.375),
        (None, 0.625, [0.625, 1.25, 0.0, 2.5]),
    ],
)
def test_predictions_of_one_axis(reduction: Any, plain: float, weighted: Any) -> None:
    loss = keras.losses.MeanSquaredError(reduction=reduction)
    y, p, w = (np.array(v, "float32") for v in ([0, 1, 2, 3], [0.5, 1.5, 1, 2], [1, 2, 0, 4]))
    assert float(loss(y, p)) == plain
    np.testing.assert_allclose(loss(y, p, w), weighted)
