"""Counting true and false positives at many thresholds in one pass.

A prediction is positive at threshold t when it is greater than t. So the number r of thresholds below a prediction
says all about it, and a histogram of r over the rows, one for positive and one for negative labels, gives every count
by a cumulative sum from above: O(rows + thresholds) instead of O(rows x thresholds).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ._inputs import Array, Floats, pair, weights_for
from ._top import top_k_mask

NEGATIVE = -1e10  # score of classes outside the top k, and the threshold only they fail


class Counts(NamedTuple):
    """Weighted counts per threshold, each of shape ``(t,)`` or, by label, ``(t, labels)``."""

    true_positives: Floats
    false_positives: Floats
    true_negatives: Floats
    false_negatives: Floats


class Cases(NamedTuple):
    """Single yes/no decisions: a score, a label and a weight (None: all 1), of equal shapes."""

    scores: Array
    labels: Array
    weights: Floats | None


def cases(
    where: str,
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    top_k: int | None = None,
    class_id: int | None = None,
) -> Cases:
    """Checks the arguments of ``update_state``; with `top_k` the scores outside it become `NEGATIVE`."""
    true, pred = pair(where, y_true, y_pred)
    weights = weights_for(where, sample_weight, pred.shape)
    if top_k is not None:
        if pred.shape[-1] < top_k:
            raise ValueError(
                f"[{where}] top_k={top_k}: expected at least {top_k} classes, received shape {pred.shape}."
            )
        scores = pred if pred.dtype.kind == "f" else pred.astype(np.float64)
        pred = np.where(top_k_mask(scores, top_k), scores, NEGATIVE)
    if class_id is not None:
        if pred.ndim < 2 or class_id >= pred.shape[-1]:
            raise ValueError(
                f"[{where}] class_id={class_id}: expected y_pred with shape (rows, classes) and more than {class_id} "
                f"classes, received shape {pred.shape}."
            )
        true, pred = true[..., class_id], pred[..., class_id]
        weights = weights[..., class_id] if weights is not None else None
    return Cases(pred, true != 0, weights)


def count(data: Cases, thresholds: Floats, by_label: bool = False) -> Counts:
    """Counts at `thresholds`, any order; each prediction is compared in its own dtype."""
    scores = data.scores
    limits = thresholds.astype(scores.dtype) if scores.dtype.kind == "f" else thresholds
    if len(limits) == 1:
        return histogram(data, (scores > limits[0]).astype(np.intp), 1, by_label)
    order = np.argsort(limits, kind="stable")
    below = np.searchsorted(limits[order], scores, side="left")
    counts = histogram(data, below, len(limits), by_label)
    back = np.argsort(order, kind="stable")
    return Counts(*(c[back] for c in counts))


def count_even(data: Cases, num_thresholds: int, open_ended: bool, by_label: bool = False) -> Counts:
    """Counts at ``0, 1/(t-1), ..., 1`` without searching; scores are clipped to [0, 1].

    With `open_ended` the first threshold lies just below 0 and the last just above 1, so that every prediction is
    positive at the first.
    """
    scores = data.scores if data.scores.dtype.kind == "f" else data.scores.astype(np.float64)
    with np.errstate(invalid="ignore"):  # NaN: see histogram
        below = np.ceil(np.clip(scores, 0.0, 1.0) * (num_thresholds - 1)).astype(np.intp)
    np.clip(below, 1 if open_ended else 0, num_thresholds, out=below)
    return histogram(data, below, num_thresholds, by_label)


def histogram(data: Cases, below: Array, num_thresholds: int, by_label: bool) -> Counts:
    """Counts from `below`, the number of thresholds under each score. A NaN score that counts makes all counts NaN."""
    columns = data.scores.shape[-1] if by_label else 1
    size = num_thresholds + 1
    index = below + size * data.labels
    if by_label:
        index = index + 2 * size * np.arange(columns)
    weights = None if data.weights is None else data.weights.reshape(-1)
    bins = np.bincount(index.reshape(-1), weights, 2 * size * columns).astype(np.float64).reshape(columns, 2, size)
    if data.scores.dtype.kind == "f" and np.isnan(data.scores.sum()):
        nan = np.isnan(data.scores) if data.weights is None else np.isnan(data.scores) & (data.weights != 0)
        lost = nan.reshape(-1, columns).any(axis=0) if by_label else np.array([nan.any()])
        bins[lost] = np.nan
    above = np.cumsum(bins[:, :, ::-1], axis=2)[:, :, ::-1]  # [..., r]: cases with at least r thresholds below
    negative, positive = above[:, 0].T, above[:, 1].T
    tp, fp = positive[1:], negative[1:]
    counts = (tp, fp, negative[0] - fp, positive[0] - tp)
    return Counts(*(np.ascontiguousarray(c if by_label else c[:, 0]) for c in counts))


def divide(numerator: Array, denominator: Array) -> Floats:
    """Quotient, 0 where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.zeros(numerator.shape)
    return np.divide(numerator, denominator, out=out, where=denominator != 0)


def threshold_list(where: str, thresholds: Any, default: float) -> list[float]:
    """A number or a sequence of numbers in [0, 1] as a list; ValueError otherwise."""
    if thresholds is None:
        return [default]
    values = np.atleast_1d(np.asarray(thresholds, dtype=object)).tolist()
    if not values or not all(isinstance(v, int | float | np.number) and 0 <= v <= 1 for v in values):
        raise ValueError(f"[{where}] thresholds: expected numbers in [0, 1], received {thresholds!r}.")
    return [float(v) for v in values]


def check_index(where: str, argument: str, value: Any, least: int) -> int | None:
    """None or an integer >= `least`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"[{where}] {argument}: expected None or an integer >= {least}, received {value!r}.")
    return int(value)
