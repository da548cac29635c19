"""Functions of `ranvier.ops` as layers: how they stand in the graph of a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ranvier import _core
from ranvier._core import Tensor, Variable
from ranvier._registry import auto_name
from ranvier._symbolic import KerasTensor, flatten, is_symbolic
from ranvier.layers._symbolic_call import call_symbolically
from ranvier.layers.base import Layer, registry

# Keras's classes of operations whose names are not those of the functions.
_OTHER_NAMES = {"get_item": "get_item", "exp_a": "exp"}


@registry.register()
class Operation(Layer):
    """A function of `ranvier.ops` (or ``activations.relu``) on symbolic tensors; made by calling the function.

    It has no weights and is no member of `Model.layers`, as in Keras.

    Args:
        function: its public name, ``"multiply"``.
        arguments: further keyword arguments, plain values.
        name: default the function's, numbered.
        **kwargs: as of `Layer`.
    """

    _is_operation = True

    def __init__(
        self, function: str, arguments: Mapping[str, Any] | None = None, name: str | None = None, **kwargs: Any
    ) -> None:
        self._call = public_function(function)
        super().__init__(name=auto_name(function.rpartition(".")[2]) if name is None else name, **kwargs)
        if arguments is not None and not isinstance(arguments, Mapping):
            raise ValueError(f"[{self.name}] arguments: expected a dict, received {arguments!r}.")
        self.function = function
        self.arguments = dict(arguments or {})
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The function's result."""
        return self._call(*args, **self.arguments, **kwargs)

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """The function's result, or a node when an argument is symbolic; `training` makes no difference."""
        if is_symbolic((args, kwargs)):
            return call_symbolically(self, args, kwargs)
        return self.call(*args, **kwargs)

    @property
    def class_label(self) -> str:
        """The name in overviews: ``Multiply``, as Keras calls it."""
        return "".join(part.capitalize() for part in self.function.rpartition(".")[2].split("_"))

    def get_config(self) -> dict[str, Any]:
        """Name, function, arguments."""
        return {"name": self.name, "function": self.function, "arguments": self.arguments}


def public_function(name: Any) -> Callable[..., Any]:
    """The function of `ranvier.ops` or (``"activations.relu"``) of `ranvier.activations` of that name."""
    from ranvier import activations, ops

    if isinstance(name, str):
        module, _, short = name.rpartition(".")
        home: Any = {"": ops, "activations": activations, "image": ops.image}.get(module)
        if home is not None and short in home.__all__ and callable(getattr(home, short)):
            function: Callable[..., Any] = getattr(home, short)
            return function
    raise ValueError(
        f"[Operation] function: expected the name of a function of ranvier.ops, received {str(name)[:80]!r}."
    )


def record_operation(module: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A node for the call of a function on symbolic tensors; sums, differences and products run in the engine."""
    held = [leaf for leaf in flatten((args, kwargs)) if isinstance(leaf, Variable)]
    if held:
        raise ValueError(
            f"[{name}] expected symbolic tensors and constants, received the weight {held[0].path!r} beside a symbolic "
            "tensor: a model would not know it. Use the weight in the call of a layer of your own."
        )
    if not kwargs and len(args) == 2 and name in ("add", "subtract", "multiply") and _equal_roles(*args):
        from ranvier.layers import merging

        layer = getattr(merging, name.capitalize())(name=auto_name(name), dtype=args[0].dtype)
        layer._is_operation = True
        return layer(list(args))
    home = module.rpartition(".")[2]
    return Operation(f"{home}.{name}" if home in ("activations", "image") else name)(*args, **kwargs)


def _equal_roles(x1: Any, x2: Any) -> bool:
    """Whether a merging layer computes just what the operator does: two floating tensors of one dtype and rank."""
    if not (isinstance(x1, KerasTensor) and isinstance(x2, KerasTensor)):
        return False
    if x1.dtype != x2.dtype or not x1.dtype.startswith("float") or x1.ndim != x2.ndim or x1.ndim < 2:
        return False
    return x1.shape == x2.shape or (x1.shape[0] == x2.shape[0] and None not in (*x1.shape[1:], *x2.shape[1:]))


def is_constant(value: Any) -> bool:
    """Whether a node may hold the value: a plain one, or an array."""
    plain = value is None or isinstance(value, bool | int | float | str | slice | type(Ellipsis))
    return plain or isinstance(value, np.ndarray | np.generic | Tensor | _core.Variable)


def operation_from_keras(record: Mapping[str, Any]) -> Operation:
    """An operation as Keras writes it: its class says the function, its config the arguments."""
    settings = dict(record.get("config") or {})
    name = settings.pop("name", None)
    settings.pop("dtype", None)
    function = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(record["class_name"])).lower()
    return Operation(function, settings, name=name)
