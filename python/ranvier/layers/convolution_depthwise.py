"""DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D, SeparableConv2D."""

from __future__ import annotations

from typing import Any

from ranvier import initializers, regularizers
from ranvier.layers import _checks
from ranvier.layers.base import registry
from ranvier.layers.convolution import BaseConvolution


class _DepthwiseConv(BaseConvolution):
    _arguments = (
        "kernel_size",
        "strides",
        "padding",
        "depth_multiplier",
        "data_format",
        "dilation_rate",
        "activation",
        "use_bias",
        "depthwise_initializer",
        "bias_initializer",
        "depthwise_regularizer",
        "bias_regularizer",
    )
    _weight_names = ("kernel", "bias")
    _weight_of = {"depthwise": "kernel"}

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.depth_multiplier = _checks.positive_int(depth_multiplier, self.name, "depth_multiplier")
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)


@registry.register()
class DepthwiseConv1D(_DepthwiseConv):
    """A convolution of every channel on its own: ``(batch, steps, channels)`` to ``(..., channels * multiplier)``.

    Args:
        kernel_size: size of the window.
        strides: steps the window moves each time. Default 1.
        padding: ``"valid"`` (default) or ``"same"``.
        depth_multiplier: filters for each channel. Default 1.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        dilation_rate: distance of the inputs a window sees. Default 1.
        activation: function applied to the result, default none.
        use_bias: whether a bias is added. Default True.
        depthwise_initializer: of the kernel ``(kernel_size, channels, depth_multiplier)``, default Glorot uniform.
        bias_initializer: of the bias ``(channels * depth_multiplier,)``, default zeros.
        depthwise_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        **kwargs: name, dtype, trainable, input_shape.

    Raises:
        ValueError: an argument out of range, an input of another rank or number of channels than expected or smaller
            than the window.
    """

    _spatial = 1


@registry.register()
class DepthwiseConv2D(_DepthwiseConv):
    """`DepthwiseConv1D` over ``(batch, height, width, channels)``: the first half of MobileNet's blocks.

    `kernel_size`, `strides` and `dilation_rate` are an int or a tuple of two; the kernel has shape ``(height, width,
    channels, depth_multiplier)``.
    """

    _spatial = 2


class _SeparableConv(BaseConvolution):
    _arguments = (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "depth_multiplier",
        "activation",
        "use_bias",
        "depthwise_initializer",
        "pointwise_initializer",
        "bias_initializer",
        "depthwise_regularizer",
        "pointwise_regularizer",
        "bias_regularizer",
    )
    _weight_names = ("depthwise_kernel", "pointwise_kernel", "bias")
    _weight_of = {"depthwise": "depthwise_kernel", "pointwise": "pointwise_kernel"}

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.filters = _checks.positive_int(filters, self.name, "filters")
        self.depth_multiplier = _checks.positive_int(depth_multiplier, self.name, "depth_multiplier")
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)


@registry.register()
class SeparableConv1D(_SeparableConv):
    """A depthwise convolution, then one of size 1 that mixes the channels (Chollet 2017): ``(..., filters)``.

    Args:
        filters: number of output channels.
        kernel_size: size of the window.
        strides: steps the window moves each time. Default 1.
        padding: ``"valid"`` (default) or ``"same"``.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        dilation_rate: distance of the inputs a window sees. Default 1.
        depth_multiplier: filters for each channel in the first half. Default 1.
        activation: function applied to the result, default none.
        use_bias: whether a bias is added. Default True.
        depthwise_initializer: of the kernel ``(kernel_size, channels, depth_multiplier)``, default Glorot uniform.
        pointwise_initializer: of the kernel ``(1, channels * depth_multiplier, filters)``, default Glorot uniform.
        bias_initializer: of the bias ``(filters,)``, default zeros.
        depthwise_regularizer: penalty on the first kernel.
        pointwise_regularizer: penalty on the second kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        **kwargs: name, dtype, trainable, input_shape.

    Raises:
        ValueError: an argument out of range, an input of another rank or number of channels than expected or smaller
            than the window.
    """

    _spatial = 1


@registry.register()
class SeparableConv2D(_SeparableConv):
    """`SeparableConv1D` over ``(batch, height, width, channels)``, with an int or a tuple of two for the window."""

    _spatial = 2


SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D

__all__ = [
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
]
