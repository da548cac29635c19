"""Writes ops.npz: values and gradients of `op_cases.cases` by Keras 3 on PyTorch, all in float64.

Run with an environment that has keras and torch:
    python tests/golden/make_ops.py

Names: ``<op>/<case>/x0``, ``x1`` … the inputs, ``y`` the result, ``dx0`` … the gradients when `dy_of` is given to it.
"""

from __future__ import annotations

import os
import sys
from operator import attrgetter
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
sys.path.insert(0, str(Path(__file__).parent))

import keras
import numpy as np
import torch
from op_cases import Case, arrays_of, cases, dy_of


def call(case: Case, inputs: list[torch.Tensor]) -> torch.Tensor:
    """The result of the case; a layer gets its scale and shift as inputs."""
    target = attrgetter(case.path)(keras)
    if not case.path.startswith("layers."):
        return target(inputs, **case.kwargs) if case.listed else target(*inputs, **case.kwargs)
    layer = target(**case.kwargs)
    layer.build(inputs[0].shape)
    # The formula of the layer with tensors in the place of its weights, which would not be part of the graph.
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    over = [i for i in range(3) if i not in (a % 3 for a in axes)] if "Batch" in case.path else axes
    shape = [n if i in [a % 3 for a in axes] else 1 for i, n in enumerate(inputs[0].shape)]
    mean = inputs[0].mean(over, keepdim=True)
    variance = inputs[0].var(over, unbiased=False, keepdim=True)
    scale, shift = (t.reshape(shape) for t in inputs[1:])
    y = (inputs[0] - mean) / torch.sqrt(variance + layer.epsilon) * scale + shift
    for weight, value in zip(layer.trainable_variables, inputs[1:], strict=True):
        weight.assign(value.detach())
    # Keras takes its statistics in float32, hence the tolerance.
    np.testing.assert_allclose(y.detach(), layer(inputs[0].detach(), training=True).detach(), rtol=1e-5, atol=1e-5)
    return y


def main() -> None:
    """Runs everything and saves it beside this file."""
    keras.config.set_floatx("float64")
    golden: dict[str, np.ndarray] = {}
    for case in cases():
        arrays = arrays_of(case)
        inputs = [torch.tensor(a) for a in arrays]
        for i in case.gradients:
            inputs[i].requires_grad_(True)
        y = call(case, inputs)
        y.backward(torch.tensor(dy_of(tuple(y.shape))))
        for i, array in enumerate(arrays):
            golden[f"{case.name}/x{i}"] = array
        golden[f"{case.name}/y"] = y.detach().numpy()
        for i in case.gradients:
            golden[f"{case.name}/dx{i}"] = inputs[i].grad.numpy()
    np.savez_compressed(Path(__file__).with_name("ops.npz"), **golden)
    print(f"{len(golden)} arrays")


if __name__ == "__main__":
    main()
