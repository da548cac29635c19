"""Noise in training, nothing otherwise: Dropout, AlphaDropout, GaussianDropout, GaussianNoise."""

from __future__ import annotations

from typing import Any

from ranvier.layers._checks import number, rate
from ranvier.layers.base import registry
from ranvier.layers.native import NativeLayer
from ranvier.random import own_seed


def _noise_shape(shape: Any, layer: str) -> list[int | None] | None:
    if shape is None:
        return None
    if not isinstance(shape, list | tuple) or not all(d is None or (isinstance(d, int) and d >= 1) for d in shape):
        raise ValueError(
            f"[{layer}] noise_shape: expected a tuple of positive ints and None, one for each axis with the batch, "
            f"received {shape!r}."
        )
    return list(shape)


class _Dropping(NativeLayer):
    """What the dropouts with a noise shape share."""

    _arguments = ("rate", "seed", "noise_shape")

    def __init__(self, rate: float, noise_shape: Any = None, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = _rate(rate, self.name)
        self.noise_shape = _noise_shape(noise_shape, self.name)
        self.seed = own_seed(seed, self.name)


@registry.register()
class Dropout(_Dropping):
    """In training zeroes inputs with probability `rate` and scales the rest by ``1/(1 - rate)`` (Srivastava 2014).

    Args:
        rate: in ``[0, 1]``.
        noise_shape: shape of the decisions, 1 on axes that share one and None for the input's size.
        seed: int for repeatable noise; None draws one from the default generator.
        **kwargs: name, dtype, trainable.
    """


@registry.register()
class AlphaDropout(_Dropping):
    """Dropout that keeps mean and variance of self-normalising (selu) networks (Klambauer et al. 2017).

    Args:
        rate: in ``[0, 1]``.
        noise_shape: shape of the decisions, 1 on axes that share one and None for the input's size.
        seed: int for repeatable noise; None draws one from the default generator.
        **kwargs: name, dtype, trainable.
    """


@registry.register()
class GaussianDropout(NativeLayer):
    """In training multiplies by normal numbers of mean 1 and variance ``rate/(1 - rate)`` (Srivastava 2014).

    Args:
        rate: in ``[0, 1)``.
        seed: int for repeatable noise; None draws one from the default generator.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("rate", "seed")

    def __init__(self, rate: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = _rate(rate, self.name, below_one=True)
        self.seed = own_seed(seed, self.name)


@registry.register()
class GaussianNoise(NativeLayer):
    """In training adds normal numbers of mean 0 and standard deviation `stddev`.

    Args:
        stddev: 0 or more.
        seed: int for repeatable noise; None draws one from the default generator.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("stddev", "seed")

    def __init__(self, stddev: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = number(stddev, self.name, "stddev", 0)
        self.seed = own_seed(seed, self.name)


_rate = rate

__all__ = ["AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"]
