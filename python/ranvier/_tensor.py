"""Anything with numbers -> a Tensor of the engine; the switch for gradients."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np

from ranvier import config
from ranvier._core import Tensor, Variable, as_tensor, is_grad_enabled, set_grad_enabled
from ranvier._symbolic import KerasTensor, SymbolicInputError

__all__ = ["Tensor", "Variable", "convert_to_numpy", "convert_to_tensor", "is_tensor", "no_grad"]

# NumPy dtypes the engine does not have -> the smallest one of it that holds all their values (except uint64).
_WIDER = {
    "float16": "float32",
    "longdouble": "float64",
    "int8": "int32",
    "int16": "int32",
    "uint8": "int32",
    "uint16": "int32",
    "uint32": "int64",
    "uint64": "int64",
}

_ENGINE_DTYPES = frozenset(np.dtype(name) for name in config.DTYPES)  # native byte order only


def convert_to_tensor(x: Any, dtype: Any = None) -> Tensor:
    """`x` as a `Tensor`; a Tensor of the wanted dtype is returned as it is, NumPy data is copied.

    Args:
        x: Tensor, Variable (its value: gradients reach the weight), number, nested list, NumPy array or anything with
            ``__array__``.
        dtype: wanted dtype. By default arrays keep theirs (float64 included, as in Keras on PyTorch; float16 and
            small integers are widened), Python floats become `config.floatx()`, Python integers int32 (int64 when
            they do not fit), Python booleans bool.

    Raises:
        TypeError: strings, objects, complex numbers.
        ValueError: lists of uneven length.
    """
    if type(x) is Tensor and (dtype is None or dtype == x.dtype):
        return x
    if type(x) is np.ndarray and x.dtype in _ENGINE_DTYPES and (dtype is None or dtype in config.DTYPES):
        return as_tensor(x, dtype)
    wanted = None if dtype is None else config.standardize_dtype(dtype)
    if isinstance(x, Tensor | Variable):
        return as_tensor(x, wanted)
    if isinstance(x, KerasTensor):
        raise SymbolicInputError(
            f"[convert_to_tensor] expected numbers, received {x!r}, which is symbolic: it has no values until a model "
            "runs. Make a Model(inputs, outputs) and call that on data."
        )
    if isinstance(x, Sequence) and not isinstance(x, str) and _holds_tensors(x):
        from ranvier import ops

        return ops.stack([convert_to_tensor(item, dtype) for item in x])
    array = _as_numeric_array(x)
    if wanted is None:
        wanted = _default_dtype(x, array)
    return as_tensor(np.asarray(array, dtype=wanted, order="C"))


def _holds_tensors(x: Sequence[Any]) -> bool:
    return any(isinstance(item, Tensor | Variable | KerasTensor) for item in x)


def _as_numeric_array(x: Any) -> np.ndarray:
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"[convert_to_tensor] expected rows of equal length, received {type(x).__name__}: {error}."
        ) from None
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"[convert_to_tensor] expected numbers, received {type(x).__name__} of dtype {array.dtype}; "
            "turn labels and text into integers first (StringLookup, TextVectorization), and complex numbers into two "
            "real features."
        )
    return array


def _default_dtype(x: Any, array: np.ndarray) -> str:
    if hasattr(x, "dtype") and not isinstance(x, float):  # np.float64(0.5) is a float and counts as a Python number
        name = array.dtype.name
        return _WIDER.get(name, name if name in config.DTYPES else "float64")
    if array.dtype.kind == "f":
        return config.floatx()
    if array.dtype.kind == "b":
        return "bool"
    fits = array.size == 0 or (array.min() >= -(2**31) and array.max() < 2**31)
    return "int32" if fits else "int64"


def convert_to_numpy(x: Any) -> np.ndarray:
    """`x` as a NumPy array: a read-only view of a Tensor's memory, a copy of a Variable, the array itself."""
    if isinstance(x, Tensor | Variable):
        return x.numpy()
    return np.asarray(x)


def is_tensor(x: Any) -> bool:
    """Whether `x` is a `Tensor` (a Variable, an array or a number is not)."""
    return isinstance(x, Tensor)


class no_grad(contextlib.ContextDecorator):
    """``with no_grad():`` or ``@no_grad()``: operations inside are not recorded for `backward` in this thread."""

    def __init__(self) -> None:
        self._outer: list[bool] = []

    def __enter__(self) -> no_grad:
        self._outer.append(set_grad_enabled(False))
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        set_grad_enabled(self._outer.pop())

    @staticmethod
    def is_active() -> bool:
        """Whether gradients are off in this thread."""
        return not is_grad_enabled()
