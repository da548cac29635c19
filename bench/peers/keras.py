"""Keras, its own `fit`: on JAX unless KERAS_BACKEND says otherwise."""

from __future__ import annotations

import os
from collections.abc import Callable

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np

from peers import keras_like
from workloads import Workload


class PositionEmbedding(keras.layers.Layer):
    """As in keras_hub: a learned vector for each place."""

    def __init__(self, sequence_length: int) -> None:
        super().__init__()
        self.sequence_length = sequence_length

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.embeddings = self.add_weight((self.sequence_length, shape[-1]), "glorot_uniform")

    def call(self, x: object) -> object:
        return keras.ops.broadcast_to(self.embeddings, keras.ops.shape(x))


keras.layers.PositionEmbedding = PositionEmbedding


def epoch_runner(w: Workload) -> Callable[[], None]:
    return keras_like.epoch_runner(keras, w)


def row_calls(w: Workload, row: np.ndarray) -> dict[str, Callable[[], object]]:
    return keras_like.row_calls(keras, w, row)
