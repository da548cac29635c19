"""Losses of numbers against numbers; the last axis is averaged."""

from __future__ import annotations

from typing import Any

from ranvier import config, ops
from ranvier._core import Tensor
from ranvier.layers._checks import number
from ranvier.losses.base import Loss, NativeLoss, registry
from ranvier.ops.nn import normalize


@registry.register("mse", "MSE")
class MeanSquaredError(NativeLoss):
    """``mean((y_true - y_pred)**2)``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("mae", "MAE")
class MeanAbsoluteError(NativeLoss):
    """``mean(|y_true - y_pred|)``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("mape", "MAPE")
class MeanAbsolutePercentageError(NativeLoss):
    """``100 * mean(|(y_true - y_pred) / max(|y_true|, epsilon)|)``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("msle", "MSLE")
class MeanSquaredLogarithmicError(NativeLoss):
    """``mean((log(max(y_true, epsilon) + 1) - log(max(y_pred, epsilon) + 1))**2)``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("huber_loss")
class Huber(NativeLoss):
    """``error**2 / 2`` up to `delta`, ``delta * (|error| - delta / 2)`` beyond (Huber 1964), averaged.

    Args:
        delta: where the square becomes a line. Default 1.
        reduction: as in `Loss`.
        name: default ``"huber_loss"``.
        dtype: of the computation.
    """

    _arguments = ("delta",)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = number(delta, name, "delta", 0)


@registry.register("logcosh")
class LogCosh(NativeLoss):
    """``mean(log(cosh(y_pred - y_true)))``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "log_cosh", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register()
class CosineSimilarity(Loss):
    """Minus the cosine of the angle between targets and predictions along `axis`: -1 for the same direction."""

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """One value per sample."""
        return cosine_similarity(y_true, y_pred, self.axis)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "axis": self.axis}


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean((y_true - y_pred)**2)`` over the last axis, one value per sample."""
    return MeanSquaredError().call(y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(|y_true - y_pred|)`` over the last axis, one value per sample."""
    return MeanAbsoluteError().call(y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """``100 * mean(|(y_true - y_pred) / max(|y_true|, epsilon)|)`` over the last axis, one value per sample."""
    return MeanAbsolutePercentageError().call(y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean squared difference of ``log(y + 1)`` over the last axis, one value per sample."""
    return MeanSquaredLogarithmicError().call(y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """Huber's loss over the last axis, one value per sample."""
    return Huber(delta).call(y_true, y_pred)


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(log(cosh(y_pred - y_true)))`` over the last axis, one value per sample."""
    return LogCosh().call(y_true, y_pred)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """``-sum(normalize(y_true) * normalize(y_pred))`` along `axis`."""
    epsilon = config.epsilon()
    product = ops.multiply(normalize(y_true, axis, epsilon=epsilon), normalize(y_pred, axis, epsilon=epsilon))
    return ops.negative(ops.sum(product, axis))
