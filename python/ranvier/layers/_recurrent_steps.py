"""Recurrence written in Python: the loop over time steps, for cells and activations that the engine does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ranvier import ops
from ranvier._core import Tensor
from ranvier._symbolic import flatten, pack_like
from ranvier._tensor import convert_to_tensor

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


def run_steps(
    step: Step,
    sequences: Tensor,
    states: Any,
    mask: Tensor | None = None,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    return_sequences: bool = False,
) -> tuple[Tensor, Any]:
    """Runs ``output, states = step(sequences[:, t], states)`` over time.

    Args:
        step: the computation of one time step; states are any structure of tensors.
        sequences: ``(batch, time, ...)``, time of 1 or more.
        states: those before the first step.
        mask: bools ``(batch, time)``: where False, states stay and the output is the one before (at first zeros).
        go_backwards: from the last time step to the first.
        zero_output_for_mask: outputs are 0 where the mask is False.
        return_sequences: outputs of all steps ``(batch, time, ...)`` in the order of the run, else the last one.

    Returns:
        ``(outputs, states)``.
    """
    steps = range(sequences.shape[1])
    outputs = []
    output: Tensor | None = None
    for t in reversed(steps) if go_backwards else steps:
        given, new = step(sequences[:, t], states)
        if not isinstance(new, list | tuple) and isinstance(states, list | tuple):
            new = [new]
        if mask is not None:
            counts = mask[:, t]
            before = ops.zeros_like(given) if output is None or zero_output_for_mask else output
            given = _choose(counts, given, before)
            pairs = zip(flatten(new), flatten(states), strict=True)
            new = pack_like(states, [_choose(counts, a, b) for a, b in pairs])
        output, states = given, new
        if return_sequences:
            outputs.append(output)
    assert output is not None, "a sequence of length 0 is refused before"
    return ops.stack(outputs, axis=1) if return_sequences else output, states


def _choose(counts: Tensor, new: Any, old: Any) -> Tensor:
    new, old = convert_to_tensor(new), convert_to_tensor(old)
    return ops.where(ops.reshape(counts, (-1, *[1] * (new.ndim - 1))), new, old)
