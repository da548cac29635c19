"""Moving elements: shapes, axes, joining, splitting, picking; new tensors of a given shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ranvier import config
from ranvier._core import Tensor
from ranvier.ops._convert import axes_of, axis_of, dtype_of, engine, shape_of, tensor, whole
from ranvier.ops._recording import record_all

__all__ = [
    "arange",
    "array",
    "broadcast_to",
    "concatenate",
    "expand_dims",
    "eye",
    "flip",
    "full",
    "full_like",
    "identity",
    "linspace",
    "moveaxis",
    "ones",
    "ones_like",
    "pad",
    "ravel",
    "repeat",
    "reshape",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "take",
    "tile",
    "transpose",
    "zeros",
    "zeros_like",
]


# -- axes --------------------------------------------------------------------------------------------------------------


def reshape(x: Any, newshape: Any) -> Tensor:
    """`x` in another shape with as many elements; one size may be -1."""
    return engine.reshape(tensor(x), shape_of(newshape, "reshape"))


def ravel(x: Any) -> Tensor:
    """`x` with one axis."""
    return engine.reshape(tensor(x), [-1])


def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """`x` with its axes in the order `axes`, reversed by default."""
    x = tensor(x)
    if axes is not None and len(axes) != x.ndim:
        raise ValueError(f"[transpose] axes: expected all {x.ndim} axes of shape {x.shape}, received {axes!r}.")
    return engine.transpose(x, axes_of(axes, x.ndim, "transpose"))


def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """`x` with two axes exchanged."""
    x = tensor(x)
    order = list(range(x.ndim))
    i, j = axis_of(axis1, x.ndim, "swapaxes"), axis_of(axis2, x.ndim, "swapaxes")
    order[i], order[j] = order[j], order[i]
    return engine.transpose(x, order)


def moveaxis(x: Any, source: Any, destination: Any) -> Tensor:
    """`x` with the axes `source` moved to the places `destination`, the others in their order."""
    x = tensor(x)
    origin, target = axes_of(source, x.ndim, "moveaxis"), axes_of(destination, x.ndim, "moveaxis")
    if len(origin) != len(target):
        raise ValueError(f"[moveaxis] expected as many destinations as sources, received {source!r}, {destination!r}.")
    order = [axis for axis in range(x.ndim) if axis not in origin]
    for place, axis in sorted(zip(target, origin, strict=True)):
        order.insert(place, axis)
    return engine.transpose(x, order)


def expand_dims(x: Any, axis: Any) -> Tensor:
    """`x` with an axis of size 1 at `axis` (or at each of several)."""
    x = tensor(x)
    axes = axis if isinstance(axis, list | tuple) else [axis]
    for place in sorted(axes_of(list(axes), x.ndim + len(axes), "expand_dims")):
        x = engine.expand_dims(x, place)
    return x


def squeeze(x: Any, axis: Any = None) -> Tensor:
    """`x` without its axes of size 1, or without those of `axis`."""
    x = tensor(x)
    axes = axes_of(axis, x.ndim, "squeeze")
    for place in axes:
        if x.shape[place] != 1:
            raise ValueError(f"[squeeze] axis {place} of shape {x.shape} has size {x.shape[place]}, expected 1.")
    return engine.squeeze(x, axes)


def broadcast_to(x: Any, shape: Any) -> Tensor:
    """`x` repeated to `shape` by NumPy's broadcasting rules."""
    return engine.broadcast_to(tensor(x), shape_of(shape, "broadcast_to"))


# -- joining, splitting, picking ---------------------------------------------------------------------------------------


def concatenate(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors joined along an existing axis; all other sizes must be equal."""
    parts = _same_dtype([tensor(x) for x in xs], "concatenate")
    return engine.concatenate(parts, axis_of(axis, parts[0].ndim, "concatenate"))


def stack(x: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis."""
    parts = _same_dtype([tensor(part) for part in x], "stack")
    return engine.stack(parts, axis_of(axis, parts[0].ndim + 1, "stack"))


def _same_dtype(parts: list[Tensor], where: str) -> list[Tensor]:
    if not parts:
        raise ValueError(f"[{where}] expected at least one tensor, received none.")
    wanted = max((part.dtype for part in parts), key=["bool", "int32", "int64", "float32", "float64"].index)
    return [part if part.dtype == wanted else engine.cast(part, wanted) for part in parts]


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """`x` cut along `axis` into that many equal parts, or before each of the given positions."""
    x = tensor(x)
    place = axis_of(axis, x.ndim, "split")
    length = x.shape[place]
    if isinstance(indices_or_sections, list | tuple | np.ndarray):
        cuts = [whole(i, "split", "indices_or_sections") for i in indices_or_sections]
    else:
        parts = whole(indices_or_sections, "split", "indices_or_sections")
        if parts <= 0 or length % parts:
            raise ValueError(f"[split] axis {axis} of shape {x.shape} cannot be cut into {parts} equal parts.")
        cuts = list(range(length // parts, length, length // parts))
    bounds = list(zip([0, *cuts], [*cuts, length], strict=True))
    outer = [(None, None, 1)] * place
    return [engine.slice(x, [*outer, (start, stop, 1)]) for start, stop in bounds]


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The slices of `x` along `axis` (of the flattened tensor without one) at integer `indices` of any shape."""
    x = tensor(x)
    index = tensor(indices)
    if index.dtype not in ("int32", "int64"):
        raise TypeError(f"[take] indices: expected integers, received dtype {index.dtype}.")
    if axis is None:
        return engine.gather(engine.reshape(x, [-1]), index, 0)
    return engine.gather(x, index, axis_of(axis, x.ndim, "take"))


def flip(x: Any, axis: Any = None) -> Tensor:
    """`x` in reverse order along `axis` (all axes by default)."""
    x = tensor(x)
    return engine.flip(x, axes_of(axis, x.ndim, "flip") or list(range(x.ndim)))


def repeat(x: Any, repeats: int, axis: int | None = None) -> Tensor:
    """Each slice along `axis` (each element without one) `repeats` times in a row: ``[a, a, b, b]``."""
    x = tensor(x)
    if axis is None:
        x, axis = engine.reshape(x, [-1]), 0
    place = axis_of(axis, x.ndim, "repeat")
    count = whole(repeats, "repeat", "repeats")
    sizes = list(x.shape)
    sizes[place] *= count
    return engine.reshape(engine.repeat(x, count, place + 1), sizes)


def tile(x: Any, repeats: Any) -> Tensor:
    """The whole of `x` several times along each axis: ``[a, b, a, b]``."""
    x = tensor(x)
    counts = shape_of(repeats, "tile")
    counts = [1] * (x.ndim - len(counts)) + counts
    x = engine.reshape(x, [1] * (len(counts) - x.ndim) + list(x.shape))
    for place, count in enumerate(counts):
        if count != 1:
            sizes = list(x.shape)
            sizes[place] *= count
            x = engine.reshape(engine.repeat(x, count, place), sizes)
    return x


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float | None = None) -> Tensor:
    """`x` with `constant_values` (default 0) before and after it on each axis.

    Args:
        x: tensor.
        pad_width: ``(before, after)`` for each axis, one pair for all, or one number for all.
        mode: ``"constant"``.
        constant_values: the number to fill with.
    """
    x = tensor(x)
    if mode != "constant":
        raise ValueError(f"[pad] mode: expected 'constant', received {str(mode)[:60]!r}.")
    try:
        widths = np.broadcast_to(np.asarray(pad_width, dtype=np.int64), (x.ndim, 2)).tolist()
    except (ValueError, OverflowError):
        raise ValueError(
            f"[pad] pad_width: expected (before, after) for each of the {x.ndim} axes of shape {x.shape}, "
            f"received {pad_width!r}."
        ) from None
    return engine.pad(x, [(int(a), int(b)) for a, b in widths], float(constant_values or 0.0))


# -- new tensors -------------------------------------------------------------------------------------------------------


def array(x: Any, dtype: Any = None) -> Tensor:
    """Same as `convert_to_tensor`."""
    return tensor(x, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """A tensor of `shape` filled with one number (or an array repeated to it), of dtype floatx (or `dtype`)."""
    sizes, name = shape_of(shape, "full"), config.standardize_dtype(dtype)
    if isinstance(fill_value, bool | float) or (isinstance(fill_value, int) and -(2**53) <= fill_value <= 2**53):
        return engine.full(sizes, fill_value, name)
    return engine.broadcast_to(tensor(fill_value, name), sizes)


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """A tensor of zeros of dtype floatx (or `dtype`)."""
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """A tensor of ones of dtype floatx (or `dtype`)."""
    return full(shape, 1, dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """A tensor of the shape and dtype of `x` filled with one number."""
    x = tensor(x)
    return full(x.shape, fill_value, dtype or x.dtype)


def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros of the shape and dtype of `x`."""
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Ones of the shape and dtype of `x`."""
    return full_like(x, 1, dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on the `k`-th diagonal of an ``(N, M)`` matrix of zeros; M defaults to N."""
    return tensor(np.eye(N, M, k), config.standardize_dtype(dtype))


def identity(n: int, dtype: Any = None) -> Tensor:
    """The ``(n, n)`` identity matrix."""
    return eye(n, dtype=dtype)


def arange(start: float, stop: float | None = None, step: float | None = None, dtype: Any = None) -> Tensor:
    """Numbers from `start` (0 if it is the only one given) up to `stop`, without it; int32 for integers that fit."""
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    if dtype is None:
        known = [dtype_of(v) or ("float" if isinstance(v, float) else "int32") for v in (start, stop, step)]
        floats = [d for d in known if d.startswith("float")]
        dtype = (config.floatx() if "float" in floats else floats[0]) if floats else known[0]
    if step == 0:
        raise ValueError("[arange] step: expected a number other than 0, received 0.")
    numbers = (start, stop, step)
    if all(isinstance(v, int) for v in numbers) and max(map(abs, numbers)) >= 2**31:
        return tensor(np.arange(*numbers), dtype if dtype != "int32" else None)  # exact where a double is not
    return engine.arange(float(start), float(stop), float(step), config.standardize_dtype(dtype))


def linspace(start: float, stop: float, num: int = 50, endpoint: bool = True, dtype: Any = None) -> Tensor:
    """`num` evenly spaced numbers from `start` to `stop` (without `stop` unless `endpoint`)."""
    return tensor(np.linspace(start, stop, num, endpoint), config.standardize_dtype(dtype))


record_all(globals())
