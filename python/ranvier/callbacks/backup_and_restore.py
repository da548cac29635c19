"""Training that survives an interruption."""

from __future__ import annotations

import os
from typing import Any

from ranvier.callbacks.callback import Callback, Logs


class BackupAndRestore(Callback):
    """Saves the state of training while it runs; the next `fit` with the same arguments goes on where that ended.

    The state is all that the next step depends on: weights, optimizer, random numbers, the order of the rows, other
    callbacks. Over arrays the result is that of an uninterrupted training, bit by bit, also from the middle of an
    epoch; batches from loaders and generators begin the epoch anew. The `History` has the epochs before as well.

    Args:
        backup_dir: folder for the backups of this training alone; made when missing.
        save_freq: `"epoch"`, or a number of training steps. Default `"epoch"`.
        double_checkpoint: keep the backup before the last one, too, and use it when the last is damaged. Default
            `False`.
        delete_checkpoint: remove the backups when training has come to its end. Default `True`.

    Raises:
        ValueError: no `backup_dir`, an unknown `save_freq`; at the beginning of fit, a backup of another model.

    Example:
        ```python
        model.fit(x, y, epochs=100, callbacks=[BackupAndRestore("backup")])  # run the script again after a power cut
        ```
    """

    _turn = 2

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        self.backup_dir = os.fspath(backup_dir)
        if not self.backup_dir:
            raise ValueError("[BackupAndRestore] backup_dir: expected the name of a folder, received ''.")
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._steps_since_save = 0
        if save_freq != "epoch":
            if isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1:
                raise ValueError(
                    f"[BackupAndRestore] save_freq: expected 'epoch' or a number of steps, received {save_freq!r}."
                )
            # Set on the object only when asked for: a batch hook costs a visit to Python at every step.
            self.on_train_batch_end = self._count_step  # type: ignore[method-assign]

    @property
    def _latest(self) -> str:
        return os.path.join(self.backup_dir, "latest.rv")

    @property
    def _previous(self) -> str:
        return os.path.join(self.backup_dir, "previous.rv")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Restores the model from the backup, if there is one."""
        from ranvier.models.resuming import read_backup

        self._steps_since_save = 0
        paths = [path for path in (self._latest, self._previous) if os.path.exists(path)]
        for path in paths:
            try:
                self.model._resume_epoch = read_backup(self.model, path, "BackupAndRestore")
                return
            except (OSError, ValueError):
                if path == paths[-1]:
                    raise

    def _count_step(self, batch: int, logs: Logs | None = None) -> None:
        self._steps_since_save += 1
        if self._steps_since_save == self.save_freq:
            self._steps_since_save = 0
            self._save()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves, unless `save_freq` counts steps."""
        if self.save_freq == "epoch":
            self._save()

    def _save(self) -> None:
        from ranvier.models.resuming import write_backup

        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint and os.path.exists(self._latest):
            os.replace(self._latest, self._previous)
        write_backup(self.model, self._latest)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Removes the backups after a training that was not interrupted."""
        if not self.delete_checkpoint or not self.model._fit_completed:
            return
        for path in (self._latest, self._previous):
            if os.path.exists(path):
                os.remove(path)
        if os.path.isdir(self.backup_dir) and not os.listdir(self.backup_dir):
            os.rmdir(self.backup_dir)

    def get_state(self) -> dict[str, Any]:
        """The steps since the last save."""
        return {"steps_since_save": self._steps_since_save}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues from a `get_state()`."""
        self._steps_since_save = int(state["steps_since_save"])
