"""What attention layers look at."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ranvier._core import Tensor
from ranvier._tensor import convert_to_tensor, no_grad
from ranvier.explain.arguments import Array, as_batch, chunks, positive
from ranvier.explain.running import Seen, every_layer, find_layer, run

_SCORES = "return_attention_scores"


def attention_maps(model: Any, x: Any, layer: Any = None, batch_size: int = 32) -> dict[str, Array]:
    """How much each step of a sequence looks at each other one, in every attention layer.

    A. Vaswani et al. (2017), "Attention Is All You Need", NeurIPS, arXiv:1706.03762, show such maps; S. Jain and
    B. C. Wallace (2019), "Attention is not Explanation", arXiv:1902.10186, warn of reading causes into them.

    Args:
        model: a model of one input with attention layers (whose call takes `return_attention_scores`).
        x: rows `(rows, time, ...)`, ids of tokens for instance.
        layer: name, index in `model.layers`, the layer, or a list of such. Default `None`: every attention layer.
        batch_size: rows that are computed together. Default 32.

    Returns:
        The name of each layer with its scores: `(rows, heads, queries, keys)` for `MultiHeadAttention`,
        `(rows, queries, keys)` for layers without heads. A query's scores add up to 1. Of a layer that is called
        several times, the last call counts.

    Raises:
        ValueError: no attention layer, another kind of layer, or `x` does not fit the model.
    """
    where = "attention_maps"
    rows = as_batch(model, x, where, tokens=True)
    chosen = _attention_layers(model, layer, where)
    found: dict[str, list[Array]] = {}
    size = positive(batch_size, "batch_size", where)
    with no_grad():
        for chunk in chunks(len(rows), size):
            _, seen = run(model, convert_to_tensor(rows[chunk]), chosen)
            for inner in chosen:
                if inner in seen:
                    found.setdefault(inner.name, []).append(_scores(inner, seen[inner], where))
    missing = [inner.name for inner in chosen if inner.name not in found]
    if missing:
        raise ValueError(
            f"[{where}] layer: expected layers that {model.name!r} calls on its input, received {', '.join(missing)}."
        )
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _attention_layers(model: Any, layer: Any, where: str) -> list[Any]:
    if layer is not None:
        chosen = [find_layer(model, one, where) for one in (layer if isinstance(layer, list | tuple) else [layer])]
        for inner in chosen:
            if not _gives_scores(inner):
                raise ValueError(
                    f"[{where}] layer: expected an attention layer, received {inner.name!r} ({type(inner).__name__})."
                )
        return chosen
    chosen = [inner for inner in every_layer(model) if _gives_scores(inner)]
    if not chosen:
        raise ValueError(
            f"[{where}] expected a model with attention layers, received one of "
            f"{', '.join(inner.name for inner in every_layer(model))}."
        )
    return chosen


def _gives_scores(layer: Any) -> bool:
    return _SCORES in inspect.signature(type(layer).call).parameters


def _scores(layer: Any, seen: Seen, where: str) -> Array:
    """The layer once more on what it saw: on the way the scores are not kept."""
    results = layer(seen.inputs, *seen.args, **{"training": False, **seen.kwargs, _SCORES: True})
    if not (isinstance(results, list | tuple) and len(results) == 2 and isinstance(results[1], Tensor)):
        raise ValueError(
            f"[{where}] expected output and scores of {layer.name!r} called with {_SCORES}=True, received "
            f"{type(results).__name__}."
        )
    return np.array(results[1])
