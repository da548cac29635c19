"""Functions of `ranvier.ops` as layers: how they stand in the graph of a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ranvier import ops
from ranvier._core import Variable
from ranvier._registry import auto_name
from ranvier._symbolic import KerasTensor, flatten, is_symbolic
from ranvier.layers._engine_operations import class_label, engine_call
from ranvier.layers._symbolic_call import call_symbolically
from ranvier.layers.base import Layer, registry

Shape = tuple[int | None, ...]

_BROADCASTING = frozenset({"add", "subtract", "multiply", "divide", "true_divide", "power", "maximum", "minimum"})
_BROADCASTING |= {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logaddexp"}
_BROADCASTING |= {"logical_and", "logical_or", "logical_xor", "divide_no_nan"}


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
        self.class_label = class_label(function)
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

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        both = len(args) == 2 and not kwargs and not self.arguments and all(isinstance(x, KerasTensor) for x in args)
        if not both or self.function not in _BROADCASTING:
            return super()._symbolic_outputs(args, kwargs)
        shape = _broadcast(self.name, args[0].shape, args[1].shape)
        return KerasTensor(shape, self.call(*(ops.zeros((1,), x.dtype) for x in args)).dtype)

    def get_config(self) -> dict[str, Any]:
        """Name, function, arguments."""
        return {"name": self.name, "function": self.function, "arguments": self.arguments}


def _broadcast(name: str, first: Shape, second: Shape) -> Shape:
    """NumPy's rule; an unknown size next to a known one other than 1 must be that."""
    rank = max(len(first), len(second))
    sizes: list[int | None] = []
    ones: tuple[int, ...] = (1,) * rank
    for a, b in zip((*ones[len(first) :], *first), (*ones[len(second) :], *second), strict=True):
        if a == b or b == 1:
            sizes.append(a)
        elif a == 1 or a is None:
            sizes.append(b)
        elif b is None:
            sizes.append(a)
        else:
            raise ValueError(f"[{name}] expected shapes that can be broadcast together, received {first} and {second}.")
    return tuple(sizes)


def public_function(name: Any) -> Callable[..., Any]:
    """The function of `ranvier.ops` or (``"activations.relu"``) of `ranvier.activations` of that name."""
    from ranvier import activations

    if isinstance(name, str):
        module, _, short = name.rpartition(".")
        home: Any = {"": ops, "activations": activations, "image": ops.image}.get(module)
        found: Any = getattr(home, short) if home and short in home.__all__ else None
        if hasattr(found, "__wrapped__"):  # one that can be recorded
            function: Callable[..., Any] = found
            return function
    raise ValueError(
        f"[Operation] function: expected the name of a function of ranvier.ops, received {str(name)[:80]!r}."
    )


def record_operation(module: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A node for the call of a function on symbolic tensors; what a built-in layer can do runs in the engine."""
    held = [leaf for leaf in flatten((args, kwargs)) if isinstance(leaf, Variable)]
    if held:
        raise ValueError(
            f"[{name}] expected symbolic tensors and constants, received the weight {held[0].path!r} beside a symbolic "
            "tensor: a model would not know it. Use the weight in the call of a layer of your own."
        )
    found = engine_call(name, args, kwargs)
    if found is not None:
        return found
    home = module.rpartition(".")[2]
    return Operation(f"{home}.{name}" if home in ("activations", "image") else name)(*args, **kwargs)


def is_operation_of_keras(record: Mapping[str, Any]) -> bool:
    """Whether Keras wrote the record of a function of `keras.ops`."""
    module = str(record.get("module"))
    return module.startswith("keras.") and ".ops." in f"{module}."


def operation_from_keras(record: Mapping[str, Any]) -> Operation:
    """An operation as Keras writes it: its class says the function, its config the arguments."""
    settings = dict(record.get("config") or {})
    name = settings.pop("name", None)
    settings.pop("dtype", None)
    function = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(record["class_name"])).lower()
    return Operation(function, settings, name=name)
