"""Writes functional.npz and functional.json: the models of functional_cases.py by Keras 3 on PyTorch, in float64.

Run with an environment that has keras and torch:
    python tests/golden/make_functional.py

Names in the .npz: ``<label>/y<i>``, ``/dx<i>``, ``/dw<i>`` (of the trainable weights) and ``/state<i>`` (of the others,
after the call).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
import numpy as np
import torch
from keras.src import tree
from keras.src.backend.common import dtypes

from golden.functional_cases import CASES, structure, values
from golden.store import save

dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"  # see make_layers.py


def main() -> None:
    """Writes both files."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    golden: dict[str, np.ndarray] = {}
    structures = {}
    for label, case in CASES.items():
        keras.backend.clear_session()
        model = case.build(keras)
        structures[label] = structure(model)
        weights = values(f"{label}/weights", [tuple(w.shape) for w in model.weights])
        model.set_weights([abs(w) if "variance" in v.path else w for w, v in zip(weights, model.weights, strict=True)])
        xs = [torch.tensor(x, requires_grad=True) for x in values(f"{label}/x", case.inputs)]
        ys = tree.flatten(model(tree.pack_sequence_as(model.input, xs)))
        dys = [torch.tensor(dy) for dy in values(f"{label}/dy", [tuple(y.shape) for y in ys])]
        total = sum((y * dy).sum() for y, dy in zip(ys, dys, strict=True))
        wanted = {f"dx{i}": x for i, x in enumerate(xs)}
        wanted |= {f"dw{i}": w.value for i, w in enumerate(model.trainable_variables)}
        grads = torch.autograd.grad(total, list(wanted.values()), allow_unused=True)
        found = {f"y{i}": y for i, y in enumerate(ys)}
        found |= {key: grad for key, grad in zip(wanted, grads, strict=True) if grad is not None}
        found |= {f"state{i}": w.value for i, w in enumerate(model.non_trainable_weights)}
        golden |= {f"{label}/{key}": value.detach().numpy() for key, value in found.items()}
    save("functional", golden)
    path = Path(__file__).parent / "functional.json"
    path.write_text(json.dumps(structures, indent=1) + "\n")


if __name__ == "__main__":
    main()
