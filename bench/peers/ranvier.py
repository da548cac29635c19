"""ranvier's `fit`, one epoch a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

import ranvier
from peers import keras_like
from ranvier import layers
from workloads import Workload


def epoch_runner(w: Workload) -> Callable[[], None]:
    return keras_like.epoch_runner(ranvier, w)


def row_calls(w: Workload, row: np.ndarray) -> dict[str, Callable[[], object]]:
    return keras_like.row_calls(ranvier, w, row)


def step_calls(features: int, units: int, x: np.ndarray) -> Iterator[tuple[str, Callable[[], object]]]:
    """One step of an LSTM whose state is carried on."""
    stream = ranvier.Sequential([ranvier.Input((None, features)), layers.LSTM(units, return_sequences=True)]).stream()
    yield "stream", lambda: stream(x)


def generations(w: Workload) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Ways to draw so many tokens from the GPT, one sequence."""
    model = keras_like.build(ranvier, w)
    yield "text.generate", lambda count: ranvier.text.generate(model, [0], count, seed=1)
