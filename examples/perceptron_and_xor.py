"""What one neuron can learn, what it cannot, and why a hidden layer with a non-linearity can.

Rosenblatt's perceptron (1958) learns AND and OR. No line separates XOR (Minsky & Papert 1969), stacking linear layers
only makes another linear layer, and a hidden layer with a non-linearity solves it.

    python examples/perceptron_and_xor.py
"""

from __future__ import annotations

import numpy as np

import ranvier as keras
from ranvier import layers, ops

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype="float32")
GATES = {
    "AND": np.array([0, 0, 0, 1], dtype="float32"),
    "OR": np.array([0, 1, 1, 1], dtype="float32"),
    "XOR": np.array([0, 1, 1, 0], dtype="float32"),
}


def learn_by_rosenblatts_rule(targets: np.ndarray, epochs: int = 25) -> tuple[keras.Sequential, int | None]:
    """w += (target − output)·input for one sample after the other; returns the epoch that made no mistake, if any."""
    neuron = keras.Sequential([keras.Input((2,)), layers.Dense(1, activation="step", kernel_initializer="zeros")])
    kernel, bias = neuron.weights
    for epoch in range(1, epochs + 1):
        mistakes = 0
        for x, target in zip(INPUTS, targets, strict=True):
            error = float(target) - float(neuron(x[None, :])[0, 0])
            if error != 0:
                kernel.assign(kernel + error * x[:, None])
                bias.assign(bias + error)
                mistakes += 1
        if mistakes == 0:
            return neuron, epoch
    return neuron, None


def outputs(model: keras.Sequential) -> str:
    predictions = model.predict(INPUTS, verbose=0)[:, 0]
    return "  ".join(f"{a:.0f},{b:.0f} → {y:.2f}" for (a, b), y in zip(INPUTS, predictions, strict=True))


def main() -> None:
    keras.utils.set_random_seed(1)
    print("1. One threshold unit, Rosenblatt's rule")
    for name, targets in GATES.items():
        neuron, epoch = learn_by_rosenblatts_rule(targets)
        result = f"no mistakes from epoch {epoch} on" if epoch else "still wrong after 25 epochs: no line separates it"
        print(f"   {name:<4} {outputs(neuron)}   {result}")

    print("\n2. Two linear layers are one linear layer")
    stack = keras.Sequential([keras.Input((2,)), layers.Dense(8), layers.Dense(1)])
    stack.compile(optimizer=keras.optimizers.Adam(0.05), loss="mse")
    stack.fit(INPUTS, GATES["XOR"], batch_size=4, epochs=500, verbose=0)
    first, second = stack.layers
    product = ops.matmul(first.kernel, second.kernel)
    offset = ops.matmul(ops.reshape(first.bias, (1, 8)), second.kernel) + second.bias
    collapsed = INPUTS @ product.numpy() + offset.numpy()
    gap = np.abs(collapsed - stack.predict(INPUTS, verbose=0)).max()
    print(f"   XOR  {outputs(stack)}   the best a line can do is ½ everywhere")
    print(f"   the single matrix {np.round(product.numpy().ravel(), 3) + 0.0} gives the same outputs, up to {gap:.1e}")

    print("\n3. A hidden layer with tanh between them")
    network = keras.Sequential(
        [keras.Input((2,)), layers.Dense(8, activation="tanh"), layers.Dense(1, activation="sigmoid")]
    )
    network.compile(optimizer=keras.optimizers.Adam(0.05), loss="binary_crossentropy")
    history = network.fit(INPUTS, GATES["XOR"], batch_size=4, epochs=500, verbose=0)
    print(f"   XOR  {outputs(network)}   loss {history.history['loss'][-1]:.4f}")
    right = np.array_equal(network.predict(INPUTS, verbose=0)[:, 0] > 0.5, GATES["XOR"] == 1)
    print("   solved" if right else "   NOT solved")


if __name__ == "__main__":
    main()
