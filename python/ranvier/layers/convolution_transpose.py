"""Conv1DTranspose, Conv2DTranspose, Conv3DTranspose."""

from __future__ import annotations

from typing import Any

from ranvier import initializers, regularizers
from ranvier.layers import _checks
from ranvier.layers.base import registry
from ranvier.layers.convolution import BaseConvolution


class _ConvTranspose(BaseConvolution):
    _arguments = (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "output_padding",
        "data_format",
        "dilation_rate",
        "activation",
        "use_bias",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
    )
    _weight_names = ("kernel", "bias")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
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
        self.output_padding: tuple[int, ...] | None = None
        if output_padding is not None:
            self.output_padding = _checks.sizes(output_padding, self._spatial, self.name, "output_padding", 0)
            if any(p >= s for p, s in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    f"[{self.name}] output_padding: expected less than the strides {self.strides} on every axis, "
                    f"received {output_padding!r}."
                )
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self._refuse_strides_with_dilation()


@registry.register()
class Conv1DTranspose(_ConvTranspose):
    """The gradient of a convolution as a layer: ``(batch, steps, channels)`` to ``(batch, more_steps, filters)``.

    With ``padding="same"`` the result has ``steps * strides`` steps, with ``"valid"`` ``(steps - 1) * strides +
    max(kernel_size, strides)``.

    Args:
        filters: number of output channels.
        kernel_size: size of the window.
        strides: steps between the places where windows are added up. Default 1.
        padding: ``"valid"`` (default) or ``"same"``.
        output_padding: with it the size is ``(steps - 1) * strides + kernel_size - 2 * (kernel_size // 2 if "same" else
            0) + output_padding``; less than the strides. Default None: the sizes above.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        dilation_rate: distance of the places a window writes to. Default 1; not together with strides.
        activation: function applied to the result, default none.
        use_bias: whether a bias is added. Default True.
        kernel_initializer: of the kernel ``(kernel_size, filters, channels)``, default Glorot uniform.
        bias_initializer: of the bias ``(filters,)``, default zeros.
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        **kwargs: name, dtype, trainable, input_shape.

    Raises:
        ValueError: an argument out of range, an input of another rank or number of channels than expected.
    """

    _spatial = 1


@registry.register()
class Conv2DTranspose(_ConvTranspose):
    """`Conv1DTranspose` over ``(batch, height, width, channels)``: what decoders and segmentation enlarge images with.

    `kernel_size`, `strides`, `output_padding` and `dilation_rate` are an int or a tuple of two; the kernel has shape
    ``(height, width, filters, channels)``.
    """

    _spatial = 2


@registry.register()
class Conv3DTranspose(_ConvTranspose):
    """`Conv1DTranspose` over ``(batch, depth, height, width, channels)``, with an int or a tuple of three.

    As in Keras, `data_format` comes before `output_padding` here.
    """

    _spatial = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, kernel_size, strides, padding, output_padding, data_format, *args, **kwargs)


Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose

__all__ = [
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
    "Convolution1DTranspose",
    "Convolution2DTranspose",
    "Convolution3DTranspose",
]
