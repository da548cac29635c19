"""Checking and aligning what metrics receive: ``y_true``, ``y_pred`` and ``sample_weight``.

Two rules hold for every metric. Shapes ``(n,)`` and ``(n, 1)`` mean the same thing, and apart from that `y_true` and
`y_pred` never broadcast against each other: ``(n, 1)`` against ``(n,)`` would silently become ``(n, n)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


def as_numbers(where: str, argument: str, value: Any) -> Array:
    """`value` (list, array, tensor, data frame) as a numeric NumPy array, without a copy where possible."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"[{where}] {argument}: expected a rectangular array of numbers ({error}).") from error
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind == "O":  # data frames of mixed numeric columns arrive as objects
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError):
            pass
    raise TypeError(f"[{where}] {argument}: expected numbers, received an array of dtype {array.dtype}.")


def same_rank(y_true: Array, y_pred: Array) -> tuple[Array, Array]:
    """Adds or removes a last axis of size 1 when that makes the ranks equal (Keras's rule)."""
    if y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 1:
        return (y_true[..., None], y_pred) if y_true.ndim == 1 else (y_true, y_pred[..., 0])
    if y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        return (y_true, y_pred[..., None]) if y_pred.ndim == 1 else (y_true[..., 0], y_pred)
    return y_true, y_pred


def pair(where: str, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    """Both as numeric arrays of one shape; ValueError naming `where` and both shapes otherwise."""
    true, pred = as_numbers(where, "y_true", y_true), as_numbers(where, "y_pred", y_pred)
    true, pred = same_rank(true, pred)
    if true.shape != pred.shape:
        raise ValueError(
            f"[{where}] expected y_true of the shape of y_pred {np.shape(y_pred)}, "
            f"received y_true with shape {np.shape(y_true)}; {_shape_hint(true.shape, pred.shape)}"
        )
    if true.ndim == 0:
        raise ValueError(f"[{where}] expected arrays with at least one axis (the rows), received two scalars.")
    return true, pred


def as_floats(values: Array) -> Floats:
    """In float64, without a copy where it is already."""
    floats: Floats = values.astype(np.float64, copy=False)
    return floats


def float_pair(where: str, y_true: Any, y_pred: Any) -> tuple[Floats, Floats]:
    """As `pair`, converted to float64."""
    true, pred = pair(where, y_true, y_pred)
    return as_floats(true), as_floats(pred)


def labels_and_scores(where: str, y_true: Any, y_pred: Any, axis: int = -1) -> tuple[Array, Array]:
    """Integer labels of shape ``(n, ...)`` (or ``(n, ..., 1)``) and scores with one more axis, the classes."""
    labels, scores = as_numbers(where, "y_true", y_true), as_numbers(where, "y_pred", y_pred)
    if scores.ndim < 1 or not -scores.ndim <= axis < scores.ndim:
        raise ValueError(f"[{where}] expected y_pred with a class axis {axis}, received shape {scores.shape}.")
    if labels.ndim == scores.ndim and labels.shape[axis] == 1:
        labels = labels.squeeze(axis)
    expected = scores.shape[: axis % scores.ndim] + scores.shape[axis % scores.ndim + 1 :]
    if labels.shape != expected:
        one_hot = labels.shape == scores.shape
        raise ValueError(
            f"[{where}] expected integer labels y_true with shape {expected} for y_pred with shape {scores.shape}, "
            f"received y_true with shape {np.shape(y_true)}"
            + ("; for one-hot rows use the metric without 'sparse_'." if one_hot else ".")
        )
    return labels, scores


def weights_for(where: str, sample_weight: Any, shape: tuple[int, ...]) -> Floats | None:
    """`sample_weight` as float64, broadcast to `shape` from the left: ``()``, ``(n,)``, ``(n, 1)`` up to `shape`."""
    if sample_weight is None:
        return None
    weights: Floats = as_numbers(where, "sample_weight", sample_weight).astype(np.float64, copy=False)
    given = weights.shape
    if weights.ndim > len(shape) and given[-1] == 1:
        weights = weights[..., 0]
    weights = weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))
    if weights.ndim > len(shape) or any(map(_mismatch, weights.shape, shape)):
        raise ValueError(
            f"[{where}] expected one sample_weight per row ({shape[0] if shape else 1}) or of shape {shape}, "
            f"received shape {given}."
        )
    return np.broadcast_to(weights, shape)


def weighted(values: Floats, weights: Floats) -> Floats:
    """``values * weights`` where a weight of 0 also silences NaN and infinity: such rows do not count."""
    with np.errstate(invalid="ignore"):
        product = values * weights
    if not np.isfinite(product.sum()):
        product = np.where(weights == 0.0, 0.0, product)
    return product


def _mismatch(size: int, wanted: int) -> bool:
    return size not in (1, wanted)


def _shape_hint(true: tuple[int, ...], pred: tuple[int, ...]) -> str:
    if true[:1] != pred[:1]:
        return "the numbers of rows differ."
    if true == pred[:-1] or true == pred[:-1] + (1,):
        return "for integer class labels use the 'sparse_' form of the metric, or one-hot encode y_true."
    return "values are never broadcast here: make the shapes equal."
