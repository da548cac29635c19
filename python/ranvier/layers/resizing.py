"""Images, sequences and volumes in another size: repeated, resampled, padded, cropped."""

from __future__ import annotations

from typing import Any, ClassVar

from ranvier.layers import _checks
from ranvier.layers.base import registry
from ranvier.layers.native import NativeLayer

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


def _interpolation(value: Any, layer: str) -> str:
    name = value.lower() if isinstance(value, str) else value
    if name not in _INTERPOLATIONS:
        listed = ", ".join(map(repr, _INTERPOLATIONS))
        raise ValueError(f"[{layer}] interpolation: expected one of {listed}, received {value!r:.200}.")
    return str(name)


@registry.register()
class UpSampling1D(NativeLayer):
    """Each step `size` times: ``(batch, steps, channels)`` to ``(batch, steps * size, channels)``.

    Args:
        size: an int. Default 2.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("size",)

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = _checks.positive_int(size, self.name, "size")


@registry.register()
class UpSampling2D(NativeLayer):
    """Images enlarged: ``(batch, height, width, channels)`` to ``(batch, height * size, width * size, channels)``.

    Args:
        size: factors, an int or one per axis. Default 2.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        interpolation: ``"nearest"`` (default: each pixel repeated), ``"bilinear"``, ``"bicubic"`` (Keys 1981),
            ``"lanczos3"`` or ``"lanczos5"``.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("size", "data_format", "interpolation")

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size = _checks.sizes(size, 2, self.name, "size")
        self.data_format = _checks.data_format(data_format, self.name)
        self.interpolation = _interpolation(interpolation, self.name)


@registry.register()
class UpSampling3D(NativeLayer):
    """Each element of a volume ``(batch, depth, height, width, channels)`` repeated along the three axes.

    Args:
        size: factors, an int or one per axis. Default 2.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("size", "data_format")

    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = _checks.sizes(size, 3, self.name, "size")
        self.data_format = _checks.data_format(data_format, self.name)


class _Margins(NativeLayer):
    """Something before and after each spatial axis: an int, one per axis, or (before, after) per axis."""

    _axes: ClassVar[int]

    def _margins(self, value: Any, name: str) -> Any:
        """As Keras keeps them: (before, after), one such pair per axis when there are several."""
        if self._axes == 1:
            return _checks.sizes(value, 2, self.name, name, smallest=0)
        if not isinstance(value, list | tuple):
            value = (value,) * self._axes
        if len(value) != self._axes:
            raise ValueError(
                f"[{self.name}] {name}: expected an int, {self._axes} ints or {self._axes} pairs (before, after), "
                f"received {value!r:.200}."
            )
        return tuple(_checks.sizes(one, 2, self.name, name, smallest=0) for one in value)


class _ZeroPadding(_Margins):
    _arguments = ("padding", "data_format")

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = self._margins(padding, "padding")
        self.data_format = _checks.data_format(data_format, self.name)


@registry.register()
class ZeroPadding2D(_ZeroPadding):
    """Zeros around images ``(batch, height, width, channels)``.

    Args:
        padding: how many on each side: an int, ``(vertical, horizontal)`` or ``((top, bottom), (left, right))``.
            Default 1.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        **kwargs: name, dtype, trainable.
    """

    _axes = 2


@registry.register()
class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after sequences ``(batch, steps, channels)``; `padding` is an int or ``(before, after)``."""

    _axes = 1


@registry.register()
class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes ``(batch, depth, height, width, channels)``; see `ZeroPadding2D`."""

    _axes = 3


@registry.register()
class Cropping1D(_Margins):
    """Sequences ``(batch, steps, channels)`` without their first and last steps.

    Args:
        cropping: an int or ``(before, after)``. Default ``(1, 1)``.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("cropping",)
    _axes = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = self._margins(cropping, "cropping")


@registry.register()
class Cropping2D(_Margins):
    """Images ``(batch, height, width, channels)`` without their borders.

    Args:
        cropping: how much of each side: an int, ``(vertical, horizontal)`` or ``((top, bottom), (left, right))``.
            Default nothing.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        **kwargs: name, dtype, trainable.

    Raises:
        ValueError: nothing of the input would be left.
    """

    _arguments = ("cropping", "data_format")
    _axes = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = self._margins(cropping, "cropping")
        self.data_format = _checks.data_format(data_format, self.name)


@registry.register()
class Cropping3D(_Margins):
    """Volumes ``(batch, depth, height, width, channels)`` without their borders; see `Cropping2D`. Default one each."""

    _arguments = ("cropping", "data_format")
    _axes = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = self._margins(cropping, "cropping")
        self.data_format = _checks.data_format(data_format, self.name)


@registry.register()
class CenterCrop(NativeLayer):
    """The middle of each image; images smaller than that are first cropped to its proportions, then enlarged.

    Args:
        height: of the output.
        width: of the output.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        **kwargs: name, dtype, trainable.

    Input: ``(batch, height, width, channels)``, or one image without the batch axis.
    """

    _arguments = ("height", "width", "data_format")

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height = _checks.positive_int(height, self.name, "height")
        self.width = _checks.positive_int(width, self.name, "width")
        self.data_format = _checks.data_format(data_format, self.name)


@registry.register()
class Resizing(NativeLayer):
    """Images resampled to one size.

    Args:
        height: of the output.
        width: of the output.
        interpolation: ``"bilinear"`` (default), ``"nearest"``, ``"bicubic"``, ``"lanczos3"`` or ``"lanczos5"``.
        crop_to_aspect_ratio: cut the largest part of the wanted proportions out of the middle before. Default False.
        pad_to_aspect_ratio: pad to the wanted proportions before. Default False.
        fill_mode: ``"constant"``.
        fill_value: what is padded with. Default 0.
        antialias: widen the filter where an image shrinks, so that every pixel counts. Default False.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        **kwargs: name, dtype, trainable.

    Input: ``(batch, height, width, channels)``, or one image without the batch axis. The output has the layer's dtype.
    """

    _arguments = (
        "height",
        "width",
        "interpolation",
        "crop_to_aspect_ratio",
        "pad_to_aspect_ratio",
        "fill_mode",
        "fill_value",
        "antialias",
        "data_format",
    )

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.height = _checks.positive_int(height, self.name, "height")
        self.width = _checks.positive_int(width, self.name, "width")
        self.interpolation = _interpolation(interpolation, self.name)
        self.crop_to_aspect_ratio = bool(crop_to_aspect_ratio)
        self.pad_to_aspect_ratio = bool(pad_to_aspect_ratio)
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ValueError(
                f"[{self.name}] expected one of crop_to_aspect_ratio and pad_to_aspect_ratio, received both."
            )
        if fill_mode != "constant":
            raise ValueError(f"[{self.name}] fill_mode: expected 'constant', received {fill_mode!r:.200}.")
        self.fill_mode = fill_mode
        self.fill_value = _checks.number(fill_value, self.name, "fill_value")
        self.antialias = bool(antialias)
        self.data_format = _checks.data_format(data_format, self.name)


__all__ = [
    "CenterCrop",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Resizing",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]
