"""Whole fits against Keras 3: histories, evaluation, single batches, weights (tests/golden/training_*cases.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier
from golden import training_cases, training_multi_cases

FOLDER = Path(__file__).parents[1] / "golden"
GOLDEN = {
    **json.loads((FOLDER / "training.json").read_text()),
    **json.loads((FOLDER / "training_multi.json").read_text()),
}
CASES = {**training_cases.CASES, **training_multi_cases.CASES}


def compare(place: str, ours: Any, golden: Any) -> None:
    if isinstance(golden, dict):
        assert list(ours) == list(golden), f"{place}: names or their order"
        for key, value in golden.items():
            compare(f"{place}.{key}", ours[key], value)
    elif isinstance(golden, list):
        assert len(ours) == len(golden), place
        for i, value in enumerate(golden):
            compare(f"{place}[{i}]", ours[i], value)
    else:
        # Keras adds up in float32 and PyTorch sums in another order; differences grow over some dozen updates.
        np.testing.assert_allclose(ours, golden, rtol=2e-4, atol=1e-6, err_msg=place)


@pytest.mark.parametrize("name", CASES)
def test_fit_gives_what_keras_gives(name: str) -> None:
    compare(name, CASES[name](ranvier), GOLDEN[name])
