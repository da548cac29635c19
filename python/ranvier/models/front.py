"""The beginning of a model that works on data instead of tensors: text and categories.

Layers such as `TextVectorization` and `StringLookup` take strings, which no tensor holds. Where they stand right behind
the inputs, `fit`, `evaluate`, `predict` and calls apply them to the data, and what is left is a model of numbers, which
the engine runs like any other. So a step of training does not visit Python, and no text is looked up twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ranvier._core import Tensor, Variable
from ranvier._symbolic import KerasTensor, Node, flatten, map_structure
from ranvier._tensor import convert_to_tensor
from ranvier.layers._data_layer import DataLayer
from ranvier.models.structures import fit_rank
from ranvier.utils.arrays import as_array
from ranvier.utils.strings import holds_text, text_array

Shape = tuple[int | None, ...]
Key = tuple[Any, ...]


class Front(NamedTuple):
    """What is done to the data of a model before the engine sees it.

    Attributes:
        text: which of the model's inputs may be strings.
        encode: arrays for the model's inputs to arrays for the engine's.
        shapes: the same for shapes.
        complete: nothing is left for the engine to do.
    """

    text: list[bool]
    encode: Callable[[list[np.ndarray]], list[np.ndarray]]
    shapes: Callable[[Sequence[Shape]], list[Shape]]
    complete: bool = False


def front_of(layer: Any) -> Front | None:
    """The front of a model; None for models without one and all other layers."""
    found: Front | None = getattr(layer, "_front", None)
    return found


def takes_text(model: Any) -> list[bool]:
    """Which inputs of a model may be strings; empty when none may."""
    front = front_of(model)
    return [] if front is None else front.text


def read(front: Front, inputs: Sequence[Any], shapes: Sequence[Shape | None], where: str) -> list[np.ndarray]:
    """The inputs of a call as arrays of the ranks that the model wants, where it knows them."""
    arrays = []
    for x, shape, text in zip(inputs, shapes, front.text, strict=True):
        if text and holds_text(x):
            array = text_array(x, "x", where)
        else:
            array = x.numpy() if isinstance(x, Tensor | Variable) else as_array(x, "x", where)
        arrays.append(array if shape is None else fit_rank(array, shape))
    return arrays


def as_result(array: np.ndarray) -> Any:
    """What a call returns: a Tensor, or the array itself when it holds strings."""
    return array if array.dtype.kind in "OUS" else convert_to_tensor(array)


# -- a stack of layers -------------------------------------------------------------------------------------------------


def stack_front(layers: Sequence[Any]) -> tuple[Front | None, int]:
    """The front of a stack, and how many of its layers the engine has nothing to do with.

    A model with a front of its own ends it: its front is the last part, the rest of it the engine's first layer.
    """
    steps: list[Any] = []
    done, text = 0, False
    for layer in layers:
        inner = front_of(layer)
        if isinstance(layer, DataLayer):
            text = layer._takes != "numbers" if not steps else text
        elif inner is not None and len(inner.text) == 1:
            text = inner.text[0] if not steps else text
        else:
            break
        steps.append(layer if inner is None else inner)
        if inner is not None and not inner.complete:
            break
        done += 1
    if not steps:
        return None, 0

    def encode(arrays: list[np.ndarray]) -> list[np.ndarray]:
        for step in steps:
            arrays = step.encode(arrays) if isinstance(step, Front) else [step.encode(arrays[0])]
        return arrays

    def shapes(given: Sequence[Shape]) -> list[Shape]:
        found = list(given)
        for step in steps:
            found = step.shapes(found) if isinstance(step, Front) else [tuple(step.compute_output_shape(found[0]))]
        return found

    return Front([text], encode, shapes, done == len(layers)), done


def rest_of(layers: Sequence[Any], done: int) -> list[Any]:
    """The engine's layers of a stack of which the front does the first `done`, and maybe a part of the next."""
    rest = list(layers[done:])
    first = [layer._handle() if front_of(layer) is None else layer._engine_model() for layer in rest[:1]]
    return [*first, *(layer._handle() for layer in rest[1:])]


def call_stack(model: Any, front: Front, inputs: Any, training: bool) -> Any:
    """What a Sequential with a front gives for data."""
    arrays = read(front, [inputs], [model._input_shape_or_none()], model.name)
    if not model.built:
        model.build((None, *arrays[0].shape[1:]))
    encoded = front.encode(arrays)[0]
    return as_result(encoded) if front.complete else model._engine_model()(convert_to_tensor(encoded), training)


# -- a graph -----------------------------------------------------------------------------------------------------------


class GraphFront:
    """The front of a graph: calls of data layers that depend on inputs and on each other alone.

    A call of a model with a front of its own on inputs belongs to it with that front; the rest of that model is the
    engine's.

    Attributes:
        calls: the calls that the engine does not make.
        ends: keys of the engine's inputs, in order.
        end_shapes: their shapes.
        given: for calls of models with a front, the keys of what their engine part is given.
        front: what is done, None when there is nothing to do.
    """

    def __init__(self, graph: Any) -> None:
        self.calls: set[int] = set()
        self.given: dict[int, list[Key]] = {}
        known: dict[Key, Shape] = {_key(tensor): tensor.shape for tensor in graph.inputs}
        text = {_key(tensor) for tensor in graph.inputs if tensor.dtype == "string"}
        raw = set(known)
        steps: list[tuple[Node, Front | None]] = []
        for node in graph.nodes:
            if node.is_input:
                continue
            inner = front_of(node.operation)
            ready = all(_key(tensor) in raw for tensor in node.input_tensors)
            if ready and isinstance(node.operation, DataLayer):
                keys: list[Key] = [(id(node), i) for i in range(len(node.output_shapes))]
                known.update(zip(keys, node.output_shapes, strict=True))
                raw.update(keys)
                text.update(_key(tensor) for tensor in node.output_tensors if tensor.dtype == "string")
                self.calls.add(id(node))
                steps.append((node, None))
            elif ready and inner is not None and len(node.args) == 1:
                shapes = inner.shapes([tensor.shape for tensor in node.input_tensors])
                keys = [(id(node), "given", i) for i in range(len(shapes))]
                known.update(zip(keys, shapes, strict=True))
                self.given[id(node)] = keys
                steps.append((node, inner))
        read_by_engine = [
            key
            for node in graph.nodes
            if not node.is_input and id(node) not in self.calls
            for key in self.given.get(id(node)) or [_key(tensor) for tensor in node.input_tensors]
        ]
        ends = [_key(tensor) for tensor in graph.outputs]
        complete = all(key in raw for key in ends)
        needed = bool(steps or text)
        wanted = {*read_by_engine, *ends} if needed else set(known)
        if not complete and any(key in text for key in wanted):
            raise ValueError(
                f"[{graph.where}] expected numbers as outputs, received strings next to them; make a model of its own "
                "for the strings."
            )
        self.ends = [key for key in known if key in wanted]
        self.end_shapes = [known[key] for key in self.ends]
        self.front: Front | None = None
        if needed:
            self._keep(graph, steps, complete)

    def _keep(self, graph: Any, steps: list[tuple[Node, Front | None]], complete: bool) -> None:
        inputs = [_key(tensor) for tensor in graph.inputs]
        outputs = [_key(tensor) for tensor in graph.outputs]
        wanted = outputs if complete else self.ends
        given = self.given

        def encode(arrays: list[np.ndarray]) -> list[np.ndarray]:
            values: dict[Key, np.ndarray] = dict(zip(inputs, arrays, strict=True))

            def value_of(leaf: Any) -> Any:
                return values[_key(leaf)] if isinstance(leaf, KerasTensor) else leaf

            for node, inner in steps:
                if inner is not None:
                    found = inner.encode([values[_key(tensor)] for tensor in node.input_tensors])
                    values.update(zip(given[id(node)], found, strict=True))
                    continue
                plain = {key: value for key, value in node.kwargs.items() if key != "training"}
                result = node.operation.encode(*map_structure(value_of, node.args), **map_structure(value_of, plain))
                values.update({(id(node), i): part for i, part in enumerate(flatten(result))})
            return [values[key] for key in wanted]

        shapes = list(self.end_shapes)
        text = [tensor.dtype == "string" for tensor in graph.inputs]
        self.front = Front(text, encode, lambda _: shapes, complete)


def _key(tensor: KerasTensor) -> Key:
    return id(tensor._node), tensor._tensor_index


def call_graph(model: Any, front: Front, inputs: Any, training: bool | None) -> Any:
    """What a functional model with a front gives for data."""
    arrays = read(front, model._flatten_inputs(inputs), model._input_shapes(), model.name)
    model._check_batch([array.shape for array in arrays])
    encoded = front.encode(arrays)
    if front.complete:
        return model._pack_outputs([as_result(array) for array in encoded])
    return model._results([convert_to_tensor(array) for array in encoded], training)
