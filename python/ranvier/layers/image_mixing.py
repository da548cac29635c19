"""Several changes for each image, and images mixed with each other: RandAugment, AugMix, MixUp, CutMix."""

from __future__ import annotations

from typing import Any

from ranvier._tensor import convert_to_tensor
from ranvier.layers._image import Factor, ImageLayer
from ranvier.layers.base import _TRAINING, registry


@registry.register()
class RandAugment(ImageLayer):
    """`num_ops` changes for each image, chosen from eleven (Cubuk et al. 2019). No gradient.

    RandomShear, RandomTranslation, RandomRotation, RandomBrightness, RandomColorDegeneration, RandomContrast,
    RandomSharpness, RandomPosterization, Solarization, AutoContrast and Equalization, each with this `factor` (bits:
    ``8 * factor``). In Keras all images of a batch get the same ones.

    Args:
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        num_ops: changes one after another, up to 64.
        factor: strength: f for ``[0, f]``, or two numbers in ``[0, 1]``.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        seed: int for repeatable draws; None takes one from the default generator.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("value_range", "num_ops", "factor", "interpolation", "seed", "data_format")

    def __init__(
        self,
        value_range: tuple[float, float] = (0, 255),
        num_ops: int = 2,
        factor: Factor = 0.5,
        interpolation: str = "bilinear",
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(value_range=value_range, num_ops=num_ops, factor=factor, interpolation=interpolation)


@registry.register()
class AugMix(ImageLayer):
    """Chains of changes, averaged with random weights and mixed with the image (Hendrycks et al. 2019). No gradient.

    Each step of a chain is one of `RandAugment`'s changes or none. In Keras all images of a batch get the same ones.

    Args:
        value_range: the least and the largest value of a pixel, usually ``(0, 255)`` or ``(0, 1)``.
        num_chains: number of chains.
        chain_depth: steps of a chain; at most 64 steps in all.
        factor: strength: f for ``[0, f]``, or two numbers in ``[0, 1]``.
        alpha: of the Dirichlet weights of the chains and the Beta weight of the image.
        all_ops: False leaves out brightness, colour degeneration, contrast and sharpness.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        seed: int for repeatable draws; None takes one from the default generator.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = (
        "value_range",
        "num_chains",
        "chain_depth",
        "factor",
        "alpha",
        "all_ops",
        "interpolation",
        "seed",
        "data_format",
    )

    def __init__(
        self,
        value_range: tuple[float, float] = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Factor = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(
            value_range=value_range,
            num_chains=num_chains,
            chain_depth=chain_depth,
            factor=factor,
            alpha=alpha,
            all_ops=all_ops,
            interpolation=interpolation,
        )


class _PairLayer(ImageLayer):
    """Called on a dict, mixes images and labels alike."""

    def _call_dict(self, data: dict[str, Any], training: bool | None) -> dict[str, Any]:
        if "labels" not in data:
            return super()._call_dict(data, training)
        images, labels = (convert_to_tensor(data[key], self.dtype) for key in ("images", "labels"))
        if not self.built:
            self.build((None, *images.shape[1:]) if images.ndim else ())
        if training is None:
            outer = _TRAINING.get()
            training = True if outer is None else outer
        images, labels = self._native()([images, labels], bool(training))
        return {"images": images, "labels": labels}


@registry.register()
class MixUp(_PairLayer):
    """Each image (and its labels) averaged with another of the batch (Zhang et al. 2017).

    Called on ``{"images": x, "labels": y}`` with labels as floats of one row for each image (one-hot classes, for
    example), it returns a dict of both.

    Args:
        alpha: the share of the image itself is drawn from Beta(alpha, alpha).
        data_format: ``"channels_last"`` or ``"channels_first"``.
        seed: int for repeatable draws; None takes one from the default generator.
        **kwargs: name, dtype.
    """

    _arguments = ("alpha", "data_format", "seed")

    def __init__(
        self,
        alpha: float = 0.2,
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(alpha=alpha)


@registry.register()
class CutMix(_PairLayer):
    """A box of each image replaced by that of another of the batch, labels mixed by area (Yun et al. 2019).

    Called on ``{"images": x, "labels": y}`` with labels as floats of one row for each image (one-hot classes, for
    example), it returns a dict of both.

    Args:
        factor: the share of the area is drawn from Beta(a, a), a from ``[0, factor]`` or between two numbers.
        seed: int for repeatable draws; None takes one from the default generator.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        **kwargs: name, dtype.
    """

    _arguments = ("factor", "seed", "data_format")

    def __init__(
        self,
        factor: Factor = 1.0,
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self._take(factor=factor)


__all__ = ["AugMix", "CutMix", "MixUp", "RandAugment"]
