"""Conv1D, Conv2D, Conv3D and the base of all convolutions."""

from __future__ import annotations

from typing import Any, ClassVar

from ranvier import activations, initializers, regularizers
from ranvier.layers import _checks
from ranvier.layers.base import registry
from ranvier.layers.native import NativeLayer


class BaseConvolution(NativeLayer):
    """What all convolutions share: the window, how it moves, the activation and the bias."""

    _spatial: ClassVar[int]  # axes the window moves along
    _paddings: ClassVar[tuple[str, ...]] = ("valid", "same")

    def __init__(
        self,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        bias_regularizer: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_size = _checks.sizes(kernel_size, self._spatial, self.name, "kernel_size")
        self.strides = _checks.sizes(strides, self._spatial, self.name, "strides")
        self.padding = _checks.padding(padding, self.name, self._paddings)
        self.data_format = _checks.data_format(data_format, self.name)
        self.dilation_rate = _checks.sizes(dilation_rate, self._spatial, self.name, "dilation_rate")
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    def _refuse_strides_with_dilation(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"[{self.name}] expected strides or dilation_rate above 1, received both: "
                f"strides={self.strides}, dilation_rate={self.dilation_rate}."
            )


class _Conv(BaseConvolution):
    _arguments = (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "groups",
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
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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
        self.groups = _checks.positive_int(groups, self.name, "groups")
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        if self.filters % self.groups:
            raise ValueError(
                f"[{self.name}] expected filters divisible by groups, received filters={filters}, groups={groups}."
            )
        self._refuse_strides_with_dilation()


@registry.register()
class Conv1D(_Conv):
    """A window that slides along steps: ``(batch, steps, channels)`` to ``(batch, new_steps, filters)``.

    ``y[o] = activation(sum_t x[o * stride + t * dilation - before] @ kernel[t] + bias)``.

    Args:
        filters: number of output channels.
        kernel_size: size of the window, an int (or a tuple of one).
        strides: steps the window moves each time. Default 1.
        padding: ``"valid"`` (default: windows inside the input only), ``"same"`` (zeros around it, ``ceil(steps /
            strides)`` results) or ``"causal"`` (as many, all zeros in front: no result sees later steps).
        data_format: ``"channels_last"`` (default) or ``"channels_first"`` for ``(batch, channels, steps)``.
        dilation_rate: distance of the inputs a window sees. Default 1; not together with strides.
        groups: channels are split into so many groups with filters of their own. Default 1.
        activation: function applied to the result, default none.
        use_bias: whether a bias is added. Default True.
        kernel_initializer: of the kernel ``(kernel_size, channels / groups, filters)``, default Glorot uniform.
        bias_initializer: of the bias ``(filters,)``, default zeros.
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        **kwargs: name, dtype, trainable, input_shape.

    Raises:
        ValueError: an argument out of range, groups that do not divide filters or channels, an input of another rank
            or number of channels than expected or smaller than the window.
    """

    _spatial = 1
    _paddings = ("valid", "same", "causal")


@registry.register()
class Conv2D(_Conv):
    """A window that slides over images: ``(batch, height, width, channels)`` to ``(batch, rows, columns, filters)``.

    Arguments as in `Conv1D`, with an int or a tuple of two for `kernel_size`, `strides` and `dilation_rate`; the kernel
    has shape ``(height, width, channels / groups, filters)``. Padding ``"valid"`` (default) or ``"same"``.
    """

    _spatial = 2


@registry.register()
class Conv3D(_Conv):
    """A window that slides through volumes: ``(batch, depth, height, width, channels)`` to ``(..., filters)``.

    Arguments as in `Conv1D`, with an int or a tuple of three for `kernel_size`, `strides` and `dilation_rate`. Padding
    ``"valid"`` (default) or ``"same"``.
    """

    _spatial = 3


Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D

__all__ = ["Conv1D", "Conv2D", "Conv3D", "Convolution1D", "Convolution2D", "Convolution3D"]
