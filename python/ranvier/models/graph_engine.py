"""A graph as one layer of the engine."""

from __future__ import annotations

import weakref
from typing import Any

from ranvier import _core, config
from ranvier._symbolic import KerasTensor, Node, flatten, map_structure
from ranvier.layers.keyword import KeywordLayer
from ranvier.models.front import GraphFront
from ranvier.models.graph import Graph, key_of


def engine_graph(name: str, graph: Graph, front: GraphFront) -> _core.Layer:
    """The engine's layer that runs the calls of `graph` behind its front; what only Python can do is a Python layer."""
    numbers: dict[Any, int] = {key: i for i, key in enumerate(front.ends)}
    count = len(numbers)
    layers: list[_core.Layer] = []
    places: dict[int, int] = {}
    nodes: list[Any] = []  # (layer, inputs, outputs, training, call)

    def place(layer: _core.Layer) -> int:
        if id(layer) not in places:
            places[id(layer)] = len(layers)
            layers.append(layer)
        return places[id(layer)]

    skipped = {*front.calls, *front.given}
    for operation in graph.operations:  # their order is that of the weights
        if any(_is_native(node) and id(node) not in skipped for node in graph.nodes_of(operation)):
            place(operation._handle())
    called: set[int] = set()
    for node in graph.nodes:
        if node.is_input or id(node) in front.calls:
            continue
        if id(node) in front.given:  # a model whose front is part of this one's
            outputs = len(node.output_shapes)
            given = [numbers[key] for key in front.given[id(node)]]
            nodes.append((place(node.operation._engine_model()), given, outputs, node.kwargs.get("training"), None))
            numbers.update({(id(node), i): count + i for i in range(outputs)})
            count += outputs
            continue
        handle = node.operation._handle() if _is_native(node) else _python_call(node, id(node.operation) in called)
        called.add(id(node.operation))
        tensors, how = _engine_arguments(node) if _is_native(node) else (node.input_tensors, None)
        given = [numbers[key_of(tensor)] for tensor in tensors]
        outputs = len(node.output_shapes)
        nodes.append((place(handle), given, outputs, node.kwargs.get("training"), how))
        numbers.update({(id(node), i): count + i for i in range(outputs)})
        count += outputs
    ends = []
    for tensor in graph.outputs:
        if numbers[key_of(tensor)] < len(front.ends):  # given back in the dtype of the input
            maker = tensor._node
            same = maker.operation._handle() if maker is not None and maker.is_input else _identity(name)
            nodes.append((place(same), [numbers[key_of(tensor)]], 1, None, None))
            ends.append(count)
            count += 1
        else:
            ends.append(numbers[key_of(tensor)])
    layer = _core.Graph(name, layers, nodes, len(front.ends), ends)
    shapes = [(None, *shape[1:]) for shape in front.end_shapes]
    layer.build(shapes[0] if len(shapes) == 1 else shapes)
    return layer


def _identity(name: str) -> _core.Layer:
    return _core.Layer("Identity", {"name": name, "dtype": config.floatx()})


def _engine_arguments(node: Node) -> tuple[list[KerasTensor], Any]:
    """The tensors of a call that the engine makes, and what they are for where positions do not tell."""
    layer = node.operation
    if not isinstance(layer, KeywordLayer):
        return node.input_tensors, None
    arguments, tensors, options = layer._parts(layer._call_of(node.args, node.kwargs))
    positional = not options and arguments == layer._call_tensors[: len(arguments)]
    return tensors, None if positional else (list(arguments), options)


def _is_native(node: Node) -> bool:
    """Whether the engine can make the call by itself.

    That is ``layer(x)`` or ``layer([x, y])``, maybe with `training`, and calls of a `KeywordLayer` on symbolic tensors.
    """
    layer = node.operation
    if isinstance(layer, KeywordLayer) and not layer._runs_python:
        _, tensors, _ = layer._parts(layer._call_of(node.args, node.kwargs))
        return all(isinstance(tensor, KerasTensor) for tensor in tensors)
    if (layer._runs_python and not hasattr(layer, "layers")) or len(node.args) != 1 or set(node.kwargs) - {"training"}:
        return False
    given = node.args[0]
    several = isinstance(given, list | tuple) and all(isinstance(item, KerasTensor) for item in given)
    return several or isinstance(given, KerasTensor)


def _dtype(node: Node) -> str:
    """What the engine converts floating inputs of the call to."""
    if not node.operation._is_operation:
        return str(node.operation.dtype)
    known = [tensor.dtype for tensor in [*node.output_tensors, *node.input_tensors]]
    return next((dtype for dtype in known if dtype in config.FLOATS), config.floatx())


def _python_call(node: Node, again: bool) -> _core.Layer:
    """One call as a Python layer of its own, which puts the arguments together. The model keeps the node alive.

    A layer that is called `again` has told of its weights and their penalties; only the losses of the call are new.
    """
    refer = weakref.ref(node)

    def alive() -> Node:
        target = refer()
        if target is None:
            raise RuntimeError("the call behind this engine layer is gone; keep the model that owns it")
        return target

    def arguments(values: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        target = alive()
        flat = list(values) if isinstance(values, list | tuple) else [values]
        known = {key_of(tensor): value for tensor, value in zip(target.input_tensors, flat, strict=True)}

        def value_of(leaf: Any) -> Any:
            return known[key_of(leaf)] if isinstance(leaf, KerasTensor) else leaf

        plain = {key: value for key, value in target.kwargs.items() if key != "training"}
        return map_structure(value_of, target.args), map_structure(value_of, plain)

    def call(values: Any, training: bool) -> Any:
        args, kwargs = arguments(values)
        results = flatten(alive().operation(*args, training=training, **kwargs))
        return results[0] if len(results) == 1 else results

    def output_shape(shapes: Any) -> Any:
        target = alive()
        given = [tuple(shape) for shape in (shapes if len(target.input_tensors) > 1 else [shapes])]
        symbols = [KerasTensor(s, t.dtype) for s, t in zip(given, target.input_tensors, strict=True)]
        args, kwargs = arguments(symbols)
        found = [tensor.shape for tensor in flatten(target.operation._symbolic_outputs(args, kwargs))]
        return found[0] if len(found) == 1 else found

    return _core.PythonLayer(
        node.operation.name,
        call,
        output_shape,
        lambda: [] if again else alive().operation.weights,
        _dtype(node),
        lambda: alive().operation._python_losses(penalties=not again),
    )
