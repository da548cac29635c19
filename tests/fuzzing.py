"""Random arguments, plausible and absurd, for test_fuzz.py; the same ones for the same seed."""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import ops

SCALE = float(os.environ.get("RANVIER_FUZZ", "1"))

# The classes an error may have. MemoryError: sizes beyond what can be allocated. IndexError: x[99].
EXPECTED = (ValueError, TypeError, MemoryError, IndexError)
TOO_LARGE = 2**50  # elements; no machine can address them, so nothing is ever filled with them


def judge(call: Callable[[], Any], what: str) -> Any:
    """The result of `call`, or None after an error that a user can work with."""
    try:
        return call()
    except EXPECTED as error:
        text = str(error)
        assert text and len(text) < 1200, f"{what}: {type(error).__name__}: {text[:2000]}"
        assert "incompatible function arguments" not in text, f"{what}: {text}"
        assert "incompatible constructor arguments" not in text, f"{what}: {text}"
        return None
    except Exception as error:
        pytest.fail(f"{what}: {type(error).__name__}: {error}")


def finish(result: Any) -> None:
    """What users do with results: look at them, differentiate them."""
    learned = []
    for y in result if isinstance(result, list | tuple) else [result]:
        if isinstance(y, keras.Tensor):
            assert np.asarray(y).shape == y.shape
            if y.requires_grad and y.size:
                learned.append(ops.sum(y))
    if learned:
        sum(learned[1:], learned[0]).backward()


class Odd:
    """An object of no use to anybody."""

    def __repr__(self) -> str:
        return "<Odd>"


SIZES = (0, 1, 1, 2, 3, 4, 5, 7, 16, 33)
DTYPES = ("float32", "float32", "float64", "int32", "int64", "bool")
FOREIGN_DTYPES = (
    "float16",
    "int8",
    "uint8",
    "uint64",
    "complex64",
    "object",
    "U3",
    ">f4",
    "datetime64[s]",
    "longdouble",
)
ABSURD: tuple[Any, ...] = (
    None, "text", "", b"bytes", Odd(), Odd, object, 1j, [], (), {}, {"a": 1}, [None], [[1], [1, 2]], "float32", -1, 0,
    1,
    -(2**31), 2**31, 2**62, 2**63, -(2**63), 2**64, 10**30, TOO_LARGE, 1.5, -0.5, 1e300, float("nan"), float("inf"),
    True,
    np.float32(2), np.int64(-3), np.array("a"), np.array(None), np.nan, slice(None), ..., lambda *a: None, range(3),
    {1, 2}, iter([1]), [1, "a"], [[[[[[[[[[1]]]]]]]]]],
)  # fmt: skip


PLAIN = [value for value in ABSURD if isinstance(value, bool | int | float | str | None) and value == value]


def mutate(value: Any, draws: random.Random, others: Sequence[Any]) -> Any:
    """`value` with a few of its parts replaced or left out."""
    if draws.random() < 0.03:
        return copy.copy(draws.choice(others))
    if isinstance(value, dict):
        return {k: mutate(v, draws, others) for k, v in value.items() if draws.random() > 0.02}
    if isinstance(value, list):
        return [mutate(v, draws, others) for v in value]
    return value


# Parameters that are numbers.
NUMBERS = frozenset(
    {
        "alpha", "b", "constant_values", "default_value", "epsilon", "fill_value", "initial", "mean", "negative_slope",
        "ord", "order", "rate", "start", "stddev", "step", "stop", "threshold", "x_max", "x_min",
    }
)  # fmt: skip


class Source:
    """Arguments from one random generator."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.shape = self.small_shape()

    def small_shape(self) -> tuple[int, ...]:
        rank = self.random.choice((0, 1, 1, 2, 2, 2, 3, 3, 4, 6, 8))
        shape = tuple(self.random.choice(SIZES) for _ in range(rank))
        return shape if np.prod(shape, dtype=float) <= 20000 else shape[:2]

    def array(self, dtype: str | None = None, shape: tuple[int, ...] | None = None) -> np.ndarray:
        shape = self.shape if shape is None else shape
        dtype = dtype or self.random.choice(DTYPES)
        values = np.random.default_rng(self.random.getrandbits(32)).normal(scale=3, size=shape)
        values = np.asarray(values)
        if values.size and self.random.random() < 0.1:
            values.flat[self.random.randrange(values.size)] = self.random.choice((np.nan, np.inf, -np.inf, 1e300))
        with np.errstate(all="ignore"):
            array = values.astype(dtype)
        kind = self.random.random()
        if kind < 0.1 and array.ndim:
            array = array[::-1]
        elif kind < 0.2:
            array = np.asfortranarray(array)
        elif kind < 0.25:
            array.flags.writeable = False
        return array

    def tensor(self) -> Any:
        kind = self.random.random()
        shape = self.shape
        if kind > 0.8:  # one that broadcasts, or not
            shape = self.random.choice(
                (shape[1:], shape[-1:], (), (1, *shape[1:]), shape[:-1], (*shape, 1)[:8], self.small_shape())
            )
        if kind < 0.03:
            with np.errstate(all="ignore"):
                try:
                    return self.array(shape=shape).astype(self.random.choice(FOREIGN_DTYPES))
                except (TypeError, ValueError):
                    return "no array"
        array = self.array(shape=shape)
        if kind < 0.15:
            return array
        if kind < 0.2:
            return array.tolist()
        if kind < 0.25 and array.dtype.kind == "f":
            return keras.Variable(array)
        made = ops.convert_to_tensor(array)
        if kind < 0.5 and made.dtype in ("float32", "float64"):
            made.requires_grad = True
        return made

    def axis(self) -> Any:
        rank = len(self.shape)
        return self.random.choice(
            (0, -1, 1, rank - 1, rank, -rank, -rank - 1, None, (0, 1), [0], (0, -1), (0, 0), 99, 2**40, self.absurd())
        )

    def whole(self) -> Any:
        return self.random.choice((0, 1, 2, 3, 5, -1, 7, TOO_LARGE, 2**62, 2**63, True, 2.0, self.absurd()))

    def sizes(self) -> Any:
        count = int(np.prod(self.shape))
        return self.random.choice(
            (
                self.shape, list(self.shape), (count,), (-1,), (-1, 1), (1, -1, 1), self.small_shape(), (-1, -1), (-2,),
                (TOO_LARGE,), (2**62, 2**62), (0, 2**62, 2**62), (2**62, 0, 2**40), (2**40, 2**40), (1,) * 9, count, 5,
                (2.5,), (None,), (2**64,), np.array(self.shape), self.absurd(),
            )
        )  # fmt: skip

    def number(self) -> Any:
        return self.random.choice((0, 1, 0.5, -1.0, 2, 1e-30, 1e30, np.nan, np.inf, np.float32(0.25), self.absurd()))

    def absurd(self) -> Any:
        return (
            copy.copy(self.random.choice(ABSURD)) if self.random.random() < 0.3 else self.random.choice(ABSURD[25:36])
        )

    def flag(self) -> Any:
        return self.random.choice((True, False, True, False, None, 1, "yes", self.absurd()))

    def dtype(self) -> Any:
        return self.random.choice((*DTYPES, None, np.float32, float, int, "float16", "nonsense", self.absurd()))

    def argument(self, name: str) -> Any:
        if self.random.random() < 0.06:
            return self.absurd()
        if name in ("xs",) or (name == "x" and self.random.random() < 0.02):
            return [self.tensor() for _ in range(self.random.choice((0, 1, 2, 2, 3)))]
        if name in ("axis", "axes", "axis1", "axis2", "source", "destination"):
            return self.axis()
        if name in ("newshape", "shape", "repeats", "noise_shape", "start_indices"):
            return self.sizes()
        if name in ("num", "num_classes", "N", "M", "n", "k", "decimals", "indices_or_sections", "minval", "maxval"):
            return self.whole()
        if name == "seed":
            return self.random.choice((None, 0, 7, self.whole()))
        if name == "indices":
            low, high = self.random.choice(((0, 1), (-3, 3), (0, 2), (0, 99), (2**62, 2**62 + 1)))
            return np.random.default_rng(self.random.getrandbits(32)).integers(low, high, self.small_shape()[:3])
        if name == "pad_width":
            return self.random.choice(
                (1, 0, (1, 2), [(0, 1)] * len(self.shape), -1, 2**62, (2**62, 2**62), self.absurd())
            )
        if name in ("strides", "dilation_rate", "output_padding"):
            return self.random.choice((1, 2, 3, (1, 2), (2, 1, 1), (1,), 0, -1, self.whole(), self.absurd()))
        if name == "padding":
            return self.random.choice(("valid", "same", "causal", [(1, 0), (2, 2)], [(0, 2**62)], self.absurd()))
        if name == "data_format":
            return self.random.choice((None, "channels_last", "channels_first", self.absurd()))
        if name in ("kernel", "depthwise_kernel", "pointwise_kernel"):
            return self.kernel()
        if name in ("keepdims", "endpoint", "from_logits", "approximate"):
            return self.flag()
        if name == "dtype":
            return self.dtype()
        if name == "key":
            return self.key()
        if name in NUMBERS:
            return self.number()
        return self.tensor()

    def kernel(self) -> Any:
        """Weights of a convolution that may fit the shape at hand."""
        if self.random.random() < 0.1:
            return self.tensor()
        window = [self.random.choice((1, 1, 2, 3, 5)) for _ in self.shape[1:-1]]
        channels = self.random.choice((self.shape[-1:] or (1,), self.shape[1:2] or (1,), (1,), (2,)))
        shape = (*window, *channels, self.random.choice((1, 2, 3, *channels)))
        return self.array("float32", shape) if np.prod(shape, dtype=float) <= 20000 else self.absurd()

    def key(self) -> Any:
        def one() -> Any:
            return self.random.choice(
                (
                    0, -1, 1, 5, 2**62, -(2**63), 2**64, slice(None), slice(1, None), slice(None, None, -1),
                    slice(2**62),
                    slice(None, None, 2**62), slice(None, None, -(2**63)), slice(0, 0), slice(5, 1), slice(2**70, None),
                    slice(None, None, 0), slice("a"), slice(1.5), ..., None, [0, 0], [], [True], np.array([1, 0]),
                    np.array([0.5]), np.array([[0, 1]]), np.zeros(3, bool), ops.convert_to_tensor([0]), True, 1.5, "a",
                    self.absurd(),
                )
            )  # fmt: skip

        return one() if self.random.random() < 0.4 else tuple(one() for _ in range(self.random.choice((0, 1, 2, 3, 9))))
