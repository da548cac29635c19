"""Random tensors by counter (Philox4x32-10, Salmon et al. 2011), with the names of `keras.random`.

`seed` is an int (the same call gives the same numbers every time), a `SeedGenerator` (a reproducible sequence of
draws) or None: the next draw of the default generator, which `ranvier.utils.set_random_seed` restarts.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from ranvier import config
from ranvier._core import Tensor
from ranvier._core import ops as _ops
from ranvier._registry import auto_name
from ranvier._tensor import convert_to_tensor
from ranvier.ops._convert import axis_of, whole

__all__ = [
    "SeedGenerator",
    "dropout",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

_MASK = 0xFFFF_FFFF_FFFF_FFFF


class SeedGenerator:
    """A sequence of seeds: each random function given this object takes the `next` one.

    Args:
        seed: where the sequence starts; None draws a start from the default generator.
        name: defaults to ``"seed_generator"``, numbered.

    Attributes:
        state: ``(seed, number of seeds taken)``; may be set to resume.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.name = name or auto_name("seed_generator")
        self._initial_seed = None if seed is None else check_seed(seed, "SeedGenerator")
        start = self._initial_seed
        if start is None:
            start = int(_ops.random_integers([], 0, 2**31 - 1, None).item())
        self._state = (start, 0)

    @property
    def state(self) -> tuple[int, int]:
        """``(seed, number of seeds taken)``."""
        return self._state

    @state.setter
    def state(self, value: Sequence[int]) -> None:
        seed, count = value
        self._state = (operator.index(seed), operator.index(count))

    def next(self) -> int:
        """The next seed, a 63-bit integer; depends on the start and on how many were taken before."""
        seed, count = self._state
        self._state = (seed, count + 1)
        # SplitMix64's output function (Steele et al. 2014) spreads neighbouring counts over all bits.
        z = (seed * 0xD1342543DE82EF95 + (count + 1) * 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return (z ^ (z >> 31)) >> 1

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SeedGenerator:
        """The inverse of `get_config`."""
        return cls(**config)


Seed = int | SeedGenerator | None


def check_seed(seed: Any, where: str) -> int:
    """`seed` as a non-negative int below 2**63; TypeError or ValueError naming `where` otherwise."""
    try:
        value = operator.index(seed)
    except TypeError:
        raise TypeError(f"[{where}] seed: expected an int or None, received {seed!r}.") from None
    if not 0 <= value < 2**63:
        raise ValueError(f"[{where}] seed: expected an int from 0 to 2**63 - 1, received {seed!r}.")
    return value


def own_seed(seed: Any, where: str) -> int | None:
    """Where a layer's own generator starts: an int, the next of a SeedGenerator (or of its config), or None."""
    if isinstance(seed, Mapping):
        seed = SeedGenerator.from_config(seed.get("config", {}))
    if isinstance(seed, SeedGenerator):
        return seed.next()
    return None if seed is None else check_seed(seed, where)


def draw_seed(seed: Seed, where: str) -> int | None:
    """The number a draw is made with: an int as it is, the next of a SeedGenerator, None for the default generator."""
    if seed is None:
        return None
    return seed.next() if isinstance(seed, SeedGenerator) else check_seed(seed, where)


def check_shape(shape: Any, where: str) -> list[int]:
    """`shape` (an int or a sequence of ints) as a list of non-negative ints."""
    try:
        dims = [operator.index(shape)] if not isinstance(shape, Sequence) else [operator.index(d) for d in shape]
    except TypeError:
        raise TypeError(f"[{where}] shape: expected a tuple of ints, received {shape!r}.") from None
    if any(not 0 <= d < 2**63 for d in dims):
        raise ValueError(f"[{where}] shape: expected sizes of 0 or more, below 2**63, received {shape!r}.")
    return dims


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None) -> Tensor:
    """Normal numbers of the given mean and standard deviation, of shape `shape` and dtype floatx (or `dtype`)."""
    where = "random.normal"
    dims, name = check_shape(shape, where), _float(dtype, where)
    return _ops.random_normal(dims, float(mean), float(stddev), False, name, draw_seed(seed, where))


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Like `normal`, with values beyond two standard deviations drawn again."""
    where = "random.truncated_normal"
    dims, name = check_shape(shape, where), _float(dtype, where)
    return _ops.random_normal(dims, float(mean), float(stddev), True, name, draw_seed(seed, where))


def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Seed = None) -> Tensor:
    """Uniform numbers in ``[minval, maxval)`` of shape `shape` and dtype floatx (or `dtype`)."""
    where = "random.uniform"
    dims, name = check_shape(shape, where), _float(dtype, where)
    return _ops.random_uniform(dims, float(minval), float(maxval), name, draw_seed(seed, where))


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Seed = None) -> Tensor:
    """Integers in ``[minval, maxval)`` of shape `shape` and dtype `dtype`."""
    where = "random.randint"
    dims = check_shape(shape, where)
    low, high = whole(minval, where, "minval"), whole(maxval, where, "maxval")
    if not low < high:
        raise ValueError(f"[{where}] expected minval < maxval, received minval={minval}, maxval={maxval}.")
    return convert_to_tensor(_ops.random_integers(dims, low, high, draw_seed(seed, where)), dtype)


def shuffle(x: Any, axis: int = 0, seed: Seed = None) -> Tensor:
    """`x` with its slices along `axis` in random order."""
    x = convert_to_tensor(x)
    place = axis_of(axis, x.ndim, "random.shuffle")
    order = _ops.random_permutation(x.shape[place], draw_seed(seed, "random.shuffle"))
    return _ops.gather(x, order, place)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Seed = None) -> Tensor:
    """Inverted dropout (Srivastava et al. 2014): zeroes with probability `rate`, scales the rest by ``1/(1 - rate)``.

    Args:
        inputs: floating tensor of any shape.
        rate: in ``[0, 1)``.
        noise_shape: like the shape of `inputs`, with 1 on axes that share one decision; None entries keep the size.
        seed: int, SeedGenerator or None.
    """
    where = "random.dropout"
    x = convert_to_tensor(inputs)
    if x.dtype not in config.FLOATS:
        x = convert_to_tensor(x, config.floatx())
    if not 0 <= rate < 1:
        raise ValueError(f"[{where}] rate: expected a number in [0, 1), received {rate!r}.")
    if noise_shape is not None:
        noise_shape = [s if n is None else operator.index(n) for n, s in zip(noise_shape, x.shape, strict=True)]
    return _ops.dropout(x, float(rate), noise_shape, draw_seed(seed, where))


def _float(dtype: Any, where: str) -> str:
    name = config.standardize_dtype(dtype)
    if name not in config.FLOATS:
        raise ValueError(f"[{where}] dtype: expected 'float32' or 'float64', received {name!r}.")
    return name
