"""A small classifier and a layer that does what it is told, for the tests of robustness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import ranvier as keras
from ranvier import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")
Y = np.arange(64) % 3


class Python(layers.Layer):
    """A layer that does what it is told."""

    def __init__(self, function: Callable[[Any], Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function = function

    def call(self, x: Any) -> Any:
        return x if self.function is None else self.function(x)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def network(*extra: Any, optimizer: Any = "adam") -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, "tanh", name="first"), *extra, layers.Dense(3, "softmax", name="last")]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
