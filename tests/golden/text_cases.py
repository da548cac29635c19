"""What text.npz holds, for the script that writes it and the tests that read it."""

from __future__ import annotations

from typing import Any

import numpy as np

from golden.store import generator

DISCRETIZATION: dict[str, dict[str, Any]] = {
    "few": {"num_bins": 4},
    "exact": {"num_bins": 5, "epsilon": 0.01},
    "coarse": {"num_bins": 10, "epsilon": 0.1},
    "many": {"num_bins": 32, "epsilon": 0.02},
}

PADDING: dict[str, dict[str, Any]] = {
    "default": {},
    "value": {"value": -1},
    "post": {"padding": "post"},
    "cut": {"maxlen": 2},
    "cut-post": {"maxlen": 2, "truncating": "post", "padding": "post"},
    "long": {"maxlen": 6, "dtype": "float32", "value": 0.5},
}


def batches_for(label: str) -> list[np.ndarray]:
    """Batches of numbers, the last one short."""
    draw = generator(f"discretization/{label}")
    sizes = (5,) if label == "few" else (1000, 700, 13)
    return [draw.normal(size=(size, 2)) for size in sizes]


def sequences() -> list[list[int]]:
    """Sequences of different lengths, one of them empty."""
    return [[1], [2, 3], [], [4, 5, 6, 7], [8, 9, 10]]
