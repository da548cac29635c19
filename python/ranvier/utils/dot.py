"""A model as text in Graphviz's DOT language."""

from __future__ import annotations

import html
import subprocess
from typing import Any

from ranvier import activations

RANKDIRS = ("TB", "BT", "LR", "RL")

_FAMILIES = {  # the colour of a layer's head by the kind of layer; all others have the last one
    "#37474f": ("InputLayer",),
    "#6a4c93": ("Functional", "Sequential", "Model"),
    "#1d6996": ("Dense", "Conv", "Embedding"),
    "#2e7d5b": ("Pool", "UpSampling", "Padding", "Cropping", "Flatten", "Reshape", "Permute", "RepeatVector"),
    "#b5651d": ("Normalization", "Dropout", "Noise", "Random", "Rescaling", "Resizing"),
    "#a63a50": ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"),
}
_PLAIN = "#4a6572"


class Dot:
    """A drawing: its text, and what the program `dot` of Graphviz makes of it.

    Attributes:
        text: in the DOT language.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    to_string = __str__

    def create(self, format: str = "png") -> bytes:
        """The picture in a format that `dot` knows.

        Raises:
            RuntimeError: the program is missing or fails.
        """
        try:
            done = subprocess.run(["dot", f"-T{format}"], input=self.text.encode(), capture_output=True, check=False)
        except FileNotFoundError:
            raise RuntimeError(
                f"[plot_model] the program 'dot' of Graphviz makes {format} files, and it is not installed; install it "
                "(apt install graphviz, brew install graphviz, conda install graphviz), or write a .dot file."
            ) from None
        if done.returncode != 0:
            raise RuntimeError(f"[plot_model] dot failed: {done.stderr.decode(errors='replace').strip():.500}")
        return done.stdout

    def _repr_svg_(self) -> str:
        return self.create("svg").decode()


class Writer:
    """Writes the nodes and edges of a model; numbers stand for layers, so names may hold anything.

    Args:
        shapes, dtypes, names, activations, trainable: what to show of each layer.
        expand: whether models inside are drawn with their layers.
    """

    def __init__(
        self, shapes: bool, dtypes: bool, names: bool, activations: bool, trainable: bool, expand: bool
    ) -> None:
        self.shapes = shapes
        self.dtypes = dtypes
        self.names = names
        self.activations = activations
        self.trainable = trainable
        self.expand = expand
        self.lines: list[str] = []
        self._count = 0

    def layers(self, layers: list[Any], indent: str = "  ") -> None:
        """Layers of a model that is no graph: nodes without edges."""
        for layer in layers:
            self._node(layer, [], [], indent)

    def graph(self, graph: Any, indent: str = "  ") -> tuple[list[str], list[str]]:
        """Nodes and edges of a graph; returns the nodes of its inputs and those of its outputs."""
        made: dict[tuple[int, int], str] = {}  # the node that each tensor comes from
        entries: dict[int, list[str]] = {}
        results: dict[int, list[str]] = {}
        edges: dict[tuple[str, str], None] = {}
        for operation in graph.operations:
            nodes = graph.nodes_of(operation)
            inner = _graph_of(operation) if self.expand else None
            if inner is None:
                number = self._node(operation, nodes[0].input_tensors, nodes[0].output_tensors, indent)
                entries[id(operation)] = results[id(operation)] = [number]
            else:
                entries[id(operation)], results[id(operation)] = self._cluster(operation, inner, indent)
        for node in graph.nodes:
            ends = results[id(node.operation)]
            for i in range(len(node.output_shapes)):
                made[id(node), i] = ends[min(i, len(ends) - 1)]
        for node in graph.nodes:
            starts = entries[id(node.operation)]
            for i, tensor in enumerate(node.input_tensors):
                source = made[id(tensor._node), tensor._tensor_index]
                edges[source, starts[min(i, len(starts) - 1)]] = None
        self.lines += [f"{indent}{source} -> {target};" for source, target in edges]
        inputs = [made[id(t._node), t._tensor_index] for t in graph.inputs]
        return inputs, [made[id(t._node), t._tensor_index] for t in graph.outputs]

    def _cluster(self, model: Any, graph: Any, indent: str) -> tuple[list[str], list[str]]:
        self._count += 1
        self.lines.append(f"{indent}subgraph cluster_{self._count} {{")
        title = f"{model.name} ({type(model).__name__})"
        self.lines.append(
            f'{indent}  label=<<B>{html.escape(title)}</B>>; style="rounded,filled"; fontcolor="#4a4a68";'
        )
        self.lines.append(f'{indent}  fillcolor="#f4f2f9"; color="#6a4c93"; labeljust=l; fontsize=12; margin=14;')
        ends = self.graph(graph, indent + "  ")
        self.lines.append(f"{indent}}}")
        return ends

    def _node(self, layer: Any, inputs: list[Any], outputs: list[Any], indent: str) -> str:
        self._count += 1
        self.lines.append(f"{indent}n{self._count} [label={self._label(layer, inputs, outputs)}];")
        return f"n{self._count}"

    def _label(self, layer: Any, inputs: list[Any], outputs: list[Any]) -> str:
        kind = layer.class_label or type(layer).__name__
        head = f"<B>{html.escape(kind)}</B>"
        if self.names:
            head = f"<B>{html.escape(layer.name)}</B> ({html.escape(kind)})"
        rows = []
        activation = getattr(layer, "activation", None)
        if self.activations and activation is not None:
            name = getattr(activation, "__name__", None) or type(activation).__name__
            rows.append([("Activation", name)])
        if self.shapes:
            several = [("Input", _listed(inputs, "shape"))] if inputs else []
            rows.append([*several, ("Output", _listed(outputs, "shape") if outputs else "?")])
        if self.dtypes:
            rows.append([("Output dtype", _listed(outputs, "dtype") if outputs else layer.dtype)])
        if self.trainable and layer.weights:
            rows.append([("Trainable", "yes" if layer.trainable else "no")])
        width = max((len(row) for row in rows), default=1)
        lines = [
            f'<TR><TD COLSPAN="{width}" BGCOLOR="{_colour(kind)}"><FONT COLOR="white">{head}</FONT></TD></TR>',
            *(_row(cells, width) for cells in rows),
        ]
        return (
            '<<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="7" COLOR="#b0bec5" BGCOLOR="white">'
            f"{''.join(lines)}</TABLE>>"
        )


def _row(cells: list[tuple[str, str]], width: int) -> str:
    spans = [width // len(cells)] * len(cells)
    text = "".join(
        f'<TD COLSPAN="{span}"><FONT COLOR="#607d8b">{name}</FONT> {html.escape(value)}</TD>'
        for (name, value), span in zip(cells, spans, strict=True)
    )
    return f"<TR>{text}</TR>"


def _listed(tensors: list[Any], what: str) -> str:
    return ", ".join(str(getattr(tensor, what)) for tensor in tensors)


def _colour(kind: str) -> str:
    for colour, names in _FAMILIES.items():
        if any(name in kind for name in names):
            return colour
    return "#7b6d2f" if kind.lower() in activations.registry or kind == "Activation" else _PLAIN


def _graph_of(model: Any) -> Any:
    """The graph of a Functional or of a built Sequential, None for everything else."""
    from ranvier.models.functional import Functional
    from ranvier.models.graph import Graph
    from ranvier.models.sequential import Sequential

    if isinstance(model, Functional):
        return model._graph
    if isinstance(model, Sequential) and model.built:
        return Graph(model.name, model.inputs, model.outputs)
    return None


def dot_text(model: Any, writer: Writer, rankdir: str, dpi: int) -> str:
    """The whole text for a model."""
    writer.lines += [
        "digraph model {",
        f"  graph [rankdir={rankdir}, dpi={dpi}, nodesep=0.35, ranksep=0.4, "
        'fontname="Helvetica,Arial,sans-serif", bgcolor="white"];',
        '  node [shape=plaintext, fontname="Helvetica,Arial,sans-serif", fontsize=11, margin=0];',
        '  edge [color="#78909c", arrowsize=0.7];',
    ]
    graph = _graph_of(model)
    if graph is None:
        writer.layers(model.layers)
    else:
        writer.graph(graph)
    return "\n".join([*writer.lines, "}", ""])
