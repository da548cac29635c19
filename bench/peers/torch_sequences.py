"""Recurrent networks and a GPT in PyTorch: for training, step by step, and for generation with a key/value cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import networks as nets


class Recurrent(nn.Module):
    """The output of each time step, without the state."""

    def __init__(self, kind: str, features: int, units: int) -> None:
        super().__init__()
        self.rnn = getattr(nn, {"SimpleRNN": "RNN"}.get(kind, kind))(features, units, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rnn(x)[0]


class Positions(nn.Module):
    def __init__(self, time: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(0.02 * torch.randn(time, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.table

    def step(self, x: torch.Tensor, place: int) -> torch.Tensor:
        return x + self.table[place]


class TransformerBlock(nn.Module):
    """Queries, keys and values by one product; fused attention."""

    def __init__(self, time: int, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.time = heads, time
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def split(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """q, k, v as (batch, heads, time, size)."""
        batch, time, width = x.shape
        return self.qkv(x).view(batch, time, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)

    def mlp(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.narrow(F.gelu(self.wide(self.norm2(x))))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.scaled_dot_product_attention(*self.split(self.norm1(x)), is_causal=True)
        return self.mlp(x + self.out(y.transpose(1, 2).reshape(x.shape)))

    def make_cache(self) -> None:
        width = self.out.in_features
        self.keys, self.values = torch.zeros(2, 1, self.heads, self.time, width // self.heads).unbind(0)

    def step(self, x: torch.Tensor, place: int) -> torch.Tensor:
        """One token, (1, 1, width), after `place` others."""
        q, k, v = self.split(self.norm1(x))
        self.keys[:, :, place] = k[:, :, 0]
        self.values[:, :, place] = v[:, :, 0]
        y = F.scaled_dot_product_attention(q, self.keys[:, :, : place + 1], self.values[:, :, : place + 1])
        return self.mlp(x + self.out(y.reshape(x.shape)))


def module(layer: object, shape: nets.Shape) -> nn.Module:
    match layer:
        case nets.Embedding(vocabulary=vocabulary, units=units):
            return nn.Embedding(vocabulary, units)
        case nets.Recurrent(kind=kind, units=units):
            return Recurrent(kind, shape[-1], units)
        case nets.Positions():
            return Positions(*shape)
        case nets.LayerNorm():
            return nn.LayerNorm(shape[-1])
        case nets.TransformerBlock(heads=heads):
            return TransformerBlock(*shape, heads)
    raise TypeError(f"unknown layer {layer!r}")


class Generation:
    """Tokens drawn one after another by a GPT that keeps its keys and values."""

    def __init__(self, model: nn.Module) -> None:
        self.layers = list(model.children())
        for layer in self.layers:
            if isinstance(layer, TransformerBlock):
                layer.make_cache()

    def __call__(self, count: int, first: int = 0) -> list[int]:
        with torch.inference_mode():
            token = torch.tensor([[first]])
            tokens = [token]
            for place in range(count):
                x = token
                for layer in self.layers:
                    x = layer.step(x, place) if hasattr(layer, "step") else layer(x)
                token = torch.multinomial(torch.softmax(x[0], -1), 1)
                tokens.append(token)
            return torch.cat(tokens).flatten().tolist()


def step_calls(features: int, units: int, x: np.ndarray) -> Iterator[tuple[str, Callable[[], object]]]:
    """One step of an LSTM whose state is carried on, by the layer and by the cell, on one thread (its fastest here)."""
    torch.set_num_threads(1)
    step = torch.from_numpy(x)
    layer, cell = nn.LSTM(features, units, batch_first=True), nn.LSTMCell(features, units)
    state = None

    def by_layer() -> object:
        nonlocal state
        with torch.inference_mode():
            y, state = layer(step, state)
        return y

    yield "LSTM", by_layer
    state = None
    row = step[:, 0]

    def by_cell() -> object:
        nonlocal state
        with torch.inference_mode():
            state = cell(row, state)
        return state[0]

    yield "LSTMCell", by_cell
