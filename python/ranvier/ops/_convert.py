"""How the functions of `ranvier.ops` read their arguments."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ranvier import config
from ranvier._core import Tensor, Variable
from ranvier._core import ops as engine
from ranvier._tensor import convert_to_tensor

__all__ = [
    "axis_of",
    "axes_of",
    "channels_first",
    "dtype_of",
    "engine",
    "flag",
    "floating",
    "pair",
    "shape_of",
    "tensor",
    "whole",
]

tensor = convert_to_tensor


def dtype_of(x: Any) -> str | None:
    """The dtype of a Tensor, Variable or NumPy array, None for numbers and lists."""
    if isinstance(x, Tensor | Variable):
        return x.dtype
    if hasattr(x, "dtype") and not isinstance(x, float):
        return tensor(np.empty(0, x.dtype)).dtype
    return None


def floating(x: Any) -> Tensor:
    """`x` as a Tensor of floating dtype: integers and booleans become floatx."""
    x = convert_to_tensor(x)
    return x if x.dtype in config.FLOATS else engine.cast(x, config.floatx())


def pair(x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    """Both operands as Tensors. A Python number takes the other's dtype (a float next to integers becomes floatx).

    Two Tensors keep their dtypes; the engine promotes bool < int32 < int64 < float32 < float64.
    """
    weak1, weak2 = isinstance(x1, bool | int | float), isinstance(x2, bool | int | float)
    if weak1 and not weak2:
        x2 = convert_to_tensor(x2)
        return convert_to_tensor(x1, _weak(x1, x2.dtype)), x2
    if weak2 and not weak1:
        x1 = convert_to_tensor(x1)
        return x1, convert_to_tensor(x2, _weak(x2, x1.dtype))
    return convert_to_tensor(x1), convert_to_tensor(x2)


def _weak(number: bool | int | float, other: str) -> str | None:
    if other in config.FLOATS or isinstance(number, bool):
        return other
    if isinstance(number, int) and other != "bool":
        return other if -(2**31) <= number < 2**31 else "int64"
    return None  # the number's own dtype: floatx, or an integer next to booleans


def channels_first(data_format: str | None, where: str) -> bool:
    """Whether the channels come right after the batch; None means `config.image_data_format()`."""
    data_format = config.image_data_format() if data_format is None else data_format
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f"[{where}] data_format: expected 'channels_last' or 'channels_first', received {data_format!r:.200}."
        )
    return data_format == "channels_first"


def axis_of(axis: Any, ndim: int, where: str) -> int:
    """`axis` as an int in ``[0, ndim)``; ValueError naming `where` otherwise."""
    try:
        value = operator.index(axis)
    except TypeError:
        raise TypeError(f"[{where}] axis: expected an int, received {axis!r}.") from None
    if not -ndim <= value < ndim:
        raise ValueError(f"[{where}] axis: expected an axis from {-ndim} to {ndim - 1}, received {value}.")
    return value % ndim


def axes_of(axis: Any, ndim: int, where: str) -> list[int]:
    """None, an int or a sequence of ints -> list of non-negative axes; None gives an empty list (all axes)."""
    if axis is None:
        return []
    axes = [axis_of(a, ndim, where) for a in (axis if isinstance(axis, list | tuple) else [axis])]
    if len(set(axes)) != len(axes):
        raise ValueError(f"[{where}] axis: expected different axes, received {axis!r}.")
    return axes


def shape_of(shape: Any, where: str) -> list[int]:
    """An int or a sequence of ints, which may be computed ones, as a list."""
    shape = np.asarray(shape) if type(shape) is Tensor else shape
    several = isinstance(shape, list | tuple) or (isinstance(shape, np.ndarray) and shape.ndim == 1)
    try:
        sizes = [operator.index(d) for d in (shape if several else [shape])]
    except TypeError:
        raise TypeError(f"[{where}] shape: expected a tuple of ints, received {shape!r}.") from None
    if any(not -(2**63) <= d < 2**63 for d in sizes):
        raise ValueError(f"[{where}] shape: expected sizes below 2**63, received {shape!r}.")
    return sizes


def whole(value: Any, where: str, name: str) -> int:
    """`value` as an int of 64 bits; TypeError or ValueError naming `where` and `name` otherwise."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"[{where}] {name}: expected an int, received {value!r:.200}.") from None
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"[{where}] {name}: expected an int of at most 64 bits, received {value!r:.200}.")
    return number


def flag(value: Any, where: str, name: str) -> bool:
    """`value` as a bool; TypeError naming `where` and `name` for anything but True and False (or 1 and 0)."""
    if isinstance(value, bool | int | np.bool_):
        return bool(value)
    raise TypeError(f"[{where}] {name}: expected True or False, received {value!r:.200}.")
