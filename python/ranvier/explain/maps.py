"""What is inside: values of layers, kernels, and where in the input a class was found."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ranvier._tensor import convert_to_tensor
from ranvier.explain.arguments import Array, Scorer, Target, as_batch, check_model, chunks, input_shape, positive
from ranvier.explain.gradients import gradient
from ranvier.explain.running import every_layer, find_layer, recording_gradients, seen_at, watch_layer


def feature_maps(model: Any, x: Any, layer: Any, batch_size: int = 32) -> Array:
    """The output of a layer while the model runs on `x`.

    Args:
        model: a model of one input.
        x: rows `(rows, ...)`.
        layer: name of the layer (also of one inside of a model inside), index in `model.layers`, or the layer.
        batch_size: rows that are computed together. Default 32.

    Returns:
        Array `(rows, ...)`: `(rows, height, width, channels)` for a convolution.

    Raises:
        ValueError: no such layer (the names are listed), or `x` does not fit the model.
    """
    where = "feature_maps"
    rows = as_batch(model, x, where)
    found = find_layer(model, layer, where)
    parts = [
        np.array(watch_layer(model, convert_to_tensor(rows[chunk]), found, where).output)
        for chunk in chunks(len(rows), positive(batch_size, "batch_size", where))
    ]
    return np.concatenate(parts)


def filters(model: Any, layer: Any = None) -> Array:
    """The kernels of a layer, one filter after the other.

    Args:
        model: a built model.
        layer: name, index in `model.layers`, or the layer. Default `None`: the first one with a kernel.

    Returns:
        Array `(filters, ...)`: `(filters, height, width, channels)` for a 2-D convolution, `(units, features)` for a
        Dense layer, or `(units, height, width, ...)` where its features are the input of the model in a row.

    Raises:
        ValueError: no such layer, a layer without kernel, or one that is not built.
    """
    where = "filters"
    check_model(model, where)
    if layer is None:
        found = next((inner for inner in every_layer(model) if _kernel(inner) is not None), None)
        if found is None:
            raise ValueError(f"[{where}] expected a model with a kernel in one of its layers; is it built?")
    else:
        found = find_layer(model, layer, where)
    kernel = _kernel(found)
    if kernel is None:
        raise ValueError(
            f"[{where}] layer: expected a built layer with a kernel, such as Conv2D or Dense, received {found.name!r} "
            f"({type(found).__name__}{'' if found.built else ', not built'})."
        )
    values = np.asarray(kernel)
    kind = type(found).__name__
    if kind.startswith(("Depthwise", "Separable")):  # (..., channels, multiplier): each channel has filters of its own
        return np.moveaxis(values.reshape(*values.shape[:-2], -1), -1, 0)[..., None].copy()
    if kind.endswith("Transpose"):  # (..., filters, channels)
        return np.moveaxis(values, -2, 0).copy()
    moved = np.moveaxis(values, -1, 0).copy()
    shape = input_shape(model)
    if values.ndim == 2 and shape is not None and None not in shape[1:]:
        sizes = tuple(int(size or 0) for size in shape[1:])
        if len(sizes) > 1 and math.prod(sizes) == values.shape[0] and not _weights_before(model, found):
            return moved.reshape(-1, *sizes)
    return moved


def _kernel(layer: Any) -> Any:
    for name in ("depthwise_kernel", "kernel"):
        found = vars(layer).get(name)
        if found is not None:
            return found
    return None


def _weights_before(model: Any, layer: Any) -> bool:
    for inner in every_layer(model):
        if inner is layer:
            return False
        if inner.weights and not hasattr(inner, "layers"):
            return True
    return False


def grad_cam(
    model: Any,
    x: Any,
    layer: Any = None,
    target: Target = None,
    resize: bool = True,
    logits: bool = True,
    batch_size: int = 32,
) -> Array:
    """Where a convolutional network looked: the maps of a layer, weighted by what they do for a class.

    The weight of a map is the mean of the class score's gradient over its places; negative sums become 0.

    R. R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh and D. Batra (2017), "Grad-CAM: Visual Explanations
    from Deep Networks via Gradient-based Localization", ICCV, arXiv:1610.02391.

    Args:
        model: a model of one input.
        x: rows `(rows, ...)` of images, signals or volumes.
        layer: layer whose output is `(rows, ..., channels)`. Default `None`: the last convolution.
        target: as in `saliency`.
        resize: bring the map to the size of the input, with linear interpolation. Default True.
        logits: explain what enters a last softmax or sigmoid instead of the output, as in the paper. Default True.
        batch_size: rows that are computed together. Default 32.

    Returns:
        Array of at least 0 without channels: `(rows, height, width)` for images, `(rows, length)` for signals; with
        `resize=False` in the size of the layer's maps.

    Raises:
        ValueError: no such layer, one without places, or one that the score does not depend on.
    """
    where = "grad_cam"
    rows = as_batch(model, x, where)
    scorer = Scorer(model, target, logits, where)
    scorer.resolve(rows, positive(batch_size, "batch_size", where))
    found = _last_convolution(model, rows[:1]) if layer is None else find_layer(model, layer, where)
    parts = []
    for chunk in chunks(len(rows), batch_size):
        inputs = convert_to_tensor(rows[chunk])
        inputs.requires_grad = True  # so that there is a history even when no weight is trained
        with recording_gradients():
            scores, seen = scorer(inputs, chunk, [found])
            maps = seen_at(seen, model, found, where).output
            if maps.ndim < 3:
                raise ValueError(
                    f"[{where}] layer: expected one with output (rows, ..., channels), received {found.name!r} with "
                    f"shape {maps.shape}."
                )
            slopes = gradient(scores, maps, where)
        weights = slopes.mean(axis=tuple(range(1, slopes.ndim - 1)), keepdims=True)
        parts.append(np.maximum((weights * np.asarray(maps)).sum(axis=-1), 0))
    cam = np.concatenate(parts)
    places = rows.shape[1 : cam.ndim]
    if not resize or len(places) < cam.ndim - 1:
        return cam
    for axis, size in enumerate(places, start=1):
        cam = _resized(cam, axis, size)
    return cam


def _last_convolution(model: Any, row: Array) -> Any:
    layers = [inner for inner in every_layer(model) if not hasattr(inner, "layers")]
    named = [inner for inner in layers if "Conv" in type(inner).__name__]
    if named:
        return named[-1]
    raise ValueError(
        f"[grad_cam] layer: expected the name of a layer with output (rows, ..., channels), as the model has no "
        f"convolution, received None; there are {', '.join(inner.name for inner in layers)}."
    )


def _resized(values: Array, axis: int, size: int) -> Array:
    """Linear interpolation along one axis; the centres of pixels lie at halves, as in image programs."""
    old = values.shape[axis]
    if old == size:
        return values
    places = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
    low = np.minimum(places.astype(np.int64), max(old - 2, 0))
    share = (places - low).astype(values.dtype)
    matrix = np.zeros((size, old), values.dtype)
    matrix[np.arange(size), low] += 1 - share
    matrix[np.arange(size), np.minimum(low + 1, old - 1)] += share
    return np.moveaxis(np.tensordot(values, matrix, axes=(axis, 1)), -1, axis)
