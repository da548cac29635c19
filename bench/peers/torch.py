"""PyTorch eager with the fused Adam; batches are views made beforehand."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise

import torch

from workloads import Workload


def epoch_runner(w: Workload) -> Callable[[], None]:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    x, y = w.data()
    parts: list[torch.nn.Module] = []
    for a, b in pairwise(w.sizes[:-1]):
        parts += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    model = torch.nn.Sequential(*parts, torch.nn.Linear(w.sizes[-2], w.sizes[-1]))
    loss_fn = torch.nn.functional.mse_loss if w.loss == "mse" else torch.nn.functional.cross_entropy
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    xs = torch.from_numpy(x).split(w.batch)
    ys = torch.from_numpy(y if w.loss == "mse" else y.astype("int64")).split(w.batch)

    def epoch() -> None:
        for xb, yb in zip(xs, ys, strict=True):
            optimizer.zero_grad()
            loss_fn(model(xb), yb).backward()
            optimizer.step()

    return epoch
