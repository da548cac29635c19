"""MNIST with a multilayer perceptron: at least 98.2 % of the 10,000 test images in 10 epochs.

    python examples/mnist_mlp.py

The data come from `ranvier.datasets.mnist`: a cache folder, the folder RANVIER_DATASETS names, or a download.
"""

from __future__ import annotations

import math
import time

from _data import mnist

import ranvier as keras
from ranvier import layers

EPOCHS, BATCH = 10, 128


def main() -> None:
    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = mnist()

    # The images stay bytes: batches are converted as they are gathered, and the first layer scales them.
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )
    # Large steps first, small ones at the end: worth more than half a percent against a constant rate.
    steps = EPOCHS * math.ceil(0.9 * len(x_train) / BATCH)
    rate = keras.optimizers.schedules.CosineDecay(0.002, decay_steps=steps)
    model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    start = time.perf_counter()
    model.fit(x_train, y_train, batch_size=BATCH, epochs=EPOCHS, validation_split=0.1)
    seconds = time.perf_counter() - start
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"\ntest accuracy {accuracy:.2%}, loss {loss:.4f}, after {EPOCHS} epochs in {seconds:.1f} s")


if __name__ == "__main__":
    main()
