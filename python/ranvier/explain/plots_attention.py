"""Figures of attention: which step of a sequence looks at which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ranvier.explain.arguments import Array
from ranvier.explain.plots import POSITIVE
from ranvier.utils.arrays import as_array
from ranvier.utils.figures import pyplot

_WHERE = "plot_attention"
_MOST_LABELS, _MOST_PANELS = 80, 64


def plot_attention(
    maps: Any, tokens: Any = None, keys: Any = None, row: int = 0, heads: int = 8, title: str | None = None
) -> Any:
    """A figure of attention scores as heat maps: one line for each layer, one column for each head.

    Args:
        maps: what `attention_maps` returns, or scores of one layer: `(rows, heads, queries, keys)`, `(heads, queries,
            keys)` or `(queries, keys)`.
        tokens: the text of that row, a string or a list of tokens, for the labels of the queries. Default `None`: steps
            are counted.
        keys: the text that is looked at, where it is another one. Default `None`: `tokens`, where the number fits.
        row: which row of `(rows, ...)`. Default 0.
        heads: how many of the first heads are shown. Default 8.
        title: one above all.

    Returns:
        The matplotlib figure. Each map has its own scale from 0 to its largest score: one that looks everywhere a
        little is as clear as one that looks at a single place.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: scores of another shape, labels of another number, no such row.
    """
    layers = {str(name): _heads(scores, row) for name, scores in maps.items()} if isinstance(maps, Mapping) else None
    if layers is None:
        layers = {"": _heads(maps, row)}
    if not layers:
        raise ValueError(f"[{_WHERE}] maps: expected at least one layer, received none.")
    shown = min(max(1, int(heads)), max(len(scores) for scores in layers.values()))
    if shown * len(layers) > _MOST_PANELS:
        raise ValueError(
            f"[{_WHERE}] maps: expected at most {_MOST_PANELS} maps, received {len(layers)} layers of {shown}; pass "
            "some of them, or fewer heads."
        )
    plt = pyplot(_WHERE)
    longest = max(max(scores.shape[1:]) for scores in layers.values())
    panel = min(6.0, max(2.2, 0.16 * longest)) if shown * len(layers) < 5 else 2.6
    figure, axes = plt.subplots(
        len(layers),
        shown,
        figsize=(panel * shown + 0.8, panel * len(layers) + 0.5),
        squeeze=False,
        layout="constrained",
    )
    for line, (name, scores) in zip(axes, layers.items(), strict=True):
        for head, axis in enumerate(line):
            if head >= len(scores):
                axis.set_axis_off()
                continue
            axis.imshow(scores[head], vmin=0, cmap=POSITIVE, interpolation="nearest", aspect="auto")
            _label(axis.yaxis, tokens, scores.shape[1], "tokens", panel)
            _label(axis.xaxis, tokens if keys is None else keys, scores.shape[2], "keys", panel, keys is not None)
            if len(scores) > 1:
                axis.set_title(f"head {head}", fontsize="small")
        line[0].set_ylabel(f"{name}\nlooks from" if name else "looks from", fontsize="small")
    for axis in axes[-1]:
        axis.set_xlabel("at", fontsize="small")
    if title:
        figure.suptitle(title)
    return figure


def _heads(scores: Any, row: int) -> Array:
    """Scores `(heads, queries, keys)` of one row."""
    array = as_array(scores, "maps", _WHERE)
    if array.ndim == 4:
        if not -len(array) <= row < len(array):
            raise ValueError(f"[{_WHERE}] row: expected one of {len(array)}, received {row!r}.")
        array = array[row]
    array = array[None] if array.ndim == 2 else array
    if not np.isfinite(array).all():
        raise ValueError(f"[{_WHERE}] maps: expected finite scores, received NaN or infinity.")
    if array.ndim != 3 or array.size == 0:
        raise ValueError(
            f"[{_WHERE}] maps: expected scores of shape (rows, heads, queries, keys), (heads, queries, keys) or "
            f"(queries, keys), received shape {array.shape}."
        )
    return array


def _label(axis: Any, tokens: Sequence[Any] | None, count: int, name: str, panel: float, strict: bool = True) -> None:
    """Tokens along an axis, as long as they can be read."""
    if tokens is None or (len(tokens) != count and not strict):
        return
    if len(tokens) != count:
        raise ValueError(f"[{_WHERE}] {name}: expected {count}, one for each step, received {len(tokens)}.")
    if count > _MOST_LABELS:
        return
    texts = [str(token).replace("\n", "↵").replace(" ", "␣") for token in tokens]
    size = max(3.0, min(8.0, 45 * panel / count))
    wide = axis.axis_name == "x" and max(map(len, texts)) > 1
    axis.set_ticks(range(count), labels=texts, fontsize=size, rotation=90 if wide else 0)
    axis.set_tick_params(length=0)
