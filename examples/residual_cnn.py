"""A residual network with the functional API, and the same layers without shortcuts beside it.

    python examples/residual_cnn.py                   # MNIST
    python examples/residual_cnn.py --data cifar10    # also fashion_mnist; downloaded when they are not there

A block learns what to add to its input (He et al. 2015), so gradients reach the first layers of a deep network on a
straight way. Without the shortcuts the same layers learn more slowly: that is what the picture shows.
"""

from __future__ import annotations

import math
import time

import numpy as np
from _data import options
from _pictures import pyplot, save

import ranvier as keras
from ranvier import layers

BATCH = 128
MOMENTUM = 0.9  # the averages of batch normalisation keep up with short training (Keras's default is 0.99)


def block(x: keras.KerasTensor, filters: int, strides: int, shortcut: bool) -> keras.KerasTensor:
    y = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization(momentum=MOMENTUM)(y)
    y = layers.Activation("relu")(y)
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization(momentum=MOMENTUM)(y)
    if shortcut:
        if x.shape[1:] != y.shape[1:]:
            x = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
            x = layers.BatchNormalization(momentum=MOMENTUM)(x)
        y = layers.add([x, y])
    return layers.Activation("relu")(y)


def build(shape: tuple[int, ...], blocks: int, shortcut: bool, steps: int) -> keras.Model:
    inputs = keras.Input(shape=shape)
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=MOMENTUM)(x)
    x = layers.Activation("relu")(x)
    for filters in (16, 32):
        for i in range(blocks):
            x = block(x, filters, 2 if filters > 16 and i == 0 else 1, shortcut)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(10, activation="softmax")(x)
    model = keras.Model(inputs, outputs, name="residual" if shortcut else "plain")
    rate = keras.optimizers.schedules.CosineDecay(0.003, decay_steps=steps)
    model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def load(name: str, samples: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except ConnectionError as error:  # says where to put the files by hand
        raise SystemExit(str(error)) from None
    if x_train.ndim == 3:
        x_train, x_test = x_train[..., None], x_test[..., None]
    return x_train[:samples], y_train[:samples], x_test, y_test


def picture(histories: dict[str, keras.callbacks.History], data: str) -> None:
    plt = pyplot()
    if plt is None:
        return
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for name, history in histories.items():
        epochs = [epoch + 1 for epoch in history.epoch]
        for axis, key in zip(axes, ("loss", "val_accuracy"), strict=True):
            axis.plot(epochs, history.history[key], "o-", label=name)
            axis.set(xlabel="epoch", xticks=epochs)
            axis.grid(alpha=0.25)
    axes[0].set_title("loss in training")
    axes[0].set_yscale("log")
    axes[1].set_title("accuracy on images held back")
    axes[0].legend(frameon=False)
    figure.suptitle(f"The same layers with and without shortcuts, on {data.upper().replace('_', '-')}")
    save(figure, "residual_cnn.png")


def main() -> None:
    parser = options(__doc__.splitlines()[0], epochs=3)
    parser.add_argument("--data", choices=("mnist", "fashion_mnist", "cifar10"), default="mnist")
    parser.add_argument("--blocks", type=int, default=5, help="residual blocks of each width (default 5)")
    chosen = parser.parse_args()
    x_train, y_train, x_test, y_test = load(chosen.data, chosen.samples)
    steps = chosen.epochs * math.ceil(0.9 * len(x_train) / BATCH)
    histories = {}
    for shortcut in (True, False):
        keras.utils.set_random_seed(chosen.seed)
        model = build(x_train.shape[1:], chosen.blocks, shortcut, steps)
        if shortcut:
            model.summary()
        print(f"\n{model.name}: {model.count_params():,} weights, {4 * chosen.blocks + 2} layers deep")
        start = time.perf_counter()
        histories[model.name] = model.fit(
            x_train, y_train, batch_size=BATCH, epochs=chosen.epochs, validation_split=0.1
        )
        seconds = time.perf_counter() - start
        loss, accuracy = model.evaluate(x_test, y_test, batch_size=BATCH, verbose=0)
        print(f"{model.name}: test accuracy {accuracy:.2%}, loss {loss:.4f}, in {seconds:.1f} s")
    picture(histories, chosen.data)


if __name__ == "__main__":
    main()
