"""How often predictions equal labels: element by element, after a threshold, or by the largest class score."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ._inputs import Array, Floats, as_floats, as_numbers, labels_and_scores, pair
from ._top import argmax_is, same_argmax
from .metric import registry
from .reduction import FunctionMetric


def accuracy(y_true: Any, y_pred: Any) -> Floats:
    """1.0 where `y_true` equals `y_pred`, else 0.0; same shape as both."""
    true, pred = pair("accuracy", y_true, y_pred)
    if true.dtype.kind == "f" and pred.dtype.kind == "f":
        true = true.astype(pred.dtype, copy=False)  # 0.1 in float64 and 0.1 in float32 are the same label
    return as_floats(true == pred)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Floats:
    """1.0 where ``y_pred > threshold`` agrees with `y_true` (0 or 1), else 0.0; same shape as both."""
    true, pred = pair("binary_accuracy", y_true, y_pred)
    return as_floats(true == (pred > threshold))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Floats:
    """1.0 for each row whose largest score is at the largest entry of one-hot `y_true`: ``(..., c)`` -> ``(...)``."""
    true, pred = _one_hot_and_scores("categorical_accuracy", y_true, y_pred)
    return as_floats(same_argmax(true, pred))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Floats:
    """1.0 for each row whose largest score is at the integer label: ``(...)`` and ``(..., c)`` -> ``(...)``."""
    labels, scores = labels_and_scores("sparse_categorical_accuracy", y_true, y_pred)
    _check_classes("sparse_categorical_accuracy", scores)
    return as_floats(argmax_is(scores, labels))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Floats:
    """1.0 for each row whose true class (largest entry of `y_true`) has fewer than `k` larger scores."""
    true, pred = _one_hot_and_scores("top_k_categorical_accuracy", y_true, y_pred)
    return _in_top_k(true.argmax(axis=-1), pred, _check_k("top_k_categorical_accuracy", k))


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Floats:
    """1.0 for each row whose integer label has fewer than `k` larger scores.

    With `from_sorted_ids`, `y_pred` of shape ``(..., m)`` holds class ids, best first, instead of scores.
    """
    labels, scores = labels_and_scores("sparse_top_k_categorical_accuracy", y_true, y_pred)
    k = _check_k("sparse_top_k_categorical_accuracy", k)
    if from_sorted_ids:
        return as_floats((labels[..., None] == scores[..., :k]).any(axis=-1))
    return _in_top_k(labels, scores, k)


def _in_top_k(labels: Array, scores: Array, k: int) -> Floats:
    """Keras's rule: ties count in favour of the label, a NaN score is the lowest, a label that is no class is out."""
    classes = scores.shape[-1]
    index = labels.astype(np.int64, copy=False)
    valid = (index >= 0) & (index < classes)
    own = np.take_along_axis(scores, np.where(valid, index, 0)[..., None], axis=-1)
    if scores.dtype.kind == "f":
        own = np.where(np.isnan(own), -np.inf, own)
    larger = np.count_nonzero(scores > own, axis=-1)
    return as_floats((larger < k) & valid)


def _one_hot_and_scores(where: str, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    true, pred = as_numbers(where, "y_true", y_true), as_numbers(where, "y_pred", y_pred)
    if true.shape != pred.shape or pred.ndim == 0:
        sparse = true.shape in (pred.shape[:-1], (*pred.shape[:-1], 1))
        raise ValueError(
            f"[{where}] expected one-hot y_true of the shape of y_pred {pred.shape}, received shape {true.shape}"
            + (f"; for integer labels use sparse_{where}." if sparse else ".")
        )
    _check_classes(where, pred)
    return true, pred


def _check_classes(where: str, scores: Array) -> None:
    if scores.shape[-1] == 0:
        raise ValueError(f"[{where}] expected at least one class in the last axis, received shape {scores.shape}.")


def _check_k(where: str, k: Any) -> int:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"[{where}] k: expected a positive integer, received {k!r}.")
    return int(k)


@registry.register()
class Accuracy(FunctionMetric):
    """Share of predictions equal to their labels."""

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


@registry.register()
class BinaryAccuracy(FunctionMetric):
    """Share of predictions on the right side of `threshold`; labels are 0 or 1."""

    _config_fields: ClassVar[tuple[str, ...]] = ("threshold",)

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


@registry.register()
class CategoricalAccuracy(FunctionMetric):
    """Share of rows whose largest score is at the one-hot label; scores may be logits or probabilities."""

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


@registry.register()
class SparseCategoricalAccuracy(FunctionMetric):
    """Share of rows whose largest score is at the integer label; scores may be logits or probabilities."""

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


@registry.register()
class TopKCategoricalAccuracy(FunctionMetric):
    """Share of rows whose one-hot label is among the `k` largest scores."""

    _config_fields: ClassVar[tuple[str, ...]] = ("k",)

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        self.k = _check_k(name, k)
        super().__init__(top_k_categorical_accuracy, name, dtype, k=self.k)


@registry.register()
class SparseTopKCategoricalAccuracy(FunctionMetric):
    """Share of rows whose integer label is among the `k` largest scores (or the first `k` of sorted class ids)."""

    _config_fields: ClassVar[tuple[str, ...]] = ("k", "from_sorted_ids")

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        self.k = _check_k(name, k)
        self.from_sorted_ids = from_sorted_ids
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=self.k, from_sorted_ids=from_sorted_ids)
