"""JAX: the whole epoch in one compiled lax.scan over batches laid out beforehand; dense networks only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax

from measure import NOT_COMPARED
from networks import Dense
from workloads import Workload


def epoch_runner(w: Workload) -> Callable[[], None]:
    if not all(isinstance(layer, Dense) for layer in w.layers):
        sys.exit(NOT_COMPARED)
    sizes = (*w.input_shape, *(layer.units for layer in w.layers))
    x, y = w.data()
    xs = jnp.asarray(x).reshape(w.steps, w.batch, -1)
    ys = jnp.asarray(y).reshape(w.steps, w.batch, *y.shape[1:])
    rng = np.random.default_rng(1)
    params = [
        (jnp.asarray(rng.standard_normal((a, b), dtype=np.float32) * np.float32(a**-0.5)), jnp.zeros(b))
        for a, b in pairwise(sizes)
    ]
    optimizer = optax.adam(1e-3)

    def loss_fn(params, xb, yb):
        for kernel, bias in params[:-1]:
            xb = jax.nn.relu(xb @ kernel + bias)
        out = xb @ params[-1][0] + params[-1][1]
        if w.loss == "mse":
            return jnp.mean((out - yb) ** 2)
        return optax.softmax_cross_entropy_with_integer_labels(out, yb).mean()

    def step(carry, batch):
        params, state = carry
        loss, grads = jax.value_and_grad(loss_fn)(params, *batch)
        updates, state = optimizer.update(grads, state)
        return (optax.apply_updates(params, updates), state), loss

    @jax.jit
    def scan_epoch(carry):
        return jax.lax.scan(step, carry, (xs, ys))

    carry = (params, optimizer.init(params))

    def epoch() -> None:
        nonlocal carry
        carry, losses = scan_epoch(carry)
        losses.block_until_ready()

    return epoch
