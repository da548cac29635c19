"""Callbacks: who is called when, with what, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from callback_helpers import FakeModel, fit
from ranvier.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)


class Recorder(Callback):
    """Deliberately without super().__init__(), as many users write it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.calls.append("train_begin")

    def on_train_end(self, logs: Any = None) -> None:
        self.calls.append("train_end")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.calls.append(f"epoch_begin {epoch}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.calls.append(f"epoch_end {epoch}")

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.calls.append(f"batch_begin {batch}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.calls.append(f"batch_end {batch}")


def test_hooks_arrive_in_order_with_model_and_params() -> None:
    recorder = Recorder()
    model, _ = fit(recorder, [1.0, 2.0], batches=2)
    assert recorder.model is model
    assert recorder.params == {"epochs": 2, "steps": 2, "verbose": 0}
    epoch = ["batch_begin 0", "batch_end 0", "batch_begin 1", "batch_end 1"]
    assert recorder.calls == [
        "train_begin",
        *("epoch_begin 0", *epoch, "epoch_end 0"),
        *("epoch_begin 1", *epoch, "epoch_end 1"),
        "train_end",
    ]


def test_the_list_knows_whether_anybody_listens_to_batches() -> None:
    quiet = [EarlyStopping(), History(), ModelCheckpoint("m.rv"), LambdaCallback(on_epoch_end=print), CSVLogger("f")]
    listed = CallbackList(quiet)
    assert not listed.listens_to_train_batches
    assert not listed.listens_to_test_batches and not listed.listens_to_predict_batches
    for loud in (
        Recorder(),
        TerminateOnNaN(),
        LambdaCallback(on_train_batch_end=print),
        LambdaCallback(on_batch_begin=print),
        ModelCheckpoint("m.rv", save_freq=5),
    ):
        listed = CallbackList([*quiet, loud])
        assert listed.listens_to_train_batches and not listed.listens_to_test_batches
        listed = CallbackList(quiet)
        listed.append(loud)
        assert listed.listens_to_train_batches
    assert CallbackList(LambdaCallback(on_test_batch_begin=print)).listens_to_test_batches
    assert CallbackList(LambdaCallback(on_predict_batch_end=print)).listens_to_predict_batches


def test_test_and_predict_hooks_are_passed_on() -> None:
    calls: list[Any] = []

    def note(name: str) -> Any:
        return lambda *args, **kwargs: calls.append((name, args, kwargs))

    hooks = [
        f"on_{kind}_{what}" for kind in ("test", "predict") for what in ("begin", "batch_begin", "batch_end", "end")
    ]
    listed = CallbackList(LambdaCallback(**{hook: note(hook) for hook in hooks}))
    for hook in hooks:
        getattr(listed, hook)(*([3] if "batch" in hook else []), {"loss": 1.0})
    assert [name for name, _, _ in calls] == hooks
    assert calls[0][1:] == (({"loss": 1.0},), {}) and calls[1][1:] == ((3,), {"logs": {"loss": 1.0}})


def test_lists_are_flattened_and_history_comes_last() -> None:
    a, b, c = Recorder(), Recorder(), Recorder()
    listed = CallbackList([a, [b], CallbackList(c)], add_history=True)
    assert listed.callbacks[:3] == [a, b, c] and listed.history is listed.callbacks[3] and len(listed) == 4
    own = History()
    assert CallbackList([own], add_history=True).callbacks == [own]
    assert CallbackList(None).callbacks == [] and list(CallbackList(a)) == [a]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (EarlyStopping, r"received the class EarlyStopping; call it: EarlyStopping\(\)"),
        ([lambda epoch, logs: None], r"received function; derive the class .* LambdaCallback"),
        ("early", r"received str"),
        (3, r"received int"),
    ],
)
def test_what_is_no_callback_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        CallbackList(wrong)


def test_every_callback_sees_the_end_even_when_one_raises() -> None:
    def fail(logs: Any) -> None:
        raise OSError("disk full")

    stopper = EarlyStopping("loss", restore_best_weights=True)
    model = FakeModel()
    with pytest.raises(OSError, match="disk full"):
        fit([LambdaCallback(on_train_end=fail), stopper], [1.0, 2.0], "loss", model=model)
    assert model.weight == 0


def test_states_go_to_the_callbacks_they_came_from() -> None:
    _, listed = fit([EarlyStopping(patience=9), ReduceLROnPlateau()], [3.0, 2.0, 2.5])
    state = listed.get_state()
    fresh = CallbackList([EarlyStopping(patience=9), ReduceLROnPlateau()], add_history=True)
    fresh.set_state(state)
    assert fresh.get_state() == state and fresh.callbacks[0].best == 2.0  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"expected the state of \['History'\], received that of \['EarlyStopping', "):
        CallbackList(add_history=True).set_state(state)


def test_lambda_callback_refuses_unknown_hooks_and_what_cannot_be_called() -> None:
    with pytest.raises(TypeError, match=r"received 'on_epoch_finish'; known are on_batch_begin"):
        LambdaCallback(on_epoch_finish=print)
    with pytest.raises(TypeError, match=r"on_epoch_end: expected a function, received 3"):
        LambdaCallback(on_epoch_end=3)  # type: ignore[arg-type]
