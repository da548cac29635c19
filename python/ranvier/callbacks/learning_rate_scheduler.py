"""A learning rate given by a function of the epoch."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from numbers import Real

from ranvier.callbacks.callback import Callback, Logs
from ranvier.callbacks.learning_rate import get_learning_rate, set_learning_rate


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch to `schedule(epoch, learning_rate)` (or `schedule(epoch)`).

    The rate is added to `logs`, and so to the history, as `learning_rate`.

    Args:
        schedule: function of the epoch (from 0) and the current rate that returns the new rate.
        verbose: 1 prints the rate before each epoch. Default 0.

    Raises:
        ValueError: during fit, when the function returns anything but a finite number of at least 0.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule = schedule
        self.verbose = verbose
        try:
            inspect.signature(schedule).bind(0, 0.0)
            self._takes_rate = True
        except TypeError:
            self._takes_rate = False
        except ValueError:  # a built-in function without a signature
            self._takes_rate = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Sets the rate of this epoch."""
        current = get_learning_rate(self.model, "LearningRateScheduler")
        rate = self.schedule(epoch, current) if self._takes_rate else self.schedule(epoch)
        if not isinstance(rate, Real) or isinstance(rate, bool) or not math.isfinite(rate) or rate < 0:
            raise ValueError(
                "[LearningRateScheduler] schedule: expected a finite number of at least 0, "
                f"received {rate!r} for epoch {epoch}; does the function return a value on every path?"
            )
        set_learning_rate(self.model, float(rate))
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {float(rate)}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds the rate to `logs`."""
        if logs is not None:
            logs["learning_rate"] = get_learning_rate(self.model, "LearningRateScheduler")
