"""Small models whose explanations one can compute by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

import ranvier
from ranvier import layers, ops

RNG = np.random.default_rng(0)


def linear(activation: str | None = None) -> ranvier.Sequential:
    """Three outputs of four inputs, kernel and bias known."""
    model = ranvier.Sequential([ranvier.Input((4,)), layers.Dense(3, activation=activation, name="out")])
    model.set_weights([np.arange(12.0).reshape(4, 3) - 5.5, np.array([0.5, -0.25, 1.0])])
    return model


KERNEL = np.arange(12.0).reshape(4, 3) - 5.5
ROWS = RNG.normal(size=(7, 4)).astype("float32")


class Mean(layers.Layer):
    """The mean over all places: (rows, ..., channels) -> (rows, channels)."""

    def call(self, x: Any) -> Any:
        return ops.mean(x, axis=tuple(range(1, x.ndim - 1)))


def network(places: tuple[int, ...] = (6, 5), activation: str = "softmax") -> ranvier.Sequential:
    """A Dense on the last axis is a convolution of one pixel."""
    ranvier.utils.set_random_seed(3)
    return ranvier.Sequential(
        [
            ranvier.Input((*places, 2)),
            layers.Dense(4, activation="tanh", name="features"),
            layers.Dense(3, activation="relu", name="maps"),
            Mean(name="mean"),
            layers.Dense(3, activation=activation, name="out"),
        ]
    )


class Own(ranvier.Model):
    """The same as a subclass, with a part of the layers in a Sequential inside."""

    def __init__(self, activation: str = "softmax") -> None:
        super().__init__(name="own")
        parts = network(activation=activation).layers
        self.first = parts[0]
        self.block = ranvier.Sequential([parts[1], parts[2]], name="block")
        self.out = parts[3]

    def call(self, x: Any, training: bool = False) -> Any:
        return self.out(self.block(self.first(x)))


IMAGES = RNG.normal(size=(5, 6, 5, 2)).astype("float32")


def graph(activation: str = "softmax") -> ranvier.Model:
    """The same with the functional API; two of the layers are in a graph inside, and a shortcut goes around them."""
    parts = network(activation=activation).layers
    inside = ranvier.Input((6, 5, 4))
    block = ranvier.Model(inside, parts[2](parts[1](inside)), name="block")
    x = ranvier.Input((6, 5, 2))
    first = parts[0](x)
    outside = layers.Identity(name="shortcut")(first)
    y = layers.Concatenate(name="both")([block(first), parts[2](outside)[:, :0]])
    return ranvier.Model(x, parts[3](y))


class OwnGraph(ranvier.Model):
    """A subclass that calls a model of the functional API."""

    def __init__(self, activation: str = "softmax") -> None:
        super().__init__(name="own_graph")
        parts = network(activation=activation).layers
        inside = ranvier.Input((6, 5, 2))
        self.block = ranvier.Model(inside, parts[2](parts[1](parts[0](inside))), name="block")
        self.out = parts[3]

    def call(self, x: Any, training: bool = False) -> Any:
        return self.out(self.block(x))
