"""Several callbacks as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ranvier.callbacks.callback import Callback, Logs, overrides
from ranvier.callbacks.history import History

# Who has to be called at a hook: whoever overrides it, or the older hook that its default forwards to.
_FORWARDS = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class CallbackList(Callback):
    """Passes every call on to each of its callbacks, in order; batch hooks only to those who override them.

    Args:
        callbacks: one callback, a list (also nested), a `CallbackList`, or `None`.
        add_history: append a `History` unless there is one; it comes last and so sees what others put into `logs`.
        model: passed to `set_model`.
        params: passed to `set_params`.

    Raises:
        TypeError: something that is no `Callback` object.
    """

    def __init__(self, callbacks: Any = None, add_history: bool = False, model: Any = None, **params: Any) -> None:
        self.callbacks: list[Callback] = list(_flatten(callbacks))
        self._listeners: dict[str, list[Callback]] = {}
        if add_history and self.history is None:
            self.callbacks.append(History())
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    @property
    def history(self) -> History | None:
        """The (last) `History` in the list."""
        return next((item for item in reversed(self.callbacks) if isinstance(item, History)), None)

    def append(self, callback: Callback) -> None:
        """Adds one more callback at the end."""
        self.callbacks.extend(_flatten(callback))
        self._listeners.clear()

    def __iter__(self) -> Iterator[Callback]:
        return iter(self.callbacks)

    def __len__(self) -> int:
        return len(self.callbacks)

    @property
    def listens_to_train_batches(self) -> bool:
        """Whether anybody has to be called at every training step; if not, many steps may run in one go."""
        return bool(self._listening("on_train_batch_begin") or self._listening("on_train_batch_end"))

    @property
    def listens_to_test_batches(self) -> bool:
        """Whether anybody has to be called at every batch of evaluation."""
        return bool(self._listening("on_test_batch_begin") or self._listening("on_test_batch_end"))

    @property
    def listens_to_predict_batches(self) -> bool:
        """Whether anybody has to be called at every batch of prediction."""
        return bool(self._listening("on_predict_batch_begin") or self._listening("on_predict_batch_end"))

    def _listening(self, hook: str) -> list[Callback]:
        if hook not in self._listeners:
            hooks = [name for name in (hook, _FORWARDS.get(hook)) if name]
            listening = [c for c in self.callbacks if any(overrides(c, name) for name in hooks)]
            self._listeners[hook] = sorted(listening, key=_turn) if hook == "on_train_batch_end" else listening
        return self._listeners[hook]

    def set_model(self, model: Any) -> None:
        """Hands the model to every callback, and the `History` to the model."""
        super().set_model(model)
        if self.history is not None:
            model.history = self.history
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Hands `params` to every callback."""
        super().set_params(params)
        self._listeners.clear()  # a callback may have got new hooks since the last run
        for callback in self.callbacks:
            callback.set_params(params)

    def get_state(self) -> dict[str, Any]:
        """The states of all callbacks: `{"callbacks": [{"class_name": ..., "state": ...}, ...]}`."""
        return {"callbacks": [{"class_name": type(c).__name__, "state": c.get_state()} for c in self.callbacks]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Hands each callback its state, after `on_train_begin`.

        Raises:
            ValueError: the state is of other callbacks.
        """
        names = [type(callback).__name__ for callback in self.callbacks]
        received = [entry["class_name"] for entry in state["callbacks"]]
        if names != received:
            raise ValueError(
                f"[CallbackList] set_state: expected the state of {names}, received that of {received}; "
                "resume with the same callbacks in the same order."
            )
        for callback, entry in zip(self.callbacks, state["callbacks"], strict=True):
            callback.set_state(entry["state"])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_train_begin(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch; reaches every callback even when one raises, so that best weights are restored."""
        logs = {} if logs is None else logs
        error: BaseException | None = None
        for callback in self.callbacks:
            try:
                callback.on_train_end(logs)
            except BaseException as caught:  # also Ctrl-C
                error = error or caught
        if error is not None:
            raise error

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch of training."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch; all callbacks share one `logs`, so that what one adds the next ones see.

        Those that save the model come last: a checkpoint holds what all others have made of the epoch.
        """
        logs = {} if logs is None else logs
        for callback in sorted(self.callbacks, key=_turn):
            callback.on_epoch_end(epoch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """An older name of `on_train_batch_begin`."""
        self.on_train_batch_begin(batch, logs)

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """An older name of `on_train_batch_end`."""
        self.on_train_batch_end(batch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a step of training."""
        for callback in self._listening("on_train_batch_begin"):
            callback.on_train_batch_begin(batch, logs={} if logs is None else logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a step of training."""
        for callback in self._listening("on_train_batch_end"):
            callback.on_train_batch_end(batch, logs={} if logs is None else logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before evaluation."""
        for callback in self.callbacks:
            callback.on_test_begin({} if logs is None else logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After evaluation."""
        for callback in self.callbacks:
            callback.on_test_end({} if logs is None else logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of evaluation."""
        for callback in self._listening("on_test_batch_begin"):
            callback.on_test_batch_begin(batch, logs={} if logs is None else logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of evaluation."""
        for callback in self._listening("on_test_batch_end"):
            callback.on_test_batch_end(batch, logs={} if logs is None else logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before prediction."""
        for callback in self.callbacks:
            callback.on_predict_begin({} if logs is None else logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After prediction."""
        for callback in self.callbacks:
            callback.on_predict_end({} if logs is None else logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of prediction."""
        for callback in self._listening("on_predict_batch_begin"):
            callback.on_predict_batch_begin(batch, logs={} if logs is None else logs)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of prediction."""
        for callback in self._listening("on_predict_batch_end"):
            callback.on_predict_batch_end(batch, logs={} if logs is None else logs)


def _turn(callback: Callback) -> int:
    return callback._turn


def _flatten(callbacks: Any) -> Iterator[Callback]:
    if callbacks is None:
        return
    if isinstance(callbacks, CallbackList):
        yield from callbacks.callbacks
    elif isinstance(callbacks, Callback):
        yield callbacks
    elif isinstance(callbacks, type) and issubclass(callbacks, Callback):
        raise TypeError(
            f"[callbacks] expected a callback object, received the class {callbacks.__name__}; "
            f"call it: {callbacks.__name__}()."
        )
    elif isinstance(callbacks, Iterable) and not isinstance(callbacks, str | bytes):
        for item in callbacks:
            yield from _flatten(item)
    else:
        raise TypeError(
            f"[callbacks] expected objects of ranvier.callbacks.Callback, received {type(callbacks).__name__}; "
            "derive the class from ranvier.callbacks.Callback, or wrap a function: LambdaCallback(on_epoch_end=f)."
        )
