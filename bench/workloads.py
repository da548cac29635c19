"""What every peer trains: networks, batches, data, and what a step must cost at least."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from networks import (
    BatchNorm,
    Conv,
    Dense,
    Depthwise,
    Dropout,
    Embedding,
    Flatten,
    GlobalAverage,
    LayerNorm,
    Layers,
    MaxPool,
    Positions,
    Recurrent,
    Relu,
    Residual,
    Shape,
    TransformerBlock,
    walk,
)


@dataclass(frozen=True)
class Workload:
    """A network trained by Adam in float32 on random data."""

    name: str
    input_shape: Shape
    layers: Layers
    batch: int
    loss: str  # "mse" or "cross_entropy"
    steps: int  # per epoch
    target: float  # ratio to the best peer that the project promises to reach

    @property
    def outputs(self) -> int:
        """Of the last axis."""
        return walk(self.layers, self.input_shape)[0][-1]

    @property
    def vocabulary(self) -> int | None:
        """How many tokens there are, when the network reads tokens."""
        return self.layers[0].vocabulary if isinstance(self.layers[0], Embedding) else None

    @property
    def weights(self) -> int:
        return sum(weights for _, weights in walk(self.layers, self.input_shape)[1])

    @property
    def flops(self) -> float:
        """Multiply-adds of forward and both gradients (the first layer needs no input gradient), times two."""
        products = [cost for cost, _ in walk(self.layers, self.input_shape)[1]]
        return 2.0 * self.batch * (3 * sum(products) - products[0])

    @property
    def adam_bytes(self) -> float:
        """Weights, gradients and two moments read; weights and moments written."""
        return 7 * 4.0 * self.weights

    def floor_us(self, flops_per_second: float, bytes_per_second: float, cache_bytes: float = 4e6) -> float:
        """Step time at the machine's FMA peak; the update counts at memory speed when its state exceeds the caches.

        What layers between the products move (normalisation, pooling) is not counted: it might be fused away.
        """
        memory = self.adam_bytes / bytes_per_second if self.adam_bytes > cache_bytes * 4 else 0.0
        return 1e6 * (self.flops / flops_per_second + memory)

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        if self.vocabulary is not None:
            tokens = rng.integers(0, self.vocabulary, (2, self.steps * self.batch, *self.input_shape)).astype(np.int32)
            return tokens[0], tokens[1]
        x = rng.standard_normal((self.steps * self.batch, *self.input_shape), dtype=np.float32)
        if self.loss == "mse":
            return x, rng.standard_normal((len(x), self.outputs), dtype=np.float32)
        return x, rng.integers(0, self.outputs, len(x)).astype(np.int32)


def perceptron(sizes: tuple[int, ...], batch: int, loss: str, steps: int, target: float) -> Workload:
    """Dense layers with ReLU between them."""
    hidden = [Dense(n, "relu") for n in sizes[1:-1]]
    name = "-".join(map(str, sizes))
    return Workload(name, sizes[:1], (*hidden, Dense(sizes[-1])), batch, loss, steps, target)


def vgg_block(filters: int) -> Layers:
    """Twice convolution, normalisation, ReLU; then half the size."""
    return (*(Conv(filters, 3, bias=False), BatchNorm(), Relu()) * 2, MaxPool(2))


def residual_block(before: int, filters: int) -> Residual:
    """Of ResNet for CIFAR-10 (He et al. 2016), with a projection where the size changes."""
    stride = 1 if before == filters else 2
    main = (Conv(filters, 3, stride, bias=False), BatchNorm(), Relu(), Conv(filters, 3, bias=False), BatchNorm())
    return Residual(main, () if stride == 1 else (Conv(filters, 1, stride, bias=False), BatchNorm()))


def separable_block(filters: int, stride: int) -> Layers:
    """Of MobileNet (Howard et al. 2017): depthwise, then 1×1."""
    return (Depthwise(3, stride), BatchNorm(), Relu(), Conv(filters, 1, bias=False), BatchNorm(), Relu())


def stem(filters: int) -> Layers:
    return (Conv(filters, 3, bias=False), BatchNorm(), Relu())


CONVNET: Layers = (
    Conv(32, 3, padding="valid", activation="relu"),
    MaxPool(2),
    Conv(64, 3, padding="valid", activation="relu"),
    MaxPool(2),
    Flatten(),
    Dropout(0.5),
    Dense(10),
)
VGG: Layers = (*vgg_block(32), *vgg_block(64), *vgg_block(128), Flatten(), Dense(128, "relu"), Dense(10))
RESNET: Layers = (
    *stem(16),
    *(residual_block(a, b) for a, b in pairwise((16, 16, 16, 16, 32, 32, 32, 64, 64, 64))),
    GlobalAverage(),
    Dense(10),
)
MOBILENET: Layers = (
    *stem(32),
    *separable_block(64, 1),
    *separable_block(128, 2),
    *separable_block(128, 1),
    *separable_block(256, 2),
    *separable_block(256, 1),
    GlobalAverage(),
    Dense(10),
)

CHARACTERS = 65  # of Tiny Shakespeare


def char_rnn(kind: str, target: float) -> Workload:
    """Predicts the next character after each of 100."""
    layers = (Embedding(CHARACTERS, 64), Recurrent(kind, 128), Dense(CHARACTERS))
    return Workload(f"char-{kind.lower()}", (100,), layers, 64, "cross_entropy", 10, target)


def char_gpt(time: int, batch: int, steps: int) -> Workload:
    """A small GPT (Radford et al. 2019) of 4 blocks, with learned positions."""
    blocks = (TransformerBlock(4),) * 4
    layers = (Embedding(CHARACTERS, 128), Positions(), *blocks, LayerNorm(), Dense(CHARACTERS))
    return Workload(f"char-gpt-{time}", (time,), layers, batch, "cross_entropy", steps, 2.0)


WORKLOADS = {
    w.name: w
    for w in (
        perceptron((2, 8, 1), 4, "mse", 2000, 1.3),
        perceptron((20, 64, 64, 1), 32, "mse", 1000, 1.6),
        perceptron((784, 128, 10), 32, "cross_entropy", 400, 1.5),
        perceptron((784, 512, 512, 10), 128, "cross_entropy", 60, 1.3),
        perceptron((1024, 1024, 1024, 1024, 10), 256, "cross_entropy", 12, 1.25),
        Workload("mnist-convnet", (28, 28, 1), CONVNET, 128, "cross_entropy", 20, 2.0),
        Workload("vgg-bn", (32, 32, 3), VGG, 64, "cross_entropy", 6, 1.3),
        Workload("resnet-20", (32, 32, 3), RESNET, 64, "cross_entropy", 6, 1.3),
        Workload("mobilenet", (32, 32, 3), MOBILENET, 64, "cross_entropy", 6, 1.5),
        char_rnn("LSTM", 2.0),
        char_rnn("GRU", 2.5),
        char_rnn("SimpleRNN", 2.0),
        char_gpt(64, 12, 10),
        char_gpt(256, 16, 3),
    )
}
GROUPS = {
    "dense": [name for name, w in WORKLOADS.items() if len(w.input_shape) == 1 and w.vocabulary is None],
    "images": [name for name, w in WORKLOADS.items() if len(w.input_shape) == 3],
    "sequences": [name for name, w in WORKLOADS.items() if w.vocabulary is not None],
}


def ending_in_softmax(w: Workload) -> Workload:
    """The network as it is used after training."""
    return replace(w, layers=(*w.layers[:-1], replace(w.layers[-1], activation="softmax")))


# Networks that answer for one row at a time.
ROWS = {name: ending_in_softmax(WORKLOADS[name]) for name in ("784-128-10", "mnist-convnet")}

STEP = 64, 128  # features and units of the LSTM that is fed one step at a time
GENERATORS = ("char-gpt-64", "char-gpt-256")
