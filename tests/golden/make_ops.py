"""Writes ops.npz: values and gradients of `op_cases.cases` by Keras 3 on JAX, all in float64.

Run with an environment that has keras and jax:
    python tests/golden/make_ops.py

(Keras on PyTorch would compute means, products and losses in float32 whatever the inputs are.)

Names: ``<op>/<case>/x0``, ``x1`` … the inputs, ``y`` the result, ``dx0`` … the gradients when `dy_of` is given to it.
"""

from __future__ import annotations

import os
import sys
from operator import attrgetter
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
sys.path.insert(0, str(Path(__file__).parent))

import jax
import jax.numpy as jnp
import keras
import numpy as np
from op_cases import Case, arrays_of, cases, dy_of

# What Keras computes in float32 whatever it is given, also inside its losses.
for name in ("mean", "var", "sin", "cos", "tanh"):
    setattr(keras.src.backend.numpy, name, getattr(jnp, name))


def log_cosh(y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
    """Keras's, but with its logarithm of 2 in float64."""
    e = y_pred - y_true
    return jnp.mean(jnp.logaddexp(e, -e) - np.log(2), axis=-1)


def normalization(x: jax.Array, scale: jax.Array, shift: jax.Array, *, layer: Any) -> jax.Array:
    """The layer's formula in float64. Keras takes the statistics in float32, hence the tolerance of the comparison."""
    axes = [a % x.ndim for a in ([layer.axis] if isinstance(layer.axis, int) else layer.axis)]
    over = tuple(set(range(x.ndim)) - set(axes) if "Batch" in type(layer).__name__ else axes)
    shape = [n if i in axes else 1 for i, n in enumerate(x.shape)]
    centred = x - jnp.mean(x, over, keepdims=True)
    rstd = 1 / jnp.sqrt(jnp.mean(centred**2, over, keepdims=True) + layer.epsilon)
    return centred * rstd * scale.reshape(shape) + shift.reshape(shape)


def call(case: Case, inputs: list[jax.Array]) -> Any:
    """The result of the case; a layer gets its scale and shift as inputs."""
    if case.path == "losses.log_cosh":
        return log_cosh(*inputs)
    target = attrgetter(case.path)(keras)
    if not case.path.startswith("layers."):
        return target(inputs, **case.kwargs) if case.listed else target(*inputs, **case.kwargs)
    layer = target(**case.kwargs, dtype="float64")
    return normalization(*inputs, layer=layer)


def check_layer(case: Case, arrays: list[np.ndarray], y: np.ndarray) -> None:
    """The formula above is the layer's."""
    layer = attrgetter(case.path)(keras)(**case.kwargs, dtype="float64")
    layer.build(arrays[0].shape)
    fixed = [v.value for v in layer.non_trainable_variables]
    mode = {"training": True} if fixed else {}  # batch statistics
    from_keras, _ = layer.stateless_call(arrays[1:], fixed, arrays[0], **mode)
    np.testing.assert_allclose(y, from_keras, rtol=1e-5, atol=1e-5)


def main() -> None:
    """Runs everything and saves it beside this file."""
    keras.config.set_floatx("float64")
    golden: dict[str, np.ndarray] = {}
    for case in cases():
        arrays = arrays_of(case)
        for i, array in enumerate(arrays):
            golden[f"{case.name}/x{i}"] = array
        inputs = [jnp.asarray(a) for a in arrays]

        def f(*wanted: jax.Array, case: Case = case, inputs: list[jax.Array] = inputs) -> Any:
            values = list(inputs)
            for i, value in zip(case.gradients, wanted, strict=True):
                values[i] = value
            return call(case, values)

        y, pull = jax.vjp(f, *(inputs[i] for i in case.gradients))
        golden[f"{case.name}/y"] = np.asarray(y)
        if case.path.startswith("layers."):
            check_layer(case, arrays, np.asarray(y))
        for i, dx in zip(case.gradients, pull(jnp.asarray(dy_of(y.shape), y.dtype)), strict=True):
            golden[f"{case.name}/dx{i}"] = np.asarray(dx)
    single = sorted({name.rsplit("/", 1)[0] for name, value in golden.items() if value.dtype == np.float32})
    if single:
        raise SystemExit(f"computed in float32: {single}")
    np.savez_compressed(Path(__file__).with_name("ops.npz"), **golden)
    print(f"{len(golden)} arrays")


if __name__ == "__main__":
    main()
