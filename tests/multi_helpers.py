"""A model with two inputs and two outputs, and data for it."""

from __future__ import annotations

from typing import Any

import numpy as np

import ranvier as keras
from ranvier import layers

RNG = np.random.default_rng(11)
IMAGE = RNG.normal(size=(60, 5)).astype("float32")
AGE = RNG.normal(size=(60, 2)).astype("float32")
KIND = (IMAGE[:, 0] + AGE[:, 0] > 0).astype("int64")
HEIGHT = (IMAGE[:, :1] - AGE[:, 1:]).astype("float32")
X = {"image": IMAGE, "age": AGE}
Y = {"kind": KIND, "height": HEIGHT}
LOSS = {"kind": "sparse_categorical_crossentropy", "height": "mse"}


def two_by_two(compiled: bool = True, outputs: Any = list, optimizer: Any = "adam", **kwargs: Any) -> Any:
    """Inputs `image` and `age`, outputs `kind` (2 classes) and `height` (a number)."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    image, age = keras.Input((5,), name="image"), keras.Input((2,), name="age")
    both = layers.Concatenate()([layers.Dense(6, "tanh", name="left")(image), layers.Dense(3, name="right")(age)])
    kind = layers.Dense(2, "softmax", name="kind")(both)
    height = layers.Dense(1, name="height")(both)
    made = {"kind": kind, "height": height} if outputs is dict else [kind, height]
    model = keras.Model([image, age], made, name="two")
    if compiled:
        model.compile(optimizer, **{"loss": LOSS, "metrics": {"kind": ["accuracy"], "height": ["mae"]}, **kwargs})
    return model
