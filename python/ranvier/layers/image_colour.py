"""Colours and brightness of images, changed at random in training (some always)."""

from __future__ import annotations

from typing import Any

from ranvier.layers._image import Factor, ImageLayer
from ranvier.layers.base import registry


@registry.register()
class RandomBrightness(ImageLayer):
    """Adds a number to all values of an image, which are then clipped to the range.

    Args:
        factor: the number as a share of the range: f for ``[-f, f]``, or two numbers in ``[-1, 1]``.
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        seed: int for repeatable draws; None takes one from the default generator.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "value_range", "seed", "data_format")

    def __init__(
        self,
        factor: Factor,
        value_range: tuple[float, float] = (0, 255),
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor, value_range=value_range)


@registry.register()
class RandomContrast(ImageLayer):
    """Multiplies the distance of values from their channel's mean; clipped to the range.

    Args:
        factor: a number f in ``[0, 1]`` draws from ``[1 - f, 1 + f]``, two numbers from ``[1 - lower, 1 + upper]``.
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        seed: int for repeatable draws; None takes one from the default generator.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "value_range", "seed", "data_format")

    def __init__(
        self,
        factor: Factor,
        value_range: tuple[float, float] = (0, 255),
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor, value_range=value_range)


@registry.register()
class RandomSaturation(ImageLayer):
    """Makes colours paler or stronger: the saturation of HSV times ``f / (1 - f)``, up to 1. No gradient.

    Args:
        factor: 0 is grey, 0.5 changes nothing, 1 is full colour: f for ``[0, f]``, or two numbers in ``[0, 1]``.
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        seed: int for repeatable draws; None takes one from the default generator.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "value_range", "data_format", "seed")

    def __init__(
        self,
        factor: Factor,
        value_range: tuple[float, float] = (0, 255),
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor, value_range=value_range)


@registry.register()
class RandomHue(ImageLayer):
    """Turns colours around the circle of hues, either way. No gradient.

    Args:
        factor: 1 is half a turn: f for ``[0, f]``, or two numbers in ``[0, 1]``.
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        seed: int for repeatable draws; None takes one from the default generator.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "value_range", "data_format", "seed")

    def __init__(
        self,
        factor: Factor,
        value_range: tuple[float, float] = (0, 255),
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor, value_range=value_range)


@registry.register()
class RandomColorJitter(ImageLayer):
    """Brightness, contrast, saturation and hue changed one after another; None leaves one out. No gradient through
    saturation and hue.

    Args:
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        brightness_factor: see `RandomBrightness`.
        contrast_factor: see `RandomContrast`.
        saturation_factor: see `RandomSaturation`.
        hue_factor: see `RandomHue`.
        seed: int for repeatable draws; None takes one from the default generator.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = (
        "value_range",
        "brightness_factor",
        "contrast_factor",
        "saturation_factor",
        "hue_factor",
        "seed",
        "data_format",
    )

    def __init__(
        self,
        value_range: tuple[float, float] = (0, 255),
        brightness_factor: Factor | None = None,
        contrast_factor: Factor | None = None,
        saturation_factor: Factor | None = None,
        hue_factor: Factor | None = None,
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(
            value_range=value_range,
            brightness_factor=brightness_factor,
            contrast_factor=contrast_factor,
            saturation_factor=saturation_factor,
            hue_factor=hue_factor,
        )


@registry.register()
class RandomColorDegeneration(ImageLayer):
    """Mixes each image with its grey version; clipped to the range.

    Args:
        factor: share of grey: f for ``[0, f]``, or two numbers in ``[0, 1]``.
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        seed: int for repeatable draws; None takes one from the default generator.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "value_range", "data_format", "seed")

    def __init__(
        self,
        factor: Factor,
        value_range: tuple[float, float] = (0, 255),
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor, value_range=value_range)


@registry.register()
class RandomGrayscale(ImageLayer):
    """Makes images grey (in as many channels), by ``0.2989 red + 0.587 green + 0.114 blue``.

    Args:
        factor: probability with which an image is made grey.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        seed: int for repeatable draws; None takes one from the default generator.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "data_format", "seed")

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor)


@registry.register()
class RandomInvert(ImageLayer):
    """Replaces each value v by ``low + high - v`` of the range.

    Args:
        factor: probability with which an image is changed, drawn from ``[0, factor]`` or between two numbers.
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        seed: int for repeatable draws; None takes one from the default generator.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "value_range", "seed", "data_format")

    def __init__(
        self,
        factor: Factor = 1.0,
        value_range: tuple[float, float] = (0, 255),
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor, value_range=value_range)


@registry.register()
class RandomErasing(ImageLayer):
    """Fills a box of each image (Zhong et al. 2017).

    Args:
        factor: probability with which an image is changed, drawn from ``[0, factor]`` or between two numbers.
        scale: height and width of the box are square roots of two shares drawn from here, times the image's.
        fill_value: a number, one for each of three channels, or None for normal noise as wide as
            the range's end; clipped to the range.
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        seed: int for repeatable draws; None takes one from the default generator.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "scale", "fill_value", "value_range", "seed", "data_format")

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = (0.02, 0.33),
        fill_value: float | tuple[float, ...] | None = None,
        value_range: tuple[float, float] = (0, 255),
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor, scale=scale, fill_value=fill_value, value_range=value_range)


@registry.register()
class RandomGaussianBlur(ImageLayer):
    """Smooths each image with a normal density; beyond the edges stand zeros.

    Args:
        factor: probability with which an image is changed, drawn from ``[0, factor]`` or between two numbers.
        kernel_size: odd size of the window, or (height, width).
        sigma: standard deviation in pixels, drawn for each direction from ``[0, sigma]`` or between two numbers.
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        seed: int for repeatable draws; None takes one from the default generator.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "kernel_size", "sigma", "value_range", "data_format", "seed")

    def __init__(
        self,
        factor: Factor = 1.0,
        kernel_size: int | tuple[int, int] = 3,
        sigma: Factor = 1.0,
        value_range: tuple[float, float] = (0, 255),
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor, kernel_size=kernel_size, sigma=sigma, value_range=value_range)


@registry.register()
class RandomSharpness(ImageLayer):
    """Mixes each image with a smooth version of it, or away from it; clipped to the range.

    Args:
        factor: 0 is smooth, 0.5 changes nothing, 1 sharpens: f for ``[0, f]``, or two numbers in ``[0, 1]``.
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        seed: int for repeatable draws; None takes one from the default generator.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "value_range", "data_format", "seed")

    def __init__(
        self,
        factor: Factor,
        value_range: tuple[float, float] = (0, 255),
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor, value_range=value_range)


@registry.register()
class RandomPosterization(ImageLayer):
    """Keeps the upper bits of values as bytes. No gradient.

    Args:
        factor: number of bits, or two numbers between which it is drawn for each image (both included), 1 to 8.
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        seed: int for repeatable draws; None takes one from the default generator.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "value_range", "data_format", "seed")

    def __init__(
        self,
        factor: int | tuple[int, int],
        value_range: tuple[float, float] = (0, 255),
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor, value_range=value_range)


__all__ = [
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
]
