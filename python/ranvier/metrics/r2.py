"""R², the coefficient of determination."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ._inputs import Floats, float_pair, weighted, weights_for
from .metric import Metric, MetricVariable, Result, registry

_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


@registry.register("r2")
class R2Score(Metric):
    """``1 - sum (y_true - y_pred)^2 / sum (y_true - mean)^2`` for values of shape ``(n, outputs)``.

    Args:
        class_aggregation: ``"uniform_average"`` over outputs, ``"variance_weighted_average"``, or None for all.
        num_regressors: > 0 for adjusted R², where it is the number of inputs.
    """

    _config_fields: ClassVar[tuple[str, ...]] = ("class_aggregation", "num_regressors")

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in _AGGREGATIONS:
            raise ValueError(
                f"[{self.name}] class_aggregation: expected one of {_AGGREGATIONS}, received {class_aggregation!r}."
            )
        if not isinstance(num_regressors, int) or num_regressors < 0:
            raise ValueError(f"[{self.name}] num_regressors: expected an integer >= 0, received {num_regressors!r}.")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors

    squared_sum: MetricVariable
    sum: MetricVariable
    total_mse: MetricVariable
    count: MetricVariable
    num_samples: MetricVariable

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch of shape ``(n, outputs)`` (or ``(n,)``); weights are one number, one per row, or per value."""
        true, pred = float_pair(self.name, y_true, y_pred)
        if true.ndim == 1:
            true, pred = true[:, None], pred[:, None]
        if true.ndim != 2 or (self._variables and true.shape[1:] != self.sum.shape):
            outputs = self.sum.shape[0] if self._variables else "outputs"
            raise ValueError(f"[{self.name}] expected y_pred with shape (n, {outputs}), received {np.shape(y_pred)}.")
        if not self._variables:
            for kept in ("squared_sum", "sum", "total_mse", "count"):
                setattr(self, kept, self.add_variable((true.shape[1],), name=kept))
            self.num_samples = self.add_variable(name="num_samples")
        weights = weights_for(self.name, sample_weight, true.shape)
        if weights is None:
            weights = np.broadcast_to(np.float64(1.0), true.shape)
        # Columns first: NumPy sums few long rows much faster than many short ones.
        true, pred, weights = np.ascontiguousarray(true.T), np.ascontiguousarray(pred.T), weights.T
        self.sum.value += weighted(true, weights).sum(axis=1)
        self.squared_sum.value += weighted(np.square(true), weights).sum(axis=1)
        self.total_mse.value += weighted(np.square(true - pred), weights).sum(axis=1)
        self.count.value += weights.sum(axis=1)
        self.num_samples.value += true.size

    def result(self) -> Result:
        """Score so far: a number, or without aggregation an array of shape ``(outputs,)``."""
        if not self._variables:
            return self._finish(0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            total: Floats = self.squared_sum.value - self.sum.value * (self.sum.value / self.count.value)
            scores = 1.0 - self.total_mse.value / total
            scores = np.where(np.isinf(scores), 0.0, scores)
            if self.class_aggregation == "uniform_average":
                scores = scores.mean()
            elif self.class_aggregation == "variance_weighted_average":
                scores = (total * scores).sum() / total.sum()
        return self._finish(self._adjusted(scores) if self.num_regressors else scores)

    def _adjusted(self, score: Any) -> Any:
        n, p = float(self.num_samples.value), self.num_regressors
        if p >= n - 1:
            import warnings

            warnings.warn(
                f"[{self.name}] adjusted R² needs more than num_regressors + 1 = {p + 1} samples, received {n:.0f}; "
                "the plain score is returned.",
                stacklevel=3,
            )
            return score
        return 1.0 - (1.0 - score) * (n - 1.0) / (n - p - 1.0)
