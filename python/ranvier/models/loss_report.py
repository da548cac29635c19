"""The sentence that explains a loss that is no longer a number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Range = tuple[float, float]

# Above this the first layer's sums are far from the range that initialisers and learning rates are made for.
UNSCALED = 20.0

# Where a default of Keras's optimizers is 0.01 or below, ten times that is suspicious.
HIGH_RATE = 0.1

# The square of such errors makes gradients of the same size.
LARGE_TARGET = 1e3


def observed_range(array: Any) -> Range | None:
    """`(smallest, largest)` finite value of an array of any layout, read in blocks; `None` when it has none."""
    low, high = math.inf, -math.inf
    rows = array if hasattr(array, "shape") else np.asarray(array)  # rows that are made when read stay what they are
    size = math.prod(rows.shape)
    if len(rows.shape) == 0 or size == 0:
        return None
    step = max(1, (1 << 18) * len(rows) // size)
    for start in range(0, len(rows), step):
        block = np.asarray(rows[start : start + step])
        if block.dtype.kind == "f":
            block = block[np.isfinite(block)]
        if block.size:
            low, high = min(low, float(block.min())), max(high, float(block.max()))
    return None if low > high else (low, high)


def non_finite_loss_message(
    step: int,
    epoch: int,
    loss: float,
    learning_rate: float | None = None,
    x_range: Range | None = None,
    y_range: Range | None = None,
    loss_name: str | None = None,
    built_in_loss: bool = True,
    clipped: bool = False,
    x_name: str = "x",
    output: str | None = None,
) -> str:
    """Explains the first non-finite loss: where it happened, and the likely causes, the likeliest first.

    Args:
        step: step within the epoch, counted from 1.
        epoch: epoch, counted from 1.
        loss: the value, NaN or infinite.
        learning_rate: the rate of that step.
        x_range: smallest and largest input (see `observed_range`).
        y_range: smallest and largest target.
        loss_name: name of the loss, e.g. `"mean_squared_error"`.
        built_in_loss: `False` for a loss of the user's own, which may take the logarithm of 0.
        clipped: whether gradients are clipped already.
        x_name: what the input with that range is called.
        output: the output whose loss it is, in a model with several.
    """
    y_name = "y" if output is None else f"y[{output!r}]"
    causes: list[tuple[float, str]] = []  # (rank, text), smaller ranks first
    remarks: list[str] = []
    if x_range is not None:
        observed = f"{x_name} ranges from {x_range[0]:.4g} to {x_range[1]:.4g}"
        if max(abs(x_range[0]), abs(x_range[1])) > UNSCALED:
            fix = "divide by 255" if x_range == (0.0, 255.0) else "add a Normalization layer or standardise the columns"
            causes.append((0, f"inputs are not scaled: {observed}; {fix}"))
        else:
            remarks.append(f"The inputs are of a usual size ({observed}).")
    if y_range is not None and max(abs(y_range[0]), abs(y_range[1])) > LARGE_TARGET:
        observed = f"{y_name} ranges from {y_range[0]:.4g} to {y_range[1]:.4g}"
        causes.append((1, f"targets are large: {observed}; scale them to about -1 to 1"))
    rate = "" if learning_rate is None else f" ({learning_rate:g})"
    high_rate = learning_rate is not None and learning_rate >= HIGH_RATE
    causes.append((-1 if high_rate else 2, f"the learning rate{rate} is too high; divide it by 10"))
    if not built_in_loss:
        causes.append((0.5, "the custom loss takes log, sqrt or a quotient of 0; add a small epsilon inside"))
    if not clipped:
        causes.append((3, "gradients grow from layer to layer; pass clipnorm=1.0 to the optimizer"))
    name = f" ({loss_name})" if loss_name else ""
    lines = [f"  {i}. {text}." for i, (_, text) in enumerate(sorted(causes), start=1)]
    whose = "" if output is None else f" of output {output!r}"
    head = f"[fit] the loss{whose}{name} became {loss} at step {step} of epoch {epoch}. Likely causes:"
    return "\n".join([head, *lines, *remarks])
