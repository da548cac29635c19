"""Pooling over the spatial axes of sequences, images and volumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ranvier._core import Tensor
from ranvier.ops import manipulation as s
from ranvier.ops._convert import channels_first, engine, floating, whole
from ranvier.ops._recording import record_all

__all__ = ["adaptive_average_pool", "adaptive_max_pool", "average_pool", "max_pool"]


def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Tensor:
    """The largest element of each window; a NaN wins, and the gradient goes to the first largest.

    Args:
        inputs: ``(batch, spatial..., channels)`` with one to three spatial axes, or the channels right after the
            batch, as `data_format` says.
        pool_size: window, an int or one per axis.
        strides: distance of windows, an int or one per axis. Default `pool_size`.
        padding: ``"valid"`` (windows within the input) or ``"same"`` (``ceil(size / stride)`` windows per axis).
        data_format: ``"channels_last"`` or ``"channels_first"``; None means `config.image_data_format()`.

    Raises:
        ValueError: another rank or padding, or a window larger than the input without padding.
    """
    return _windows("max_pool", inputs, pool_size, strides, padding, data_format)


def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Tensor:
    """The mean of each window, over the elements that exist; arguments as in `max_pool`."""
    return _windows("average_pool", inputs, pool_size, strides, padding, data_format)


def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Tensor:
    """The largest element of each of `output_size` windows, an int or one per axis.

    Window o of m over n elements reaches from ``floor(o*n/m)`` to ``ceil((o+1)*n/m)``.
    """
    return _adaptive("adaptive_max_pool", inputs, output_size, data_format)


def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Tensor:
    """The mean of each of `output_size` windows; see `adaptive_max_pool`."""
    return _adaptive("adaptive_average_pool", inputs, output_size, data_format)


def _windows(name: str, inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None) -> Tensor:
    x = floating(inputs)
    size = _sizes(pool_size, x, name, "pool_size")
    step = size if strides is None else _sizes(strides, x, name, "strides")
    mode = padding.lower() if isinstance(padding, str) else padding
    if mode not in ("valid", "same"):
        raise ValueError(f"[{name}] padding: expected 'valid' or 'same', received {padding!r:.200}.")
    return _channels_last(lambda last: getattr(engine, name)(last, size, step, mode == "same"), x, data_format, name)


def _adaptive(name: str, inputs: Any, output_size: Any, data_format: str | None) -> Tensor:
    x = floating(inputs)
    size = _sizes(output_size, x, name, "output_size")
    return _channels_last(lambda last: getattr(engine, name)(last, size), x, data_format, name)


def _sizes(value: Any, x: Tensor, where: str, name: str) -> list[int]:
    axes = x.ndim - 2
    if not 1 <= axes <= 3:
        raise ValueError(f"[{where}] expected 3 to 5 axes (batch, spatial..., channels), received shape {x.shape}.")
    given = list(value) if isinstance(value, list | tuple) else [value] * axes
    if len(given) != axes:
        raise ValueError(
            f"[{where}] {name}: expected an int or {axes} ints for shape {x.shape}, received {value!r:.200}."
        )
    return [whole(number, where, name) for number in given]


def _channels_last(pool: Callable[[Tensor], Tensor], x: Tensor, data_format: str | None, where: str) -> Tensor:
    if not channels_first(data_format, where):
        return pool(x)
    return s.moveaxis(pool(s.moveaxis(x, 1, -1)), -1, 1)


record_all(globals())
