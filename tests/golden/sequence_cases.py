"""Cases of sequences with masks and weights of time steps: what make_sequences.py runs through Keras."""

from __future__ import annotations

from typing import Any

import numpy as np

from golden.store import generator

BATCH, TIME, CLASSES = 6, 5, 4

LOSSES: dict[str, tuple[str, dict[str, Any]]] = {
    "mse": ("MeanSquaredError", {}),
    "bce": ("BinaryCrossentropy", {"from_logits": True}),
    "cce": ("CategoricalCrossentropy", {}),
    "scce": ("SparseCategoricalCrossentropy", {}),
    "scce-logits": ("SparseCategoricalCrossentropy", {"from_logits": True}),
    "scce-ignore": ("SparseCategoricalCrossentropy", {"ignore_class": 2}),
    "scce-ignore-negative": ("SparseCategoricalCrossentropy", {"ignore_class": -1, "from_logits": True}),
}
REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none")
VARIANTS = ("plain", "mask", "weights", "mask-weights")

METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "accuracy": ("SparseCategoricalAccuracy", {}),
    "crossentropy": ("SparseCategoricalCrossentropy", {}),
    "top": ("SparseTopKCategoricalAccuracy", {"k": 2}),
}


def loss_data(loss: str) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions of shape (batch, time, ...)."""
    draw = generator("sequence/" + loss)
    logits = draw.normal(size=(BATCH, TIME, CLASSES))
    scores = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    labels = draw.integers(0, CLASSES, size=(BATCH, TIME))
    if "negative" in loss:
        labels[labels == 2] = -1
    if loss == "mse":
        return draw.normal(size=logits.shape), logits
    if loss == "bce":
        return (draw.random(logits.shape) < 0.5) * 1.0, logits
    if loss == "cce":
        return np.eye(CLASSES)[labels], scores
    return labels, logits if LOSSES[loss][1].get("from_logits") else scores


def mask_and_weights() -> tuple[np.ndarray, np.ndarray]:
    """A mask and weights of the time steps."""
    draw = generator("sequence/weights")
    lengths = draw.integers(1, TIME + 1, size=BATCH)
    return np.arange(TIME) < lengths[:, None], draw.uniform(0.2, 2, size=(BATCH, TIME))


def chosen(variant: str) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Mask and weights of a variant."""
    mask, weight = mask_and_weights()
    return (mask if "mask" in variant else None), (weight if "weights" in variant else None)


def training_data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Padded words, the class of each, weights of the time steps."""
    draw = generator("sequence/training")
    x = draw.integers(1, 9, size=(20, 7))
    for row, length in zip(x, draw.integers(1, 8, size=20), strict=True):
        row[length:] = 0
    return x, draw.integers(0, CLASSES, size=x.shape), draw.uniform(0.2, 2, size=x.shape)


def tagger(module: Any, mask: bool) -> Any:
    """A class for every word."""
    layers = module.layers
    return module.Sequential(
        [
            module.Input((None,), dtype="int32"),
            layers.Embedding(9, 6, mask_zero=mask),
            layers.Dense(8, activation="tanh"),
            layers.LayerNormalization(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def tagger_weights() -> list[np.ndarray]:
    """Weights of `tagger`."""
    draw = generator("sequence/tagger")
    shapes = [(9, 6), (6, 8), (8,), (8,), (8,), (8, CLASSES), (CLASSES,)]
    return [draw.normal(size=shape) for shape in shapes]
