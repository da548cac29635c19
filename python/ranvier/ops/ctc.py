"""Connectionist temporal classification: labels whose times are not known (Graves et al. 2006)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier._core import Tensor
from ranvier.ops._convert import engine, floating, tensor, whole
from ranvier.ops._recording import record_all

__all__ = ["ctc_decode", "ctc_loss"]


def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Tensor:
    """``-log p(target | output)`` of each sample, over all alignments of the labels with the time steps.

    Args:
        target: labels, integers of shape (batch, length).
        output: logits (batch, time, classes).
        target_length: how many labels of each sample count, (batch,).
        output_length: how many time steps of each sample count, (batch,).
        mask_index: the class that stands for no label. Default 0.

    Returns:
        A Tensor (batch,). It is infinite where no alignment exists because there are fewer steps than labels (equal
        neighbours need a step between them); such a sample has gradient 0 (NaN in PyTorch).

    Raises:
        ValueError: shapes that do not go together; lengths or labels out of range.
        TypeError: labels or lengths that are not integers.
    """
    blank = whole(mask_index, "ctc_loss", "mask_index")
    return engine.ctc_loss(tensor(target), floating(output), tensor(target_length), tensor(output_length), blank)


def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """The labels that the logits of a CTC model spell.

    Args:
        inputs: logits (batch, time, classes).
        sequence_lengths: how many time steps of each sample count, (batch,).
        strategy: ``"greedy"``: the likeliest class of each step; ``"beam_search"``: the likeliest label sequences among
            the prefixes kept.
        beam_width: how many prefixes are kept after each step.
        top_paths: how many sequences a beam search returns.
        merge_repeated: whether equal neighbours are one label (greedy only).
        mask_index: the class that stands for no label. Default 0.

    Returns:
        Labels, int32 of shape (1 or top_paths, batch, time), filled up with -1; and scores: greedy (batch, 1), the
        negative sum of the chosen logits; beam search (batch, top_paths), log-probabilities, best first (-inf where
        there are no more sequences).

    Raises:
        ValueError: an unknown strategy, shapes that do not go together.
    """
    blank = whole(mask_index, "ctc_decode", "mask_index")
    logits = floating(inputs)
    lengths = tensor(sequence_lengths)
    if strategy == "beam_search":
        width = whole(beam_width, "ctc_decode", "beam_width")
        top = whole(top_paths, "ctc_decode", "top_paths")
        paths, scores = engine.ctc_beam_search(logits, lengths, width, top, blank)
        return paths, scores
    if strategy != "greedy":
        raise ValueError(f"[ctc_decode] strategy: expected 'greedy' or 'beam_search', received {strategy!r}.")
    values, steps = logits.numpy(), lengths.numpy()
    if values.ndim != 3 or steps.shape != values.shape[:1]:
        raise ValueError(
            "[ctc_decode] expected inputs of shape (batch, time, classes) and one length for each sample, received "
            f"shapes {values.shape} and {steps.shape}."
        )
    if not 0 <= blank < values.shape[2]:
        raise ValueError(f"[ctc_decode] mask_index: expected a class in [0, {values.shape[2]}), received {blank}.")
    counts = np.arange(values.shape[1]) < steps[:, None]
    best = np.where(counts, values.argmax(-1), blank)
    kept = best != blank
    if merge_repeated:
        kept[:, 1:] &= best[:, 1:] != best[:, :-1]
    order = np.argsort(~kept, axis=1, kind="stable")  # what is kept comes first, in order
    found = np.where(np.take_along_axis(kept, order, 1), np.take_along_axis(best, order, 1), -1).astype(np.int32)
    chosen = -np.where(counts, values.max(-1), 0).sum(1, keepdims=True)
    return tensor(found[None]), tensor(chosen.astype(values.dtype))


record_all(globals())
