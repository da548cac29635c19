"""Layers and losses in Python that misbehave, threads and forks around them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import ops
from robustness_helpers import Python, X, Y, network

OUTPUTS: dict[str, Callable[[Any], Any]] = {
    "more columns": lambda x: ops.concatenate([x] * 50, axis=-1),
    "more rows": lambda x: ops.concatenate([x] * 50, axis=0),
    "fewer rows": lambda x: x[:3],
    "another dtype": lambda x: ops.cast(x, "float64"),
    "booleans": lambda x: x > 0,
    "a scalar": ops.sum,
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_output_other_than_announced(case: str) -> None:
    model = keras.Sequential([keras.Input((4,)), Python(OUTPUTS[case])])
    with pytest.raises(ValueError, match="compute_output_shape") as caught:
        model.predict(X, verbose=0)
    assert "(32, 4)" in str(caught.value)
    model.layers[0].function = None
    np.testing.assert_array_equal(model.predict(X, verbose=0), X)


@pytest.mark.parametrize("value", [None, "text", object()])
def test_layer_returns_no_tensor(value: Any) -> None:
    model = network(Python(lambda x: value, name="odd"))
    with pytest.raises(TypeError, match="odd"):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("value", [[1.0, 2.0], 1.0, np.ones(32)])
def test_loss_without_gradient(value: Any) -> None:
    model = network()
    model.compile("sgd", lambda y, p: value)
    with pytest.raises(ValueError, match="depends on the model"):
        model.fit(X, Y, verbose=0)


def test_training_from_within_a_step_is_no_deadlock() -> None:
    model: Any = None

    def train(x: Any) -> Any:
        model.fit(X, Y, verbose=0)
        return x

    model = network(Python(train))
    with pytest.raises(RuntimeError, match="at work already"):
        model.fit(X, Y, verbose=0)
    model.layers[1].function = None
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_threads_around_a_python_layer_do_not_deadlock() -> None:
    model = network(Python())
    model.fit(X, Y, verbose=0)
    errors: list[BaseException] = []

    def work(predicts: bool) -> None:
        try:
            for _ in range(10):
                model.predict(X, verbose=0) if predicts else model.fit(X, Y, verbose=0)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k % 2 == 0,), daemon=True) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads) and not errors


def test_model_changed_while_another_thread_trains_it() -> None:
    model = network()
    x, y = np.repeat(X, 100, 0), np.repeat(Y, 100)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                model.fit(x, y, verbose=0)
        except ValueError as error:  # nothing trainable at this moment
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    step = 0
    while thread.is_alive() and step < 200:
        step += 1
        model.layers[0].trainable = bool(step % 2)
        model.set_weights(model.get_weights())
        model.predict(X, verbose=0)
        time.sleep(0.001)
    thread.join(60)
    assert not thread.is_alive() and not errors
    assert np.isfinite(model.predict(X, verbose=0)).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_while_training() -> None:
    model = network()
    thread = threading.Thread(target=lambda: model.fit(np.repeat(X, 500, 0), np.repeat(Y, 500), epochs=3, verbose=0))
    thread.start()
    pid = os.fork()
    if pid == 0:
        try:
            network().fit(X, Y, verbose=0)
            os._exit(7)
        except BaseException:
            os._exit(1)
    code, deadline = None, time.monotonic() + 20
    while code is None and time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if done else None
        time.sleep(0.01)
    if code is None:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    thread.join()
    assert code == 7


def test_labels_that_change_while_training() -> None:
    y = np.repeat(Y, 50)

    class Spoil(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            y[:] = 10**6  # after the check, before they are used

    model = network()
    with pytest.raises(keras.NonFiniteLossError):
        model.fit(np.repeat(X, 50, 0), y, verbose=0, callbacks=[Spoil()], shuffle=False)
    assert np.isfinite(model.get_weights()[0]).all()
