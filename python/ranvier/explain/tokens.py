"""How much each token of a text moves an output."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier._core import Tensor
from ranvier._tensor import convert_to_tensor, no_grad
from ranvier.explain.arguments import Array, Scorer, Target, as_batch, chunks, positive
from ranvier.explain.gradients import gradient
from ranvier.explain.running import every_layer, find_layer, recording_gradients, run, seen_at


def token_attributions(
    model: Any,
    x: Any,
    target: Target = None,
    baseline: Any = None,
    steps: int = 50,
    layer: Any = None,
    logits: bool = False,
    batch_size: int = 32,
) -> Array:
    """The difference of an output between a text and a baseline, shared out to the tokens: integrated gradients.

    Ids have no gradient, so the straight line from the baseline runs through the values of the embedding. A token gets
    the sum over its row; all tokens together get f(x) - f(baseline), up to the error of the integral.

    M. Sundararajan, A. Taly and Q. Yan (2017), "Axiomatic Attribution for Deep Networks", ICML, arXiv:1703.01365.

    Args:
        model: a model of one input with an `Embedding`.
        x: ids `(rows, time)`.
        target: index of the output, one index for each row, or a function of the model's output that returns a Tensor
            `(rows,)`, such as `lambda y: y[:, -1, 12]` for the last step of a language model. Default `None`: the
            predicted class of each row.
        baseline: the text that means "nothing": an id for all places, ids `(time,)` or ids of the shape of `x`. Default
            `None`: zeros for the values of the embedding, as in the paper.
        steps: points of the Gauss-Legendre rule for the integral, at most 1,000. Default 50.
        layer: the embedding of the tokens: name, index in `model.layers`, or the layer. Default `None`: the first
            `Embedding`.
        logits: explain what enters a last softmax or sigmoid instead of the output. Default False, as in the paper.
        batch_size: rows that are computed together. Default 32.

    Returns:
        Array `(rows, time)`, with signs.

    Raises:
        ValueError: no embedding, another baseline than described, or as in `saliency`.
    """
    where = "token_attributions"
    steps = positive(steps, "steps", where, most=1000)
    rows = as_batch(model, x, where, tokens=True)
    embedding = _embedding(model, where) if layer is None else find_layer(model, layer, where)
    start = None if baseline is None else _baseline_ids(baseline, rows, where)
    scorer = Scorer(model, target, logits, where)
    scorer.resolve(rows, positive(batch_size, "batch_size", where))
    points, weights = np.polynomial.legendre.leggauss(steps)  # on -1 to 1
    parts = []
    for chunk in chunks(len(rows), batch_size):
        values, mask = _values(model, rows[chunk], embedding, where)
        if values.ndim < 3 or values.shape[:2] != rows[chunk].shape:
            raise ValueError(
                f"[{where}] layer: expected one with output (rows, time, ...) for x of shape {rows.shape}, received "
                f"{embedding.name!r} with shape {values.shape}."
            )
        origin = np.zeros_like(values) if start is None else _values(model, start[chunk], embedding, where)[0]
        total = np.zeros(values.shape)
        for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
            between = convert_to_tensor(origin + values.dtype.type(point) * (values - origin))
            between.requires_grad = True
            between._keras_mask = mask  # that of the text itself all the way
            with recording_gradients():
                scores, _ = scorer(convert_to_tensor(rows[chunk]), chunk, replaced={embedding: between})
                total += weight * gradient(scores, between, where)
        parts.append((total * (values - origin)).sum(axis=tuple(range(2, values.ndim))).astype(values.dtype))
    return np.concatenate(parts)


def _embedding(model: Any, where: str) -> Any:
    found = [inner for inner in every_layer(model) if type(inner).__name__ in ("Embedding", "ReversibleEmbedding")]
    if not found:
        raise ValueError(
            f"[{where}] layer: expected the name of the layer that turns ids to values, as the model has no Embedding, "
            f"received None; there are {', '.join(inner.name for inner in every_layer(model))}."
        )
    return found[0]


def _values(model: Any, ids: Array, embedding: Any, where: str) -> tuple[Array, Any]:
    with no_grad():
        _, seen = run(model, convert_to_tensor(ids), [embedding])
    output = seen_at(seen, model, embedding, where).output
    return np.array(output), (output._keras_mask if isinstance(output, Tensor) else None)


def _baseline_ids(baseline: Any, rows: Array, where: str) -> Array:
    ids = np.asarray(baseline)
    if ids.dtype.kind not in "iu" or ids.shape not in ((), rows.shape[1:], rows.shape):
        raise ValueError(
            f"[{where}] baseline: expected an id, ids of shape {rows.shape[1:]} or of shape {rows.shape}, or None, "
            f"received {ids.dtype} of shape {ids.shape}."
        )
    return np.ascontiguousarray(np.broadcast_to(ids, rows.shape).astype(rows.dtype))
