"""Losses of maximum margins: targets -1 and 1 (0 counts as -1)."""

from __future__ import annotations

from typing import Any

from ranvier import ops
from ranvier._core import Tensor
from ranvier.losses.base import Loss, NativeLoss, registry
from ranvier.ops._convert import floating, tensor


@registry.register()
class Hinge(NativeLoss):
    """``mean(max(1 - t*p, 0))``."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(name, reduction, dtype)


@registry.register()
class SquaredHinge(NativeLoss):
    """``mean(max(1 - t*p, 0)**2)``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "squared_hinge", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register()
class CategoricalHinge(Loss):
    """``max(max((1-t)*p) - sum(t*p) + 1, 0)`` over the last axis, targets one-hot (Crammer & Singer 2001)."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "categorical_hinge", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """One value per sample."""
        return categorical_hinge(y_true, y_pred)


def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(max(1 - t*p, 0))`` over the last axis, one value per sample."""
    return Hinge().call(y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(max(1 - t*p, 0)**2)`` over the last axis, one value per sample."""
    return SquaredHinge().call(y_true, y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``max(max((1-t)*p) - sum(t*p) + 1, 0)`` over the last axis, one value per sample."""
    p = floating(y_pred)
    t = tensor(y_true, p.dtype)
    wrong = ops.max(ops.multiply(ops.subtract(1.0, t), p), -1)
    right = ops.sum(ops.multiply(t, p), -1)
    return ops.maximum(ops.add(ops.subtract(wrong, right), 1.0), 0.0)
