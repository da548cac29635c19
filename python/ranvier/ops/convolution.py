"""Convolutions as functions of tensors, with Keras's argument order."""

from __future__ import annotations

from typing import Any

from ranvier import config
from ranvier._core import Tensor
from ranvier.ops._convert import engine, floating, tensor, whole
from ranvier.ops._recording import record_all

__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]


def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """Convolution over one to three spatial axes: ``y[o] = sum_t x[o * stride + t * dilation - before] @ kernel[t]``.

    Args:
        inputs: ``(batch, ..., channels)``.
        kernel: ``(window..., channels / groups, filters)``; the number of groups follows from the channels.
        strides: an int, or one for each spatial axis.
        padding: ``"valid"``, ``"same"``, ``"causal"`` or a list of pairs: zeros before and behind each axis.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        dilation_rate: an int, or one for each spatial axis.

    Returns:
        ``(batch, ..., filters)``, of the kernel's dtype.
    """
    x, w = _operands(inputs, kernel)
    sizes = _sizes("conv", w, strides, dilation_rate)
    return engine.conv(x, w, sizes[0], _padding(padding, "conv"), sizes[1], _channels_first(data_format, "conv"))


def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """Every channel with filters of its own: kernel ``(window..., channels, multiplier)``; else as `conv`.

    Returns:
        ``(batch, ..., channels * multiplier)``; the results of one channel lie together.
    """
    x, w = _operands(inputs, kernel)
    where = "depthwise_conv"
    sizes = _sizes(where, w, strides, dilation_rate)
    return engine.depthwise_conv(
        x, w, sizes[0], _padding(padding, where), sizes[1], _channels_first(data_format, where)
    )


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """`depthwise_conv`, then `conv` with a kernel ``(1..., channels * multiplier, filters)``."""
    x, w = _operands(inputs, depthwise_kernel)
    where = "separable_conv"
    sizes = _sizes(where, w, strides, dilation_rate)
    mix = tensor(pointwise_kernel, w.dtype)
    return engine.separable_conv(
        x, w, mix, sizes[0], _padding(padding, where), sizes[1], _channels_first(data_format, where)
    )


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """The gradient of `conv` with respect to its input, as an op that enlarges.

    Args:
        inputs: ``(batch, ..., channels)``.
        kernel: ``(window..., filters, channels)``.
        strides: an int, or one for each spatial axis.
        padding: ``"valid"`` or ``"same"`` (size times strides).
        output_padding: an int, or one for each spatial axis, below the strides: changes the size of the result, see
            `layers.Conv1DTranspose`.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        dilation_rate: an int, or one for each spatial axis.
    """
    x, w = _operands(inputs, kernel)
    where = "conv_transpose"
    sizes = _sizes(where, w, strides, dilation_rate)
    added = [] if output_padding is None else _per_axis(output_padding, w, where, "output_padding")
    if not isinstance(padding, str):
        raise TypeError(f"[{where}] padding: expected 'valid' or 'same', received {padding!r}.")
    return engine.conv_transpose(x, w, sizes[0], padding.lower(), added, sizes[1], _channels_first(data_format, where))


def _operands(inputs: Any, kernel: Any) -> tuple[Tensor, Tensor]:
    w = floating(kernel)
    return tensor(inputs, w.dtype), w


def _per_axis(value: Any, kernel: Tensor, where: str, name: str) -> list[int]:
    """One int for all spatial axes, or one for each."""
    if isinstance(value, list | tuple):
        return [whole(v, where, name) for v in value]
    return [whole(value, where, name)] * max(kernel.ndim - 2, 0)


def _sizes(where: str, kernel: Tensor, strides: Any, dilation_rate: Any) -> tuple[list[int], list[int]]:
    return _per_axis(strides, kernel, where, "strides"), _per_axis(dilation_rate, kernel, where, "dilation_rate")


def _padding(value: Any, where: str) -> str | list[tuple[int, int]]:
    if isinstance(value, str):
        return value.lower()
    try:
        return [(whole(before, where, "padding"), whole(behind, where, "padding")) for before, behind in value]
    except (TypeError, ValueError):
        raise ValueError(
            f"[{where}] padding: expected 'valid', 'same', 'causal' or a list of pairs of ints, received {value!r}."
        ) from None


def _channels_first(data_format: Any, where: str) -> bool:
    if data_format not in (None, "channels_last", "channels_first"):
        raise ValueError(
            f"[{where}] data_format: expected 'channels_last' or 'channels_first', received {data_format!r}."
        )
    return (data_format or config.image_data_format()) == "channels_first"


record_all(globals())
