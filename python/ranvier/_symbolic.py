"""Symbolic tensors: what a layer will be called on, known by shape and dtype only, and the record of the calls.

A `Node` is one call of a layer (or of a function of `ranvier.ops`) on symbolic tensors. Links point one way, from a
tensor to the node it comes from and on to that node's inputs; a layer knows its nodes, and a node its results, only
weakly. So there are no cycles, and a model that is dropped gives its memory back at once.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from ranvier import config
from ranvier._registry import auto_name

Shape = tuple[int | None, ...]


class SymbolicInputError(ValueError):
    """A symbolic tensor where numbers are needed."""


class KerasHistory(NamedTuple):
    """Where a symbolic tensor comes from: the call number `node_index` of `operation`, its output `tensor_index`."""

    operation: Any
    node_index: int
    tensor_index: int


def _ops(name: str, *args: Any, **kwargs: Any) -> Any:
    from ranvier import ops

    return getattr(ops, name)(*args, **kwargs)


class KerasTensor:
    """A tensor without values: layers and functions of `ranvier.ops` called on it build a model's graph.

    Args:
        shape: with the batch axis; None where a size is not known.
        dtype: default ``"float32"``; ``"string"`` for inputs that are text.
        sparse: accepted for Keras's sake; only False.
        ragged: accepted for Keras's sake; only False.
        record_history: accepted for Keras's sake.
        name: default ``"keras_tensor"``, numbered.

    `Input` makes one that a `Model` can begin with.
    """

    __slots__ = ("__weakref__", "_dtype", "_name", "_node", "_shape", "_tensor_index")
    __array_ufunc__ = None  # NumPy leaves operators to this class
    sparse = ragged = False

    def __init__(
        self,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
    ) -> None:
        if sparse or ragged:
            raise ValueError("[KerasTensor] expected sparse=False and ragged=False; only dense tensors are there.")
        self._shape = checked_shape(shape, "KerasTensor")
        self._dtype = "string" if config.is_text_dtype(dtype) else config.standardize_dtype(dtype)
        self._name = auto_name("keras_tensor") if name is None else name
        self._node: Node | None = None
        self._tensor_index = 0

    @property
    def shape(self) -> Shape:
        """Shape with the batch axis, ``(None, 784)``."""
        return self._shape

    @property
    def dtype(self) -> str:
        """Dtype of the values to come."""
        return self._dtype

    @property
    def name(self) -> str:
        """Its name; that of an input is its layer's."""
        return self._name

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._shape)

    @property
    def _keras_history(self) -> KerasHistory:
        if self._node is None:
            raise AttributeError(f"{self!r} does not come from a layer; begin with Input(shape).")
        return KerasHistory(self._node.operation, self._node.index, self._tensor_index)

    def reshape(self, newshape: Any) -> Any:
        """`ops.reshape` of this."""
        return _ops("reshape", self, newshape)

    def squeeze(self, axis: Any = None) -> Any:
        """`ops.squeeze` of this."""
        return _ops("squeeze", self, axis)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    # -- no values ---------------------------------------------------------------------------------------------------

    def _refuse(self, what: str) -> NoReturn:
        raise SymbolicInputError(
            f"{self!r} is symbolic and cannot be {what}: it has no values until a model runs. Use layers or functions "
            "of ranvier.ops on it, make a Model(inputs, outputs) of the results, and call that on data."
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        self._refuse("turned into a NumPy array")

    def __float__(self) -> float:
        self._refuse("turned into a number")

    def __int__(self) -> int:
        self._refuse("turned into a number")

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} is symbolic and cannot be True or False; use ops.where, or decide inside a layer's call."
        )

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{self!r} is symbolic and cannot be iterated over; use ops.unstack or ops.split.")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("shape", "dtype"):
            raise AttributeError(
                f"{name} of {self!r} cannot be set; use ops.{'reshape' if name == 'shape' else 'cast'}."
            )
        object.__setattr__(self, name, value)

    def __copy__(self) -> KerasTensor:
        return self

    def __deepcopy__(self, memo: Any) -> KerasTensor:
        return self  # it stands for a place in a graph

    # -- operators ---------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        return _ops("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _ops("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return _ops("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _ops("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return _ops("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _ops("multiply", other, self)

    def __matmul__(self, other: Any) -> Any:
        return _ops("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _ops("matmul", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _ops("true_divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _ops("true_divide", other, self)

    def __pow__(self, other: Any) -> Any:
        return _ops("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return _ops("power", other, self)

    def __neg__(self) -> Any:
        return _ops("negative", self)

    def __abs__(self) -> Any:
        return _ops("absolute", self)

    def __round__(self, ndigits: int | None = None) -> Any:
        return _ops("round", self, ndigits or 0)

    def __lt__(self, other: Any) -> Any:
        return _ops("less", self, other)

    def __le__(self, other: Any) -> Any:
        return _ops("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return _ops("greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return _ops("greater_equal", self, other)

    def __and__(self, other: Any) -> Any:
        return _ops("logical_and", self, other)

    def __rand__(self, other: Any) -> Any:
        return _ops("logical_and", other, self)

    def __or__(self, other: Any) -> Any:
        return _ops("logical_or", self, other)

    def __ror__(self, other: Any) -> Any:
        return _ops("logical_or", other, self)

    def __xor__(self, other: Any) -> Any:
        return _ops("logical_xor", self, other)

    def __rxor__(self, other: Any) -> Any:
        return _ops("logical_xor", other, self)

    def __invert__(self) -> Any:
        return _ops("logical_not", self)

    def __getitem__(self, key: Any) -> Any:
        return _ops("get_item", self, key)


def checked_shape(shape: Any, where: str) -> Shape:
    """`shape` as a tuple of ints and None; ValueError naming `where` otherwise."""
    import operator

    try:
        sizes = tuple(None if d is None else operator.index(d) for d in shape)
    except TypeError:
        raise ValueError(f"[{where}] shape: expected a tuple of ints and None, received {shape!r}.") from None
    if any(d is not None and not 0 <= d < 2**63 for d in sizes):
        raise ValueError(f"[{where}] shape: expected sizes from 0 to 2**63 - 1, received {shape!r}.")
    return sizes


class Node:
    """One call of a layer on symbolic tensors.

    Attributes:
        operation: the layer.
        args, kwargs: what it was called with, symbolic tensors included.
        input_tensors: the symbolic tensors among them, in order.
        index: the number of the call among those of the layer.
    """

    __slots__ = (
        "__weakref__",
        "_outputs",
        "_specs",
        "_structure",
        "args",
        "index",
        "input_tensors",
        "kwargs",
        "operation",
    )

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.input_tensors: list[KerasTensor] = symbols((args, kwargs))
        flat = flatten(outputs)
        self._specs = [(tensor.shape, tensor.dtype, tensor.name) for tensor in flat]
        self._structure = map_structure(lambda tensor: None, outputs)
        self._outputs = [weakref.ref(tensor) for tensor in flat]
        for i, tensor in enumerate(flat):
            tensor._node, tensor._tensor_index = self, i
        self.index = len(operation._node_refs)
        operation._node_refs.append(weakref.ref(self))

    @property
    def is_input(self) -> bool:
        """Whether it is an `Input`, where graphs begin."""
        return not self.input_tensors

    @property
    def output_tensors(self) -> list[KerasTensor]:
        """The results, as a flat list; those that nobody holds any more are made again."""
        found = []
        for i, (shape, dtype, name) in enumerate(self._specs):
            tensor = self._outputs[i]()
            if tensor is None:
                tensor = KerasTensor(shape, dtype, name=name)
                tensor._node, tensor._tensor_index = self, i
                self._outputs[i] = weakref.ref(tensor)
            found.append(tensor)
        return found

    outputs = output_tensors

    @property
    def output(self) -> Any:
        """The results as the layer returned them: one, a list or a dict."""
        return pack_like(self._structure, self.output_tensors)

    @property
    def output_shapes(self) -> list[Shape]:
        """Shapes of the results."""
        return [shape for shape, _, _ in self._specs]

    @property
    def parent_nodes(self) -> list[Node]:
        """The calls that made the inputs."""
        return [tensor._node for tensor in self.input_tensors if tensor._node is not None]

    def __repr__(self) -> str:
        return f"<Node operation={self.operation.name}, index={self.index}>"


# -- nested structures of tensors --------------------------------------------------------------------------------------


def flatten(structure: Any) -> list[Any]:
    """The leaves of nested lists, tuples and dicts in order; dicts in the order of their sorted keys, as in Keras."""
    if isinstance(structure, list | tuple):
        return [leaf for item in structure for leaf in flatten(item)]
    if isinstance(structure, Mapping):
        return [leaf for key in ordered_keys(structure) for leaf in flatten(structure[key])]
    return [structure]


def ordered_keys(mapping: Mapping[Any, Any]) -> list[Any]:
    """The keys of a dict in the order in which its entries count."""
    try:
        return sorted(mapping)
    except TypeError:
        return list(mapping)


def map_structure(function: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure with `function` applied to every leaf, in the order of `flatten`."""
    if isinstance(structure, list):
        return [map_structure(function, item) for item in structure]
    if isinstance(structure, tuple):
        return tuple(map_structure(function, item) for item in structure)
    if isinstance(structure, Mapping):
        made = {key: map_structure(function, structure[key]) for key in ordered_keys(structure)}
        return {key: made[key] for key in structure}
    return function(structure)


def pack_like(structure: Any, leaves: list[Any]) -> Any:
    """The inverse of `flatten`: `leaves` in the places of those of `structure`."""
    rest = iter(leaves)
    return map_structure(lambda _: next(rest), structure)


def alike(structure: Any, value: Any) -> bool:
    """Whether `value` has the lists, tuples and dicts of `structure`; what stands for a leaf does not matter."""
    if isinstance(structure, Mapping):
        same = isinstance(value, Mapping) and set(value) == set(structure)
        return same and all(alike(item, value[key]) for key, item in structure.items())
    if isinstance(structure, list | tuple):
        same = isinstance(value, list | tuple) and len(value) == len(structure)
        return same and all(alike(item, part) for item, part in zip(structure, value, strict=True))
    return True


def leaves_at(structure: Any, value: Any) -> list[Any]:
    """The parts of `value` in the places of the leaves of `structure`."""
    if isinstance(structure, Mapping):
        return [leaf for key in ordered_keys(structure) for leaf in leaves_at(structure[key], value[key])]
    if isinstance(structure, list | tuple):
        return [leaf for item, part in zip(structure, value, strict=True) for leaf in leaves_at(item, part)]
    return [value]


def symbols(structure: Any) -> list[KerasTensor]:
    """The symbolic tensors among the leaves."""
    return [leaf for leaf in flatten(structure) if isinstance(leaf, KerasTensor)]


def is_symbolic(value: Any) -> bool:
    """Whether `value` is a symbolic tensor or a list, tuple or dict that holds one."""
    if isinstance(value, list | tuple):
        return any(is_symbolic(item) for item in value)
    if isinstance(value, dict):
        return any(is_symbolic(item) for item in value.values())
    return isinstance(value, KerasTensor)


def is_keras_tensor(x: Any) -> bool:
    """Whether `x` is a `KerasTensor`."""
    return isinstance(x, KerasTensor)
