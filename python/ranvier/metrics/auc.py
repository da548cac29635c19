"""Area under the ROC, precision-recall or precision-recall-gain curve, from counts at fixed thresholds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..config import epsilon
from ._confusion import Cases, Counts, cases, count, count_even, divide, threshold_list
from ._inputs import Array, Floats, as_numbers
from .metric import Metric, MetricVariable, Result, registry

_CURVES = {"roc": "ROC", "pr": "PR", "prgain": "PRGAIN"}
_METHODS = ("interpolation", "minoring", "majoring")


@registry.register()
class AUC(Metric):
    """Approximate area under a curve of two rates over all thresholds.

    Args:
        num_thresholds: evenly spaced over [0, 1]; more come closer to the exact area.
        curve: ``"ROC"`` (true over false positive rate), ``"PR"`` (precision over recall) or ``"PRGAIN"`` (the same
            as gains over always saying yes, Flach and Kull 2015).
        summation_method: ``"interpolation"`` (trapezoids; for PR the interpolation of Davis and Goadrich 2006),
            ``"minoring"`` (lower sum) or ``"majoring"`` (upper sum).
        thresholds: use these (in [0, 1]) instead; one below 0 and one above 1 are added.
        multi_label: one area for each column of ``(n, labels)``, then their mean; otherwise all entries are one set.
        num_labels: number of columns when `multi_label`; found at the first update when None.
        label_weights: one per column: of the areas when `multi_label`, otherwise of the entries.
        from_logits: `y_pred` holds logits; a sigmoid is applied.
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if str(curve).lower() not in _CURVES:
            raise ValueError(f"[{self.name}] curve: expected 'ROC', 'PR' or 'PRGAIN', received {curve!r}.")
        if str(summation_method).lower() not in _METHODS:
            raise ValueError(
                f"[{self.name}] summation_method: expected one of {_METHODS}, received {summation_method!r}."
            )
        if num_labels and not multi_label:
            raise ValueError(f"[{self.name}] num_labels={num_labels} needs multi_label=True.")
        self.curve, self.summation_method = _CURVES[str(curve).lower()], str(summation_method).lower()
        self._custom = thresholds is not None
        if self._custom:
            inner = sorted(threshold_list(self.name, thresholds, 0.5))
        else:
            if num_thresholds <= 1:
                raise ValueError(f"[{self.name}] num_thresholds: expected an integer > 1, received {num_thresholds!r}.")
            inner = [i / (num_thresholds - 1) for i in range(1, num_thresholds - 1)]
        self.num_thresholds = len(inner) + 2
        self._thresholds: Floats = np.array([-epsilon(), *inner, 1.0 + epsilon()])
        even = np.arange(self.num_thresholds) / (self.num_thresholds - 1)
        self._even = self.num_thresholds > 2 and bool(np.allclose([0.0, *inner, 1.0], even, atol=epsilon()))
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = None if label_weights is None else np.asarray(label_weights, dtype=np.float64)
        self._warned = False
        if not multi_label:
            self._build((self.num_thresholds,))
        elif num_labels:
            self._build((self.num_thresholds, num_labels))

    _names: ClassVar[tuple[str, ...]] = Counts._fields
    true_positives: MetricVariable
    false_positives: MetricVariable
    true_negatives: MetricVariable
    false_negatives: MetricVariable

    @property
    def thresholds(self) -> list[float]:
        """All thresholds, with the two outside [0, 1]."""
        values: list[float] = self._thresholds.tolist()
        return values

    def _build(self, shape: tuple[int, ...]) -> None:
        for kept in self._names:
            setattr(self, kept, self.add_variable(shape, name=kept))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: 0/1 labels and probabilities (or logits) of equal shape; weights per row or per entry."""
        pred = as_numbers(self.name, "y_pred", y_pred)
        if self.from_logits:
            pred = _sigmoid(pred)
        data = cases(self.name, y_true, pred, sample_weight)
        if self.multi_label:
            self._check_labels(data)
        elif self.label_weights is not None:
            data = self._weigh_labels(data)
        self._warn_outside(data.scores)
        if self._even:
            counts = count_even(data, self.num_thresholds, open_ended=True, by_label=self.multi_label)
        else:
            counts = count(data, self._thresholds, by_label=self.multi_label)
        for kept, addend in counts._asdict().items():
            getattr(self, kept).value += addend

    def _check_labels(self, data: Cases) -> None:
        shape = data.scores.shape
        if len(shape) != 2 or (self._variables and shape[1] != self.true_positives.shape[1]):
            labels = self.true_positives.shape[1] if self._variables else "labels"
            raise ValueError(f"[{self.name}] multi_label: expected y_pred with shape (n, {labels}), received {shape}.")
        if self.label_weights is not None and self.label_weights.shape != shape[1:]:
            self._refuse_label_weights(shape)
        if not self._variables:
            self._build((self.num_thresholds, shape[1]))

    def _weigh_labels(self, data: Cases) -> Cases:
        assert self.label_weights is not None
        if self.label_weights.shape != data.scores.shape[-1:]:
            self._refuse_label_weights(data.scores.shape)
        weights = np.broadcast_to(self.label_weights, data.scores.shape)
        return data._replace(weights=weights if data.weights is None else data.weights * weights)

    def _refuse_label_weights(self, shape: tuple[int, ...]) -> None:
        assert self.label_weights is not None
        raise ValueError(
            f"[{self.name}] label_weights: expected one per label (last axis of y_pred, shape {shape}), "
            f"received shape {self.label_weights.shape}."
        )

    def _warn_outside(self, scores: Array) -> None:
        """Keras clips such predictions silently, and the area then says little: mostly from_logits was forgotten."""
        if self._warned or scores.size == 0 or not (scores.min() < 0.0 or scores.max() > 1.0):
            return
        import warnings

        self._warned = True
        warnings.warn(
            f"[{self.name}] expected probabilities in [0, 1], received y_pred from {scores.min():.4g} to "
            f"{scores.max():.4g}, taken as 0 and 1; for logits pass from_logits=True.",
            stacklevel=4,
        )

    def result(self) -> Result:
        """Area so far; 0 before the first row."""
        if not self._variables:
            return self._finish(0.0)
        counts = Counts(*(getattr(self, kept).value for kept in self._names))
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = _interpolated_pr(counts).sum(axis=0)
        else:
            x, y = _CURVE_POINTS[self.curve](counts)
            areas = ((x[:-1] - x[1:]) * _HEIGHTS[self.summation_method](y[:-1], y[1:])).sum(axis=0)
        if not self.multi_label:
            return self._finish(areas)
        if self.label_weights is None:
            return self._finish(areas.mean())
        return self._finish(divide((areas * self.label_weights).sum(), self.label_weights.sum()))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for `from_config`."""
        return {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self.from_logits,
            "thresholds": self.thresholds[1:-1] if self._custom else None,
        }


def _roc(counts: Counts) -> tuple[Floats, Floats]:
    tp, fp, tn, fn = counts
    return divide(fp, fp + tn), divide(tp, tp + fn)


def _pr(counts: Counts) -> tuple[Floats, Floats]:
    tp, fp, _, fn = counts
    return divide(tp, tp + fn), divide(tp, tp + fp)


def _pr_gain(counts: Counts) -> tuple[Floats, Floats]:
    """Gains as Keras defines their edges: without true positives (0, 1); a negative recall gain is 0."""
    tp, fp, tn, fn = counts
    odds = divide(tp + fn, tn + fp)
    recall_gain = np.where(tp == 0, 0.0, 1.0 - odds * divide(fn, tp))
    precision_gain = np.where(tp == 0, 1.0, 1.0 - odds * divide(fp, tp))
    return np.maximum(recall_gain, 0.0), precision_gain


_CURVE_POINTS = {"ROC": _roc, "PR": _pr, "PRGAIN": _pr_gain}
_HEIGHTS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "interpolation": lambda a, b: (a + b) / 2.0,
    "minoring": np.minimum,
    "majoring": np.maximum,
}


def _interpolated_pr(counts: Counts) -> Floats:
    """Area of each interval when tp and fp change linearly in it (Davis and Goadrich 2006, section 4).

    With P = tp + fp and precision = (a + s P) / P, where s = dtp/dP and a = tp - s P at the upper end B, the integral
    over recall from B to A is s (dtp + a log(P_A / P_B)) / (tp + fn).
    """
    tp, fp, _, fn = counts
    predicted = tp + fp
    higher, lower = predicted[:-1], predicted[1:]
    gained = tp[:-1] - tp[1:]
    slope = divide(gained, np.maximum(higher - lower, 0.0))
    intercept = tp[1:] - slope * lower
    ratio = np.where((higher > 0) & (lower > 0), divide(higher, lower), 1.0)
    return divide(slope * (gained + intercept * np.log(ratio)), tp[1:] + fn[1:])


def _sigmoid(x: Array) -> Array:
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    e = np.exp(-np.abs(x))  # the exponent is never positive, so nothing overflows
    result: Array = np.where(x >= 0, 1.0, e) / (1.0 + e)
    return result
