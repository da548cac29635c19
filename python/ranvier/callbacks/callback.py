"""The base class: every hook of Keras 3, each doing nothing."""

from __future__ import annotations

from typing import Any

Logs = dict[str, Any]


class Callback:
    """Base of all callbacks: override the hooks to be told about, and pass an object to `fit`, `evaluate`, `predict`.

    `self.model` is the model and `self.params` a dict with `epochs`, `steps` and `verbose`. Setting
    `self.model.stop_training = True` ends training after the current step or epoch. `logs` holds the loss and the
    metrics by name (`loss`, `accuracy`, `val_loss`, ...) and may be added to at the end of an epoch. Epochs and batches
    count from 0.

    While nobody overrides a batch hook, whole epochs run inside the engine: a batch hook costs one visit to Python for
    every step.

    Example:
        ```python
        class Announce(ranvier.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                print(epoch, logs["loss"])
        ```
    """

    # Class attributes, so that a subclass may forget to call super().__init__().
    params: dict[str, Any] | None = None
    _model: Any = None
    _turn: int = 0  # those that save come last: 1 checkpoints, which others may read, 2 backups of everything

    @property
    def model(self) -> Any:
        """The model that is being trained, evaluated or used."""
        return self._model

    def set_model(self, model: Any) -> None:
        """Called once before everything else with the model."""
        self._model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called once before everything else with `epochs`, `steps` and `verbose`."""
        self.params = params

    def get_state(self) -> dict[str, Any]:
        """What the callback has to remember between epochs: plain values, and NumPy arrays where they are weights."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues from a `get_state()`; to be called after `on_train_begin`, which starts afresh."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch, however training ended; `logs` are those of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch of training."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch of training and its validation."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """An older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """An older name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a step of training."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a step of training; `logs` are averages over the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before `evaluate`, or the validation of an epoch."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After `evaluate`, or the validation of an epoch."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of `evaluate` or validation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of `evaluate` or validation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before `predict`."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After `predict`."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of `predict`; `logs["outputs"]` holds its predictions."""


HOOKS = frozenset(name for name in vars(Callback) if name.startswith("on_"))


def overrides(callback: Callback, hook: str) -> bool:
    """Whether `callback` does anything in `hook`: by its class, or by a function set on the object."""
    return hook in vars(callback) or getattr(type(callback), hook) is not getattr(Callback, hook)
