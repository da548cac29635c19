"""Callbacks that watch a metric: stopping early, learning rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from callback_helpers import NAN, FakeModel, fit
from ranvier.callbacks import (
    Callback,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ReduceLROnPlateau,
)

# --- EarlyStopping ----------------------------------------------------------------------------------------------------


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


# --- ReduceLROnPlateau and LearningRateScheduler ----------------------------------------------------------------------


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
