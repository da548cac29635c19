"""Pictures of models: `plot_model` and `model_to_dot`."""

from __future__ import annotations

import os
import sys
from typing import Any

from ranvier.utils.dot import RANKDIRS, Dot, Writer, dot_text

_TEXT = ("dot", "gv")
_PICTURES = ("png", "svg", "pdf", "jpg", "jpeg", "webp", "gif", "ps", "eps")


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    **kwargs: Any,
) -> Dot:
    """A model as a drawing in Graphviz's DOT language; ``str()`` of it is the text. Nothing else is needed for it.

    Args:
        model: a built model; of a subclassed one the layers are drawn without connections.
        show_shapes: the shapes of inputs and outputs.
        show_dtype: the dtype of the output.
        show_layer_names: the layers' names. Default True.
        rankdir: ``"TB"`` from top to bottom, or ``"LR"``, ``"BT"``, ``"RL"``.
        expand_nested: draw models inside with their layers, in a frame.
        dpi: resolution of pictures. Default 200.
        subgraph: accepted for Keras's sake; only False.
        show_layer_activations: the activation functions.
        show_trainable: whether weights are trained.
        **kwargs: none.

    Raises:
        TypeError, ValueError: not a model, a model that is not built, or an argument of another kind.
    """
    from ranvier.models.model import Model

    if kwargs:
        raise ValueError(f"[model_to_dot] unknown argument {next(iter(kwargs))!r}.")
    if not isinstance(model, Model):
        raise TypeError(f"[model_to_dot] expected a model, received {model!r} of type {type(model).__name__}.")
    if not model.built:
        raise ValueError(
            f"[model_to_dot] model {model.name!r} is not built; begin it with Input(shape) or call build(input_shape)."
        )
    if rankdir not in RANKDIRS:
        raise ValueError(f"[model_to_dot] rankdir: expected one of {', '.join(RANKDIRS)}, received {rankdir!r}.")
    if isinstance(dpi, bool) or not isinstance(dpi, int | float) or not 1 <= dpi <= 10_000:
        raise ValueError(f"[model_to_dot] dpi: expected a number from 1 to 10000, received {dpi!r}.")
    if subgraph:
        raise ValueError("[model_to_dot] subgraph: expected False; expand_nested=True draws models inside.")
    writer = Writer(
        shapes=bool(show_shapes),
        dtypes=bool(show_dtype),
        names=bool(show_layer_names),
        activations=bool(show_layer_activations),
        trainable=bool(show_trainable),
        expand=bool(expand_nested),
    )
    return Dot(dot_text(model, writer, rankdir, int(dpi)))


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    **kwargs: Any,
) -> Any:
    """Draws a model into a file.

    ``.dot`` and ``.gv`` files need nothing; pictures (``.png``, ``.svg``, ``.pdf``, ...) are made by Graphviz's
    program `dot`, which must be installed.

    Args:
        model: a built model.
        to_file: where to; the ending says the format. Default ``"model.png"``.
        show_shapes: see `model_to_dot`, as for all that follow.
        show_dtype: ditto.
        show_layer_names: ditto. Default False.
        rankdir: ditto.
        expand_nested: ditto.
        dpi: ditto.
        show_layer_activations: ditto.
        show_trainable: ditto.
        **kwargs: none.

    Returns:
        The picture for display in a notebook, None elsewhere.

    Raises:
        TypeError, ValueError: as `model_to_dot`, or another ending.
        RuntimeError: `dot` is needed and missing.
        OSError: the file cannot be written.
    """
    path = os.fsdecode(os.fspath(to_file))
    ending = os.path.splitext(path)[1].lstrip(".").lower()
    if ending not in (*_TEXT, *_PICTURES):
        raise ValueError(
            f"[plot_model] to_file: expected a name ending in .png, .svg, .pdf or .dot, received {path!r}."
        )
    drawing = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        **kwargs,
    )
    data = drawing.text.encode() if ending in _TEXT else drawing.create(ending)
    with open(path, "wb") as file:
        file.write(data)
    return _for_notebook(path, ending, data)


def _for_notebook(path: str, ending: str, data: bytes) -> Any:
    shell = sys.modules.get("IPython")
    if shell is None or shell.get_ipython() is None:
        return None
    from IPython import display

    if ending == "svg":
        return display.SVG(data=data.decode())
    return display.Image(data=data) if ending in ("png", "jpg", "jpeg", "gif") else None
