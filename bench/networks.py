"""A network as plain data, which every peer builds in its own words, and what its arithmetic amounts to."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod


@dataclass(frozen=True)
class Dense:
    units: int
    activation: str | None = None


@dataclass(frozen=True)
class Conv:
    filters: int
    kernel: int
    stride: int = 1
    padding: str = "same"
    activation: str | None = None
    bias: bool = True


@dataclass(frozen=True)
class Depthwise:
    """A 'same' convolution of each channel by itself, without a bias."""

    kernel: int
    stride: int = 1


@dataclass(frozen=True)
class BatchNorm:
    pass


@dataclass(frozen=True)
class Relu:
    pass


@dataclass(frozen=True)
class MaxPool:
    size: int


@dataclass(frozen=True)
class GlobalAverage:
    pass


@dataclass(frozen=True)
class Flatten:
    pass


@dataclass(frozen=True)
class Dropout:
    rate: float


@dataclass(frozen=True)
class Residual:
    """relu(main(x) + shortcut(x)); an empty shortcut is x itself."""

    main: tuple[object, ...]
    shortcut: tuple[object, ...] = field(default=())


@dataclass(frozen=True)
class Embedding:
    """Tokens (time,) to vectors (time, units)."""

    vocabulary: int
    units: int


@dataclass(frozen=True)
class Recurrent:
    """An output for each time step. `kind`: "LSTM", "GRU" (reset after the product) or "SimpleRNN" (tanh)."""

    kind: str
    units: int


@dataclass(frozen=True)
class Positions:
    """Adds a learned vector to each place in the sequence."""


@dataclass(frozen=True)
class LayerNorm:
    pass


@dataclass(frozen=True)
class TransformerBlock:
    """x += attention(norm(x)), causal; then x += dense(gelu(dense(norm(x)))), four times as wide in between."""

    heads: int


GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}

Layers = tuple[object, ...]
Shape = tuple[int, ...]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after, as TensorFlow and Keras share them out: the odd one goes behind."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _conv_sizes(shape: Shape, kernel: int, stride: int, padding: str) -> Shape:
    if padding == "same":
        return tuple(-(-d // stride) for d in shape[:-1])
    return tuple((d - kernel) // stride + 1 for d in shape[:-1])


def walk(layers: Layers, shape: Shape) -> tuple[Shape, list[tuple[int, int]]]:
    """The shape of one output, and (multiply-adds of one sample, weights) of each layer that has weights."""
    costs: list[tuple[int, int]] = []
    for layer in layers:
        match layer:
            case Dense(units=units):
                costs.append((prod(shape) * units, (shape[-1] + 1) * units))
                shape = (*shape[:-1], units)
            case Conv(filters=filters, kernel=kernel, stride=stride, padding=padding, bias=bias):
                out = _conv_sizes(shape, kernel, stride, padding)
                weights = kernel * kernel * shape[-1] * filters
                costs.append((prod(out) * weights, weights + bias * filters))
                shape = (*out, filters)
            case Depthwise(kernel=kernel, stride=stride):
                out = _conv_sizes(shape, kernel, stride, "same")
                weights = kernel * kernel * shape[-1]
                costs.append((prod(out) * weights, weights))
                shape = (*out, shape[-1])
            case BatchNorm():
                costs.append((0, 2 * shape[-1]))
            case MaxPool(size=size):
                shape = (*(d // size for d in shape[:-1]), shape[-1])
            case GlobalAverage():
                shape = shape[-1:]
            case Flatten():
                shape = (prod(shape),)
            case Residual(main=main, shortcut=shortcut):
                costs += walk(shortcut, shape)[1]
                shape, inner = walk(main, shape)
                costs += inner
            case Embedding(vocabulary=vocabulary, units=units):
                costs.append((0, vocabulary * units))
                shape = (*shape, units)
            case Recurrent(kind=kind, units=units):
                columns = GATES[kind] * units
                biases = columns * (2 if kind == "GRU" else 1)
                costs.append((shape[0] * (shape[1] + units) * columns, (shape[1] + units) * columns + biases))
                shape = (shape[0], units)
            case Positions():
                costs.append((0, prod(shape)))
            case LayerNorm():
                costs.append((0, 2 * shape[-1]))
            case TransformerBlock():
                time, width = shape
                pairs = time * (time + 1) // 2  # what a causal mask leaves
                costs.append((12 * width * width * time + 2 * width * pairs, 12 * width * width + 13 * width))
            case Relu() | Dropout():
                pass
            case _:
                raise TypeError(f"unknown layer {layer!r}")
    return shape, costs
