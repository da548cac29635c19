"""Attribution without gradients: what an output loses when a part of the input is covered."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np

from ranvier._tensor import no_grad
from ranvier.explain.arguments import Array, Scorer, Target, as_batch, positive
from ranvier.explain.gradients import as_baseline

_MOST = 5_000_000  # positions of the window


def occlusion(
    model: Any,
    x: Any,
    window: Any = None,
    stride: Any = None,
    target: Target = None,
    value: Any = 0.0,
    logits: bool = False,
    batch_size: int = 256,
) -> Array:
    """How much an output falls when a window of the input is covered, averaged over the windows that cover a place.

    M. D. Zeiler and R. Fergus (2014), "Visualizing and Understanding Convolutional Networks", ECCV, arXiv:1311.2901.

    Args:
        model: a model of one input, not necessarily differentiable.
        x: rows `(rows, features)`, `(rows, length, channels)`, `(rows, height, width, channels)` or without channels.
        window: size of the window: an integer, or one for each axis that it moves along. The axes after those
            (channels) are covered as a whole. Default `None`: a single feature, about a seventh of a longer axis.
        stride: how far the window moves, in the same form. Default `None`: 1 for features, half a window otherwise.
        target: as in `saliency`.
        value: what covers: a number, or an array of the shape of one row or of `x`. Default 0.
        logits: explain what enters a last softmax or sigmoid instead of the output. Default False, as in the paper.
        batch_size: covered inputs that are computed together. Default 256.

    Returns:
        Array `(rows, ...)` over the axes the window moves along: `(rows, features)`, `(rows, length)` or
        `(rows, height, width)`; positive where covering lowers the output, 0 where no window reaches.

    Raises:
        ValueError: a window or stride that does not fit, or as in `saliency`.
    """
    where = "occlusion"
    rows = as_batch(model, x, where)
    size, step = _window(window, stride, rows.shape[1:])
    cover = as_baseline(value, rows, where)
    batch_size = positive(batch_size, "batch_size", where)
    starts = [_starts(n, w, s) for n, w, s in zip(rows.shape[1:], size, step, strict=False)]
    count = int(np.prod([float(len(axis)) for axis in starts]))
    if count > _MOST:
        raise ValueError(f"[{where}] stride: expected at most {_MOST:,} windows, received {count:,}; make it larger.")
    places = rows.shape[1 : 1 + len(size)]
    scorer = Scorer(model, target, logits, where)
    total, times = np.zeros((len(rows), *places)), np.zeros(places)
    with no_grad():
        scorer.resolve(rows, batch_size)
        for row in range(len(rows)):
            before = _scores(scorer, rows[row : row + 1], row)[0]
            windows = itertools.product(*starts)
            while chunk := list(itertools.islice(windows, batch_size)):
                covered = np.repeat(rows[row : row + 1], len(chunk), axis=0)
                areas = [tuple(slice(a, a + w) for a, w in zip(at, size, strict=True)) for at in chunk]
                for one, area in zip(covered, areas, strict=True):
                    one[area] = cover[row][area]
                for fall, area in zip(before - _scores(scorer, covered, row), areas, strict=True):
                    total[row][area] += fall
                    if row == 0:
                        times[area] += 1
    return (total / np.maximum(times, 1)).astype(rows.dtype)


def _scores(scorer: Scorer, x: Array, row: int) -> Array:
    """In float64, for differences of nearly equal numbers add up."""
    if scorer.indices is not None:
        same = Scorer.__new__(Scorer)
        same.__dict__.update(vars(scorer), indices=np.repeat(scorer.indices[row], len(x)))
        scorer = same
    return np.asarray(scorer(x, slice(0, len(x)))[0], dtype=np.float64)


def _starts(length: int, window: int, stride: int) -> list[int]:
    """Where windows begin; the last one ends with the axis, so that no place is left out."""
    last = length - window
    return [*range(0, last, stride), last]


def _window(window: Any, stride: Any, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    axes = len(shape) if len(shape) == 1 else len(shape) - 1
    if isinstance(window, list | tuple):
        axes = len(window)
    size = _sizes(window, "window", axes, (1,) if len(shape) == 1 else tuple(-(-n // 7) for n in shape[:axes]))
    if len(size) > len(shape) or any(w > n for w, n in zip(size, shape, strict=False)):
        raise ValueError(f"[occlusion] window: expected sizes within the shape {shape} of a row, received {window!r}.")
    return size, _sizes(stride, "stride", axes, tuple(-(-w // 2) for w in size))


def _sizes(given: Any, name: str, axes: int, default: tuple[int, ...]) -> tuple[int, ...]:
    if given is None:
        return default
    items = list(given) if isinstance(given, list | tuple) else [given] * axes
    try:
        sizes = tuple(operator.index(item) for item in items)
    except TypeError:
        sizes = ()
    if len(sizes) != axes or axes == 0 or min(sizes) < 1:
        raise ValueError(
            f"[occlusion] {name}: expected an integer of at least 1, or {axes} of them, received {given!r}."
        )
    return sizes
