"""ranvier's `fit`, one epoch a call."""

from __future__ import annotations

from collections.abc import Callable

import ranvier
from ranvier import layers
from workloads import Workload


def epoch_runner(w: Workload) -> Callable[[], None]:
    x, y = w.data()
    hidden = [layers.Dense(n, activation="relu") for n in w.sizes[1:-1]]
    model = ranvier.Sequential([ranvier.Input((w.sizes[0],)), *hidden, layers.Dense(w.sizes[-1])])
    loss = "mse" if w.loss == "mse" else ranvier.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=ranvier.optimizers.Adam(1e-3), loss=loss)
    return lambda: model.fit(x, y, batch_size=w.batch, epochs=1, shuffle=False, verbose=0)
