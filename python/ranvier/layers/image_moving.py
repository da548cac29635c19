"""Images moved at random in training: RandomFlip, RandomRotation, RandomTranslation, RandomZoom, RandomShear, …"""

from __future__ import annotations

from typing import Any

from ranvier.layers._checks import positive_int
from ranvier.layers._image import Factor, ImageLayer
from ranvier.layers.base import registry


@registry.register()
class RandomFlip(ImageLayer):
    """Mirrors each image with probability 1/2, with `mode` "horizontal_and_vertical" for each direction on its own.

    Args:
        mode: ``"horizontal"`` (left and right), ``"vertical"`` or ``"horizontal_and_vertical"``.
        seed: int for repeatable draws; None takes one from the default generator.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("mode", "seed", "data_format")

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(mode=mode)


@registry.register()
class RandomRotation(ImageLayer):
    """Turns each image about its centre.

    Args:
        factor: share of a full turn: a number f for ``[-f, f]``, or two numbers; positive is counter-clockwise.
        fill_mode: what stands beyond the edge: ``"reflect"`` (``d c b a | a b c d | d c b a``), ``"wrap"``
            (``a b c d | a b c d | a b c d``), ``"nearest"`` (``a a a a | a b c d | d d d d``) or ``"constant"``.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        seed: int for repeatable draws; None takes one from the default generator.
        fill_value: the constant of fill_mode "constant".
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "fill_mode", "interpolation", "seed", "fill_value", "data_format")

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor, fill_mode=fill_mode, interpolation=interpolation, fill_value=fill_value)


@registry.register()
class RandomTranslation(ImageLayer):
    """Shifts each image.

    Args:
        height_factor: share of the height, positive for down: a number f for ``[-f, f]``, or two numbers.
        width_factor: share of the width, positive for right.
        fill_mode: ``"reflect"``, ``"wrap"``, ``"nearest"`` or ``"constant"``; see `RandomRotation`.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        seed: int for repeatable draws; None takes one from the default generator.
        fill_value: the constant of fill_mode "constant".
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("height_factor", "width_factor", "fill_mode", "interpolation", "seed", "fill_value", "data_format")

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(
            height_factor=height_factor,
            width_factor=width_factor,
            fill_mode=fill_mode,
            interpolation=interpolation,
            fill_value=fill_value,
        )


@registry.register()
class RandomZoom(ImageLayer):
    """Zooms each image about its centre.

    Args:
        height_factor: positive shows more (things get smaller), negative less: a number f for ``[-f, f]``, or two
            numbers in ``(-1, 1]``.
        width_factor: the same for the width; None uses the height's, so that proportions stay.
        fill_mode: ``"reflect"``, ``"wrap"``, ``"nearest"`` or ``"constant"``; see `RandomRotation`.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        seed: int for repeatable draws; None takes one from the default generator.
        fill_value: the constant of fill_mode "constant".
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("height_factor", "width_factor", "fill_mode", "interpolation", "seed", "fill_value", "data_format")

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(
            height_factor=height_factor,
            width_factor=width_factor,
            fill_mode=fill_mode,
            interpolation=interpolation,
            fill_value=fill_value,
        )


@registry.register()
class RandomShear(ImageLayer):
    """Slants each image: ``x' = x + s_x y``, ``y' = y + s_y x``, both with one random sign.

    Args:
        x_factor: size of s_x: a number f for ``[0, f]``, or two numbers in ``[0, 1]``.
        y_factor: size of s_y.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        fill_mode: ``"reflect"``, ``"wrap"``, ``"nearest"`` or ``"constant"``; see `RandomRotation`.
        fill_value: the constant of fill_mode "constant".
        data_format: ``"channels_last"`` or ``"channels_first"``.
        seed: int for repeatable draws; None takes one from the default generator.
        **kwargs: name, dtype.
    """

    _arguments = ("x_factor", "y_factor", "interpolation", "fill_mode", "fill_value", "data_format", "seed")

    def __init__(
        self,
        x_factor: Factor = 0.0,
        y_factor: Factor = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(
            x_factor=x_factor,
            y_factor=y_factor,
            interpolation=interpolation,
            fill_mode=fill_mode,
            fill_value=fill_value,
        )


@registry.register()
class RandomPerspective(ImageLayer):
    """Moves each image's corners (in proportion to their coordinates, so that the upper left one stays).

    Args:
        factor: probability with which an image is changed, drawn from ``[0, factor]`` or between two numbers.
        scale: corners move by up to half of this share of their coordinates.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        fill_value: what stands beyond the edge.
        seed: int for repeatable draws; None takes one from the default generator.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "scale", "interpolation", "fill_value", "seed", "data_format")

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor, scale=scale, interpolation=interpolation, fill_value=fill_value)


@registry.register()
class RandomCrop(ImageLayer):
    """In training a window at a random place, each image its own.

    Otherwise, and where images are smaller than the window, the largest central window of the same proportions,
    resized (bilinear).

    Args:
        height: rows of the output.
        width: columns of the output.
        seed: int for repeatable draws; None takes one from the default generator.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("height", "width", "seed", "data_format")

    def __init__(
        self, height: int, width: int, seed: Any = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(height=positive_int(height, self.name, "height"), width=positive_int(width, self.name, "width"))


__all__ = [
    "RandomCrop",
    "RandomFlip",
    "RandomPerspective",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
]
