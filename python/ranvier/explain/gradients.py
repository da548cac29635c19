"""Attribution by gradients: how much each number of the input moves an output."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier import _core
from ranvier._tensor import convert_to_tensor
from ranvier.explain.arguments import Array, Scorer, Target, as_batch, chunks, not_negative, positive
from ranvier.explain.running import recording_gradients


def saliency(model: Any, x: Any, target: Target = None, logits: bool = True, batch_size: int = 32) -> Array:
    """The gradient of an output with respect to the input.

    K. Simonyan, A. Vedaldi and A. Zisserman (2013), "Deep Inside Convolutional Networks: Visualising Image
    Classification Models and Saliency Maps", arXiv:1312.6034.

    Args:
        model: a model of one input.
        x: rows `(rows, ...)`, for which the model is explained.
        target: index of the output, one index for each row, or a function of the model's output that returns a Tensor
            `(rows,)`. Default `None`: the predicted class of each row.
        logits: where the model ends in softmax or sigmoid, explain what enters it, as the paper does: a saturated
            softmax has no gradient. Default True.
        batch_size: rows that are computed together. Default 32.

    Returns:
        Array of the shape of `x`, with signs. `np.abs(...).max(axis=-1)` over colours gives the paper's maps.

    Raises:
        ValueError: `x` does not fit the model, `target` is out of range, or no gradient reaches the input.
    """
    return _gradients(model, x, target, logits, batch_size, "saliency")


def smooth_grad(
    model: Any,
    x: Any,
    target: Target = None,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
    logits: bool = True,
    batch_size: int = 32,
) -> Array:
    """Saliency averaged over noisy copies of the input, which takes the speckle away.

    D. Smilkov, N. Thorat, B. Kim, F. Viegas and M. Wattenberg (2017), "SmoothGrad: removing noise by adding noise",
    arXiv:1706.03825.

    Args:
        model: a model of one input.
        x: rows `(rows, ...)`.
        target: as in `saliency`; the predicted class is that of the row without noise.
        samples: number of copies. Default 25.
        noise: standard deviation of the noise, as a part of the row's range (largest minus smallest value). Default
            0.15; the paper found 0.1 to 0.2 good.
        seed: of the noise. Default 0.
        logits: as in `saliency`.
        batch_size: rows that are computed together. Default 32.

    Returns:
        Array of the shape of `x`, with signs.

    Raises:
        ValueError: as in `saliency`; `samples` below 1, `noise` negative.
    """
    where = "smooth_grad"
    samples = positive(samples, "samples", where)
    noise = not_negative(noise, "noise", where)
    rows = as_batch(model, x, where)
    scorer = Scorer(model, target, logits, where)
    scorer.resolve(rows, positive(batch_size, "batch_size", where))
    axes = tuple(range(1, rows.ndim))
    scale = noise * (rows.max(axis=axes, keepdims=True) - rows.min(axis=axes, keepdims=True))
    random = np.random.default_rng(seed)
    total = np.zeros(rows.shape)
    for _ in range(samples):
        total += _walk(scorer, rows + scale * random.standard_normal(rows.shape).astype(rows.dtype), batch_size)
    return (total / samples).astype(rows.dtype)


def integrated_gradients(
    model: Any,
    x: Any,
    target: Target = None,
    baseline: Any = 0.0,
    steps: int = 50,
    logits: bool = False,
    batch_size: int = 32,
) -> Array:
    """The difference of an output between `x` and a baseline, shared out to the numbers of the input.

    The integral of the gradient along the straight line from the baseline, times the difference of the inputs. All
    attributions of a row add up to f(x) - f(baseline) (completeness), up to the error of the integral, which more
    `steps` make smaller.

    M. Sundararajan, A. Taly and Q. Yan (2017), "Axiomatic Attribution for Deep Networks", ICML, arXiv:1703.01365.

    Args:
        model: a model of one input.
        x: rows `(rows, ...)`.
        target: as in `saliency`.
        baseline: an input that means "nothing": a number, an array of the shape of one row, or of `x`. Default 0.
        steps: points of the Gauss-Legendre rule for the integral, at most 1,000. Default 50.
        logits: explain what enters a last softmax or sigmoid instead of the output. Default False, as in the paper.
        batch_size: rows that are computed together. Default 32.

    Returns:
        Array of the shape of `x`, with signs.

    Raises:
        ValueError: as in `saliency`; a baseline of another shape.
    """
    where = "integrated_gradients"
    steps = positive(steps, "steps", where, most=1000)
    rows = as_batch(model, x, where)
    start = as_baseline(baseline, rows, where)
    scorer = Scorer(model, target, logits, where)
    scorer.resolve(rows, positive(batch_size, "batch_size", where))
    points, weights = np.polynomial.legendre.leggauss(steps)  # on -1 to 1
    total = np.zeros(rows.shape)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        total += weight * _walk(scorer, start + rows.dtype.type(point) * (rows - start), batch_size)
    return (total * (rows - start)).astype(rows.dtype)


def as_baseline(baseline: Any, rows: Array, where: str) -> Array:
    """`baseline` as an array of the shape of `rows`."""
    values = np.asarray(baseline)
    if values.dtype.kind not in "biuf" or values.shape not in ((), rows.shape[1:], rows.shape):
        raise ValueError(
            f"[{where}] baseline: expected a number, an array of shape {rows.shape[1:]} or one of shape {rows.shape}, "
            f"received {values.dtype} of shape {values.shape}."
        )
    return np.broadcast_to(values.astype(rows.dtype), rows.shape)


def _gradients(model: Any, x: Any, target: Target, logits: bool, batch_size: int, where: str) -> Array:
    rows = as_batch(model, x, where)
    scorer = Scorer(model, target, logits, where)
    scorer.resolve(rows, positive(batch_size, "batch_size", where))
    return _walk(scorer, rows, batch_size)


def _walk(scorer: Scorer, rows: Array, batch_size: int) -> Array:
    """The gradient of each row's score with respect to the row."""
    found = np.empty_like(rows)
    for chunk in chunks(len(rows), batch_size):
        x = convert_to_tensor(rows[chunk])
        x.requires_grad = True
        with recording_gradients():
            scores, _ = scorer(x, chunk)
            found[chunk] = gradient(scores, x, scorer.where).reshape(x.shape)
    return found


def gradient(scores: Any, of: Any, where: str) -> Array:
    """The derivative of the sum of `scores` with respect to the tensor `of`.

    Raises:
        ValueError: the scores do not depend on it through operations with a gradient.
    """
    found = None
    if scores.requires_grad:
        (found,) = _core.gradients(scores, [of], np.ones(scores.shape, scores.dtype))
    if found is None:
        raise ValueError(
            f"[{where}] expected a target that depends on the input through operations with a gradient, received one "
            "that does not (NumPy, stop_gradient, rounding, or integer inputs on the way)."
        )
    return np.asarray(found)
