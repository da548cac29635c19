"""Writes learning.npz: results of `learning_cases` by Keras 3 on PyTorch, all in float64.

Run with an environment that has keras and torch:
    python tests/golden/make_learning.py

Names: ``loss/<label>/each``, ``/value``, ``/weighted`` and ``/dy`` (of the weighted value);
``optimizer/<label>/<step>/<i>``; ``schedule/<label>``.
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

from golden import learning_cases as cases
from golden.store import save

# Outside TensorFlow Keras computes float64 as float32 in many places, by this table.
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def numbers(x: torch.Tensor) -> np.ndarray:
    """The values of a tensor."""
    return x.detach().numpy().astype(np.float64)


def loss_results(label: str) -> dict[str, np.ndarray]:
    """Values and gradient of one loss."""
    class_name, arguments, kind = cases.LOSSES[label]
    y_true, y_pred, weights = cases.loss_data(kind)
    p = torch.tensor(y_pred, requires_grad=True)
    make = getattr(keras.losses, class_name)
    loss = make(**arguments)
    weighted = loss(y_true, p, sample_weight=weights)
    results = {
        "each": make(**{**arguments, "reduction": None})(y_true, p),
        "value": loss(y_true, p),
        "weighted": weighted,
        "dy": torch.autograd.grad(weighted, p)[0],
    }
    return {f"loss/{label}/{key}": numbers(value) for key, value in results.items()}


def optimizer_results(label: str) -> dict[str, np.ndarray]:
    """Weights after each of five steps."""
    class_name, arguments = cases.OPTIMIZERS[label]
    values, steps = cases.optimizer_data()
    variables = [keras.Variable(v) for v in values]
    optimizer = getattr(keras.optimizers, class_name)(**arguments)
    optimizer.build(variables)
    results = {}
    for step, gradients in enumerate(steps):
        optimizer.apply([torch.tensor(g) for g in gradients], variables)
        for i, variable in enumerate(variables):
            results[f"optimizer/{label}/{step}/{i}"] = numbers(variable.value)
    return results


def main() -> None:
    """Runs everything and saves it beside this file."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    golden: dict[str, np.ndarray] = {}
    for label in cases.LOSSES:
        golden |= loss_results(label)
    for label in cases.OPTIMIZERS:
        golden |= optimizer_results(label)
    for label, (class_name, arguments) in cases.SCHEDULES.items():
        schedule = getattr(keras.optimizers.schedules, class_name)(**arguments)
        golden[f"schedule/{label}"] = np.array([float(schedule(step)) for step in cases.STEPS])
    save("learning", golden)


if __name__ == "__main__":
    main()
