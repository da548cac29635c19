"""Functions of numbers that also take symbolic tensors: called on those, they become nodes of a model's graph."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from ranvier._symbolic import KerasTensor, SymbolicInputError, is_symbolic

F = TypeVar("F", bound=Callable[..., Any])

# What is known about a symbolic tensor without running anything.
_KNOWN: dict[str, Callable[[KerasTensor], Any]] = {
    "dtype": lambda x: x.dtype,
    "ndim": lambda x: x.ndim,
    "shape": lambda x: x.shape,
}
_NEEDS_VALUES = frozenset({"convert_to_numpy", "is_tensor"})  # the first refuses by itself


def recorded(function: F, alias: str | None = None) -> F:
    """`function`, which given a symbolic tensor records the call of itself instead of failing."""
    name = alias or function.__name__

    # Costs nothing on numbers but the call itself: only conversion to a Tensor finds out that something is symbolic.
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except SymbolicInputError:
            caller = str(sys._getframe(1).f_globals.get("__name__"))
            if caller.startswith("ranvier.ops.") or caller == "ranvier.activations":
                raise  # the function that the user called is the one to record
            if not is_symbolic((args, kwargs)):
                raise
        if name in _KNOWN:
            return _KNOWN[name](*args, **kwargs)
        from ranvier.layers.operation import record_operation

        return record_operation(function.__module__, name, args, kwargs)

    return wrapper  # type: ignore[return-value]


def record_all(module: dict[str, Any]) -> None:
    """Puts `recorded` around the functions that a module (given its globals) offers."""
    for name in module["__all__"]:
        function = module[name]
        if name not in _NEEDS_VALUES:
            module[name] = recorded(getattr(function, "__wrapped__", function), name)
