"""Counts of the confusion matrix, precision and recall at given thresholds."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ._confusion import NEGATIVE, Counts, cases, check_index, count, divide, threshold_list
from .metric import Metric, Result, registry


class ThresholdMetric(Metric):
    """Adds up the counts named in `_kept` at each threshold; what is positive is ``y_pred > threshold``."""

    _config_fields: ClassVar[tuple[str, ...]] = ("init_thresholds",)
    _kept: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        thresholds: Any = None,
        top_k: Any = None,
        class_id: Any = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.top_k = check_index(self.name, "top_k", top_k, 1)
        self.class_id = check_index(self.name, "class_id", class_id, 0)
        self.thresholds = threshold_list(self.name, thresholds, 0.5 if top_k is None else NEGATIVE)
        self.init_thresholds = None if thresholds is None else np.asarray(thresholds, dtype=np.float64).tolist()
        for kept in self._kept:
            setattr(self, kept, self.add_variable((len(self.thresholds),), name=kept))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: labels of the shape of `y_pred`; anything but 0 is positive.
            y_pred: scores, any shape; with `top_k` or `class_id` the last axis is the classes.
            sample_weight: one number, one per row, or of the shape of `y_pred`.
        """
        data = cases(self.name, y_true, y_pred, sample_weight, self.top_k, self.class_id)
        self._add(count(data, np.asarray(self.thresholds)))

    def _add(self, counts: Counts) -> None:
        for kept in self._kept:
            getattr(self, kept).value += getattr(counts, kept)

    def _per_threshold(self, values: Any) -> Result:
        """A number for one threshold, an array for several."""
        return self._finish(values[0] if len(self.thresholds) == 1 else values)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for `from_config`."""
        return {"name": self.name, "dtype": self._dtype, "thresholds": self.init_thresholds}


class _Count(ThresholdMetric):
    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(thresholds=thresholds, name=name, dtype=dtype)

    def result(self) -> Result:
        """One number per threshold: a scalar for one threshold, an array of shape ``(t,)`` for several."""
        return self._per_threshold(getattr(self, self._kept[0]).numpy())


@registry.register()
class TruePositives(_Count):
    """Weighted number of positive labels predicted positive; one per threshold (default 0.5)."""

    _kept = ("true_positives",)


@registry.register()
class FalsePositives(_Count):
    """Weighted number of negative labels predicted positive; one per threshold (default 0.5)."""

    _kept = ("false_positives",)


@registry.register()
class TrueNegatives(_Count):
    """Weighted number of negative labels predicted negative; one per threshold (default 0.5)."""

    _kept = ("true_negatives",)


@registry.register()
class FalseNegatives(_Count):
    """Weighted number of positive labels predicted negative; one per threshold (default 0.5)."""

    _kept = ("false_negatives",)


class _Ratio(ThresholdMetric):
    """``true_positives / (true_positives + the other count kept)``, 0 where nothing was counted."""

    def result(self) -> Result:
        """One number per threshold: a scalar for one threshold, an array of shape ``(t,)`` for several."""
        hits, misses = (getattr(self, kept).value for kept in self._kept)
        return self._per_threshold(divide(hits, hits + misses))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for `from_config`."""
        return {**super().get_config(), "top_k": self.top_k, "class_id": self.class_id}


@registry.register()
class Precision(_Ratio):
    """Share of positive predictions that are right.

    Args:
        thresholds: a number or several in [0, 1] (default 0.5; use 0 for logits); one result for each.
        top_k: only the `top_k` largest scores of a row are predictions; without `thresholds` all of them are positive.
        class_id: look at this class alone.
    """

    _kept = ("true_positives", "false_positives")


@registry.register()
class Recall(_Ratio):
    """Share of positive labels that are found. Arguments as for `Precision`."""

    _kept = ("true_positives", "false_negatives")
