"""What happens around the steps: callbacks, stopping, progress; single batches and predict."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from fit_helpers import X, Y, classifier, regressor, same
from ranvier import layers

# Callbacks ------------------------------------------------------------------------------------------------------------


def test_hooks_come_in_keras_order() -> None:
    calls: list[str] = []

    class Spy(keras.callbacks.Callback):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_") and name not in ("on_batch_begin", "on_batch_end"):
                calls.append(name)
            return super().__getattribute__(name)

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            pass

        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            pass

    classifier().fit(X, Y, batch_size=48, validation_data=(X, Y), verbose=0, callbacks=[Spy()])
    assert calls == [
        "on_train_begin",
        "on_epoch_begin",
        *["on_train_batch_begin"] * 2,
        "on_test_begin",
        *["on_test_batch_end"] * 2,
        "on_test_end",
        "on_epoch_end",
        "on_train_end",
    ]


def test_stop_training_ends_after_the_step_or_the_epoch() -> None:
    class StopAt(keras.callbacks.Callback):
        def __init__(self, step: int | None) -> None:
            self.step = step
            self.steps = 0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.steps += 1
            if self.steps == self.step:
                self.model.stop_training = True

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if self.step is None:
                self.model.stop_training = True

    model = classifier()
    assert model.fit(X, Y, epochs=5, batch_size=32, verbose=0, callbacks=[StopAt(None)]).epoch == [0]
    assert model.optimizer.iterations == 3
    stop = StopAt(2)
    assert model.fit(X, Y, epochs=5, batch_size=32, verbose=0, callbacks=stop).epoch == [0]
    assert model.optimizer.iterations == 5


def test_early_stopping_restores_the_best_weights() -> None:
    model = classifier()
    model.optimizer.learning_rate = 0.5
    stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    history = model.fit(X, Y, epochs=60, validation_split=0.3, verbose=0, callbacks=[stop]).history
    best = int(np.argmin(history["val_loss"]))
    assert len(history["loss"]) <= 60
    assert model.evaluate(X[67:], Y[67:], verbose=0) == pytest.approx(history["val_loss"][best], rel=1e-5)


def test_learning_rate_can_be_set_between_epochs_and_by_schedule() -> None:
    model = regressor(rate=0.0)
    before = model.get_weights()
    model.fit(X[:, :1], X[:, 1], verbose=0)
    assert np.array_equal(before[0], model.get_weights()[0])
    model.optimizer.learning_rate = 0.1
    model.fit(X[:, :1], X[:, 1], verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])
    rates: list[float] = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: rates.append(model.optimizer.learning_rate))
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    model.fit(X[:, :1], X[:, 1], epochs=3, verbose=0, callbacks=[halve, watch])
    assert rates == pytest.approx([0.05, 0.025, 0.0125])


# Non-finite losses ----------------------------------------------------------------------------------------------------


def exploding() -> tuple[Any, np.ndarray, np.ndarray]:
    return regressor(rate=1e6), X[:, :1] * 100, X[:, 1] * 1000


def test_non_finite_loss_stops_before_the_update() -> None:
    model, x, y = exploding()
    with pytest.raises(keras.NonFiniteLossError, match=r"became (inf|nan) at step \d+ of epoch \d+") as caught:
        model.fit(x, y, epochs=50, batch_size=8, verbose=0)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, ArithmeticError)
    for cause in ("learning rate (1e+06)", "x ranges from", "clipnorm"):
        assert cause in str(caught.value)
    assert np.isfinite(model.get_weights()[0]).all()
    model.optimizer.learning_rate = 1e-6
    model.set_weights([np.zeros((1, 1)), np.zeros(1)])
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"][0])


def test_non_finite_loss_is_let_through_when_asked() -> None:
    model, x, y = exploding()
    model.compile(keras.optimizers.SGD(1e6), "mse", stop_on_non_finite=False)
    assert not np.isfinite(model.fit(x, y, epochs=5, verbose=0).history["loss"][-1])


def test_terminate_on_nan(capsys: pytest.CaptureFixture[str]) -> None:
    model, x, y = exploding()
    history = model.fit(x, y, epochs=50, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert len(history.epoch) < 50
    assert "Invalid loss, terminating training" in capsys.readouterr().out


# Ctrl-C ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C works as in a terminal; a shell starts jobs of the background with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_training_and_returns_the_history(capsys: pytest.CaptureFixture[str], interruptible: None) -> None:
    model = classifier()
    ended: list[bool] = []
    done = keras.callbacks.LambdaCallback(on_train_end=lambda logs: ended.append(True))
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    start = time.perf_counter()
    history = model.fit(X, Y, epochs=10**6, batch_size=4, verbose=0, callbacks=[done])
    assert time.perf_counter() - start < 5
    assert ended == [True]
    assert 0 < len(history.epoch) < 10**6
    assert "Stopped by Ctrl-C in epoch" in capsys.readouterr().out
    assert np.isfinite(model.evaluate(X, Y, verbose=0))


# Progress -------------------------------------------------------------------------------------------------------------


def test_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    model = classifier(["accuracy"])
    model.fit(X, Y, verbose=0, validation_split=0.5)
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert capsys.readouterr().out == ""
    model.fit(X, Y, epochs=2, verbose=2, validation_split=0.5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Epoch 1/2 - 2/2 - ")
    assert "accuracy: " in lines[1]
    assert "val_loss: " in lines[1]
    model.fit(X, Y, verbose=1)
    assert "3/3" in capsys.readouterr().out
    model.evaluate(X, Y)
    model.predict(X)
    out = capsys.readouterr().out
    assert "loss: " in out
    assert out.count("3/3") == 2
    with pytest.raises(ValueError, match="verbose"):
        model.fit(X, Y, verbose=7)


# Single batches and predict -------------------------------------------------------------------------------------------


def test_single_batches() -> None:
    one, other = classifier(["accuracy"]), classifier(["accuracy"])
    values = [one.train_on_batch(X[i : i + 32], Y[i : i + 32]) for i in (0, 32, 64)]
    history = other.fit(X, Y, batch_size=32, shuffle=False, verbose=0).history
    assert same(one, other)
    assert np.mean([v[0] for v in values]) == pytest.approx(history["loss"][0])
    assert set(one.train_on_batch(X, Y, class_weight={0: 1, 1: 2}, return_dict=True)) == {"loss", "accuracy"}
    assert one.test_on_batch(X, Y) == pytest.approx(one.evaluate(X, Y, batch_size=96, verbose=0))
    assert np.array_equal(one.predict_on_batch(X), one.predict(X, verbose=0))


def test_predict_batches_callbacks_and_steps() -> None:
    model = classifier()
    whole = model.predict(X, verbose=0)
    np.testing.assert_allclose(whole, model(X).numpy(), rtol=1e-6)
    outputs: list[np.ndarray] = []
    watch = keras.callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: outputs.append(logs["outputs"]))
    assert np.array_equal(model.predict(X, batch_size=40, verbose=0, callbacks=[watch]), whole)
    assert [len(part) for part in outputs] == [40, 40, 16]
    assert np.array_equal(model.predict(X, batch_size=10, steps=2, verbose=0), whole[:20])
    one = model.predict(X[:1], verbose=0)
    assert one.shape == (1, 2)
    assert one.flags.writeable


def test_predict_without_compile_builds_the_model() -> None:
    model = keras.Sequential([layers.Dense(3)])
    assert model.predict(X, verbose=0).shape == (96, 3)


def test_custom_layer_and_custom_loss_train() -> None:
    class Scale(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

        def call(self, inputs: Any) -> Any:
            return inputs * self.factor

    def absolute(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

    model = keras.Sequential([keras.Input((4,)), Scale(), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), absolute, metrics=["mae"])
    y = X @ np.array([1.0, -2.0, 0.5, 0.0]) + 1
    history = model.fit(X, y, epochs=60, verbose=0).history
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    assert history["loss"] == pytest.approx(history["mae"], rel=1e-5)
    assert model.count_params() == 9


def test_many_epochs_cost_little_python() -> None:
    """The benchmark's smallest network runs at microseconds a step; an epoch must not cost a millisecond of Python."""
    model = regressor()
    x, y = X[:4, :1], X[:4, 1]
    model.fit(x, y, epochs=10, batch_size=4, verbose=0)
    best = min(_seconds(lambda: model.fit(x, y, epochs=100, batch_size=4, verbose=0)) for _ in range(5))
    assert best / 100 < 0.5e-3


def _seconds(run: Any) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def test_nothing_is_printed_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    classifier().fit(X, Y, verbose=0)
    sys.stderr.flush()
    assert capfd.readouterr().err == ""
