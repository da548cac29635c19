"""Tensors in and out, and what is known about them."""

from __future__ import annotations

from typing import Any

from ranvier import config
from ranvier._core import Tensor
from ranvier._tensor import convert_to_numpy, convert_to_tensor, is_tensor
from ranvier.ops._convert import axis_of, engine, tensor
from ranvier.ops._recording import record_all

__all__ = [
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "copy",
    "dtype",
    "get_item",
    "is_tensor",
    "ndim",
    "shape",
    "size",
    "slice",
    "stop_gradient",
    "unstack",
]


def cast(x: Any, dtype: Any) -> Tensor:
    """`x` in another dtype; gradients flow between floating dtypes. Floats become integers by truncation."""
    return engine.cast(tensor(x), config.standardize_dtype(dtype))


def copy(x: Any) -> Tensor:
    """The values of `x` in memory of their own."""
    x = tensor(x)
    return engine.reshape(engine.concatenate([engine.reshape(x, [-1])], 0), list(x.shape))


def dtype(x: Any) -> str:
    """Name of the dtype of `x`, such as ``"float32"``."""
    return tensor(x).dtype


def shape(x: Any) -> tuple[int, ...]:
    """Shape of `x` as a tuple of ints."""
    return tensor(x).shape


def ndim(x: Any) -> int:
    """Number of axes of `x`."""
    return tensor(x).ndim


def size(x: Any) -> int:
    """Number of elements of `x`."""
    return tensor(x).size


def stop_gradient(variable: Any) -> Tensor:
    """The same values, with no gradient flowing back through them."""
    return engine.stop_gradient(tensor(variable))


def get_item(x: Any, key: Any) -> Tensor:
    """``x[key]``: ints, slices, ``...``, None, integer tensors."""
    return tensor(x)[key]


def slice(inputs: Any, start_indices: Any, shape: Any) -> Tensor:
    """The block of `inputs` of shape `shape` that starts at `start_indices` (one entry per axis)."""
    x = tensor(inputs)
    if not len(start_indices) == len(shape) == x.ndim:
        raise ValueError(
            f"[slice] expected one start and one size for each of the {x.ndim} axes of shape {x.shape}, "
            f"received start_indices={start_indices!r}, shape={shape!r}."
        )
    for start, length, available in zip(start_indices, shape, x.shape, strict=True):
        if not (start >= 0 and length >= 0 and start + length <= available):
            raise ValueError(
                f"[slice] expected a block within shape {x.shape}, "
                f"received start_indices={start_indices!r}, shape={shape!r}."
            )
    ranges = [(int(s), int(s) + int(n), 1) for s, n in zip(start_indices, shape, strict=True)]
    return engine.slice(x, ranges)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The slices of `x` along `axis`, without that axis. `num`, if given, must be their number."""
    x = tensor(x)
    position = axis_of(axis, x.ndim, "unstack")
    length = x.shape[position]
    if num is not None and num != length:
        raise ValueError(f"[unstack] num: expected {length} (axis {axis} of shape {x.shape}), received {num}.")
    whole = [(None, None, 1)] * position
    return [engine.squeeze(engine.slice(x, [*whole, (i, i + 1, 1)]), [position]) for i in range(length)]


record_all(globals())
