"""Callbacks: who is called when, and the decisions of those that watch a metric."""

from __future__ import annotations

import builtins
import csv
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from ranvier.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)

NAN = float("nan")


class FakeOptimizer:
    learning_rate = 0.1


class FakeModel:
    """A model whose only weight is the number of the epoch it was trained in."""

    def __init__(self) -> None:
        self.weight = np.array(-1.0)
        self.stop_training = False
        self.optimizer = FakeOptimizer()
        self.optimizer.learning_rate = 0.1
        self.saved: list[tuple[str, str, float]] = []
        self.history: Any = None

    def get_weights(self) -> list[np.ndarray]:
        return [self.weight.copy()]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.weight = np.array(weights[0])

    def save(self, path: str) -> None:
        self.saved.append(("model", path, float(self.weight)))

    def save_weights(self, path: str) -> None:
        self.saved.append(("weights", path, float(self.weight)))


def fit(
    callbacks: Any,
    values: list[float],
    monitor: str = "val_loss",
    batches: int = 1,
    interrupt_after: int | None = None,
    model: FakeModel | None = None,
    state: dict[str, Any] | None = None,
    initial_epoch: int = 0,
) -> tuple[FakeModel, CallbackList]:
    """The outer loop of a fit, with given values of the watched metric."""
    model = model or FakeModel()
    model.stop_training = False
    listed = CallbackList(callbacks, add_history=True, model=model, epochs=len(values), steps=batches, verbose=0)
    listed.on_train_begin()
    if state is not None:
        listed.set_state(state)
    for epoch in range(initial_epoch, len(values)):
        if epoch == interrupt_after:
            break
        listed.on_epoch_begin(epoch)
        for batch in range(batches):
            listed.on_train_batch_begin(batch)
            model.weight = np.array(float(epoch))
            listed.on_train_batch_end(batch, {"loss": values[epoch]})
        listed.on_epoch_end(epoch, {"loss": 1.0, monitor: values[epoch]})
        if model.stop_training:
            break
    listed.on_train_end()
    return model, listed


# --- Callback and CallbackList ---------------------------------------------------------------------------------------


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


# --- EarlyStopping ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "values", "epochs_run", "stopped_epoch", "best_epoch"),
    [
        # patience 0: the first epoch that is not better ends training
        ({}, [5, 4, 4.5, 3], 3, 2, 1),
        ({"patience": 1}, [5, 4, 4.5, 3], 3, 2, 1),
        ({"patience": 2}, [5, 4, 4.5, 3, 3.5, 3.2, 1], 6, 5, 3),
        # equal is no improvement, and a smaller step than min_delta neither; exactly min_delta is not enough
        ({"patience": 2}, [1, 1, 1], 3, 2, 0),
        ({"patience": 2, "min_delta": 0.5}, [4, 3.75, 3.6, 1], 3, 2, 0),
        ({"patience": 2, "min_delta": 0.5}, [4, 3.5, 3, 3.1], 4, 0, 2),
        # small steps add up against the best value, not against the last one
        ({"patience": 3, "min_delta": 0.5}, [4, 3.75, 3.25, 3, 3], 5, 0, 2),
        # the largest is best
        ({"mode": "max"}, [1, 2, 1.5], 3, 2, 1),
        # patience starts anew only below the baseline
        ({"patience": 2, "baseline": 1.0}, [5, 4, 3], 3, 0, 2),
        ({"patience": 2, "baseline": 1.0}, [5, 4, 4.5, 3], 3, 2, 1),
        ({"patience": 2, "baseline": 1.0}, [5, 0.9, 1.1, 1.2, 0], 4, 3, 1),
        # the first epochs are not looked at
        ({"start_from_epoch": 2}, [1, 2, 5, 4, 4.5], 5, 4, 3),
        # epoch 0 never stops, even with patience 0
        ({"baseline": 1.0}, [5], 1, 0, 0),
        # NaN is no improvement, and a first NaN does not stay the best
        ({"patience": 2}, [NAN, 3, NAN, NAN, 1], 4, 3, 1),
    ],
)
def test_early_stopping_sequences(
    arguments: dict, values: list[float], epochs_run: int, stopped_epoch: int, best_epoch: int
) -> None:
    stopper = EarlyStopping(**arguments)
    _, listed = fit(stopper, values)
    assert listed.history is not None
    assert len(listed.history.epoch) == epochs_run
    assert (stopper.stopped_epoch, stopper.best_epoch) == (stopped_epoch, best_epoch)


@pytest.mark.parametrize(("restore", "weight"), [(True, 1.0), (False, 3.0)])
@pytest.mark.parametrize("exit_by", ["patience", "last epoch", "other callback", "interrupt"])
def test_best_weights_are_restored_on_every_exit(exit_by: str, restore: bool, weight: float) -> None:
    values = [3.0, 1.0, 2.0, 2.5]
    stopper = EarlyStopping(patience=2 if exit_by == "patience" else 99, restore_best_weights=restore)
    callbacks: list[Callback] = [stopper]
    if exit_by == "other callback":

        def stop(epoch: int, logs: Any) -> None:
            stopper.model.stop_training = epoch == 3

        callbacks.append(LambdaCallback(on_epoch_end=stop))
    more = [] if exit_by == "last epoch" else [9.0, 9.0]
    model, _ = fit(callbacks, values + more, interrupt_after=4 if exit_by == "interrupt" else None)
    assert model.weight == weight


def test_early_stopping_speaks_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    fit(EarlyStopping(verbose=1, restore_best_weights=True), [2.0, 1.0, 3.0])
    out = capsys.readouterr().out
    assert out == "Epoch 3: early stopping\nRestoring model weights from the end of the best epoch: 2.\n"


def test_early_stopping_starts_afresh_in_a_second_fit_and_resumes_exactly() -> None:
    stopper = EarlyStopping(patience=2, restore_best_weights=True)
    fit(stopper, [1.0, 2.0, 3.0])
    fit(stopper, [9.0, 8.0])
    assert stopper.best == 8.0 and stopper.wait == 0
    # Interrupted after two epochs, continued in a new process: stops where the uninterrupted run does.
    values = [1.0, 2.0, 3.0, 0.5]
    whole, _ = fit(EarlyStopping(patience=3, restore_best_weights=True), [1.0, 2.0, 3.0, 4.0, 0.5])
    _, head = fit(EarlyStopping(patience=3, restore_best_weights=True), values, interrupt_after=2)
    resumed = EarlyStopping(patience=3, restore_best_weights=True)
    model, listed = fit(resumed, [1.0, 2.0, 3.0, 4.0, 0.5], state=head.get_state(), initial_epoch=2)
    assert resumed.stopped_epoch == 3 and model.weight == whole.weight == 0
    assert listed.history is not None and listed.history.history["val_loss"] == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("monitor", "values"),
    [
        ("val_accuracy", [1, 2, 3]),
        ("acc", [1, 2, 3]),
        ("val_auc_1", [1, 2, 3]),
        ("sparse_top_k_categorical_accuracy", [1, 2, 3]),
        ("precision_2", [1, 2, 3]),
        ("loss", [3, 2, 1]),
        ("val_mean_absolute_error", [3, 2, 1]),
        ("sparse_categorical_crossentropy", [3, 2, 1]),
        ("rmse", [3, 2, 1]),
    ],
)
def test_auto_mode_knows_the_direction_by_the_name(monitor: str, values: list[float]) -> None:
    stopper = EarlyStopping(monitor)
    fit(stopper, values, monitor)
    assert stopper.best_epoch == 2


def test_auto_mode_asks_the_metric_and_gives_up_with_a_fix() -> None:
    with pytest.raises(ValueError, match=r"\[EarlyStopping\] cannot tell whether 'val_gini'.*mode='max'"):
        fit(EarlyStopping("val_gini"), [1.0, 2.0], "val_gini")

    class Gini:
        name = "gini"
        _direction = "up"

    model = FakeModel()
    model.metrics = [Gini()]  # type: ignore[attr-defined]
    stopper = EarlyStopping("val_gini")
    fit(stopper, [1.0, 2.0], "val_gini", model=model)
    assert stopper.best == 2.0
    with pytest.raises(ValueError, match=r"mode: expected 'auto', 'min' or 'max', received 'down'"):
        EarlyStopping(mode="down")


def test_a_missing_metric_is_a_warning_with_the_likely_fix() -> None:
    with pytest.warns(
        UserWarning, match=r"monitor='val_loss' is not available; received loss, mae. Pass validation_data"
    ):
        fit(EarlyStopping(), [1.0], "mae")


# --- ReduceLROnPlateau and LearningRateScheduler ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "values", "rates"),
    [
        # the rate after each epoch
        ({"patience": 1}, [1, 1, 1, 0.5], [0.1, 0.01, 0.001, 0.001]),
        ({"patience": 2}, [1, 2, 2, 2, 2], [0.1, 0.1, 0.01, 0.01, 0.001]),
        ({"patience": 2, "factor": 0.5}, [1, 2, 0.5, 2, 2], [0.1, 0.1, 0.1, 0.1, 0.05]),
        # during the cooldown nothing is counted: its last epoch counts again
        ({"patience": 1, "cooldown": 2}, [1, 1, 1, 1, 1, 1], [0.1, 0.01, 0.01, 0.001, 0.001, 0.0001]),
        ({"patience": 1, "min_lr": 0.05}, [1, 1, 1], [0.1, 0.05, 0.05]),
        ({"patience": 1, "min_delta": 0.1}, [1, 0.95, 0.8], [0.1, 0.01, 0.01]),
        ({"patience": 1, "mode": "max"}, [1, 2, 2], [0.1, 0.1, 0.01]),
        ({"patience": 1}, [1, NAN, 0.5], [0.1, 0.01, 0.01]),
    ],
)
def test_reduce_lr_sequences(arguments: dict, values: list[float], rates: list[float]) -> None:
    seen: list[float] = []
    reducer = ReduceLROnPlateau(**arguments)
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(reducer.model.optimizer.learning_rate))
    _, listed = fit([reducer, note], values)
    np.testing.assert_allclose(seen, rates, rtol=1e-12)
    # The history has the rate an epoch was trained with: the one after the epoch before.
    assert listed.history is not None
    np.testing.assert_allclose(listed.history.history["learning_rate"], [0.1, *rates[:-1]], rtol=1e-12)


def test_reduce_lr_refusals_state_and_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"factor: expected a number below 1, received 1.0"):
        ReduceLROnPlateau(factor=1.0)
    model = FakeModel()
    model.optimizer = None  # type: ignore[assignment]
    with pytest.raises(ValueError, match=r"\[ReduceLROnPlateau\] expected a compiled model"):
        fit(ReduceLROnPlateau(), [1.0], model=model)
    reducer = ReduceLROnPlateau(patience=1, cooldown=3, verbose=1)
    fit(reducer, [1.0, 2.0])
    assert capsys.readouterr().out == "\nEpoch 2: ReduceLROnPlateau reducing learning rate to 0.010000000000000002.\n"
    other = ReduceLROnPlateau(patience=1, cooldown=3)
    other.set_state(reducer.get_state())
    assert other.in_cooldown() and other.best == 1.0 and other.get_state() == reducer.get_state()


def test_learning_rate_scheduler_takes_one_or_two_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    _, listed = fit(LearningRateScheduler(lambda epoch, rate: rate * 0.5), [1.0] * 3)
    assert listed.history is not None
    np.testing.assert_allclose(listed.history.history["learning_rate"], [0.05, 0.025, 0.0125])
    model, _ = fit(LearningRateScheduler(lambda epoch: 1 / (epoch + 1), verbose=1), [1.0] * 2)
    assert model.optimizer.learning_rate == 0.5
    assert capsys.readouterr().out.splitlines()[1] == "Epoch 1: LearningRateScheduler setting learning rate to 1.0."


@pytest.mark.parametrize("rate", [None, "fast", NAN, -0.1, True])
def test_learning_rate_scheduler_refuses_what_is_no_rate(rate: Any) -> None:
    with pytest.raises(ValueError, match=r"schedule: expected a finite number of at least 0, received .* for epoch 0"):
        fit(LearningRateScheduler(lambda epoch, current: rate), [1.0])


def test_a_type_error_inside_a_schedule_is_not_hidden() -> None:
    def schedule(epoch: int, rate: float) -> float:
        return rate + "1"  # type: ignore[operator]

    with pytest.raises(TypeError, match="unsupported operand"):
        fit(LearningRateScheduler(schedule), [1.0])


# --- TerminateOnNaN, ModelCheckpoint, CSVLogger ----------------------------------------------------------------------


@pytest.mark.parametrize("bad", [NAN, math.inf])
def test_terminate_on_nan(bad: float, capsys: pytest.CaptureFixture[str]) -> None:
    _, listed = fit(TerminateOnNaN(), [1.0, bad, 1.0])
    assert listed.history is not None and listed.history.epoch == [0, 1]
    assert capsys.readouterr().out == "Batch 0: Invalid loss, terminating training\n"
    with pytest.raises(RuntimeError, match=r"the loss became (nan|inf) at batch 0"):
        fit(TerminateOnNaN(raise_error=True), [bad])


def test_checkpoint_after_each_epoch_with_names_in_the_path(tmp_path: Path) -> None:
    path = str(tmp_path / "runs" / "{epoch:02d}-{val_loss:.1f}.rv")
    model, _ = fit(ModelCheckpoint(path), [3.0, 2.0])
    assert [(kind, Path(p).name) for kind, p, _ in model.saved] == [("model", "01-3.0.rv"), ("model", "02-2.0.rv")]
    assert (tmp_path / "runs").is_dir()


def test_checkpoint_of_the_best_only(capsys: pytest.CaptureFixture[str]) -> None:
    model, _ = fit(
        ModelCheckpoint(Path("best.rv"), save_best_only=True, save_weights_only=True, verbose=1), [3, 2, 2.5, NAN, 1]
    )
    assert model.saved == [("weights", "best.rv", 0.0), ("weights", "best.rv", 1.0), ("weights", "best.rv", 4.0)]
    assert "Epoch 3: val_loss did not improve from 2.00000" in capsys.readouterr().out
    model, _ = fit(ModelCheckpoint("best.rv", save_best_only=True, initial_value_threshold=2.2), [3, 2, 2.5])
    assert [weight for _, _, weight in model.saved] == [1.0]


def test_checkpoint_by_steps_counts_over_epochs_and_resumes() -> None:
    model, listed = fit(ModelCheckpoint("{epoch}-{batch}.rv", save_freq=3), [1.0] * 3, batches=4)
    assert [path for _, path, _ in model.saved] == ["1-3.rv", "2-2.rv", "3-1.rv", "3-4.rv"]
    model, listed = fit(ModelCheckpoint("{epoch}-{batch}.rv", save_freq=3), [1.0], batches=4)
    model, _ = fit(
        ModelCheckpoint("{epoch}-{batch}.rv", save_freq=3),
        [1.0] * 2,
        batches=4,
        state=listed.get_state(),
        initial_epoch=1,
    )
    assert [path for _, path, _ in model.saved] == ["2-2.rv"]


def test_checkpoint_refusals() -> None:
    for wrong in ("batch", 0, 2.5, True):
        with pytest.raises(ValueError, match="save_freq: expected 'epoch' or a number of steps"):
            ModelCheckpoint("m.rv", save_freq=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"filepath: expected names among epoch, loss, val_loss, received '{acc}.rv'"):
        fit(ModelCheckpoint("{acc}.rv"), [1.0])


def test_csv_logger_writes_while_training_and_appends(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"

    def rows(separator: str = ",") -> list[list[str]]:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file, delimiter=separator))

    seen: list[int] = []
    peek = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(len(rows())))
    fit([CSVLogger(path), peek], [3.0, 2.0])
    assert seen == [2, 3]
    assert rows() == [["epoch", "loss", "val_loss"], ["0", "1.0", "3.0"], ["1", "1.0", "2.0"]]
    # The columns of the file count when appending; what is missing now is NA.
    fit(CSVLogger(path, append=True), [0.25], "accuracy")
    assert rows()[3:] == [["0", "1.0", "NA"]]
    fit(CSVLogger(path, separator=";"), [0.25], "accuracy")
    assert rows(";") == [
        ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"],
        ["0", "0.25", "1.0", "NA", "NA"],
    ]


# --- History ---------------------------------------------------------------------------------------------------------


def recorded(**series: list[float]) -> History:
    history = History()
    history.on_train_begin()
    for epoch in range(max(len(values) for values in series.values())):
        history.on_epoch_end(epoch, {name: values[epoch] for name, values in series.items() if epoch < len(values)})
    return history


def test_history_records_epochs_and_what_others_put_into_logs() -> None:
    def add(epoch: int, logs: dict) -> None:
        logs["extra"] = epoch * 10

    model, listed = fit(LambdaCallback(on_epoch_end=add), [3.0, 2.0])
    assert listed.history is not None and model.history is listed.history
    assert listed.history.epoch == [0, 1]
    assert listed.history.history == {"loss": [1.0, 1.0], "val_loss": [3.0, 2.0], "extra": [0, 10]}
    assert listed.history.params == {"epochs": 2, "steps": 1, "verbose": 0}
    assert repr(listed.history) == "History(2 epochs; last loss: 1, val_loss: 2, extra: 10)"


FULL = {
    "loss": [3.0, 2.0, 1.0],
    "accuracy": [0.5, 0.7, 0.9],
    "val_loss": [3.0, 2.5, 2.0],
    "val_accuracy": [0.4, 0.6, 0.8],
}


def test_plot_draws_loss_and_metrics_for_training_and_validation(tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = recorded(**FULL, learning_rate=[0.1, 0.1, 0.01]).plot()
    assert [axis.get_title() for axis in figure.axes] == ["loss", "accuracy"]
    for axis, name in zip(figure.axes, ("loss", "accuracy"), strict=True):
        training, validation = axis.get_lines()
        np.testing.assert_array_equal(training.get_xydata(), list(zip([1, 2, 3], FULL[name], strict=True)))
        np.testing.assert_array_equal(validation.get_ydata(), FULL[f"val_{name}"])
        assert training.get_linestyle() == "-" and validation.get_linestyle() == "--"
    figure.savefig(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 5000
    only_loss = recorded(loss=[1.0, NAN, 0.5]).plot(figsize=(3, 2))
    assert len(only_loss.axes) == 1 and tuple(only_loss.get_size_inches()) == (3, 2)
    plt.close("all")
    with pytest.raises(ValueError, match="call fit first"):
        History().plot()


def test_plot_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"pip install 'ranvier\[plot\]'"):
        recorded(loss=[1.0]).plot()


def test_html_is_well_formed_and_shows_last_best_and_curves() -> None:
    history = recorded(**FULL, **{"odd<name>": [1.0, 2.0, 3.0]})
    tree = ElementTree.fromstring(history._repr_html_())
    cells = {row[0].text: [cell.text for cell in row[1:]] for row in tree.iter("tr")}
    assert cells["loss"] == ["1", "1 (epoch 3)"] and cells["val_accuracy"] == ["0.8", "0.8 (epoch 3)"]
    assert cells["odd<name>"] == ["3", None]
    svg = "{http://www.w3.org/2000/svg}"
    charts = list(tree.iter(f"{svg}svg"))
    assert [len(list(chart.iter(f"{svg}polyline"))) for chart in charts] == [2, 2, 1]
    first = next(charts[0].iter(f"{svg}polyline")).get("points", "").split()
    heights = [float(point.split(",")[1]) for point in first]
    assert len(first) == 3 and heights == sorted(heights)  # a falling loss goes down: y grows downwards


def test_html_of_gaps_single_epochs_and_nothing() -> None:
    svg = "{http://www.w3.org/2000/svg}"
    tree = ElementTree.fromstring(recorded(loss=[1.0, 2.0, NAN, 3.0])._repr_html_())
    assert len(list(tree.iter(f"{svg}polyline"))) == 1 and len(list(tree.iter(f"{svg}circle"))) == 1
    tree = ElementTree.fromstring(recorded(loss=[NAN])._repr_html_())
    assert not list(tree.iter(f"{svg}polyline")) and "nan" in "".join(tree.itertext())
    assert "no epochs yet" in History()._repr_html_()
