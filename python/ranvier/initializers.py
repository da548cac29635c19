"""How weights start: callables from a shape to a Tensor, under Keras's names and defaults.

Without a seed each call draws new numbers from the default generator (`ranvier.utils.set_random_seed` restarts it); an
int gives the same numbers at every call; a `ranvier.random.SeedGenerator` gives a reproducible sequence.
Custom initializers: a subclass of `Initializer`, or any callable ``f(shape, dtype=None)`` that returns an array.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ranvier import config as _config
from ranvier._core import Tensor
from ranvier._core import initialize as _initialize
from ranvier._registry import Registry
from ranvier.random import Seed, SeedGenerator, check_seed, check_shape
from ranvier.utils.configs import known_arguments

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "deserialize",
    "get",
    "serialize",
]


class Initializer:
    """Base of initializers: ``__call__(shape, dtype=None)`` returns values of that shape."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Values of `shape` and `dtype` (floatx by default)."""
        raise NotImplementedError(
            f"[{type(self).__name__}] an Initializer must define __call__(self, shape, dtype=None)."
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; a subclass with arguments returns them here."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """The inverse of `get_config`."""
        return cls(**config)

    def clone(self) -> Any:
        """A new initializer with the same arguments."""
        return type(self).from_config(self.get_config())

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items() if v is not None)
        return f"{type(self).__name__}({arguments})"


registry: Registry[Initializer] = Registry("initializer", Initializer, callables=True)


class _Native(Initializer):
    """An initializer the engine computes; `_fields` are the constructor arguments."""

    _fields: ClassVar[tuple[str, ...]] = ()
    _class_name: ClassVar[str | None] = None

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        """Values of `shape` and `dtype` (floatx by default), a Tensor."""
        name = self._class_name or type(self).__name__
        dims = check_shape(shape, name)
        return _initialize(name, self._engine_config(), dims, _config.standardize_dtype(dtype))

    def _engine_config(self) -> dict[str, Any]:
        config = {field: getattr(self, field) for field in self._fields}
        if isinstance(config.get("seed"), SeedGenerator):
            config["seed"] = config["seed"].next()
        return config

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = {field: getattr(self, field) for field in self._fields}
        if isinstance(config.get("seed"), SeedGenerator):
            config["seed"] = {"class_name": "SeedGenerator", "config": config["seed"].get_config()}
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """The inverse of `get_config`, Keras's or ours."""
        return cls(**known_arguments(cls, config))


def _seed(seed: Any, where: str) -> Seed:
    if isinstance(seed, Mapping):
        return SeedGenerator.from_config(seed.get("config", {}))
    return seed if seed is None or isinstance(seed, SeedGenerator) else check_seed(seed, where)


def _number(where: str, name: str, value: Any, smallest: float = float("-inf")) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= smallest:
        bound = "" if smallest == float("-inf") else f" of {smallest:g} or more"
        raise ValueError(f"[{where}] {name}: expected a number{bound}, received {value!r}.")
    return float(value)


@registry.register()
class Zeros(_Native):
    """All 0."""


@registry.register()
class Ones(_Native):
    """All 1."""


@registry.register()
class Constant(_Native):
    """All `value`. Default 0."""

    _fields = ("value",)

    def __init__(self, value: float = 0.0) -> None:
        self.value = _number("Constant", "value", value)


@registry.register("normal")
class RandomNormal(_Native):
    """Normal numbers. Defaults ``mean=0.0, stddev=0.05``."""

    _fields = ("mean", "stddev", "seed")

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        self.mean = _number("RandomNormal", "mean", mean)
        self.stddev = _number("RandomNormal", "stddev", stddev, 0)
        self.seed = _seed(seed, "RandomNormal")


@registry.register()
class TruncatedNormal(_Native):
    """Normal numbers, drawn again beyond two standard deviations. Defaults ``mean=0.0, stddev=0.05``."""

    _fields = ("mean", "stddev", "seed")

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        self.mean = _number("TruncatedNormal", "mean", mean)
        self.stddev = _number("TruncatedNormal", "stddev", stddev, 0)
        self.seed = _seed(seed, "TruncatedNormal")


@registry.register("uniform")
class RandomUniform(_Native):
    """Uniform numbers in ``[minval, maxval)``. Defaults -0.05 and 0.05."""

    _fields = ("minval", "maxval", "seed")

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Seed = None) -> None:
        self.minval = _number("RandomUniform", "minval", minval)
        self.maxval = _number("RandomUniform", "maxval", maxval, self.minval)
        self.seed = _seed(seed, "RandomUniform")


@registry.register()
class VarianceScaling(_Native):
    """Numbers whose variance is ``scale / n``, n being a number of connections of a unit.

    Args:
        scale: above 0. Default 1.
        mode: ``"fan_in"`` (n inputs, default), ``"fan_out"`` (n outputs) or ``"fan_avg"`` (their mean).
        distribution: ``"truncated_normal"`` (default), ``"untruncated_normal"`` or ``"uniform"``.
        seed: int, SeedGenerator or None.
    """

    _fields: ClassVar[tuple[str, ...]] = ("scale", "mode", "distribution", "seed")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Seed = None,
    ) -> None:
        self.scale = _number("VarianceScaling", "scale", scale)
        if self.scale <= 0:
            raise ValueError(f"[VarianceScaling] scale: expected a number above 0, received {scale!r}.")
        self.mode = _choice("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        if distribution == "normal":  # an older name of it
            distribution = "truncated_normal"
        self.distribution = _choice("distribution", distribution, ("truncated_normal", "untruncated_normal", "uniform"))
        self.seed = _seed(seed, "VarianceScaling")


def _choice(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"[VarianceScaling] {name}: expected one of {', '.join(known)}, received {value!r}.")
    return value


class _Scaled(VarianceScaling):
    """VarianceScaling with everything but the seed fixed."""

    _fields = ("seed",)
    _fixed: ClassVar[tuple[float, str, str]]

    def __init__(self, seed: Seed = None) -> None:
        scale, mode, distribution = self._fixed
        super().__init__(scale, mode, distribution, seed)


@registry.register()
class GlorotUniform(_Scaled):
    """Uniform, variance ``2 / (inputs + outputs)`` (Glorot & Bengio 2010); the default of Dense."""

    _fixed = (1.0, "fan_avg", "uniform")


@registry.register()
class GlorotNormal(_Scaled):
    """Truncated normal, variance ``2 / (inputs + outputs)`` (Glorot & Bengio 2010)."""

    _fixed = (1.0, "fan_avg", "truncated_normal")


@registry.register()
class HeUniform(_Scaled):
    """Uniform, variance ``2 / inputs``, for rectifiers (He et al. 2015)."""

    _fixed = (2.0, "fan_in", "uniform")


@registry.register()
class HeNormal(_Scaled):
    """Truncated normal, variance ``2 / inputs``, for rectifiers (He et al. 2015)."""

    _fixed = (2.0, "fan_in", "truncated_normal")


@registry.register()
class LecunUniform(_Scaled):
    """Uniform, variance ``1 / inputs`` (LeCun et al. 1998)."""

    _fixed = (1.0, "fan_in", "uniform")


@registry.register()
class LecunNormal(_Scaled):
    """Truncated normal, variance ``1 / inputs`` (LeCun et al. 1998); for selu networks."""

    _fixed = (1.0, "fan_in", "truncated_normal")


@registry.register("OrthogonalInitializer", "orthogonal_initializer")
class Orthogonal(_Native):
    """``gain`` times a matrix with orthonormal columns or rows (Saxe et al. 2014); shapes of rank 2 or more."""

    _fields = ("gain", "seed")

    def __init__(self, gain: float = 1.0, seed: Seed = None) -> None:
        self.gain = _number("Orthogonal", "gain", gain)
        self.seed = _seed(seed, "Orthogonal")


@registry.register("IdentityInitializer", "identity_initializer")
class Identity(_Native):
    """``gain`` times the identity matrix; shapes of rank 2."""

    _fields = ("gain",)

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = _number("Identity", "gain", gain)


OrthogonalInitializer = Orthogonal
IdentityInitializer = Identity
# The snake_case forms Keras also exports.
zeros, ones, constant = Zeros, Ones, Constant
random_normal, random_uniform, truncated_normal, variance_scaling = (
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
glorot_uniform, glorot_normal, he_uniform, he_normal = GlorotUniform, GlorotNormal, HeUniform, HeNormal
lecun_uniform, lecun_normal, orthogonal, identity = LecunUniform, LecunNormal, Orthogonal, Identity


def get(identifier: Any) -> Any:
    """An initializer from a name (``"glorot_uniform"``), an instance, a callable, a class or a config dict."""
    return registry.get(identifier)


def serialize(initializer: Any) -> Any:
    """``{"class_name", "config"}``, or the name of a function."""
    return registry.serialize(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The inverse of `serialize`."""
    return registry.deserialize(config, custom_objects)


def is_native(initializer: Any) -> bool:
    """Whether the engine fills weights with this initializer itself."""
    return registry.classes().get(type(initializer).__name__) is type(initializer)


def native_config(initializer: Any) -> dict[str, Any]:
    """What the engine is told to fill a weight with a native initializer."""
    return {"class_name": type(initializer).__name__, "config": initializer._engine_config()}
