"""Elementwise arithmetic, functions of one argument and comparisons, broadcasting like NumPy."""

from __future__ import annotations

import math
from typing import Any

from ranvier import config
from ranvier._core import Tensor
from ranvier.ops._convert import engine, floating, pair, tensor, whole
from ranvier.ops._recording import record_all

__all__ = [
    "abs",
    "absolute",
    "add",
    "ceil",
    "clip",
    "cos",
    "divide",
    "divide_no_nan",
    "equal",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "power",
    "reciprocal",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "sqrt",
    "square",
    "subtract",
    "true_divide",
    "where",
]


# -- two arguments -----------------------------------------------------------------------------------------------------


def add(x1: Any, x2: Any) -> Tensor:
    """``x1 + x2``."""
    return engine.binary("add", *pair(x1, x2))


def subtract(x1: Any, x2: Any) -> Tensor:
    """``x1 - x2``."""
    return engine.binary("subtract", *pair(x1, x2))


def multiply(x1: Any, x2: Any) -> Tensor:
    """``x1 * x2``, element by element."""
    return engine.binary("multiply", *pair(x1, x2))


def divide(x1: Any, x2: Any) -> Tensor:
    """``x1 / x2``; integers are divided as floatx."""
    a, b = pair(x1, x2)
    if a.dtype not in config.FLOATS and b.dtype not in config.FLOATS:
        a, b = floating(a), floating(b)
    return engine.binary("divide", a, b)


true_divide = divide


def divide_no_nan(x1: Any, x2: Any) -> Tensor:
    """``x1 / x2``, and 0 where `x2` is 0 (with gradient 0 there)."""
    a, b = pair(x1, x2)
    a, b = floating(a), floating(b)
    zero = equal(b, 0)
    return where(zero, 0.0, divide(a, where(zero, 1.0, b)))


def power(x1: Any, x2: Any) -> Tensor:
    """``x1 ** x2``."""
    if isinstance(x2, int | float) and not isinstance(x2, bool):
        base = tensor(x1)
        if base.dtype in config.FLOATS:
            return engine.unary("pow_scalar", base, float(x2))
    return engine.binary("power", *pair(x1, x2))


def maximum(x1: Any, x2: Any) -> Tensor:
    """The larger of both, element by element; NaN where either is NaN."""
    return engine.binary("maximum", *pair(x1, x2))


def minimum(x1: Any, x2: Any) -> Tensor:
    """The smaller of both, element by element; NaN where either is NaN."""
    return engine.binary("minimum", *pair(x1, x2))


def logaddexp(x1: Any, x2: Any) -> Tensor:
    """``log(exp(x1) + exp(x2))`` without overflow."""
    a, b = pair(x1, x2)
    a, b = floating(a), floating(b)
    same = equal(a, b)  # of equal infinities the difference is NaN
    gap = abs(subtract(a, where(same, a, b)))
    return add(maximum(a, b), log1p(exp(negative(where(same, 0.0, gap)))))


# -- one argument ------------------------------------------------------------------------------------------------------


def negative(x: Any) -> Tensor:
    """``-x``."""
    x = tensor(x)
    return engine.unary("negative", x) if x.dtype in config.FLOATS else subtract(0, x)


def abs(x: Any) -> Tensor:
    """``|x|``; the gradient at 0 is 0."""
    x = tensor(x)
    return engine.unary("abs", x) if x.dtype in config.FLOATS else maximum(x, subtract(0, x))


absolute = abs


def sign(x: Any) -> Tensor:
    """-1, 0 or 1; no gradient."""
    x = tensor(x)
    if x.dtype in config.FLOATS:
        return engine.unary("sign", x)
    return engine.cast(engine.unary("sign", engine.cast(x, "float64")), x.dtype)


def square(x: Any) -> Tensor:
    """``x * x``."""
    x = tensor(x)
    return engine.unary("square", x) if x.dtype in config.FLOATS else multiply(x, x)


def sqrt(x: Any) -> Tensor:
    """The square root; NaN below 0."""
    return engine.unary("sqrt", floating(x))


def rsqrt(x: Any) -> Tensor:
    """``1 / sqrt(x)``."""
    return engine.unary("rsqrt", floating(x))


def reciprocal(x: Any) -> Tensor:
    """``1 / x``."""
    return engine.unary("reciprocal", floating(x))


def exp(x: Any) -> Tensor:
    """``e ** x``."""
    return engine.unary("exp", floating(x))


def exp2(x: Any) -> Tensor:
    """``2 ** x``."""
    return engine.unary("exp", multiply(floating(x), math.log(2.0)))


def expm1(x: Any) -> Tensor:
    """``exp(x) - 1``, precise near 0."""
    return engine.unary("expm1", floating(x))


def log(x: Any) -> Tensor:
    """The natural logarithm; -inf at 0, NaN below."""
    return engine.unary("log", floating(x))


def log1p(x: Any) -> Tensor:
    """``log(1 + x)``, precise near 0."""
    return engine.unary("log1p", floating(x))


def log2(x: Any) -> Tensor:
    """The logarithm to base 2."""
    return multiply(log(x), 1.0 / math.log(2.0))


def log10(x: Any) -> Tensor:
    """The logarithm to base 10."""
    return multiply(log(x), 1.0 / math.log(10.0))


def sin(x: Any) -> Tensor:
    """The sine of an angle in radians."""
    return engine.unary("sin", floating(x))


def cos(x: Any) -> Tensor:
    """The cosine of an angle in radians."""
    return engine.unary("cos", floating(x))


def erf(x: Any) -> Tensor:
    """The error function, ``2/sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to x."""
    return engine.unary("erf", floating(x))


def floor(x: Any) -> Tensor:
    """The largest whole number not above `x`; no gradient."""
    return engine.unary("floor", floating(x))


def ceil(x: Any) -> Tensor:
    """The smallest whole number not below `x`; no gradient."""
    return engine.unary("ceil", floating(x))


def round(x: Any, decimals: int = 0) -> Tensor:
    """The nearest number with `decimals` decimals, half to even; no gradient."""
    x = tensor(x)
    if x.dtype not in config.FLOATS:
        return x
    decimals = whole(decimals, "round", "decimals")
    if decimals == 0:
        return engine.unary("round", x)
    if not -300 <= decimals <= 300:
        raise ValueError(f"[round] decimals: expected an int from -300 to 300, received {decimals}.")
    scale = 10.0**decimals
    return divide(engine.unary("round", multiply(x, scale)), scale)


def clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    """`x` limited to ``[x_min, x_max]`` (numbers or tensors); the gradient is 0 outside."""
    x = tensor(x)
    scalars = isinstance(x_min, int | float) and isinstance(x_max, int | float)
    if scalars and x.dtype in config.FLOATS:
        return engine.unary("clip", x, float(x_min), float(x_max))
    return minimum(maximum(x, x_min), x_max)


# -- comparisons and logic ---------------------------------------------------------------------------------------------


def equal(x1: Any, x2: Any) -> Tensor:
    """``x1 == x2``, a bool tensor."""
    return engine.compare("equal", *pair(x1, x2))


def not_equal(x1: Any, x2: Any) -> Tensor:
    """``x1 != x2``, a bool tensor."""
    return engine.compare("not_equal", *pair(x1, x2))


def less(x1: Any, x2: Any) -> Tensor:
    """``x1 < x2``, a bool tensor."""
    return engine.compare("less", *pair(x1, x2))


def less_equal(x1: Any, x2: Any) -> Tensor:
    """``x1 <= x2``, a bool tensor."""
    return engine.compare("less_equal", *pair(x1, x2))


def greater(x1: Any, x2: Any) -> Tensor:
    """``x1 > x2``, a bool tensor."""
    return engine.compare("greater", *pair(x1, x2))


def greater_equal(x1: Any, x2: Any) -> Tensor:
    """``x1 >= x2``, a bool tensor."""
    return engine.compare("greater_equal", *pair(x1, x2))


def where(condition: Any, x1: Any, x2: Any) -> Tensor:
    """`x1` where `condition` holds, `x2` elsewhere, broadcast together; gradients go where values came from."""
    a, b = pair(x1, x2)
    return engine.where(engine.cast(tensor(condition), "bool"), a, b)


def logical_and(x1: Any, x2: Any) -> Tensor:
    """Whether both are true (not 0)."""
    return engine.cast(engine.binary("minimum", _truth(x1), _truth(x2)), "bool")


def logical_or(x1: Any, x2: Any) -> Tensor:
    """Whether at least one is true (not 0)."""
    return engine.cast(engine.binary("maximum", _truth(x1), _truth(x2)), "bool")


def logical_xor(x1: Any, x2: Any) -> Tensor:
    """Whether exactly one is true (not 0)."""
    return engine.compare("not_equal", _truth(x1), _truth(x2))


def logical_not(x: Any) -> Tensor:
    """Whether `x` is false (0)."""
    return equal(x, 0)


def isnan(x: Any) -> Tensor:
    """Whether each element is NaN."""
    x = tensor(x)
    return engine.compare("not_equal", x, x)


def isfinite(x: Any) -> Tensor:
    """Whether each element is neither NaN nor infinite."""
    return less(abs(floating(x)), math.inf)


def isinf(x: Any) -> Tensor:
    """Whether each element is infinite."""
    return equal(abs(floating(x)), math.inf)


def _truth(x: Any) -> Tensor:
    return engine.cast(engine.cast(tensor(x), "bool"), "int32")


record_all(globals())
