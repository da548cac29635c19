"""Save the model while it is being trained."""

from __future__ import annotations

import os
from typing import Any

from ranvier.callbacks.callback import Logs
from ranvier.callbacks.monitor import MonitorCallback


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, after each epoch, after every so many steps, or only when it got better.

    Args:
        filepath: where to; may contain `{epoch}` (from 1), `{batch}` (from 1) and names of `logs`, as in
            `"runs/{epoch:02d}-{val_loss:.3f}.rv"`. Missing folders are made.
        monitor: name of the watched entry of `logs` for `save_best_only`. Default `"val_loss"`.
        verbose: 1 prints a line for each save. Default 0.
        save_best_only: save only when `monitor` improved. Default `False`.
        save_weights_only: `model.save_weights` instead of `model.save`. Default `False`.
        mode: `"min"`, `"max"` or `"auto"` (by the metric's name). Default `"auto"`.
        save_freq: `"epoch"`, or a number of training steps. Default `"epoch"`.
        initial_value_threshold: for `save_best_only`, the value the first save has to beat. Default `None`.

    Raises:
        ValueError: an unknown `save_freq`; during fit, a name in `filepath` that `logs` lacks.
    """

    _turn = 1

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.best = initial_value_threshold
        self._epoch = 0
        self._steps_since_save = 0
        if save_freq != "epoch":
            if isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1:
                raise ValueError(
                    f"[ModelCheckpoint] save_freq: expected 'epoch' or a number of steps, received {save_freq!r}."
                )
            # Set on the object only when asked for: a batch hook costs a visit to Python at every step.
            self.on_train_batch_end = self._count_step  # type: ignore[method-assign]

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Notes the epoch for the file's name."""
        self._epoch = epoch

    def _count_step(self, batch: int, logs: Logs | None = None) -> None:
        self._steps_since_save += 1
        if self._steps_since_save == self.save_freq:
            self._steps_since_save = 0
            self._save(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves, unless `save_freq` counts steps."""
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        path = self._path(epoch, batch, logs)
        if not self._is_due(epoch, logs, path):
            return
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)

    def _is_due(self, epoch: int, logs: Logs, path: str) -> bool:
        current = self.monitored(logs) if self.save_best_only else None
        if current is None:  # not asked for, or no such metric: then, as in Keras, every time
            self._tell(f"\nEpoch {epoch + 1}: saving model to {path}")
            return True
        before = "None" if self.best is None else f"{self.best:.5f}"
        if not self.improves(current, self.best):
            self._tell(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {before}")
            return False
        self._tell(f"\nEpoch {epoch + 1}: {self.monitor} improved from {before} to {current:.5f}, saving to {path}")
        self.best = current
        return True

    def _tell(self, text: str) -> None:
        if self.verbose > 0:
            print(text)

    def _path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        names = {**logs, "epoch": epoch + 1}
        if batch is not None:
            names["batch"] = batch + 1
        try:
            return self.filepath.format(**names)
        except (KeyError, IndexError) as error:
            raise ValueError(
                f"[ModelCheckpoint] filepath: expected names among {', '.join(sorted(names))}, "
                f"received {self.filepath!r} with {error}; change the name or add the metric."
            ) from None

    def get_state(self) -> dict[str, Any]:
        """Best value, and the steps since the last save."""
        return {"best": self.best, "steps_since_save": self._steps_since_save}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues from a `get_state()`."""
        self.best = state["best"]
        self._steps_since_save = int(state["steps_since_save"])
