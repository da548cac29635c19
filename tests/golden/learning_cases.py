"""Losses, optimizers and schedules that `make_learning.py` runs through Keras and the tests through ranvier.

Targets and gradients are made from a seed by the functions below, so the golden file holds results only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from golden.store import generator

# label: (class name, constructor arguments, kind of data)
LOSSES: dict[str, tuple[str, dict[str, Any], str]] = {
    "MeanSquaredError": ("MeanSquaredError", {}, "numbers"),
    "MeanSquaredError-sum": ("MeanSquaredError", {"reduction": "sum"}, "numbers"),
    "MeanSquaredError-column": ("MeanSquaredError", {}, "column"),
    "MeanSquaredError-weighted-mean": ("MeanSquaredError", {"reduction": "mean_with_sample_weight"}, "numbers"),
    "MeanAbsoluteError": ("MeanAbsoluteError", {}, "numbers"),
    "MeanAbsolutePercentageError": ("MeanAbsolutePercentageError", {}, "positive"),
    "MeanSquaredLogarithmicError": ("MeanSquaredLogarithmicError", {}, "positive"),
    "Huber": ("Huber", {}, "numbers"),
    "Huber-0.3": ("Huber", {"delta": 0.3}, "numbers"),
    "LogCosh": ("LogCosh", {}, "numbers"),
    "CosineSimilarity": ("CosineSimilarity", {}, "numbers"),
    "BinaryCrossentropy": ("BinaryCrossentropy", {}, "binary"),
    "BinaryCrossentropy-smoothing": ("BinaryCrossentropy", {"label_smoothing": 0.2}, "binary"),
    "BinaryCrossentropy-logits": ("BinaryCrossentropy", {"from_logits": True}, "binary_logits"),
    "BinaryCrossentropy-logits-smoothing": (
        "BinaryCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        "binary_logits",
    ),
    "CategoricalCrossentropy": ("CategoricalCrossentropy", {}, "onehot"),
    "CategoricalCrossentropy-smoothing": ("CategoricalCrossentropy", {"label_smoothing": 0.2}, "onehot"),
    "CategoricalCrossentropy-logits": ("CategoricalCrossentropy", {"from_logits": True}, "onehot_logits"),
    "CategoricalCrossentropy-logits-smoothing": (
        "CategoricalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        "onehot_logits",
    ),
    "SparseCategoricalCrossentropy": ("SparseCategoricalCrossentropy", {}, "labels"),
    "SparseCategoricalCrossentropy-logits": ("SparseCategoricalCrossentropy", {"from_logits": True}, "labels_logits"),
    "SparseCategoricalCrossentropy-column": (
        "SparseCategoricalCrossentropy",
        {"from_logits": True},
        "labels_column",
    ),
    "SparseCategoricalCrossentropy-3d": ("SparseCategoricalCrossentropy", {"from_logits": True}, "labels_3d"),
    "Hinge": ("Hinge", {}, "binary_logits"),
    "SquaredHinge": ("SquaredHinge", {}, "binary_logits"),
    "CategoricalHinge": ("CategoricalHinge", {}, "onehot_logits"),
    "Poisson": ("Poisson", {}, "positive"),
    "KLDivergence": ("KLDivergence", {}, "onehot"),
}

# label: (class name, constructor arguments)
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {"learning_rate": 0.1}),
    "SGD-momentum": ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    "SGD-nesterov": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    "SGD-decay": ("SGD", {"learning_rate": 0.1, "momentum": 0.5, "weight_decay": 0.1}),
    "SGD-clipvalue": ("SGD", {"learning_rate": 0.1, "clipvalue": 0.5}),
    "SGD-clipnorm": ("SGD", {"learning_rate": 0.1, "clipnorm": 0.5}),
    "SGD-global-clipnorm": ("SGD", {"learning_rate": 0.1, "global_clipnorm": 0.5}),
    "RMSprop": ("RMSprop", {"learning_rate": 0.01}),
    "RMSprop-momentum": ("RMSprop", {"learning_rate": 0.01, "momentum": 0.9, "rho": 0.8}),
    "RMSprop-centered": ("RMSprop", {"learning_rate": 0.01, "centered": True, "epsilon": 1e-3}),
    "RMSprop-centered-momentum": ("RMSprop", {"learning_rate": 0.01, "centered": True, "momentum": 0.5}),
    "Adam": ("Adam", {"learning_rate": 0.01}),
    "Adam-betas": ("Adam", {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-2}),
    "Adam-amsgrad": ("Adam", {"learning_rate": 0.01, "amsgrad": True, "beta_2": 0.5}),
    "Adam-decay": ("Adam", {"learning_rate": 0.01, "weight_decay": 0.2}),
    "Adam-clipnorm": ("Adam", {"learning_rate": 0.01, "clipnorm": 0.1}),
    "AdamW": ("AdamW", {"learning_rate": 0.01}),
    "AdamW-decay": ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.3, "amsgrad": True}),
}

# label: (class name, constructor arguments)
SCHEDULES: dict[str, tuple[str, dict[str, Any]]] = {
    "ExponentialDecay": ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5}),
    "ExponentialDecay-stairs": (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True},
    ),
    "InverseTimeDecay": ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5}),
    "PiecewiseConstantDecay": ("PiecewiseConstantDecay", {"boundaries": [5, 11], "values": [0.3, 0.2, 0.1]}),
    "PolynomialDecay": ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 9, "power": 2.0}),
    "PolynomialDecay-cycle": ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 9, "cycle": True}),
    "CosineDecay": ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 15, "alpha": 0.1}),
    "CosineDecay-warmup": (
        "CosineDecay",
        {"initial_learning_rate": 0.01, "decay_steps": 15, "warmup_target": 0.1, "warmup_steps": 4},
    ),
}
STEPS = range(24)


def loss_data(kind: str, rows: int = 9, columns: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, predictions and weights, one for each value of the loss."""
    draw = generator(kind)
    shape = (rows, 2, columns) if kind == "labels_3d" else (rows, columns)
    logits = draw.normal(size=shape)
    weights = draw.uniform(0.1, 2.0, size=(rows, 2) if kind == "labels_3d" else rows)
    labels = draw.integers(0, columns, size=shape[:-1])
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    if kind == "numbers":
        return draw.normal(size=shape), logits, weights
    if kind == "column":
        return draw.normal(size=(rows,)), logits[:, :1], weights
    if kind == "positive":
        return draw.uniform(0.5, 3.0, size=shape), np.exp(logits), weights
    if kind in ("binary", "binary_logits"):
        targets = draw.integers(0, 2, size=shape).astype(np.float64)
        return targets, logits if kind == "binary_logits" else 1 / (1 + np.exp(-logits)), weights
    if kind in ("onehot", "onehot_logits"):
        return np.eye(columns)[labels], logits if kind == "onehot_logits" else probabilities, weights
    if kind == "labels_column":
        labels = labels[:, None]
    return labels, probabilities if kind == "labels" else logits, weights


def optimizer_data() -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Weights and the gradients of five steps."""
    draw = generator("optimizer")
    shapes = [(3, 2), (4,), (5, 1)]
    return [draw.normal(size=s) for s in shapes], [[draw.normal(size=s) for s in shapes] for _ in range(5)]
