"""MNIST with a small convolutional network: more than 99.1 % of the 10,000 test images in 12 epochs.

    python examples/mnist_convnet.py             # train, test, and a picture of what it gets wrong and why
    python examples/mnist_convnet.py --augment   # learn from images that are turned and moved a little: 99.3 %

The network is that of Keras's own example; the data come as in mnist_mlp.py.
"""

from __future__ import annotations

import math
import time

import numpy as np
from _data import mnist, options
from _pictures import pyplot, save

import ranvier as keras
from ranvier import layers

BATCH = 128


def build(augment: bool, steps: int) -> keras.Sequential:
    distortions = [
        layers.RandomRotation(0.02, fill_mode="constant"),
        layers.RandomTranslation(0.05, 0.05, fill_mode="constant"),
        layers.RandomZoom(0.05, fill_mode="constant"),
    ]
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Rescaling(1 / 255),
            *(distortions if augment else []),  # in training only
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.2 if augment else 0.5),  # images that differ every time need less of it
            layers.Dense(10, activation="softmax"),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(0.002, decay_steps=steps)
    model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def picture(model: keras.Sequential, x: np.ndarray, truth: np.ndarray, probability: np.ndarray) -> None:
    """Digits it got wrong, and the places that speak for what it read."""
    if pyplot() is None:
        return
    guess = probability.argmax(axis=1)
    wrong = np.flatnonzero(guess != truth)
    # The most certain mistakes first; right answers fill up, so that there is always something to see.
    shown = [*sorted(wrong, key=lambda i: -probability[i].max()), *np.flatnonzero(guess == truth)][:16]
    heat = keras.explain.grad_cam(model, x[shown])
    titles = [f"read {guess[i]} ({probability[i].max():.0%}), is {truth[i]}" for i in shown]
    figure = keras.explain.plot(heat, x[shown], titles=titles, shared=False)
    figure.suptitle("What the network got wrong, and where it saw the digit it read (Grad-CAM)")
    save(figure, "mnist_convnet.png")


def main() -> None:
    parser = options(__doc__.splitlines()[0], epochs=12)
    parser.add_argument("--augment", action="store_true", help="turn and move the images a little in training")
    chosen = parser.parse_args()
    keras.utils.set_random_seed(chosen.seed)
    (x_train, y_train), (x_test, y_test) = mnist(chosen.samples)
    x_train, x_test = x_train[..., None], x_test[..., None]  # one channel

    model = build(chosen.augment, chosen.epochs * math.ceil(0.9 * len(x_train) / BATCH))
    model.summary()
    start = time.perf_counter()
    model.fit(x_train, y_train, batch_size=BATCH, epochs=chosen.epochs, validation_split=0.1)
    seconds = time.perf_counter() - start
    loss, _ = model.evaluate(x_test, y_test, batch_size=BATCH, verbose=0)
    probability = model.predict(x_test, batch_size=BATCH, verbose=0)
    wrong = int((probability.argmax(axis=1) != y_test).sum())
    print(
        f"\ntest accuracy {1 - wrong / len(y_test):.2%} ({wrong} of {len(y_test)} wrong), loss {loss:.4f}, "
        f"after {chosen.epochs} epochs in {seconds:.1f} s"
    )
    picture(model, x_test, y_test, probability)


if __name__ == "__main__":
    main()
