"""The graph between symbolic inputs and outputs: its calls in order, its layers in Keras's order, copies of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ranvier._symbolic import KerasTensor, Node, flatten, map_structure, pack_like

Key = tuple[int, int]


def key_of(tensor: KerasTensor) -> Key:
    """What makes two symbolic tensors the same: the call and the place among its results."""
    return id(tensor._node), tensor._tensor_index


class Graph:
    """The calls that lead from `inputs` to `outputs`.

    Attributes:
        inputs: symbolic tensors, each made by an `Input`.
        outputs: symbolic tensors.
        nodes: the calls (those of inputs too), each after those it depends on.
        operations: their layers: by depth, the number of calls to the farthest output, then as they were found going
            back from the outputs. This is Keras's order, so lists of layers and weights agree.
        depths: number of calls at each depth.

    Raises:
        ValueError: an output that does not depend on the inputs alone, or two layers of one name.
    """

    def __init__(self, where: str, inputs: list[KerasTensor], outputs: list[KerasTensor]) -> None:
        self.where = where
        self.inputs = inputs
        self.outputs = outputs
        self.nodes, found = _trace(where, inputs, outputs)
        depths, layer_depths = _depths(self.nodes)
        for tensor in inputs:  # those that no output needs
            node: Any = tensor._node
            if id(node.operation) not in layer_depths:
                self.nodes.append(node)
                depths[id(node)] = layer_depths[id(node.operation)] = 0
                found[id(node.operation)] = -1
        layers = {id(node.operation): node.operation for node in self.nodes}
        self.operations: list[Any] = sorted(layers.values(), key=lambda op: (-layer_depths[id(op)], found[id(op)]))
        self.depths: dict[int, int] = {}
        for depth in depths.values():
            self.depths[depth] = self.depths.get(depth, 0) + 1
        self._check_connected()
        self._check_names()

    def _check_connected(self) -> None:
        known = {key_of(tensor) for tensor in self.inputs}
        for node in self.nodes:
            if node.is_input:
                continue
            for tensor in node.input_tensors:
                if key_of(tensor) not in known:
                    raise ValueError(
                        f"[{self.where}] the graph is disconnected: layer {node.operation.name!r} needs the tensor "
                        f"{tensor!r}, which does not come from the inputs ({_names(self.inputs)}); add the Input "
                        "it comes from to inputs."
                    )
            known.update((id(node), i) for i in range(len(node.output_shapes)))
        for tensor in self.outputs:
            if key_of(tensor) not in known:
                raise ValueError(
                    f"[{self.where}] the graph is disconnected: the output {tensor!r} does not come from the inputs "
                    f"({_names(self.inputs)}); add the Input it comes from to inputs."
                )

    def _check_names(self) -> None:
        names = [operation.name for operation in self.operations]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"[{self.where}] the name {name!r} is used {names.count(name)} times in the model; all layers need "
                    f"different names, give one of them another: name={name + '_1'!r}."
                )

    def nodes_of(self, operation: Any) -> list[Node]:
        """The calls of a layer that belong to this graph."""
        return sorted((node for node in self.nodes if node.operation is operation), key=lambda node: node.index)

    def is_chain(self) -> bool:
        """Whether it is one layer after the other, none of them twice."""
        single = all(count == 1 for count in self.depths.values())
        return single and all(len(n.input_tensors) <= 1 for n in self.nodes) and len(self.nodes) == len(self.operations)

    def run(self, values: list[Any], call: Callable[[Node, tuple[Any, ...], dict[str, Any]], Any]) -> list[Any]:
        """The values of the outputs when the inputs have `values`; ``call(node, args, kwargs)`` makes each step."""
        known: dict[Key, Any] = {key_of(t): value for t, value in zip(self.inputs, values, strict=True)}

        def value_of(leaf: Any) -> Any:
            return known[key_of(leaf)] if isinstance(leaf, KerasTensor) else leaf

        for node in self.nodes:
            if not node.is_input:
                results = call(node, map_structure(value_of, node.args), map_structure(value_of, node.kwargs))
                known.update({(id(node), i): result for i, result in enumerate(flatten(results))})
        return [known[key_of(tensor)] for tensor in self.outputs]


def _names(tensors: list[KerasTensor]) -> str:
    return ", ".join(repr(tensor.name) for tensor in tensors)


def _trace(where: str, inputs: list[KerasTensor], outputs: list[KerasTensor]) -> tuple[list[Node], dict[int, int]]:
    """Depth first from the outputs, without recursion: networks may be thousands of layers deep."""
    ends = {key_of(tensor) for tensor in inputs}
    ordered: list[Node] = []
    found: dict[int, int] = {}
    done: set[int] = set()
    for output in outputs:
        stack: list[tuple[KerasTensor, list[KerasTensor] | None]] = [(output, None)]
        while stack:
            tensor, left = stack.pop()
            node = tensor._node
            if node is None:
                raise ValueError(f"[{where}] expected tensors that come from layers, received {tensor!r}.")
            if left is None:
                if id(node) in done or (not node.is_input and key_of(tensor) in ends):
                    continue
                done.add(id(node))
                found.setdefault(id(node.operation), len(found))
                left = list(reversed(node.input_tensors))
            if left:
                following = left.pop()
                stack += [(tensor, left), (following, None)]
            else:
                ordered.append(node)
    return ordered, found


def _depths(nodes: list[Node]) -> tuple[dict[int, int], dict[int, int]]:
    """The depth of each call and of each layer; a layer called at several depths counts as the deepest."""
    members = {id(node) for node in nodes}
    of_nodes: dict[int, int] = {}
    of_layers: dict[int, int] = {}
    for node in reversed(nodes):
        depth = max(of_nodes.get(id(node), 0), of_layers.get(id(node.operation), 0))
        of_nodes[id(node)] = of_layers[id(node.operation)] = depth
        for parent in node.parent_nodes:
            if id(parent) in members:
                of_nodes[id(parent)] = max(depth + 1, of_nodes.get(id(parent), 0))
    return of_nodes, of_layers


def with_inputs(where: str, inputs: Any, outputs: Any) -> tuple[Any, Any]:
    """`inputs` and `outputs` such that every input is an `Input`: a graph from the middle of another is called anew.

    The layers stay the same. The results stand in the same structures.
    """
    from ranvier.layers.core import Input

    flat, ends = flatten(inputs), flatten(outputs)
    if all(tensor._node is not None and tensor._node.is_input for tensor in flat):
        return inputs, outputs
    nodes, _ = _trace(where, flat, ends)
    new: dict[Key, KerasTensor] = {}
    for tensor in flat:
        own = tensor._node is not None and tensor._node.is_input
        copy = tensor if own else Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=f"{tensor.name}CLONE")
        new[key_of(tensor)] = copy

    def replaced(leaf: Any) -> Any:
        return new.get(key_of(leaf), leaf) if isinstance(leaf, KerasTensor) else leaf

    for node in nodes:
        if any(key_of(tensor) in new for tensor in node.input_tensors):
            fresh = [KerasTensor(shape, dtype) for shape, dtype, _ in node._specs]
            args, kwargs = map_structure(replaced, node.args), map_structure(replaced, node.kwargs)
            Node(node.operation, args, kwargs, pack_like(node._structure, fresh))
            new.update({(id(node), i): tensor for i, tensor in enumerate(fresh) if (id(node), i) not in new})
    return map_structure(replaced, inputs), map_structure(replaced, outputs)
