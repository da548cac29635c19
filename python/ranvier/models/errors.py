"""Errors of training that scripts may want to catch by name."""

from __future__ import annotations


class NonFiniteLossError(ValueError, ArithmeticError):
    """The loss of a training step was NaN or infinite; raised before the weights were changed by it.

    Attributes:
        epoch: epoch of the step, counted from 0.
        step: the step within the epoch, counted from 0.
        loss: the value.
        output: the output whose own loss it was, None in a model with one output.
    """

    def __init__(
        self, message: str, epoch: int = 0, step: int = 0, loss: float = float("nan"), output: str | None = None
    ) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.step = step
        self.loss = loss
        self.output = output
