"""The networks that every peer trains: sizes, batch, activations, loss, and what a step must cost at least."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Workload:
    """A multilayer perceptron with ReLU, trained by Adam in float32 on random data."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    loss: str  # "mse" or "cross_entropy"
    steps: int  # per epoch

    @property
    def weights(self) -> int:
        return sum((a + 1) * b for a, b in pairwise(self.sizes))

    @property
    def flops(self) -> float:
        """Multiply-adds of forward and both gradients (the first layer needs no input gradient), times two."""
        products = [a * b for a, b in pairwise(self.sizes)]
        return 2.0 * self.batch * (3 * sum(products) - products[0])

    @property
    def adam_bytes(self) -> float:
        """Weights, gradients and two moments read; weights and moments written."""
        return 7 * 4.0 * self.weights

    def floor_us(self, flops_per_second: float, bytes_per_second: float, cache_bytes: float = 4e6) -> float:
        """Step time at the machine's FMA peak; the update counts at memory speed when its state exceeds the caches."""
        memory = self.adam_bytes / bytes_per_second if self.adam_bytes > cache_bytes * 4 else 0.0
        return 1e6 * (self.flops / flops_per_second + memory)

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.steps * self.batch, self.sizes[0]), dtype=np.float32)
        if self.loss == "mse":
            return x, rng.standard_normal((len(x), self.sizes[-1]), dtype=np.float32)
        return x, rng.integers(0, self.sizes[-1], len(x)).astype(np.int32)


WORKLOADS = {
    w.name: w
    for w in (
        Workload("2-8-1", (2, 8, 1), 4, "mse", 2000),
        Workload("20-64-64-1", (20, 64, 64, 1), 32, "mse", 1000),
        Workload("784-128-10", (784, 128, 10), 32, "cross_entropy", 400),
        Workload("784-512-512-10", (784, 512, 512, 10), 128, "cross_entropy", 60),
        Workload("1024-1024-1024-1024-10", (1024, 1024, 1024, 1024, 10), 256, "cross_entropy", 12),
    )
}

# Ratio to the best peer that the project promises to reach.
TARGETS = {
    "2-8-1": 1.3,
    "20-64-64-1": 1.6,
    "784-128-10": 1.5,
    "784-512-512-10": 1.3,
    "1024-1024-1024-1024-10": 1.25,
}
