"""Keras on JAX, its own `fit`."""

from __future__ import annotations

import os
from collections.abc import Callable

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras

from workloads import Workload


def epoch_runner(w: Workload) -> Callable[[], None]:
    x, y = w.data()
    hidden = [keras.layers.Dense(n, activation="relu") for n in w.sizes[1:-1]]
    model = keras.Sequential([keras.Input((w.sizes[0],)), *hidden, keras.layers.Dense(w.sizes[-1])])
    loss = "mse" if w.loss == "mse" else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    return lambda: model.fit(x, y, batch_size=w.batch, epochs=1, shuffle=False, verbose=0)
