"""Activation functions under Keras's names and defaults, and the lookup by name.

All of them keep the shape (glu halves one axis) and the floating dtype; integers become `config.floatx()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ranvier import ops
from ranvier._core import Tensor
from ranvier._core import ops as engine
from ranvier._registry import Registry
from ranvier.ops._convert import floating
from ranvier.ops._recording import recorded
from ranvier.ops.nn import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "step",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

Activation = Callable[[Any], Any]

registry: Registry[Any] = Registry("activation", callables=True)


@registry.register()
def linear(x: Any) -> Any:
    """`x` as it is."""
    return x


@registry.register()
@recorded
def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """The rectifier: `max_value` at or above it, `x` from `threshold` on, ``negative_slope * (x - threshold)`` below.

    Args:
        x: tensor.
        negative_slope: slope below `threshold`. Default 0.
        max_value: largest result, None for no limit.
        threshold: where the identity begins. Default 0.
    """
    x = floating(x)
    if threshold == 0:
        y = engine.unary("leaky_relu", x, float(negative_slope)) if negative_slope else engine.unary("relu", x)
        return y if max_value is None else ops.minimum(y, float(max_value))
    below = ops.multiply(ops.subtract(x, float(threshold)), float(negative_slope))
    y = ops.where(ops.greater_equal(x, float(threshold)), x, below)
    return y if max_value is None else ops.minimum(y, float(max_value))


@registry.register()
@recorded
def gelu(x: Any, approximate: bool = False) -> Tensor:
    """``x * P(X <= x)`` for a standard normal X (Hendrycks & Gimpel 2016), or its tanh form when `approximate`."""
    return ops.gelu(x, approximate)


@registry.register()
@recorded
def mish(x: Any) -> Tensor:
    """``x * tanh(softplus(x))`` (Misra 2019)."""
    return engine.unary("mish", floating(x))


@registry.register()
@recorded
def exponential(x: Any) -> Tensor:
    """``exp(x)``."""
    return ops.exp(x)


@registry.register()
@recorded
def step(x: Any) -> Tensor:
    """1 where ``x >= 0``, else 0: Rosenblatt's threshold unit (1958). Its gradient is 0; train it by his rule."""
    return engine.unary("step", floating(x))


swish = silu
hard_swish = hard_silu

for _function, _aliases in {
    celu: (),
    elu: (),
    glu: (),
    hard_shrink: (),
    hard_sigmoid: (),
    hard_silu: ("hard_swish",),
    hard_tanh: (),
    leaky_relu: (),
    log_sigmoid: (),
    log_softmax: (),
    relu6: (),
    selu: (),
    sigmoid: (),
    silu: ("swish",),
    soft_shrink: (),
    softmax: (),
    softplus: (),
    softsign: (),
    sparse_plus: (),
    sparse_sigmoid: (),
    sparsemax: (),
    squareplus: (),
    tanh: (),
    tanh_shrink: (),
    threshold: (),
}.items():
    registry.register(*_aliases)(_function)

# Those without a form of their own in the engine's layers; a layer that uses one of them calls Python.
_PYTHON_ONLY = frozenset({"sparse_plus", "sparse_sigmoid", "threshold"})


def get(identifier: Any) -> Activation:
    """The function for a name, a function (itself), None (`linear`) or a serialized layer such as LeakyReLU.

    Raises:
        ValueError: unknown name (with a suggestion).
        TypeError: neither a name nor callable.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, Mapping) and identifier.get("class_name") != "function":
        from ranvier import layers

        return layers.deserialize(identifier)
    function: Activation = registry.get(identifier)
    return function


def serialize(activation: Any) -> Any:
    """The name of a function, or the config dict of a layer used as activation."""
    return registry.serialize(activation)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Activation:
    """The inverse of `serialize`; names in `custom_objects` come first."""
    if isinstance(config, str):
        function: Activation = registry.lookup(config, custom_objects)
        return function
    return get(config)


def _bare(function: Any) -> Any:
    return getattr(function, "__wrapped__", function)  # ops.swish and ops.silu are one function


def native_name(activation: Any) -> str | None:
    """The engine's name of a built-in activation at its default parameters, None when it must be called in Python."""
    name = getattr(activation, "__name__", None)
    if name is None or name in _PYTHON_ONLY or _bare(registry.classes().get(name)) is not _bare(activation):
        return None
    return str(name)
