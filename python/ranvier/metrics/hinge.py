"""Margins of binary labels (-1 or 1; 0 is read as -1) and of one-hot labels; ``(..., d)`` -> ``(...)``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._inputs import Floats, float_pair
from .metric import registry
from .reduction import FunctionMetric


def _margins(where: str, y_true: Any, y_pred: Any) -> Floats:
    """``max(1 - y_true y_pred, 0)``.

    As in Keras, 0/1 labels are read as -1/1 only when all labels are 0 or 1. The one label that could depend on how
    the rows were cut, a 1, means the same in both readings, and 0 means "no class" only beside a -1.
    """
    true, pred = float_pair(where, y_true, y_pred)
    if ((true == 0.0) | (true == 1.0)).all():
        true = 2.0 * true - 1.0
    result: Floats = np.maximum(1.0 - true * pred, 0.0)
    return result


def hinge(y_true: Any, y_pred: Any) -> Floats:
    """``mean(max(1 - y_true y_pred, 0))``; labels -1/1 or 0/1."""
    result: Floats = _margins("hinge", y_true, y_pred).mean(axis=-1)
    return result


def squared_hinge(y_true: Any, y_pred: Any) -> Floats:
    """``mean(max(1 - y_true y_pred, 0)^2)``; labels -1/1 or 0/1."""
    result: Floats = np.square(_margins("squared_hinge", y_true, y_pred)).mean(axis=-1)
    return result


def categorical_hinge(y_true: Any, y_pred: Any) -> Floats:
    """``max(1 + max((1 - y_true) y_pred) - sum(y_true y_pred), 0)`` for one-hot `y_true`."""
    true, pred = float_pair("categorical_hinge", y_true, y_pred)
    own, other = (true * pred).sum(axis=-1), ((1.0 - true) * pred).max(axis=-1)
    result: Floats = np.maximum(1.0 + other - own, 0.0)
    return result


@registry.register()
class Hinge(FunctionMetric):
    """Mean of `hinge`."""

    def __init__(self, name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(hinge, name, dtype)


@registry.register()
class SquaredHinge(FunctionMetric):
    """Mean of `squared_hinge`."""

    def __init__(self, name: str = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(squared_hinge, name, dtype)


@registry.register()
class CategoricalHinge(FunctionMetric):
    """Mean of `categorical_hinge`."""

    def __init__(self, name: str = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(categorical_hinge, name, dtype)
