"""PyTorch eager with the fused Adam; batches are views made beforehand, images channels_last (its fastest here)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

import networks as nets
from peers import torch_sequences
from workloads import Workload


class Same(nn.Module):
    """A convolution padded as Keras pads: with the odd zero behind."""

    def __init__(self, conv: nn.Conv2d, before: int, after: int) -> None:
        super().__init__()
        self.conv = conv
        self.pad = nn.ZeroPad2d((before, after, before, after))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(self.pad(x))


class Residual(nn.Module):
    def __init__(self, main: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.main, self.shortcut = main, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.main(x) + self.shortcut(x))


def convolution(
    shape: nets.Shape, filters: int, kernel: int, stride: int, groups: int, bias: bool, same: bool
) -> nn.Module:
    before, after = nets.same_padding(shape[0], kernel, stride) if same else (0, 0)
    conv = nn.Conv2d(shape[-1], filters, kernel, stride, before if before == after else 0, groups=groups, bias=bias)
    return conv if before == after else Same(conv, before, after)


def modules(layers: nets.Layers, shape: nets.Shape) -> list[nn.Module]:
    """Modules that compute the layers on NCHW tensors; `shape` is Keras's (height, width, channels)."""
    out: list[nn.Module] = []
    for layer in layers:
        activation = getattr(layer, "activation", None)
        match layer:
            case nets.Dense(units=units):
                out.append(nn.Linear(shape[-1], units))
            case nets.Conv(filters=filters, kernel=kernel, stride=stride, padding=padding, bias=bias):
                out.append(convolution(shape, filters, kernel, stride, 1, bias, padding == "same"))
            case nets.Depthwise(kernel=kernel, stride=stride):
                out.append(convolution(shape, shape[-1], kernel, stride, shape[-1], False, True))
            case nets.BatchNorm():
                out.append(nn.BatchNorm2d(shape[-1]))
            case nets.Relu():
                out.append(nn.ReLU(inplace=True))
            case nets.MaxPool(size=size):
                out.append(nn.MaxPool2d(size))
            case nets.GlobalAverage():
                out += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            case nets.Flatten():
                out.append(nn.Flatten())
            case nets.Dropout(rate=rate):
                out.append(nn.Dropout(rate))
            case nets.Residual(main=main, shortcut=shortcut):
                out.append(Residual(nn.Sequential(*modules(main, shape)), nn.Sequential(*modules(shortcut, shape))))
            case _:
                out.append(torch_sequences.module(layer, shape))
        if activation is not None:
            out.append(nn.ReLU(inplace=True) if activation == "relu" else nn.Softmax(dim=-1))
        shape = nets.walk((layer,), shape)[0]
    return out


def build(w: Workload) -> nn.Module:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    return nn.Sequential(*modules(w.layers, w.input_shape)).to(memory_format=torch.channels_last)


def images(x: torch.Tensor) -> torch.Tensor:
    """(rows, height, width, channels) as NCHW in channels_last memory; other data as it is."""
    return x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def epoch_runner(w: Workload) -> Callable[[], None]:
    x, y = w.data()
    model = build(w)

    def loss_fn(out: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if w.loss == "mse":
            return nn.functional.mse_loss(out, target)
        return nn.functional.cross_entropy(out.flatten(0, -2), target.flatten())

    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    xs = images(torch.from_numpy(x if w.vocabulary is None else x.astype("int64"))).split(w.batch)
    ys = torch.from_numpy(y if w.loss == "mse" else y.astype("int64")).split(w.batch)

    def epoch() -> None:
        for xb, yb in zip(xs, ys, strict=True):
            optimizer.zero_grad()
            loss_fn(model(xb), yb).backward()
            optimizer.step()

    return epoch


def row_calls(w: Workload, row: np.ndarray) -> dict[str, Callable[[], object]]:
    model = build(w).eval()
    x = images(torch.from_numpy(row))

    def call() -> object:
        with torch.inference_mode():
            return model(x)

    return {"model(x)": call}


step_calls = torch_sequences.step_calls


def generations(w: Workload) -> Iterator[tuple[str, Callable[[int], list[int]]]]:
    """Ways to draw so many tokens from the GPT, one sequence."""
    generate = torch_sequences.Generation(build(w))
    for threads in {1, len(os.sched_getaffinity(0))}:
        torch.set_num_threads(threads)
        yield f"{threads} threads" if threads > 1 else "1 thread", generate
