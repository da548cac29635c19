"""Tone curves: AutoContrast, Equalization, Grayscale, Posterization, Solarization."""

from __future__ import annotations

from typing import Any

from ranvier.layers._image import Factor, ImageLayer
from ranvier.layers.base import registry


@registry.register()
class AutoContrast(ImageLayer):
    """Stretches each channel of each image to the whole range. Always active. No gradient.

    Args:
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("value_range", "data_format")

    def __init__(
        self,
        value_range: tuple[float, float] = (0, 255),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(None, data_format, **kwargs)
        self._take(value_range=value_range)


@registry.register()
class Equalization(ImageLayer):
    """Spreads the values of each channel of each image evenly over the range. Always active. No gradient.

    Args:
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        bins: steps in which values are counted.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("value_range", "bins", "data_format")

    def __init__(
        self,
        value_range: tuple[float, float] = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(None, data_format, **kwargs)
        self._take(value_range=value_range, bins=bins)


@registry.register()
class Grayscale(ImageLayer):
    """Grey images, by ``0.2989 red + 0.587 green + 0.114 blue``. Always active.

    Args:
        output_channels: 1, or 3 for three equal ones.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("output_channels", "data_format")

    def __init__(
        self,
        output_channels: int = 1,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(None, data_format, **kwargs)
        self._take(output_channels=output_channels)


@registry.register()
class Posterization(ImageLayer):
    """Keeps the upper bits of values as bytes. Always active. No gradient.

    Args:
        bits: number of bits, 1 to 8.
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("bits", "value_range", "data_format")

    def __init__(
        self,
        bits: int,
        value_range: tuple[float, float] = (0, 255),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(None, data_format, **kwargs)
        self._take(bits=bits, value_range=value_range)


@registry.register()
class Solarization(ImageLayer):
    """In training adds a number, then replaces values v from a threshold on by ``low + high - v``. No gradient.

    Args:
        addition_factor: what is added, as a share of the range: f for ``[0, f]``, or two numbers in ``[0, 1]``.
        threshold_factor: the threshold as a share of the range, likewise.
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        seed: int for repeatable draws; None takes one from the default generator.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("addition_factor", "threshold_factor", "value_range", "seed", "data_format")

    def __init__(
        self,
        addition_factor: Factor = 0.0,
        threshold_factor: Factor = 0.0,
        value_range: tuple[float, float] = (0, 255),
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(addition_factor=addition_factor, threshold_factor=threshold_factor, value_range=value_range)


__all__ = [
    "AutoContrast",
    "Equalization",
    "Grayscale",
    "Posterization",
    "Solarization",
]
