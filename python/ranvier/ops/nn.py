"""What networks are made of: activations, cross-entropies, normalisation, norms."""

from __future__ import annotations

import math as _math
from functools import lru_cache
from typing import Any

from ranvier import config
from ranvier._core import Loss, Tensor
from ranvier.ops import manipulation as s
from ranvier.ops import math as m
from ranvier.ops import reduction as r
from ranvier.ops._convert import axes_of, axis_of, engine, flag, floating, tensor, whole
from ranvier.ops._recording import record_all

__all__ = [
    "batch_normalization",
    "binary_crossentropy",
    "categorical_crossentropy",
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "layer_normalization",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "moments",
    "norm",
    "normalize",
    "one_hot",
    "relu",
    "relu6",
    "rms_normalization",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_categorical_crossentropy",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

# -- elementwise activations -------------------------------------------------------------------------------------------


def relu(x: Any) -> Tensor:
    """``max(x, 0)``."""
    return engine.unary("relu", floating(x))


def relu6(x: Any) -> Tensor:
    """``min(max(x, 0), 6)``."""
    return engine.unary("relu6", floating(x))


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """``x`` above 0, ``negative_slope * x`` below."""
    return engine.unary("leaky_relu", floating(x), float(negative_slope))


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """``x`` above 0, ``alpha * (exp(x) - 1)`` below (Clevert et al. 2016).

    Raises:
        ValueError: a negative alpha; the derivative is taken from the output, whose sign would no longer tell the side.
    """
    if not alpha >= 0:
        raise ValueError(f"[elu] expected alpha >= 0, received {alpha}.")
    return engine.unary("elu", floating(x), float(alpha))


def selu(x: Any) -> Tensor:
    """``1.0507 * elu(x, 1.6733)``, which keeps mean 0 and variance 1 (Klambauer et al. 2017)."""
    return engine.unary("selu", floating(x))


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """``max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))`` (Barron 2017).

    Raises:
        ValueError: an alpha that is not positive.
    """
    if not alpha > 0:
        raise ValueError(f"[celu] expected alpha > 0, received {alpha}.")
    return engine.unary("celu", floating(x), float(alpha))


def gelu(x: Any, approximate: bool = True) -> Tensor:
    """``x * P(X <= x)`` for a standard normal X (Hendrycks & Gimpel 2016), or its tanh form when `approximate`."""
    return engine.unary("gelu_tanh" if approximate else "gelu", floating(x))


def silu(x: Any) -> Tensor:
    """``x * sigmoid(x)``, also called swish (Ramachandran et al. 2017)."""
    return engine.unary("silu", floating(x))


swish = silu


def softplus(x: Any) -> Tensor:
    """``log(1 + exp(x))``."""
    return engine.unary("softplus", floating(x))


def softsign(x: Any) -> Tensor:
    """``x / (1 + |x|)``."""
    return engine.unary("softsign", floating(x))


def sigmoid(x: Any) -> Tensor:
    """``1 / (1 + exp(-x))``."""
    return engine.unary("sigmoid", floating(x))


def hard_sigmoid(x: Any) -> Tensor:
    """``relu6(x + 3) / 6``."""
    return engine.unary("hard_sigmoid", floating(x))


def hard_silu(x: Any) -> Tensor:
    """``x * relu6(x + 3) / 6``, also called hard_swish (Howard et al. 2019)."""
    return engine.unary("hard_silu", floating(x))


hard_swish = hard_silu


def tanh(x: Any) -> Tensor:
    """The hyperbolic tangent."""
    return engine.unary("tanh", floating(x))


def hard_tanh(x: Any) -> Tensor:
    """`x` limited to ``[-1, 1]``."""
    return engine.unary("hard_tanh", floating(x))


def log_sigmoid(x: Any) -> Tensor:
    """``log(sigmoid(x))`` without overflow."""
    return engine.unary("log_sigmoid", floating(x))


def tanh_shrink(x: Any) -> Tensor:
    """``x - tanh(x)``."""
    return engine.unary("tanh_shrink", floating(x))


def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """`x` drawn towards 0 by `threshold`, and 0 within it."""
    return engine.unary("soft_shrink", floating(x), float(threshold))


def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """`x`, and 0 where ``|x| <= threshold``."""
    return engine.unary("hard_shrink", floating(x), float(threshold))


def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """`x` above `threshold`, `default_value` elsewhere."""
    return engine.unary("threshold", floating(x), float(threshold), float(default_value))


def squareplus(x: Any, b: float = 4) -> Tensor:
    """``(x + sqrt(x**2 + b)) / 2`` (Barron 2021)."""
    return engine.unary("squareplus", floating(x), float(b))


def sparse_plus(x: Any) -> Tensor:
    """0 below -1, ``(x + 1)**2 / 4`` up to 1, `x` above."""
    x = floating(x)
    bend = m.multiply(m.square(m.add(engine.unary("clip", x, -1.0, 1.0), 1.0)), 0.25)
    return m.add(bend, relu(m.subtract(x, 1.0)))


def sparse_sigmoid(x: Any) -> Tensor:
    """0 below -1, ``(x + 1) / 2`` up to 1, then 1."""
    return m.multiply(m.add(engine.unary("clip", floating(x), -1.0, 1.0), 1.0), 0.5)


# -- activations over an axis ------------------------------------------------------------------------------------------


def softmax(x: Any, axis: Any = -1) -> Tensor:
    """``exp(x) / sum(exp(x))`` along `axis`, or over several axes together."""
    x = floating(x)
    if isinstance(axis, list | tuple):
        return _over_axes(engine.softmax, x, axes_of(axis, x.ndim, "softmax"))
    return engine.softmax(x, axis_of(axis, x.ndim, "softmax"))


def log_softmax(x: Any, axis: Any = -1) -> Tensor:
    """``x - log(sum(exp(x)))`` along `axis`, or over several axes together."""
    x = floating(x)
    if isinstance(axis, list | tuple):
        return _over_axes(engine.log_softmax, x, axes_of(axis, x.ndim, "log_softmax"))
    return engine.log_softmax(x, axis_of(axis, x.ndim, "log_softmax"))


def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """The point of the probability simplex nearest to `x` along `axis` (Martins & Astudillo 2016)."""
    x = floating(x)
    return engine.sparsemax(x, axis_of(axis, x.ndim, "sparsemax"))


def glu(x: Any, axis: int = -1) -> Tensor:
    """The first half of `axis` times the sigmoid of the second (Dauphin et al. 2017); its size must be even."""
    x = floating(x)
    place = axis_of(axis, x.ndim, "glu")
    if x.shape[place] % 2:
        raise ValueError(f"[glu] expected an even size on axis {axis}, received x with shape {x.shape}.")
    return engine.glu(x, place)


def _over_axes(function: Any, x: Tensor, axes: list[int]) -> Tensor:
    axes = axes or list(range(x.ndim))
    order = [a for a in range(x.ndim) if a not in axes] + axes
    back = sorted(range(x.ndim), key=order.__getitem__)
    moved = engine.transpose(x, order)
    flat = engine.reshape(moved, [*moved.shape[: x.ndim - len(axes)], -1])
    return engine.transpose(engine.reshape(function(flat, -1), list(moved.shape)), back)


# -- cross-entropies ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _loss(class_name: str, from_logits: bool) -> Loss:
    return Loss(class_name, {"from_logits": from_logits, "reduction": "none"})


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """``-t*log(p) - (1-t)*log(1-p)`` element by element; `output` holds p, or logits of the same shape as `target`."""
    p = floating(output)
    t = tensor(target, p.dtype)
    if t.shape != p.shape:
        raise ValueError(f"[binary_crossentropy] expected equal shapes, received {t.shape} and {p.shape}.")
    loss = _loss("BinaryCrossentropy", bool(from_logits))
    return engine.reshape(loss(engine.reshape(t, [-1, 1]), engine.reshape(p, [-1, 1])), list(p.shape))


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """``-sum(t * log(p))`` along `axis`; `output` holds p, or logits of the same shape as `target`."""
    p = floating(output)
    t = tensor(target, p.dtype)
    if t.shape != p.shape:
        raise ValueError(f"[categorical_crossentropy] expected equal shapes, received {t.shape} and {p.shape}.")
    return _loss("CategoricalCrossentropy", bool(from_logits))(_last(t, axis), _last(p, axis))


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """``-log(p[target])`` with integer labels of the shape of `output` without `axis` (or with size 1 there)."""
    p = _last(floating(output), axis)
    return _loss("SparseCategoricalCrossentropy", bool(from_logits))(tensor(target, "int64"), p)


def _last(x: Tensor, axis: int) -> Tensor:
    return x if axis_of(axis, x.ndim, "crossentropy") == x.ndim - 1 else s.moveaxis(x, axis, -1)


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Tensor:
    """1 at the position each integer of `x` names, 0 elsewhere, along a new axis of size `num_classes`.

    Floats are truncated: targets reach losses of one's own as floats.
    """
    index = tensor(x)
    if index.dtype not in ("int32", "int64"):
        index = engine.cast(index, "int64")
    y = engine.one_hot(index, whole(num_classes, "one_hot", "num_classes"), config.standardize_dtype(dtype))
    return y if axis == -1 else s.moveaxis(y, -1, axis)


# -- normalisation -----------------------------------------------------------------------------------------------------


def moments(x: Any, axes: Any, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance over `axes`."""
    return r.mean(x, axes, keepdims), r.var(x, axes, keepdims)


def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Tensor:
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta``, statistics over `axis` (Ba et al. 2016).

    Args:
        x: floating tensor.
        gamma: scale of the shape of the normalised axes, or None.
        beta: shift of the same shape, or None.
        axis: an axis or several.
        epsilon: defaults to `config.epsilon()`.
    """
    x = floating(x)
    scale = None if gamma is None else tensor(gamma, x.dtype)
    shift = None if beta is None else tensor(beta, x.dtype)
    smallest = config.epsilon() if epsilon is None else float(epsilon)
    return engine.layer_norm(x, _normalized(axis, x.ndim, "layer_normalization"), smallest, scale, shift)


def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Tensor:
    """``scale * x / sqrt(mean(x**2) + epsilon)``, the mean over `axis` (Zhang & Sennrich 2019).

    Args:
        x: floating tensor.
        scale: of the shape of the normalised axes, or None.
        axis: an axis or several.
        epsilon: defaults to `config.epsilon()`.
    """
    x = floating(x)
    factor = None if scale is None else tensor(scale, x.dtype)
    smallest = config.epsilon() if epsilon is None else float(epsilon)
    return engine.rms_norm(x, _normalized(axis, x.ndim, "rms_normalization"), smallest, factor)


def _normalized(axis: Any, ndim: int, where: str) -> list[int]:
    axes = sorted(axes_of(axis, ndim, where))
    if not axes:
        raise ValueError(f"[{where}] axis: expected an axis or several, received {axis!r}.")
    return axes


def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Tensor:
    """``scale * (x - mean) / sqrt(variance + epsilon) + offset`` with given statistics of the size of `axis`."""
    x = floating(x)
    shape = [1] * x.ndim
    shape[axis_of(axis, x.ndim, "batch_normalization")] = -1
    factor = m.rsqrt(m.add(tensor(variance, x.dtype), epsilon))
    if scale is not None:
        factor = m.multiply(factor, tensor(scale, x.dtype))
    y = m.multiply(m.subtract(x, s.reshape(tensor(mean, x.dtype), shape)), s.reshape(factor, shape))
    return y if offset is None else m.add(y, s.reshape(tensor(offset, x.dtype), shape))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Length of vectors along `axis` (of the flattened tensor without one).

    Args:
        x: tensor.
        ord: None, 2 or ``"euclidean"`` (root of the sum of squares; Frobenius over two axes), 1, ``inf``, ``-inf``,
            or any positive number p: ``sum(|x|**p) ** (1/p)``.
        axis: an int or a tuple of ints.
        keepdims: keep the axis with size 1.
    """
    x = floating(x)
    axes, keepdims = axes_of(axis, x.ndim, "norm"), flag(keepdims, "norm", "keepdims")
    if len(axes) == 2 and ord not in (None, "fro"):
        raise ValueError(f"[norm] ord: expected None or 'fro' over two axes, received {ord!r}.")
    if ord in (None, 2, "euclidean", "fro"):
        return engine.unary("sqrt", engine.sum(m.square(x), axes, keepdims))
    size = m.abs(x)
    if ord == 1:
        return engine.sum(size, axes, keepdims)
    if ord in (_math.inf, -_math.inf):
        return (engine.max if ord > 0 else engine.min)(size, axes, keepdims)
    if not isinstance(ord, int | float) or ord <= 0:
        raise ValueError(
            f"[norm] ord: expected None, 'euclidean', 'fro', inf, -inf or a number above 0, received {ord!r}."
        )
    return m.power(engine.sum(m.power(size, float(ord)), axes, keepdims), 1.0 / ord)


def normalize(x: Any, axis: Any = -1, order: Any = 2, epsilon: float | None = None) -> Tensor:
    """`x` divided by its norm of order `order` along `axis`, or by `epsilon` (default `config.epsilon()`) if larger."""
    x = floating(x)
    smallest = config.epsilon() if epsilon is None else epsilon
    if order in (None, 2, "euclidean"):  # under the root the bound keeps the gradient finite at 0
        squares = engine.sum(m.square(x), axes_of(axis, x.ndim, "normalize"), True)
        return m.multiply(x, m.rsqrt(m.maximum(squares, smallest**2)))
    return m.divide(x, m.maximum(norm(x, order, axis, True), smallest))


record_all(globals())
