"""Small parts of Layer: nested inputs, names, arguments of constructors."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ranvier._core import Tensor, Variable


def map_tensors(function: Callable[[Any], Any], value: Any, shapes: bool = False) -> Any:
    """`function` applied to a tensor-like, or to every one in a list, tuple or dict of them.

    With `shapes`, the leaves are shapes: tuples of ints and None.
    """
    if isinstance(value, Mapping):
        return {key: map_tensors(function, item, shapes) for key, item in value.items()}
    if isinstance(value, list | tuple) and any(_is_item(item, shapes) for item in value):
        return [map_tensors(function, item, shapes) for item in value]
    return function(value)


def _is_item(value: Any, shapes: bool) -> bool:
    if shapes:
        return isinstance(value, list | tuple | Mapping)
    return isinstance(value, Tensor | Variable | np.ndarray | Mapping)


def check_name(name: Any) -> str:
    """A layer's name: a string without '/', which separates layer and weight in paths."""
    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError(f"[Layer] name: expected a non-empty string without '/', received {name!r}.")
    return name


def legacy_input_shape(kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """Takes ``input_shape``, ``input_dim`` or ``batch_input_shape`` out of `kwargs`: the shape without batch axis."""
    shape = kwargs.pop("input_shape", None)
    dim = kwargs.pop("input_dim", None)
    batched = kwargs.pop("batch_input_shape", None)
    if shape is not None:
        return tuple(shape) if isinstance(shape, list | tuple) else (operator.index(shape),)
    if dim is not None:
        return (operator.index(dim),)
    return None if batched is None else tuple(batched[1:])


def extra_arguments(cls: type) -> list[str]:
    """The constructor's own arguments, without self and variadic ones."""
    skipped = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    common = ("self", "activity_regularizer", "trainable", "dtype", "name")
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    return [p.name for p in parameters if p.kind not in skipped and p.name not in common]


def plain_arguments(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments a layer was made with, for layers that do not define get_config; TypeError if one is an object."""
    bound = inspect.signature(type(layer).__init__).bind(layer, *args, **kwargs)
    given = dict(list(bound.arguments.items())[1:])
    for parameter in bound.signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            given.update(given.pop(parameter.name, {}))
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL and given.get(parameter.name):
            raise TypeError(
                f"[{layer.name}] {type(layer).__name__} takes *{parameter.name}; define get_config() for it."
            )
    for name in ("name", "trainable", "dtype", "input_shape", "input_dim", "batch_input_shape"):
        given.pop(name, None)
    for name, value in given.items():
        if not _is_plain(value):
            raise TypeError(
                f"[{layer.name}] {type(layer).__name__} was made with {name}={value!r}, which is not a plain value; "
                "define get_config() (and from_config() if needed) to save it."
            )
    return given


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | str)
