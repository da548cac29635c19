"""F-scores: the weighted harmonic mean of precision and recall per class."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..config import epsilon
from ._inputs import Floats, float_pair, weights_for
from .metric import Metric, MetricVariable, Result, registry


@registry.register("fbeta_score")
class FBetaScore(Metric):
    """``(1 + b^2) precision recall / (b^2 precision + recall)`` for `y_true`, `y_pred` of shape ``(n, classes)``.

    Args:
        average: None for one score per class, ``"micro"`` (all entries together), ``"macro"`` (mean over classes) or
            ``"weighted"`` (mean weighted by the number of true rows).
        beta: how much more recall weighs than precision; > 0.
        threshold: scores above are positive; None takes the largest score of each row.
    """

    _config_fields: ClassVar[tuple[str, ...]] = ("average", "beta", "threshold")

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f"[{self.name}] average: expected None, 'micro', 'macro' or 'weighted', received {average!r}."
            )
        if not isinstance(beta, int | float) or beta <= 0:
            raise ValueError(f"[{self.name}] beta: expected a number > 0, received {beta!r}.")
        if threshold is not None and (not isinstance(threshold, int | float) or not 0 < threshold <= 1):
            raise ValueError(f"[{self.name}] threshold: expected None or a number in (0, 1], received {threshold!r}.")
        self.average, self.beta, self.threshold = average, float(beta), threshold

    true_positives: MetricVariable
    false_positives: MetricVariable
    false_negatives: MetricVariable
    intermediate_weights: MetricVariable

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch of shape ``(n, classes)``; `sample_weight` is one number or one per row."""
        true, pred = float_pair(self.name, y_true, y_pred)
        if true.ndim == 1:
            true, pred = true[:, None], pred[:, None]
        if true.ndim != 2 or (self._variables and true.shape[1] != self.true_positives.shape[0]):
            classes = self.true_positives.shape[0] if self._variables else "classes"
            raise ValueError(f"[{self.name}] expected y_pred with shape (n, {classes}), received {np.shape(y_pred)}.")
        if not self._variables:
            for kept in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
                setattr(self, kept, self.add_variable((true.shape[1],), name=kept))
        weights = weights_for(self.name, sample_weight, true.shape)
        # Columns first: NumPy reduces few long rows much faster than many short ones.
        true, pred = np.ascontiguousarray(true.T), np.ascontiguousarray(pred.T)
        weights = None if weights is None else weights.T
        if self.threshold is None:
            # A row of zeros has no largest score; ties are all positive (Keras).
            positive = (pred >= pred.max(axis=0)) & (np.abs(pred) > 1e-9)
        else:
            positive = pred > self.threshold
        weighted = true if weights is None else true * weights
        found = (weighted * positive).sum(axis=1)
        total = weighted.sum(axis=1)
        predicted = positive.sum(axis=1) if weights is None else (weights * positive).sum(axis=1)
        self.true_positives.value += found
        self.false_positives.value += predicted - found
        self.false_negatives.value += total - found
        self.intermediate_weights.value += total

    def result(self) -> Result:
        """Score so far: a number, or with `average=None` an array of shape ``(classes,)``."""
        if not self._variables:
            return self._finish(0.0)
        names = (self.true_positives, self.false_positives, self.false_negatives, self.intermediate_weights)
        tp, fp, fn, support = (variable.value for variable in names)
        if self.average == "micro":
            tp, fp, fn = tp.sum(), fp.sum(), fn.sum()
        precision, recall = tp / (tp + fp + epsilon()), tp / (tp + fn + epsilon())
        square = self.beta**2
        score: Floats = np.asarray((1.0 + square) * precision * recall / (square * precision + recall + epsilon()))
        if self.average == "weighted":
            return self._finish((score * support / (support.sum() + epsilon())).sum())
        return self._finish(score if self.average is None else score.mean())


@registry.register()
class F1Score(FBetaScore):
    """Harmonic mean of precision and recall: `FBetaScore` with ``beta=1``."""

    _config_fields = ("average", "threshold")

    def __init__(
        self, average: str | None = None, threshold: float | None = None, name: str = "f1_score", dtype: Any = None
    ) -> None:
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)
