"""Errors of real-valued predictions; each function averages over the last axis, ``(..., d)`` -> ``(...)``."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..config import epsilon
from ._inputs import Floats, float_pair
from .metric import Result, registry
from .reduction import FunctionMetric, Mean, rows_of


def _last_mean(values: Floats) -> Floats:
    """Mean over the last axis; one column is the common case and NumPy's reduction of it is slow."""
    result: Floats = values[..., 0] if values.shape[-1] == 1 else values.mean(axis=-1)
    return result


def mean_squared_error(y_true: Any, y_pred: Any) -> Floats:
    """``mean((y_true - y_pred)^2)``."""
    true, pred = float_pair("mean_squared_error", y_true, y_pred)
    return _last_mean(np.square(true - pred))


def mean_absolute_error(y_true: Any, y_pred: Any) -> Floats:
    """``mean(|y_true - y_pred|)``."""
    true, pred = float_pair("mean_absolute_error", y_true, y_pred)
    return _last_mean(np.abs(true - pred))


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Floats:
    """``100 mean(|y_true - y_pred| / max(|y_true|, 1e-7))``."""
    true, pred = float_pair("mean_absolute_percentage_error", y_true, y_pred)
    return 100.0 * _last_mean(np.abs(true - pred) / np.maximum(np.abs(true), epsilon()))


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Floats:
    """``mean((log(1 + y_true) - log(1 + y_pred))^2)``, values below 1e-7 taken as 1e-7."""
    true, pred = float_pair("mean_squared_logarithmic_error", y_true, y_pred)
    return _last_mean(np.square(np.log1p(np.maximum(pred, epsilon())) - np.log1p(np.maximum(true, epsilon()))))


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Floats:
    """Cosine of the angle between the vectors along `axis`; squared norms below 1e-12 are taken as 1e-12."""
    true, pred = float_pair("cosine_similarity", y_true, y_pred)
    if not -true.ndim <= axis < true.ndim:
        raise ValueError(f"[cosine_similarity] axis: expected one of {true.ndim} axes, received {axis}.")
    squares = np.maximum(np.square(true).sum(axis=axis), 1e-12) * np.maximum(np.square(pred).sum(axis=axis), 1e-12)
    result: Floats = (true * pred).sum(axis=axis) / np.sqrt(squares)
    return result


@registry.register()
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Floats:
    """``mean(e^2 / 2 if |e| <= delta else delta |e| - delta^2 / 2)`` with ``e = y_pred - y_true`` (Huber 1964)."""
    true, pred = float_pair("huber", y_true, y_pred)
    error = np.abs(pred - true)
    return _last_mean(np.where(error <= delta, 0.5 * error * error, delta * error - 0.5 * delta * delta))


def log_cosh(y_true: Any, y_pred: Any) -> Floats:
    """``mean(log(cosh(e)))`` of ``e = y_pred - y_true``, as ``|e| + log1p(exp(-2|e|)) - log 2``: no overflow."""
    true, pred = float_pair("log_cosh", y_true, y_pred)
    error = np.abs(pred - true)
    return _last_mean(error + np.log1p(np.exp(-2.0 * error)) - np.log(2.0))


@registry.register("mse", "MSE")
class MeanSquaredError(FunctionMetric):
    """Mean of squared differences."""

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, name, dtype)


@registry.register("mae", "MAE")
class MeanAbsoluteError(FunctionMetric):
    """Mean of absolute differences."""

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, name, dtype)


@registry.register("mape", "MAPE")
class MeanAbsolutePercentageError(FunctionMetric):
    """Mean of absolute differences in percent of the true value."""

    def __init__(self, name: str = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_percentage_error, name, dtype)


@registry.register("msle", "MSLE")
class MeanSquaredLogarithmicError(FunctionMetric):
    """Mean of squared differences of ``log(1 + y)``."""

    def __init__(self, name: str = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_logarithmic_error, name, dtype)


@registry.register()
class CosineSimilarity(FunctionMetric):
    """Mean cosine between true and predicted vectors along `axis`: 1 same direction, 0 orthogonal, -1 opposite."""

    _config_fields: ClassVar[tuple[str, ...]] = ("axis",)

    def __init__(self, name: str = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(cosine_similarity, name, dtype, axis=axis)
        self.axis = axis


@registry.register("logcosh", "log_cosh")
class LogCoshError(FunctionMetric):
    """Mean of ``log(cosh(error))``."""

    def __init__(self, name: str = "logcosh", dtype: Any = None) -> None:
        super().__init__(log_cosh, name, dtype)


@registry.register("rmse", "RMSE")
class RootMeanSquaredError(Mean):
    """Square root of the mean over rows and outputs of squared differences."""

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(  # type: ignore[override]  # as in MeanMetricWrapper
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Adds the squared differences of a batch; see `MeanMetricWrapper`."""
        true, pred = float_pair(self.name, *rows_of(self.name, y_true, y_pred))
        super().update_state(np.square(true - pred), sample_weight)

    def result(self) -> Result:
        """Square root of the weighted mean."""
        return self._finish(np.sqrt(self._mean()))
