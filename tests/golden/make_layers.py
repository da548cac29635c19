"""Writes layers_<family>.npz: results and gradients of `families` by Keras 3 on PyTorch, all in float64.

Run with an environment that has keras and torch; without names all families are written:
    python tests/golden/make_layers.py [family ...]

Names: ``<label>/y`` (``/y0``, ``/y1`` … of several outputs), ``/dx`` (likewise), ``/d_<argument>`` of further arguments
of the call, ``/dw<i>``, ``/state<i>`` (weights that are not trained, after the call), ``/mask`` of the result, if any.
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
from keras.src.backend import get_keras_mask, set_keras_mask
from keras.src.backend.common import dtypes

from families import (
    FAMILIES,
    Case,
    call_arguments,
    case_inputs,
    case_weights,
    cotangent,
    make,
    map_arrays,
    numbered,
    random_mask,
)
from golden.store import save

# Outside TensorFlow Keras computes float64 as float32 in many places, by this table.
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def results(label: str, case: Case) -> dict[str, np.ndarray]:
    """Output, gradients, state and mask of one layer."""

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.tensor(array, requires_grad=array.dtype == np.float64)

    xs = [tensor(x) for x in case_inputs(label, case)]
    for i, x in enumerate(xs if case.mask else []):
        set_keras_mask(x, torch.tensor(random_mask(f"{label}{i}", tuple(x.shape))))
    several = isinstance(case.inputs, list)
    inputs = xs if several else xs[0]
    further = map_arrays(tensor, call_arguments(label, case.call))
    layer = make(keras, case.layer, case.arguments)
    if case.call:
        layer(inputs, **further)
    else:
        layer.build([tuple(x.shape) for x in xs] if several else tuple(xs[0].shape))
    layer.set_weights(case_weights(label, [(w.name, tuple(w.shape)) for w in layer.weights], case.spread))
    takes_training = "training" in layer._call_signature.parameters
    if case.reference is not None:
        y = case.reference(layer, *xs)
    else:
        y = layer(inputs, **further, **({"training": case.training} if takes_training else {}))
    found = numbered("y", y)
    wanted = {} if case.integers else numbered("dx", inputs)
    for name, value in further.items():
        given = {} if isinstance(value, bool | str | int | float | None) else numbered(f"d_{name}", value)
        wanted |= {key: x for key, x in given.items() if x.requires_grad}
    wanted |= {f"dw{i}": w.value for i, w in enumerate(layer.trainable_variables)}
    if wanted:
        dy = {key: torch.tensor(cotangent(label, tuple(v.shape), key)) for key, v in found.items()}
        total = sum((value * dy[key]).sum() for key, value in found.items())
        found |= dict(zip(wanted, torch.autograd.grad(total, list(wanted.values())), strict=True))
    found |= {f"state{i}": w.value for i, w in enumerate(layer.non_trainable_weights)}
    if case.mask:
        masks = {key.replace("y", "mask"): get_keras_mask(value) for key, value in numbered("y", y).items()}
        found |= {key: mask for key, mask in masks.items() if mask is not None}
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
