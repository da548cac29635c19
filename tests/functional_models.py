"""Functional models that several test modules use, and data for them."""

from __future__ import annotations

from typing import Any

import numpy as np

import ranvier as keras
from ranvier import layers

RNG = np.random.default_rng(3)
A = RNG.normal(size=(64, 4)).astype("float32")
B = RNG.normal(size=(64, 3)).astype("float32")
LABELS = (A[:, 0] > 0).astype("int64")
NUMBERS = B.sum(axis=1, keepdims=True)


def two_ends() -> Any:
    """Two inputs, two outputs by name, a shared layer, a branch that meets again, batch statistics."""
    keras.utils.set_random_seed(1)
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    x = layers.Dense(8, "relu", name="x")(a)
    x = layers.BatchNormalization(name="bn")(x)
    y = layers.Dense(8, "tanh", name="y")(b)
    shared = layers.Dense(8, "tanh", name="shared")
    z = layers.Add(name="sum")([shared(x), shared(y)])
    z = layers.Dropout(0.1, seed=1, name="drop")(layers.Concatenate(name="joined")([z, x]))
    heads = {"kind": layers.Dense(2, "softmax", name="kind")(z), "size": layers.Dense(1, name="size")(z)}
    return keras.Model([a, b], heads, name="two_ends")


def chain() -> Any:
    keras.utils.set_random_seed(1)
    a = keras.Input((4,), name="a")
    x = layers.Dense(5, "relu", name="x")(a)
    return keras.Model(a, layers.Dense(2, name="y")(x), name="chain")
