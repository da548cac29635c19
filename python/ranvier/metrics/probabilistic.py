"""Cross-entropies and divergences between labels and predicted distributions.

Probabilities are clipped to ``[epsilon, 1 - epsilon]`` (`config.epsilon`, 1e-7) in the dtype they arrive in, as Keras
does; everything after is float64.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..config import epsilon
from ._inputs import Array, Floats, as_floats, float_pair, labels_and_scores, pair, weights_for
from .metric import registry
from .reduction import FunctionMetric, rows_of


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Floats:
    """``mean(-y log p - (1 - y) log(1 - p))`` over `axis`; `y_pred` holds p, or logits x with p = sigmoid(x).

    Label smoothing moves labels towards 1/2: ``y (1 - s) + s / 2``.
    """
    true, pred = pair("binary_crossentropy", y_true, y_pred)
    true = as_floats(true)
    if label_smoothing:
        true = true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        logits = as_floats(pred)
        # log(1 + exp(x)) - y x, with the exponent kept negative
        values = np.maximum(logits, 0.0) - logits * true + np.log1p(np.exp(-np.abs(logits)))
    else:
        p = _clip(pred)
        values = -(true * np.log(p) + (1.0 - true) * np.log1p(-p))
    result: Floats = (
        values[..., 0] if axis in (-1, values.ndim - 1) and values.shape[-1] == 1 else values.mean(axis=axis)
    )
    return result


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Floats:
    """``-sum(y log p)`` over `axis`, for one-hot (or soft) `y_true` of the shape of `y_pred`.

    Probabilities are divided by their sum first; with `from_logits` p = softmax(y_pred). Label smoothing moves labels
    towards the uniform distribution: ``y (1 - s) + s / c``.
    """
    true, pred = pair("categorical_crossentropy", y_true, y_pred)
    true = as_floats(true)
    if label_smoothing:
        true = true * (1.0 - label_smoothing) + label_smoothing / true.shape[axis]
    result: Floats = -(_classes_first(true, axis) * _log_p(pred, from_logits, axis)).sum(axis=0)
    return result


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Floats:
    """``-log p[y]`` for integer labels y; `axis` of `y_pred` is the classes, the other axes are those of `y_true`.

    Rows labelled `ignore_class` give 0. A label outside 0..c-1 raises ValueError.
    """
    where = "sparse_categorical_crossentropy"
    labels, scores = labels_and_scores(where, y_true, y_pred, axis)
    ignored = labels == ignore_class if ignore_class is not None else None
    index = labels.astype(np.int64, copy=False)
    if ignored is not None:
        index = np.where(ignored, 0, index)
    _check_labels(where, index, scores.shape[axis])
    if from_logits:
        own = np.take_along_axis(scores, np.expand_dims(index, axis), axis=axis).squeeze(axis)
        values = _log_sum_exp(_classes_first(scores, axis)) - own
    else:
        own = np.take_along_axis(scores, np.expand_dims(index, axis), axis=axis)
        values = -np.log(_clip(own / scores.sum(axis=axis, keepdims=True)).squeeze(axis))
    return values if ignored is None else np.where(ignored, 0.0, values)


def kl_divergence(y_true: Any, y_pred: Any) -> Floats:
    """``sum(p log(p / q))`` over the last axis, with both distributions clipped to ``[1e-7, 1]``."""
    true, pred = float_pair("kl_divergence", y_true, y_pred)
    p, q = np.clip(true, epsilon(), 1.0), np.clip(pred, epsilon(), 1.0)
    result: Floats = (p * np.log(p / q)).sum(axis=-1)
    return result


def poisson(y_true: Any, y_pred: Any) -> Floats:
    """``mean(y_pred - y_true log(y_pred + 1e-7))`` over the last axis."""
    true, pred = float_pair("poisson", y_true, y_pred)
    result: Floats = (pred - true * np.log(pred + epsilon())).mean(axis=-1)
    return result


def _clip(p: Array) -> Floats:
    # In the dtype of p: a float32 probability of 1 becomes 1 - 1.19e-7, in Keras as in the loss.
    floats = p if p.dtype.kind == "f" else p.astype(np.float64)
    return as_floats(np.clip(floats, epsilon(), 1.0 - epsilon()))


def _classes_first(scores: Array, axis: int) -> Floats:
    """float64 with the class axis in front: NumPy reduces long rows of columns faster than many short rows."""
    first: Floats = np.ascontiguousarray(np.moveaxis(scores, axis, 0), dtype=np.float64)
    return first


def _log_p(pred: Array, from_logits: bool, axis: int) -> Floats:
    """Log-probabilities, classes first; probabilities are divided by their sum and clipped."""
    if from_logits:
        logits = _classes_first(pred, axis)
        return logits - _log_sum_exp(logits)
    first = np.ascontiguousarray(np.moveaxis(pred, axis, 0))
    return np.log(_clip(first / first.sum(axis=0)))


def _log_sum_exp(logits: Floats) -> Floats:
    """``log(sum(exp(x)))`` over the first axis; the maximum is taken out first so that exp cannot overflow."""
    largest = logits.max(axis=0)
    result: Floats = largest + np.log(np.exp(logits - largest).sum(axis=0))
    return result


def _check_labels(where: str, index: Array, classes: int) -> None:
    if index.size and (index.min() < 0 or index.max() >= classes):
        bad = np.argwhere((index < 0) | (index >= classes))[0]
        raise ValueError(
            f"[{where}] expected labels in 0..{classes - 1} ({classes} classes in y_pred), "
            f"received {index[tuple(bad)]} at row {bad[0]}."
        )


@registry.register("bce", "BCE")
class BinaryCrossentropy(FunctionMetric):
    """Mean binary cross-entropy of 0/1 labels."""

    _config_fields: ClassVar[tuple[str, ...]] = ("from_logits", "label_smoothing")

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=_check_smoothing(name, label_smoothing),
        )
        self.from_logits, self.label_smoothing = from_logits, label_smoothing


@registry.register("cce", "CCE")
class CategoricalCrossentropy(FunctionMetric):
    """Mean cross-entropy of one-hot labels; `axis` is the classes."""

    _config_fields: ClassVar[tuple[str, ...]] = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        smoothing = _check_smoothing(name, label_smoothing)
        super().__init__(
            categorical_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=smoothing, axis=axis
        )
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


@registry.register("scce", "SCCE")
class SparseCategoricalCrossentropy(FunctionMetric):
    """Mean cross-entropy of integer labels; `axis` is the classes.

    Rows labelled `ignore_class` do not count, neither in the sum nor in the number of rows (as in the loss of the same
    name; Keras 3.15's metric leaves them in the number of rows unless sample weights are given).
    """

    _config_fields: ClassVar[tuple[str, ...]] = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy, name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis
        )
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis

    def update_state(  # type: ignore[override]  # as in MeanMetricWrapper
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """As in `MeanMetricWrapper`; rows labelled `ignore_class` get weight 0."""
        if self.ignore_class is not None:
            true, pred = rows_of(self.name, y_true, y_pred)
            labels, _ = labels_and_scores(self.name, true, pred, self.axis)
            counted = (labels != self.ignore_class).astype(np.float64)
            weights = weights_for(self.name, sample_weight, counted.shape)
            sample_weight = counted if weights is None else counted * weights
        super().update_state(y_true, y_pred, sample_weight)


@registry.register("kld", "KLD", "kullback_leibler_divergence")
class KLDivergence(FunctionMetric):
    """Mean Kullback-Leibler divergence from `y_pred` to `y_true`."""

    def __init__(self, name: str = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(kl_divergence, name, dtype)


@registry.register()
class Poisson(FunctionMetric):
    """Mean Poisson negative log-likelihood (without the constant of the label)."""

    def __init__(self, name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(poisson, name, dtype)


def _check_smoothing(where: str, smoothing: float) -> float:
    if not 0.0 <= smoothing <= 1.0:
        raise ValueError(f"[{where}] label_smoothing: expected a number in [0, 1], received {smoothing!r}.")
    return smoothing
