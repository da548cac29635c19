"""From a model to the rows of its summary table."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ranvier.models.functional import Functional
from ranvier.models.summary import BOX_CHARACTERS, LayerRow, Totals, summary_html, summary_text
from ranvier.utils import terminal


def model_text(
    model: Any,
    line_length: int | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
    to_terminal: bool = True,
) -> str:
    """The table as text, fitted to the terminal when it goes there."""
    rows = layer_rows(model, expand_nested, layer_range)
    if line_length is None and to_terminal:
        line_length = min(terminal.width(sys.stdout), 100)
    plain = to_terminal and not terminal.can_show(sys.stdout, BOX_CHARACTERS)
    return summary_text(rows, totals(model), model.name, line_length, show_trainable, plain)


def model_html(model: Any) -> str:
    """The table for notebooks."""
    return summary_html(layer_rows(model, True), totals(model), model.name)


def layer_rows(model: Any, expand_nested: bool = False, layer_range: Sequence[str] | None = None) -> list[LayerRow]:
    """One row for each layer; with `expand_nested` also for those inside of models, one step deeper.

    Of a Functional that is not just one layer after the other the rows also tell what the layers are called on.
    """
    if isinstance(model, Functional):
        return _graph_rows(model, _between(model.operations, layer_range), expand_nested, 0)
    return _rows(_between(model.layers, layer_range), model._input_shape_or_none(), expand_nested, 0)


def _rows(layers: list[Any], shape: Any, expand_nested: bool, depth: int) -> list[LayerRow]:
    found = []
    for layer in layers:
        inside, shape = shape, _output_shape(layer, shape)
        found.append(_row(layer, shape, depth))
        found += _inner_rows(layer, inside, expand_nested, depth + 1)
    return found


def _graph_rows(model: Any, layers: list[Any], expand_nested: bool, depth: int) -> list[LayerRow]:
    graph = model._graph
    numbers = {id(node): i for op in graph.operations for i, node in enumerate(graph.nodes_of(op))}
    chain = graph.is_chain()
    found = []
    for layer in layers:
        nodes = graph.nodes_of(layer)
        shapes = nodes[-1].output_shapes
        sources = [tensor for node in nodes for tensor in node.input_tensors]
        names = (f"{t._node.operation.name}[{numbers[id(t._node)]}][{t._tensor_index}]" for t in sources)
        connected = None if chain or depth else ", ".join(names) or "-"
        found.append(_row(layer, shapes[0] if len(shapes) == 1 else shapes, depth, connected))
        inside = sources[0].shape if sources else None
        found += _inner_rows(layer, inside, expand_nested, depth + 1)
    return found


def _inner_rows(layer: Any, shape: Any, expand_nested: bool, depth: int) -> list[LayerRow]:
    if not expand_nested or not hasattr(layer, "layers"):
        return []
    if isinstance(layer, Functional):
        return _graph_rows(layer, layer.operations, expand_nested, depth)
    return _rows(layer.layers, shape, expand_nested, depth)


def _row(layer: Any, shape: Any, depth: int, connected: str | None = None) -> LayerRow:
    count = layer.count_params() if layer.built else None
    label = layer.class_label or type(layer).__name__
    return LayerRow(layer.name, label, shape, count, layer.trainable if count else None, depth, connected)


def _output_shape(layer: Any, shape: Any) -> Any:
    if shape is None or not layer.built:
        return None
    try:
        return tuple(layer.compute_output_shape(shape))
    except (ValueError, TypeError, RuntimeError):  # after a layer_range the shapes do not connect
        return None


def _between(layers: list[Any], layer_range: Sequence[str] | None) -> list[Any]:
    if layer_range is None:
        return layers
    if len(layer_range) != 2:
        raise ValueError(f"[summary] layer_range: expected the names of two layers, received {layer_range!r}.")
    ends = []
    for pattern in layer_range:
        hits = [i for i, layer in enumerate(layers) if re.fullmatch(pattern, layer.name)]
        if not hits:
            raise ValueError(f"[summary] layer_range: no layer is called {pattern!r}.")
        ends.append(hits)
    return layers[min(ends[0]) : max(ends[1]) + 1]


def totals(model: Any) -> Totals:
    """Numbers of weights and of the optimizer's state, with their sizes."""
    trainable = [(v.size, np.dtype(v.dtype).itemsize) for v in model.trainable_weights]
    fixed = [(v.size, np.dtype(v.dtype).itemsize) for v in model.non_trainable_weights]
    slots: list[tuple[int, int]] = []
    optimizer = model.optimizer
    if optimizer is not None and optimizer.built:
        slots = [(t.size, np.dtype(t.dtype).itemsize) for t in optimizer.variables]
        slots += [(1, 4), (1, 4)]  # learning rate and step count, counted as Keras does
    return Totals(
        sum(n for n, _ in trainable),
        sum(n * size for n, size in trainable),
        sum(n for n, _ in fixed),
        sum(n * size for n, size in fixed),
        sum(n for n, _ in slots),
        sum(n * size for n, size in slots),
    )
