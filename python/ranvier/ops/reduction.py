"""Sums, means, extrema over axes, and matrix products. `axis`: None (all), an int or a tuple of ints."""

from __future__ import annotations

import math as _math
from typing import Any

from ranvier import config
from ranvier._core import Tensor
from ranvier.ops import math as m
from ranvier.ops._convert import axes_of, axis_of, engine, flag, floating, tensor
from ranvier.ops._recording import record_all

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "dot",
    "einsum",
    "logsumexp",
    "matmul",
    "max",
    "mean",
    "min",
    "outer",
    "prod",
    "std",
    "sum",
    "var",
]


def _counting(x: Any) -> Tensor:
    x = tensor(x)
    return engine.cast(x, "int32") if x.dtype == "bool" else x


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Sum over `axis`; booleans count as 0 and 1."""
    x = _counting(x)
    return engine.sum(x, axes_of(axis, x.ndim, "sum"), flag(keepdims, "sum", "keepdims"))


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """Product over `axis`, computed in `dtype` when given."""
    x = _counting(x) if dtype is None else tensor(x, dtype)
    return engine.prod(x, axes_of(axis, x.ndim, "prod"), flag(keepdims, "prod", "keepdims"))


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Mean over `axis`; integers are averaged as floatx."""
    x = floating(x)
    return engine.mean(x, axes_of(axis, x.ndim, "mean"), flag(keepdims, "mean", "keepdims"))


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Mean squared distance from the mean over `axis` (divided by n, like NumPy)."""
    x = floating(x)
    return engine.variance(x, axes_of(axis, x.ndim, "var"), flag(keepdims, "var", "keepdims"))


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Square root of `var`."""
    return engine.unary("sqrt", var(x, axis, keepdims))


def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """Largest element over `axis`, at least `initial` when given."""
    x = tensor(x)
    y = engine.max(x, axes_of(axis, x.ndim, "max"), flag(keepdims, "max", "keepdims"))
    return y if initial is None else m.maximum(y, initial)


def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """Smallest element over `axis`, at most `initial` when given."""
    x = tensor(x)
    y = engine.min(x, axes_of(axis, x.ndim, "min"), flag(keepdims, "min", "keepdims"))
    return y if initial is None else m.minimum(y, initial)


def amax(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Same as `max`."""
    return max(x, axis, keepdims)


def amin(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Same as `min`."""
    return min(x, axis, keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether some element is true (not 0), a bool tensor."""
    x = engine.cast(tensor(x), "bool")
    return engine.any(x, axes_of(axis, x.ndim, "any"), flag(keepdims, "any", "keepdims"))


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether every element is true (not 0), a bool tensor."""
    x = engine.cast(tensor(x), "bool")
    return engine.all(x, axes_of(axis, x.ndim, "all"), flag(keepdims, "all", "keepdims"))


def count_nonzero(x: Any, axis: Any = None) -> Tensor:
    """Number of elements that are not 0, int32."""
    return sum(m.not_equal(x, 0), axis)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Position of the first largest element along `axis` (of the flattened tensor without one), int32."""
    return _arg("argmax", x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Position of the first smallest element along `axis` (of the flattened tensor without one), int32."""
    return _arg("argmin", x, axis, keepdims)


def _arg(name: str, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    x, keepdims = _counting(x), flag(keepdims, name, "keepdims")
    function = engine.argmax if name == "argmax" else engine.argmin
    if axis is None:
        y = function(engine.reshape(x, [-1]), 0, False)
        y = engine.reshape(y, [1] * x.ndim) if keepdims else y
    else:
        y = function(x, axis_of(axis, x.ndim, name), keepdims)
    return engine.cast(y, "int32")


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """``log(sum(exp(x)))`` over `axis` without overflow."""
    x = floating(x)
    axes, keepdims = axes_of(axis, x.ndim, "logsumexp"), flag(keepdims, "logsumexp", "keepdims")
    peak = engine.stop_gradient(engine.max(x, axes, True))
    peak = m.where(m.less(m.abs(peak), _math.inf), peak, 0.0)  # inf - inf would be NaN
    y = m.add(m.log(engine.sum(m.exp(m.subtract(x, peak)), axes, True)), peak)
    return y if keepdims else engine.squeeze(y, axes or list(range(x.ndim))) if x.ndim else y


def matmul(x1: Any, x2: Any) -> Tensor:
    """Matrix product of the last two axes, leading axes broadcast, vectors allowed: NumPy's ``@``.

    >>> matmul(ones((2, 3)), ones((3, 4))).shape
    (2, 4)
    """
    a, b = tensor(x1), tensor(x2)
    if a.dtype not in config.FLOATS and b.dtype not in config.FLOATS:  # the engine multiplies floating matrices only
        exact = engine.matmul(engine.cast(a, "float64"), engine.cast(b, "float64"))
        return engine.cast(exact, "int64" if "int64" in (a.dtype, b.dtype) else "int32")
    return engine.matmul(a, b)


def dot(x1: Any, x2: Any) -> Tensor:
    """Sum of products over the last axis of `x1` and the first of `x2` (at most 2 axes); numbers multiply."""
    a, b = tensor(x1), tensor(x2)
    if a.ndim == 0 or b.ndim == 0:
        return m.multiply(a, b)
    if b.ndim > 2:
        raise ValueError(
            f"[dot] x2: expected at most 2 axes, received shape {b.shape}; matmul multiplies stacks of matrices."
        )
    return matmul(a, b)


def einsum(subscripts: str, *operands: Any) -> Tensor:
    """Sum of products in Einstein's notation: ``einsum("ij,jk->ik", a, b)`` is ``a @ b``.

    Pairs of operands are multiplied from left to right, as matrices. Without ``->`` the output has the letters that
    appear once, in alphabetical order; an ellipsis broadcasts.

    Raises:
        ValueError: another notation (a letter twice in one term among it), or sizes that do not fit.
    """
    if not isinstance(subscripts, str):
        raise TypeError(f"[einsum] subscripts: expected a string, received {subscripts!r:.200}.")
    if not operands:
        raise ValueError("[einsum] expected at least one operand, received none.")
    given = [tensor(x) for x in operands]
    dtypes = {x.dtype for x in given}
    if not dtypes.isdisjoint(config.FLOATS):
        return engine.einsum(subscripts, given)
    exact = engine.einsum(subscripts, [engine.cast(x, "float64") for x in given])  # whole numbers below 2**53
    return engine.cast(exact, "int64" if "int64" in dtypes else "int32")


def outer(x1: Any, x2: Any) -> Tensor:
    """All products of an element of `x1` with one of `x2`: shape ``(x1.size, x2.size)``."""
    a, b = tensor(x1), tensor(x2)
    return m.multiply(engine.reshape(a, [-1, 1]), engine.reshape(b, [1, -1]))


record_all(globals())
