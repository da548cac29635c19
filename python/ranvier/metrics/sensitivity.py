"""The best of one rate where another reaches a given value, over evenly spaced thresholds."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ._confusion import Counts, cases, check_index, count, count_even, divide
from ._inputs import Floats
from .metric import Metric, Result, registry


class _BestUnderConstraint(Metric):
    """Maximum of `_dependent` over thresholds where `_constrained` is at least the value asked for; 0 if nowhere."""

    _value: ClassVar[str]  # name of the constructor's first argument
    _constrained: ClassVar[str]
    _dependent: ClassVar[str]

    def __init__(self, value: float, num_thresholds: int, class_id: Any, name: str | None, dtype: Any) -> None:
        super().__init__(name=name, dtype=dtype)
        if not 0 <= value <= 1:
            raise ValueError(f"[{self.name}] {self._value}: expected a number in [0, 1], received {value!r}.")
        if num_thresholds < 1:
            raise ValueError(f"[{self.name}] num_thresholds: expected an integer > 0, received {num_thresholds!r}.")
        self.value, self.num_thresholds = value, num_thresholds
        self.class_id = check_index(self.name, "class_id", class_id, 0)
        self.thresholds: list[float] = [0.5] if num_thresholds == 1 else np.linspace(0.0, 1.0, num_thresholds).tolist()
        for kept in Counts._fields:
            setattr(self, kept, self.add_variable((num_thresholds,), name=kept))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch of labels and probabilities of equal shape."""
        data = cases(self.name, y_true, y_pred, sample_weight, class_id=self.class_id)
        if self.num_thresholds > 2:
            counts = count_even(data, self.num_thresholds, open_ended=False)
        else:
            counts = count(data, np.asarray(self.thresholds))
        for kept, addend in counts._asdict().items():
            getattr(self, kept).value += addend

    def result(self) -> Result:
        """Best value so far; 0 where no threshold reaches the value asked for."""
        rates = self._rates()
        feasible = rates[self._constrained] >= self.value
        return self._finish(np.where(feasible, rates[self._dependent], 0.0).max(initial=0.0))

    def _rates(self) -> dict[str, Floats]:
        tp, fp, tn, fn = (getattr(self, kept).value for kept in Counts._fields)
        return {
            "sensitivity": divide(tp, tp + fn),
            "specificity": divide(tn, tn + fp),
            "precision": divide(tp, tp + fp),
            "recall": divide(tp, tp + fn),
        }

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for `from_config`."""
        return {
            **super().get_config(),
            self._value: self.value,
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
        }


@registry.register()
class SensitivityAtSpecificity(_BestUnderConstraint):
    """Best ``tp / (tp + fn)`` where ``tn / (tn + fp) >= specificity``."""

    _value, _constrained, _dependent = "specificity", "specificity", "sensitivity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


@registry.register()
class SpecificityAtSensitivity(_BestUnderConstraint):
    """Best ``tn / (tn + fp)`` where ``tp / (tp + fn) >= sensitivity``."""

    _value, _constrained, _dependent = "sensitivity", "sensitivity", "specificity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


@registry.register()
class PrecisionAtRecall(_BestUnderConstraint):
    """Best ``tp / (tp + fp)`` where ``tp / (tp + fn) >= recall``."""

    _value, _constrained, _dependent = "recall", "recall", "precision"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)


@registry.register()
class RecallAtPrecision(_BestUnderConstraint):
    """Best ``tp / (tp + fn)`` where ``tp / (tp + fp) >= precision``."""

    _value, _constrained, _dependent = "precision", "precision", "recall"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
