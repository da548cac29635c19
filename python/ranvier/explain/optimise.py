"""Inputs that a unit answers to most strongly, found by gradient ascent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ranvier import ops
from ranvier._tensor import convert_to_tensor
from ranvier.explain.arguments import Array, Scorer, check_model, dtype_of, input_shape, not_negative, positive
from ranvier.explain.gradients import gradient
from ranvier.explain.running import BeforeActivation, find_layer, recording_gradients, run, seen_at

_FIRST, _SECOND = 0.9, 0.999  # Adam's decays (Kingma and Ba 2015)


def activation_maximization(
    model: Any,
    target: int | Sequence[int],
    layer: Any = None,
    steps: int = 200,
    learning_rate: float = 0.05,
    l2: float = 0.05,
    blur: float = 0.6,
    bounds: tuple[float, float] | None = (0.0, 1.0),
    start: Any = None,
    logits: bool = True,
    seed: int = 0,
) -> Array:
    """Inputs that make an output, a unit or a channel as large as possible.

    Gradient ascent with Adam's steps from noise; a penalty on the square of the values and a blur after every step
    keep the picture from filling with high frequencies, which networks answer to and eyes do not.

    K. Simonyan, A. Vedaldi and A. Zisserman (2013), arXiv:1312.6034 (class scores, L2 penalty); J. Yosinski, J. Clune,
    A. Nguyen, T. Fuchs and H. Lipson (2015), "Understanding Neural Networks Through Deep Visualization",
    arXiv:1506.06579 (blur).

    Args:
        model: a built model of one input of fixed size.
        target: index of an output, or of the layer's unit or channel (then its mean over all places is maximised), or
            several of them, for an input each.
        layer: name, index in `model.layers`, or the layer. Default `None`: the output of the model.
        steps: number of steps. Default 200.
        learning_rate: size of a step, as a part of the range of `bounds`. Default 0.05.
        l2: strength of the penalty on the squared distance from the start's mean. Default 0.05; 0 switches it off.
        blur: standard deviation in pixels of the Gaussian blur along the axes of images and signals, every fourth
            step. Default 0.6; 0 switches it off.
        bounds: smallest and largest value of an input; `None` for no limits. Default 0 and 1.
        start: where to begin: an array of the shape of one input. Default `None`: noise around the middle of `bounds`.
        logits: maximise what enters a last softmax or sigmoid instead of the output, and what enters the activation
            of `layer` instead of what leaves it: where a relu is off it has no slope to climb. Default True.
        seed: of the noise. Default 0.

    Returns:
        Array `(targets, ...)` of inputs, `(1, ...)` for a single index.

    Raises:
        ValueError: a model whose input size is not known, a target out of range, or no such layer.
    """
    where = "activation_maximization"
    check_model(model, where)
    steps = positive(steps, "steps", where)
    targets = _targets(target, where)
    low, high = _bounds(bounds, where)
    learning_rate, l2, blur = (
        not_negative(number, name, where)
        for number, name in ((learning_rate, "learning_rate"), (l2, "l2"), (blur, "blur"))
    )
    x = _start(model, start, low, high, seed, where)
    middle = x.mean()
    found = None if layer is None else find_layer(model, layer, where)
    x = np.repeat(x[None], len(targets), axis=0)
    scorer = Scorer(model, targets, logits, where)
    if found is None:
        scorer.resolve(x, len(x))
    else:
        _check_channels(model, x[:1], found, targets, where)
    values = BeforeActivation(found) if found is not None and logits and getattr(found, "activation", None) else None
    first, second = np.zeros_like(x), np.zeros_like(x)
    rate = learning_rate * (high - low)
    for step in range(1, steps + 1):
        inputs = convert_to_tensor(x)
        inputs.requires_grad = True
        with recording_gradients():
            if found is None:
                scores, _ = scorer(inputs, slice(0, len(x)))
            else:
                seen = seen_at(run(model, inputs, [found])[1], model, found, where)
                scores = _channel_means(seen.output if values is None else values(seen.inputs), targets)
            slope = gradient(scores, inputs, where)
        # The penalty is measured in steps of the score: without this, large logits would drown it.
        norm = np.sqrt((slope**2).mean(axis=tuple(range(1, x.ndim)), keepdims=True)) + 1e-12
        slope = slope / norm - l2 * 2 * (x - middle) / (high - low)
        first = _FIRST * first + (1 - _FIRST) * slope
        second = _SECOND * second + (1 - _SECOND) * slope**2
        move = (first / (1 - _FIRST**step)) / (np.sqrt(second / (1 - _SECOND**step)) + 1e-8)
        x = (x + rate * move).astype(x.dtype)
        if blur > 0 and step % 4 == 0 and x.ndim > 2:
            for axis in range(1, _places(x) + 1):
                x = _blurred(x, axis, blur)
        if bounds is not None:
            x = np.clip(x, low, high).astype(x.dtype)
    return x


def _targets(target: Any, where: str) -> Array:
    targets = np.asarray(target)
    if targets.dtype.kind not in "iu" or targets.ndim > 1 or targets.size == 0 or targets.min() < 0:
        raise ValueError(f"[{where}] target: expected an index of at least 0, or several, received {target!r}.")
    return targets.reshape(-1)


def _bounds(bounds: Any, where: str) -> tuple[float, float]:
    if bounds is None:
        return 0.0, 1.0
    try:
        low, high = (float(bound) for bound in bounds)
    except (TypeError, ValueError):
        low = high = np.nan
    if not low < high or not np.isfinite(high - low):
        raise ValueError(f"[{where}] bounds: expected (smallest, largest) or None, received {bounds!r}.")
    return low, high


def _start(model: Any, start: Any, low: float, high: float, seed: int, where: str) -> Array:
    shape = input_shape(model)
    if shape is None or None in shape[1:]:
        raise ValueError(
            f"[{where}] expected a built model of one input of known size, received {model.name!r} with input shape "
            f"{shape}; begin it with Input(shape)."
        )
    sizes = tuple(int(size or 0) for size in shape[1:])
    dtype = dtype_of(model)
    if start is None:
        noise = np.random.default_rng(seed).standard_normal(sizes)
        return ((low + high) / 2 + 0.01 * (high - low) * noise).astype(dtype)
    values = np.asarray(start)
    if values.shape != sizes or values.dtype.kind not in "biuf":
        raise ValueError(f"[{where}] start: expected an array of shape {sizes}, received shape {values.shape}.")
    return values.astype(dtype)


def _check_channels(model: Any, x: Array, layer: Any, targets: Array, where: str) -> None:
    width = seen_at(run(model, convert_to_tensor(x), [layer])[1], model, layer, where).output.shape[-1]
    if targets.max() >= width:
        raise ValueError(
            f"[{where}] target: expected an index from 0 to {width - 1} (layer {layer.name!r} has {width} channels), "
            f"received {targets.max()}."
        )


def _channel_means(values: Any, targets: Array) -> Any:
    chosen = np.zeros((len(targets), *([1] * (values.ndim - 2)), values.shape[-1]), values.dtype)
    chosen[np.arange(len(targets)), ..., targets] = values.shape[-1]
    return ops.mean(ops.multiply(values, chosen), axis=tuple(range(1, values.ndim)))


def _places(x: Array) -> int:
    """How many axes after the first are places rather than channels."""
    return x.ndim - 1 if x.ndim == 3 and x.shape[-1] > 4 else x.ndim - 2


def _blurred(x: Array, axis: int, deviation: float) -> Array:
    """Gaussian blur along one axis; the border is continued."""
    reach = max(1, min(int(3 * deviation + 0.5), x.shape[axis]))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    weights = (weights / weights.sum()).astype(x.dtype)
    padding = [(reach, reach) if i == axis else (0, 0) for i in range(x.ndim)]
    padded = np.pad(x, padding, mode="edge")
    shifted = (np.take(padded, range(i, i + x.shape[axis]), axis=axis) for i in range(2 * reach + 1))
    return np.sum([w * part for w, part in zip(weights, shifted, strict=True)], axis=0, dtype=x.dtype)
