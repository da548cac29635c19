"""Keras on JAX, its own `fit`."""

from __future__ import annotations

import os
from collections.abc import Callable

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np

from peers import keras_like
from workloads import Workload


def epoch_runner(w: Workload) -> Callable[[], None]:
    return keras_like.epoch_runner(keras, w)


def row_calls(w: Workload, row: np.ndarray) -> dict[str, Callable[[], object]]:
    return keras_like.row_calls(keras, w, row)
