"""Small models, data and comparisons for the tests of fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import layers

RNG = np.random.default_rng(5)
X = RNG.normal(size=(96, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")


def classifier(metrics: Any = None, **kwargs: Any) -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, activation="tanh"), layers.Dense(2, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=metrics, **kwargs)
    return model


def regressor(loss: Any = "mse", rate: float = 0.1) -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), loss)
    return model


def fit(model: Any, *data: Any, **kwargs: Any) -> dict[str, list[float]]:
    """A silent fit whose order of rows does not depend on what was drawn before."""
    keras.utils.set_random_seed(2)
    found: dict[str, list[float]] = model.fit(*data, verbose=0, **kwargs).history
    return found


def close(a: dict[str, list[float]], b: dict[str, list[float]]) -> bool:
    """Equal but for the rounding of sums that were cut differently."""
    return list(a) == list(b) and all(a[name] == pytest.approx(b[name], rel=1e-9) for name in b)


def same(a: Any, b: Any) -> bool:
    return all(np.array_equal(u, v) for u, v in zip(a.get_weights(), b.get_weights(), strict=True))


class Listener(keras.callbacks.Callback):
    """Hears every batch, so that steps run one by one."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        assert np.isfinite(logs["loss"])
