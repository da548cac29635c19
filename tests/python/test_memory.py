"""Memory: nothing leaks, large data are not copied, a steady step asks the system for nothing."""

from __future__ import annotations

import gc
import os
import tracemalloc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import _core, layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(512, 20)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


def network(metrics: Any = None) -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(64, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(2, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=metrics)
    return model


# Leaks ----------------------------------------------------------------------------------------------------------------


def growth(run: Callable[[], Any], times: int) -> int:
    """Bytes by which the process grows over `times` runs, after as many to warm up."""
    for _ in range(times):
        run()
    gc.collect()
    before = resident()
    for _ in range(times):
        run()
    gc.collect()
    return resident() - before


needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc/self/statm")


@needs_proc
@pytest.mark.parametrize("what", ["fit", "predict", "call", "loop", "new model"])
def test_repeating_does_not_grow(what: str) -> None:
    model = network(["accuracy"])
    loss_fn = keras.losses.SparseCategoricalCrossentropy()

    def loop() -> None:
        loss_fn(Y, model(X, training=True)).backward()
        model.optimizer.step()
        model.optimizer.zero_grad()

    def new_model() -> None:
        fresh = network()
        fresh.fit(X, Y, verbose=0, batch_size=128)
        fresh.predict(X, verbose=0)

    model.fit(X, Y, verbose=0)
    run = {
        "fit": lambda: model.fit(X, Y, verbose=0, validation_split=0.2),
        "predict": lambda: [model.predict(X[:n], verbose=0, batch_size=64) for n in (1, 30, 200, 512)],
        "call": lambda: model(X),
        "loop": loop,
        "new model": new_model,
    }[what]
    times = 60 if what == "new model" else 150
    # A leak of one batch a step, or of one set of weights a model, would be megabytes.
    assert growth(run, times) < 2 << 20


def test_models_are_freed_with_their_last_reference() -> None:
    def make_and_drop() -> list[Any]:
        class Own(layers.Layer):
            def call(self, inputs: Any) -> Any:
                return inputs * 2

        model = keras.Sequential([keras.Input((20,)), Own(), layers.Dense(2), layers.Lambda(lambda x: x + 1)])
        model.compile("adam", lambda y, p: keras.ops.mean(p * p, axis=-1))
        model.fit(X, np.zeros((512, 2)), verbose=0)
        model.predict(X, verbose=0)
        return [weakref.ref(model), weakref.ref(model.layers[0]), weakref.ref(model.optimizer)]

    references = make_and_drop()
    gc.collect()
    assert [reference() for reference in references] == [None, None, None]


# Large data -----------------------------------------------------------------------------------------------------------


def peak_of(run: Callable[[], Any]) -> int:
    """Bytes NumPy and Python hold at most beyond what there was before."""
    gc.collect()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


LARGE = 40_000_000  # bytes of float32


@pytest.fixture(scope="module")
def large() -> np.ndarray:
    return RNG.normal(size=(LARGE // 80, 20)).astype("float32")


def test_fit_does_not_copy_float32(large: np.ndarray) -> None:
    y = (large[:, 0] > 0).astype("uint8")
    model = network(["accuracy"])
    model.fit(large[:4096], y[:4096], batch_size=256, verbose=0)
    rows = len(large)
    order = 8 * rows  # the permutation, one number a row
    before = resident()
    used = peak_of(lambda: model.fit(large, y, batch_size=256, validation_split=0.1, verbose=0))
    assert used < order + (16 << 20)
    assert used < LARGE // 2
    assert resident() - before < order + (16 << 20), "the engine took memory"
    used = peak_of(lambda: model.evaluate(large, y, batch_size=256, verbose=0))
    assert used < 8 << 20
    used = peak_of(lambda: model.predict(large, batch_size=256, verbose=0))
    assert used < 8 * rows + (8 << 20)  # the result has two float32 a row


@pytest.mark.parametrize("layout", ["fortran", "float16", "big endian"])
def test_other_layouts_are_converted_piece_by_piece(layout: str, large: np.ndarray) -> None:
    x = {
        "fortran": np.asfortranarray,
        "float16": lambda a: a.astype("float16"),
        "big endian": lambda a: a.astype(">f4"),
    }[layout](large)
    y = (large[:, 0] > 0).astype("uint8")
    model = network()
    used = peak_of(lambda: model.fit(x, y, batch_size=256, verbose=0))
    assert used < 8 * len(x) + (16 << 20)
    used = peak_of(lambda: model.predict(x, batch_size=256, verbose=0))
    assert used < 2 * 8 * len(x) + (16 << 20)


def test_memory_maps_stay_on_disk(tmp_path: Path, large: np.ndarray) -> None:
    np.save(tmp_path / "x.npy", large)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    y = (large[:, 0] > 0).astype("uint8")
    model = network()
    used = peak_of(lambda: model.fit(x, y, batch_size=256, verbose=0))
    assert used < 8 * len(x) + (16 << 20)
    whole = network()
    whole.fit(large, y, batch_size=256, verbose=0)
    assert np.array_equal(whole.get_weights()[0], model.get_weights()[0])


# Steady steps ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "adamw"])
def test_a_steady_step_asks_the_system_for_nothing(optimizer: str) -> None:
    model = network(["accuracy"])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    counts: list[int] = []

    class Count(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            counts.append(_core.system_allocations())

    model.fit(X, Y, batch_size=16, epochs=4, verbose=0, callbacks=[Count()])
    assert len(counts) == 128
    assert counts[100] == counts[10]
    assert counts[10] > 0


def test_a_steady_custom_loop_asks_the_system_for_nothing() -> None:
    model = network()
    loss_fn = keras.losses.SparseCategoricalCrossentropy()
    optimizer = keras.optimizers.Adam(parameters=model)
    counts = []
    for _ in range(110):
        loss_fn(Y, model(X, training=True)).backward()
        optimizer.step()
        optimizer.zero_grad()
        counts.append(_core.system_allocations())
    assert counts[100] == counts[10]
