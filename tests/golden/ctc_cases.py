"""Cases of CTC: what make_ctc.py runs through Keras."""

from __future__ import annotations

import numpy as np

from golden.store import generator

CASES = {
    "short": {"batch": 3, "time": 4, "classes": 3, "labels": 2, "blank": 0, "width": 100},
    "usual": {"batch": 5, "time": 12, "classes": 6, "labels": 5, "blank": 0, "width": 20},
    "blank-last": {"batch": 4, "time": 9, "classes": 5, "labels": 4, "blank": 4, "width": 7},
    "long": {"batch": 2, "time": 50, "classes": 30, "labels": 22, "blank": 0, "width": 5},
    "wide": {"batch": 2, "time": 20, "classes": 4, "labels": 1, "blank": 2, "width": 10},
}


def ctc_data(case: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Logits, labels, lengths of the labels, time steps; every sample can be aligned."""
    sizes = CASES[case]
    draw = generator("ctc/" + case)
    batch, time, classes, room = sizes["batch"], sizes["time"], sizes["classes"], sizes["labels"]
    logits = 2 * draw.normal(size=(batch, time, classes))
    symbols = [c for c in range(classes) if c != sizes["blank"]]
    labels = draw.choice(symbols, size=(batch, room))
    steps = draw.integers(max(2 * room, time // 2), time + 1, size=batch)
    return logits, labels, draw.integers(1, room + 1, size=batch), steps
