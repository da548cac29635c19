"""Functions on symbolic tensors that a built-in layer computes just the same, so that a step stays in the engine."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ranvier import activations
from ranvier._registry import auto_name
from ranvier._symbolic import KerasTensor
from ranvier.layers import merging
from ranvier.layers.base import Layer
from ranvier.layers.core import Activation
from ranvier.layers.preprocessing import Rescaling

# What scale and offset make of x and the number c. Products and sums with 1, -1 and 0 are exact.
_WITH_NUMBER: dict[tuple[str, bool], Callable[[float], tuple[float, float]]] = {
    ("add", False): lambda c: (1.0, c),
    ("add", True): lambda c: (1.0, c),
    ("multiply", False): lambda c: (c, 0.0),
    ("multiply", True): lambda c: (c, 0.0),
    ("subtract", False): lambda c: (1.0, -c),
    ("subtract", True): lambda c: (-1.0, c),
    ("negative", False): lambda c: (-1.0, 0.0),
}


def engine_call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The symbolic result of a layer that stands for the function, or None where there is none."""
    tensors = [x for x in args if isinstance(x, KerasTensor)]
    if kwargs or not 1 <= len(args) <= 2 or not tensors:
        return None
    first = tensors[0]
    if not first.dtype.startswith("float") or first.ndim < 2:
        return None
    if len(tensors) == 2:
        equal = name in ("add", "subtract", "multiply") and _equal_roles(*tensors)
        return _as_operation(getattr(merging, name.capitalize()), name, first)(tensors) if equal else None
    if len(args) == 1:
        activation = activation_of(name)
        if activation is not None:
            return _as_operation(Activation, name, first, activation=activation)(first)
    number = args[1 if args[0] is first else 0] if len(args) == 2 else 0.0
    terms = _WITH_NUMBER.get((name, args[0] is not first))
    plain = isinstance(number, int | float) and not isinstance(number, bool) and abs(number) < 2**53
    if terms is None or (len(args) == 1) != (name == "negative") or not plain or not math.isfinite(number):
        return None
    scale, offset = terms(float(number))
    return _as_operation(Rescaling, name, first, scale=scale, offset=offset)(first)


def activation_of(name: str) -> str | None:
    """The engine's activation that computes the function of `ranvier.ops` at its default arguments."""
    from ranvier import ops

    if name == "relu":  # activations.relu has further arguments, and the same defaults
        return name
    return activations.native_name(getattr(ops, name, None)) if name in ops.__all__ else None


def _as_operation(kind: type[Layer], name: str, like: KerasTensor, **arguments: Any) -> Layer:
    layer = kind(name=auto_name(name), dtype=like.dtype, **arguments)
    layer._is_operation = True
    layer.class_label = class_label(name)
    return layer


def class_label(function: str) -> str:
    """The name of a function in overviews: ``TrueDivide``, as Keras calls its class."""
    return "".join(part.capitalize() for part in function.rpartition(".")[2].split("_"))


def _equal_roles(x1: KerasTensor, x2: KerasTensor) -> bool:
    """Whether a merging layer computes just what the operator does: two tensors of one dtype and rank."""
    if x1.dtype != x2.dtype or x1.ndim != x2.ndim:
        return False
    return x1.shape == x2.shape or (x1.shape[0] == x2.shape[0] and None not in (*x1.shape[1:], *x2.shape[1:]))
