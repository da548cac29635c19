"""Threads: the same bits whatever their number, forked children, the caller's floating-point mode, Python threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 300)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")


@pytest.fixture(autouse=True)
def restore_threads() -> Iterator[None]:
    before = keras.get_num_threads()
    yield
    keras.set_num_threads(before)


def network(width: int = 256) -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((300,)),
            layers.Dense(width, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(width, "gelu"),
            layers.LayerNormalization(),
            layers.Dense(2, "softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.01, global_clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def outcome(threads: int) -> tuple[list[np.ndarray], dict[str, list[float]], np.ndarray, Any]:
    keras.set_num_threads(threads)
    assert keras.get_num_threads() == threads
    model = network()
    history = model.fit(X, Y, epochs=2, batch_size=128, validation_split=0.2, verbose=0).history
    return model.get_weights(), history, model.predict(X, verbose=0), model.evaluate(X, Y, verbose=0)


@pytest.mark.parametrize("threads", [2, 5])
def test_same_bits_with_any_number_of_threads(threads: int) -> None:
    weights, history, predictions, results = outcome(1)
    other_weights, other_history, other_predictions, other_results = outcome(threads)
    assert all(np.array_equal(a, b) for a, b in zip(weights, other_weights, strict=True))
    assert history == other_history
    assert np.array_equal(predictions, other_predictions)
    assert results == other_results


def test_number_of_threads_is_checked() -> None:
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="threads"):
            keras.set_num_threads(wrong)


WORKERS = """
import os
import numpy as np
import ranvier as keras
from ranvier import layers

x = np.random.default_rng(0).normal(size=(512, 512)).astype("float32")
model = keras.Sequential([layers.Dense(512, "relu"), layers.Dense(1)])
model.compile("adam", "mse")

def fit():
    model.fit(x, x[:, 0], batch_size=256, verbose=0)

def started():  # NumPy's own threads are switched off, so that all but the main one are the engine's
    return len(os.listdir("/proc/self/task")) - 1
"""


def in_a_fresh_process(code: str, **environment: str) -> str:
    env = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"} | {"OPENBLAS_NUM_THREADS": "1"} | environment
    done = subprocess.run(
        [sys.executable, "-c", WORKERS + code], capture_output=True, text=True, env=env, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs /proc to count threads")


@needs_proc
@pytest.mark.parametrize("threads", [1, 3])
def test_omp_num_threads_is_honoured(threads: int) -> None:
    output = in_a_fresh_process("fit(); print(keras.get_num_threads(), started())", OMP_NUM_THREADS=str(threads))
    assert output == f"{threads} {threads - 1}\n"


@needs_proc
def test_threadpoolctl_is_honoured() -> None:
    pytest.importorskip("threadpoolctl")
    code = """
from threadpoolctl import threadpool_limits
keras.set_num_threads(2)
with threadpool_limits(limits=1, user_api="openmp"):
    fit()
    print(started())
fit()
print(started())
"""
    assert in_a_fresh_process(code) == "0\n1\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_computes() -> None:
    keras.set_num_threads(2)
    model = network()
    model.fit(X, Y, batch_size=128, verbose=0)  # the parent has had a team of threads
    expected = model.predict(X, verbose=0)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # must leave through _exit, whatever happens
        status = 1
        try:
            ok = np.array_equal(model.predict(X, verbose=0), expected)
            model.fit(X, Y, batch_size=128, verbose=0)
            os.write(write, b"same" if ok and keras.get_num_threads() == 1 else b"different")
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    finished = threading.Event()

    def kill_if_hanging() -> None:
        if not finished.wait(30):
            os.kill(child, 9)

    watcher = threading.Thread(target=kill_if_hanging)
    watcher.start()
    _, status = os.waitpid(child, 0)
    finished.set()
    watcher.join()
    answer = os.read(read, 100)
    os.close(read)
    assert status == 0, "the child hung or died"
    assert answer == b"same"
    assert np.array_equal(model.predict(X, verbose=0), expected), "the parent goes on as before"


def test_the_callers_denormals_survive() -> None:
    tiny = np.array([1e-310, 1e-320])
    tiny32 = np.array([1e-40], "float32")
    model = network(64)
    for run in (
        lambda: model.fit(X, Y, verbose=0),
        lambda: model.predict(X, verbose=0),
        lambda: model(X[:1]),
        lambda: model.evaluate(X, Y, verbose=0),
        lambda: keras.ops.exp(X),
    ):
        run()
        assert (tiny * 1.0 > 0).all()
        assert (tiny32 * np.float32(1) > 0).all()


def test_python_threads_train_two_models_and_one() -> None:
    alone = network(64)
    alone.fit(X, Y, epochs=3, batch_size=50, shuffle=False, verbose=0)
    shared = network(64)
    models = [network(64), network(64), shared, shared]
    errors: list[BaseException] = []

    def work(model: Any) -> None:
        try:
            for _ in range(3):
                model.fit(X, Y, batch_size=50, shuffle=False, verbose=0)
                assert np.isfinite(model.predict(X[:7], verbose=0)).all()
                assert np.isfinite(model(X[:1]).numpy()).all()
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=work, args=(model,)) for model in models]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert not worker.is_alive()
    assert errors == []
    assert all(np.isfinite(w).all() for w in shared.get_weights())
    assert shared.optimizer.iterations == 2 * 3 * 12


def test_the_interpreter_runs_while_the_engine_works() -> None:
    model = network(512)
    ticks: list[int] = []
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.001):
            ticks.append(1)

    ticker = threading.Thread(target=tick)
    ticker.start()
    model.fit(X, Y, epochs=5, batch_size=100, verbose=0)
    stop.set()
    ticker.join()
    assert len(ticks) > 3
