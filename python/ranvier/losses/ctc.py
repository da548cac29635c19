"""The loss of labels whose times are not known."""

from __future__ import annotations

from typing import Any

from ranvier._core import Tensor
from ranvier.losses.base import NativeLoss, registry


@registry.register()
class CTC(NativeLoss):
    """``-log p(labels | logits)`` summed over all alignments (Graves et al. 2006), targets (batch, length) of integers.

    Class 0 is the blank: it fills labels up to equal length and stands for no label among the classes of the
    predictions, logits of shape (batch, time, classes). Every time step counts, except those that a mask of the
    predictions leaves out at the end. A sample with more labels than time steps (equal neighbours need a step between
    them) has an infinite loss.

    Args:
        reduction: as in `Loss`.
        name: default ``"ctc"``.
        dtype: of the computation.
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "ctc", dtype: Any = None) -> None:
        super().__init__(name, reduction, dtype)


def ctc(y_true: Any, y_pred: Any) -> Tensor:
    """``-log p(labels | logits)``, one value per sample; see `CTC`."""
    return CTC().call(y_true, y_pred)
