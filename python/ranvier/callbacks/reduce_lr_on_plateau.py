"""Lower the learning rate when a metric no longer improves."""

from __future__ import annotations

from typing import Any

from ranvier.callbacks.callback import Logs
from ranvier.callbacks.learning_rate import get_learning_rate, set_learning_rate
from ranvier.callbacks.monitor import MonitorCallback


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when `monitor` has not improved for `patience` epochs.

    The rate is added to `logs`, and so to the history, as `learning_rate` (the one the epoch was trained with).

    Args:
        monitor: name of the watched entry of `logs`. Default `"val_loss"`.
        factor: what the rate is multiplied by, below 1. Default 0.1.
        patience: epochs without improvement after which the rate is lowered. Default 10.
        verbose: 1 prints a line each time. Default 0.
        mode: `"min"`, `"max"` or `"auto"` (by the metric's name). Default `"auto"`.
        min_delta: a change of at most this size is no improvement. Default 1e-4.
        cooldown: epochs after a reduction in which patience does not count. Default 0.
        min_lr: the rate never falls below this. Default 0.

    Raises:
        ValueError: `factor` is not in [0, 1).
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not 0 <= factor < 1:
            raise ValueError(f"[ReduceLROnPlateau] factor: expected a number below 1, received {factor}; use e.g. 0.1.")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._reset()

    def _reset(self) -> None:
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def in_cooldown(self) -> bool:
        """Whether patience does not count at the moment."""
        return self.cooldown_counter > 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts afresh, so that one object serves several fits."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compares with the best value so far and lowers the rate when it is time."""
        rate = get_learning_rate(self.model, "ReduceLROnPlateau")
        if logs is not None:
            logs["learning_rate"] = rate
        current = self.monitored(logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            # The optimizer may keep its rate in float32, which is why "above" leaves room for a rounding.
            if self.wait >= self.patience and rate > self.min_lr * (1 + 1e-6):
                reduced = max(rate * self.factor, self.min_lr)
                set_learning_rate(self.model, reduced)
                if self.verbose > 0:
                    print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {reduced}.")
                self.cooldown_counter = self.cooldown
                self.wait = 0

    def get_state(self) -> dict[str, Any]:
        """Best value, wait and cooldown; the rate itself belongs to the optimizer."""
        return {"best": self.best, "wait": self.wait, "cooldown_counter": self.cooldown_counter}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues from a `get_state()`."""
        self.best = state["best"]
        self.wait = int(state["wait"])
        self.cooldown_counter = int(state["cooldown_counter"])
