"""Stop when a metric no longer improves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.callbacks.callback import Logs
from ranvier.callbacks.monitor import MonitorCallback


class EarlyStopping(MonitorCallback):
    """Ends training when `monitor` has not improved for `patience` epochs.

    With `restore_best_weights=True` the model has its best weights after `fit`, however that ended: stopped here, by
    reaching the last epoch, by another callback or by Ctrl-C. On when to stop: Prechelt (1998), "Early stopping - but
    when?".

    Args:
        monitor: name of the watched entry of `logs`. Default `"val_loss"`.
        min_delta: a change of at most this size is no improvement. Default 0.
        patience: epochs without improvement after which training stops. Default 0.
        verbose: 1 prints a line when stopping and when restoring. Default 0.
        mode: `"min"`, `"max"` or `"auto"` (by the metric's name). Default `"auto"`.
        baseline: patience only starts anew on values better than this one. Default `None`.
        restore_best_weights: see above. Default `False`: the weights of the last epoch stay.
        start_from_epoch: epochs before this one are not looked at. Default 0.

    Attributes:
        best: best value so far.
        best_epoch: its epoch, counted from 0.
        stopped_epoch: the epoch in which training was stopped here, or 0.
        wait: epochs since the last improvement.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts afresh, so that one object serves several fits."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compares with the best value so far."""
        current = self.monitored(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.improves(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.improves(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Restores the best weights."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose > 0:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def get_state(self) -> dict[str, Any]:
        """Plain values, and the best weights as arrays."""
        return {
            "wait": self.wait,
            "stopped_epoch": self.stopped_epoch,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "best_weights": self.best_weights,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues from a `get_state()`."""
        self.wait = int(state["wait"])
        self.stopped_epoch = int(state["stopped_epoch"])
        self.best = state["best"]
        self.best_epoch = int(state["best_epoch"])
        weights = state["best_weights"]
        self.best_weights = None if weights is None else [np.array(weight) for weight in weights]
