"""Pooling: the largest or the mean of windows over sequences, images and volumes."""

from __future__ import annotations

from typing import Any, ClassVar

from ranvier import ops
from ranvier._core import Tensor
from ranvier.layers import _checks
from ranvier.layers._masks import masked
from ranvier.layers.base import registry
from ranvier.layers.native import NativeLayer


class _Pooling(NativeLayer):
    """Windows of one size, at a fixed distance.

    Input: ``(batch, spatial..., channels)``, or ``(batch, channels, spatial...)`` with ``"channels_first"``, of dtype
    float32 or float64. Output alike, with ``(size - pool_size) // strides + 1`` positions per axis, or
    ``ceil(size / strides)`` with padding ``"same"``.
    """

    _arguments = ("pool_size", "strides", "padding", "data_format")
    _axes: ClassVar[int]

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = _checks.sizes(pool_size, self._axes, self.name, "pool_size")
        self.strides = self.pool_size if strides is None else _checks.sizes(strides, self._axes, self.name, "strides")
        self.padding = _checks.padding(padding, self.name)
        self.data_format = _checks.data_format(data_format, self.name)


class _MaxPooling(_Pooling):
    """The default window of max pooling is two wide."""

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class _GlobalPooling(NativeLayer):
    """One window over all of each channel: ``(batch, channels)``, or with sizes of 1 where axes were (`keepdims`)."""

    _arguments = ("data_format", "keepdims")

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = _checks.data_format(data_format, self.name)
        self.keepdims = bool(keepdims)


class _AdaptivePooling(NativeLayer):
    """`output_size` windows per axis, whatever the size of the input: ``floor(o*n/m)`` to ``ceil((o+1)*n/m)``."""

    _arguments = ("output_size", "data_format")
    _axes: ClassVar[int]

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = _checks.sizes(output_size, self._axes, self.name, "output_size")
        self.data_format = _checks.data_format(data_format, self.name)


@registry.register()
class MaxPooling2D(_MaxPooling):
    """The largest element of each window of images ``(batch, height, width, channels)``.

    The gradient goes to the first largest.

    Args:
        pool_size: window, an int or one per axis. Default 2.
        strides: distance of windows, an int or one per axis. Default `pool_size`.
        padding: ``"valid"`` (default), windows within the input, or ``"same"``, windows that may reach beyond it.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        **kwargs: name, dtype, trainable.

    Raises:
        ValueError: an argument out of range; an input of another rank, or smaller than a window without padding.
    """

    _axes = 2


@registry.register()
class MaxPooling1D(_MaxPooling):
    """The largest element of each window of sequences; see `MaxPooling2D`."""

    _axes = 1


@registry.register()
class MaxPooling3D(_MaxPooling):
    """The largest element of each window of volumes; see `MaxPooling2D`."""

    _axes = 3


@registry.register()
class AveragePooling2D(_Pooling):
    """The mean of each window of images ``(batch, height, width, channels)``.

    Only elements that exist count.

    Args:
        pool_size: window, an int or one per axis.
        strides: distance of windows, an int or one per axis. Default `pool_size`.
        padding: ``"valid"`` (default), windows within the input, or ``"same"``, windows that may reach beyond it.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        **kwargs: name, dtype, trainable.

    Raises:
        ValueError: an argument out of range; an input of another rank, or smaller than a window without padding.
    """

    _axes = 2


@registry.register()
class AveragePooling1D(_Pooling):
    """The mean of each window of sequences; see `AveragePooling2D`."""

    _axes = 1


@registry.register()
class AveragePooling3D(_Pooling):
    """The mean of each window of volumes; see `AveragePooling2D`."""

    _axes = 3


@registry.register()
class GlobalMaxPooling2D(_GlobalPooling):
    """The largest element of each channel of images ``(batch, height, width, channels)``.

    Equal ones share the gradient.

    Args:
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        keepdims: keep the spatial axes with size 1. Default False.
        **kwargs: name, dtype, trainable.
    """


@registry.register()
class GlobalMaxPooling1D(_GlobalPooling):
    """The largest element of each channel of sequences; see `GlobalMaxPooling2D`."""


@registry.register()
class GlobalMaxPooling3D(_GlobalPooling):
    """The largest element of each channel of volumes; see `GlobalMaxPooling2D`."""


@registry.register()
class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel of images ``(batch, height, width, channels)``.

    Args:
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        keepdims: keep the spatial axes with size 1. Default False.
        **kwargs: name, dtype, trainable.
    """


@registry.register()
class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of each channel of sequences; see `GlobalAveragePooling2D`.

    Steps that are masked are left out; the mean of no steps at all is 0.
    """

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """The engine's mean, over the steps of a mask (batch, time) if there is one."""
        if mask is None or not isinstance(inputs, Tensor):  # of several tensors the engine complains
            return super().call(inputs, training)
        if self.data_format == "channels_last":
            return super().call(masked(inputs, mask), training)
        counts = ops.cast(ops.expand_dims(mask, 1), inputs.dtype)
        total = ops.sum(ops.where(ops.expand_dims(mask, 1), inputs, 0.0), axis=2, keepdims=self.keepdims)
        return ops.divide(total, ops.maximum(ops.sum(counts, axis=2, keepdims=self.keepdims), 1.0))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: the result has no time steps."""
        return None


@registry.register()
class GlobalAveragePooling3D(_GlobalPooling):
    """The mean of each channel of volumes; see `GlobalAveragePooling2D`."""


@registry.register()
class AdaptiveMaxPooling2D(_AdaptivePooling):
    """The largest element of each of `output_size` windows of images ``(batch, height, width, channels)``.

    Windows of equal share that cover the input.

    Args:
        output_size: positions of the output, an int or one per axis.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        **kwargs: name, dtype, trainable.
    """

    _axes = 2


@registry.register()
class AdaptiveMaxPooling1D(_AdaptivePooling):
    """The largest element of each of `output_size` windows of sequences; see `AdaptiveMaxPooling2D`."""

    _axes = 1


@registry.register()
class AdaptiveMaxPooling3D(_AdaptivePooling):
    """The largest element of each of `output_size` windows of volumes; see `AdaptiveMaxPooling2D`."""

    _axes = 3


@registry.register()
class AdaptiveAveragePooling2D(_AdaptivePooling):
    """The mean of each of `output_size` windows of images ``(batch, height, width, channels)``.

    Windows of equal share that cover the input.

    Args:
        output_size: positions of the output, an int or one per axis.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        **kwargs: name, dtype, trainable.
    """

    _axes = 2


@registry.register()
class AdaptiveAveragePooling1D(_AdaptivePooling):
    """The mean of each of `output_size` windows of sequences; see `AdaptiveAveragePooling2D`."""

    _axes = 1


@registry.register()
class AdaptiveAveragePooling3D(_AdaptivePooling):
    """The mean of each of `output_size` windows of volumes; see `AdaptiveAveragePooling2D`."""

    _axes = 3


# Keras's short names
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]
