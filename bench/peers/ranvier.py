"""ranvier's `fit`, one epoch a call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import ranvier
from peers import keras_like
from workloads import Workload


def epoch_runner(w: Workload) -> Callable[[], None]:
    return keras_like.epoch_runner(ranvier, w)


def row_calls(w: Workload, row: np.ndarray) -> dict[str, Callable[[], object]]:
    return keras_like.row_calls(ranvier, w, row)
