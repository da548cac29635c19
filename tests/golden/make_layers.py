"""Writes layers_<family>.npz: results and gradients of `families` by Keras 3 on PyTorch, all in float64.

Run with an environment that has keras and torch; without names all families are written:
    python tests/golden/make_layers.py [family ...]

Names: ``<label>/y``, ``/dx`` (``/dx0``, ``/dx1`` … of several inputs), ``/dw<i>`` and ``/state<i>`` (weights that are
not trained, after the call).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
import numpy as np
import torch
from keras.src.backend.common import dtypes

from families import FAMILIES, Case, case_inputs, case_weights, cotangent
from golden.store import save

# Outside TensorFlow Keras computes float64 as float32 in many places, by this table.
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def results(label: str, case: Case) -> dict[str, np.ndarray]:
    """Output, gradients and state of one layer."""
    xs = [torch.tensor(x, requires_grad=not case.integers) for x in case_inputs(label, case)]
    several = isinstance(case.inputs, list)
    layer = getattr(keras.layers, case.layer)(**case.arguments)
    layer.build([tuple(x.shape) for x in xs] if several else tuple(xs[0].shape))
    layer.set_weights(case_weights(label, [(w.name, tuple(w.shape)) for w in layer.weights]))
    takes_training = "training" in layer._call_signature.parameters
    if case.reference is not None:
        y = case.reference(layer, *xs)
    else:
        y = layer(xs if several else xs[0], **({"training": case.training} if takes_training else {}))
    found = {"y": y}
    wanted = {} if case.integers else {f"dx{i}": x for i, x in enumerate(xs)} if several else {"dx": xs[0]}
    wanted |= {f"dw{i}": w.value for i, w in enumerate(layer.trainable_variables)}
    if wanted:
        dy = torch.tensor(cotangent(label, tuple(y.shape)))
        found |= dict(zip(wanted, torch.autograd.grad((y * dy).sum(), list(wanted.values())), strict=True))
    found |= {f"state{i}": w.value for i, w in enumerate(layer.non_trainable_weights)}
    return {f"{label}/{key}": value.detach().numpy().astype(np.float64) for key, value in found.items()}


def main() -> None:
    """Writes the files of the families named on the command line, or all."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    for name in sys.argv[1:] or FAMILIES:
        golden: dict[str, np.ndarray] = {}
        for label, case in FAMILIES[name].golden.items():
            golden |= results(label, case)
        save(f"layers_{name}", golden)


if __name__ == "__main__":
    main()
