"""One call that makes a whole script repeatable."""

from __future__ import annotations

import random

import numpy as np

from ranvier import _core
from ranvier.random import check_seed

__all__ = ["set_random_seed"]


def set_random_seed(seed: int) -> None:
    """Seeds Python's `random`, `numpy.random` and the engine's default generator.

    The same seed then gives the same weights, orders and dropout masks, whatever the number of threads.

    Args:
        seed: an integer from 0 to 2**32 - 1 (what `numpy.random.seed` accepts).
    """
    value = check_seed(seed, "set_random_seed")
    if value >= 2**32:
        raise ValueError(f"[set_random_seed] seed: expected an int from 0 to 2**32 - 1, received {seed!r}.")
    random.seed(value)
    np.random.seed(value)  # noqa: NPY002  the global generator is what scripts use
    _core.set_random_seed(value)
