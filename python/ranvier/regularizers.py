"""Penalties on weights and outputs. L1 and L2 on weights are computed by the engine, everything else in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ranvier import ops
from ranvier._registry import Registry

__all__ = ["L1", "L2", "L1L2", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2", "serialize"]


class Regularizer:
    """Base of regularizers: a callable from a tensor to a scalar Tensor. A plain function does as well."""

    def __call__(self, x: Any) -> Any:
        """The penalty of `x`, a scalar Tensor."""
        raise NotImplementedError(f"[{type(self).__name__}] a Regularizer must define __call__(self, x).")

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; a subclass with arguments returns them here."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """The inverse of `get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


registry: Registry[Regularizer] = Registry("regularizer", Regularizer, callables=True)


def _factor(where: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError(f"[{where}] {name}: expected a number of 0 or more, received {value!r}.")
    return float(value)


@registry.register("l1_l2")
class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x**2)``.

    Args:
        l1: factor of the sum of absolute values. Default 0.
        l2: factor of the sum of squares. Default 0.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor("L1L2", "l1", 0.0 if l1 is None else l1)
        self.l2 = _factor("L1L2", "l2", 0.0 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        """The penalty of `x`, a scalar Tensor."""
        return _penalty(x, self.l1, self.l2)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"l1": self.l1, "l2": self.l2}


@registry.register()
class L1(Regularizer):
    """``l1 * sum(|x|)``: drives small weights to 0 (Tibshirani 1996). Default ``l1=0.01``."""

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor("L1", "l1", 0.01 if l1 is None else l1)

    def __call__(self, x: Any) -> Any:
        """The penalty of `x`, a scalar Tensor."""
        return _penalty(x, self.l1, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"l1": self.l1}


@registry.register()
class L2(Regularizer):
    """``l2 * sum(x**2)``: draws weights towards 0. Default ``l2=0.01``."""

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor("L2", "l2", 0.01 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        """The penalty of `x`, a scalar Tensor."""
        return _penalty(x, 0.0, self.l2)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"l2": self.l2}


def _penalty(x: Any, l1: float, l2: float) -> Any:
    parts = []
    if l1:
        parts.append(ops.multiply(ops.sum(ops.abs(x)), l1))
    if l2:
        parts.append(ops.multiply(ops.sum(ops.square(x)), l2))
    return sum(parts[1:], parts[0]) if parts else ops.zeros(())


l1, l2, l1_l2 = L1, L2, L1L2

Custom = Callable[[Any], Any]


def get(identifier: Any) -> Regularizer | Custom | None:
    """A regularizer from None, a name (``"l2"``), an instance, a function, a class or a config dict."""
    result: Regularizer | Custom | None = registry.get(identifier)
    return result


def serialize(regularizer: Any) -> Any:
    """None, a function's name, or ``{"class_name", "config"}``."""
    return registry.serialize(regularizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The inverse of `serialize`."""
    return registry.deserialize(config, custom_objects)


def native_factors(regularizer: Any) -> tuple[float, float] | None:
    """``(l1, l2)`` when the engine can compute the penalty (None included), otherwise None."""
    if regularizer is None:
        return 0.0, 0.0
    if type(regularizer) in (L1, L2, L1L2):
        return getattr(regularizer, "l1", 0.0), getattr(regularizer, "l2", 0.0)
    return None
