"""Writes masks.npz: the masks that come out of Keras 3's layers when masks go in, for every row of `families`.

Run with an environment that has keras and torch: python tests/golden/make_masks.py

Names: ``<family>-<layer>-<i>/all`` with a mask on every input, ``/first`` with one on the first only; a value of
shape (0,) where no mask comes out. Rows without time steps, and calls that Keras refuses, are left out.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
sys.path.insert(0, str(Path(__file__).parents[1]))

import inspect
import warnings
from typing import Any

import keras
import numpy as np
import torch
from keras.src.backend.common.masking import get_keras_mask, set_keras_mask

from families import FAMILIES, Row, case_inputs, make, random_mask, shapes_of
from golden.store import save


def mask_behind(row: Row, label: str, every: bool) -> np.ndarray:
    """The mask of the first output, of shape (0,) if there is none."""
    layer = make(keras, row.layer, row.arguments)
    xs = [torch.tensor(x.astype("int64" if row.integers else "float32")) for x in case_inputs(label, row)]
    for i, x in enumerate(xs if every else xs[:1]):
        set_keras_mask(x, torch.tensor(random_mask(f"{label}{i}", tuple(x.shape))))
    y = layer(xs if isinstance(row.inputs, list) else xs[0])
    mask = get_keras_mask(y[0] if isinstance(y, list | tuple) else y)
    return np.zeros(0) if mask is None else mask.detach().cpu().numpy()


def main() -> None:
    """Writes the file."""
    warnings.simplefilter("ignore")
    golden: dict[str, np.ndarray] = {}
    for name, family in FAMILIES.items():
        for i, row in enumerate(family.contract):
            if row.call or min(len(shape) for shape in shapes_of(row.inputs)) < (2 if row.integers else 3):
                continue
            if not hasattr(keras.layers, row.layer) or any(map(inspect.isfunction, row.arguments.values())):
                continue
            for variant in ("all", "first") if isinstance(row.inputs, list) else ("all",):
                label = f"{name}-{row.layer}-{i}"
                try:
                    found: Any = mask_behind(row, label, variant == "all")
                except Exception as error:
                    print(f"{label}/{variant}: {error}")
                else:
                    golden[f"{label}/{variant}"] = found
    save("masks", golden)


if __name__ == "__main__":
    main()
