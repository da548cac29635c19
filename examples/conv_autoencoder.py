"""Take the noise off handwritten digits: a convolutional autoencoder learns what a clean image looks like.

    python examples/conv_autoencoder.py

Convolutions and pooling squeeze each image into 7 × 7 places, transposed convolutions draw it again. The noise does not
fit through, the digit does. The data come as in mnist_mlp.py.
"""

from __future__ import annotations

import time

import numpy as np
from _data import mnist, options
from _pictures import pyplot, save

import ranvier as keras
from ranvier import layers

NOISE = 0.5  # standard deviation; the strokes are 1


def build() -> keras.Sequential:
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ]
    )
    model.compile("adam", loss="binary_crossentropy")
    return model


def add_noise(images: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(scale=NOISE, size=images.shape)
    return np.clip(images + noise, 0, 1).astype("float32")


def decibels(images: np.ndarray, clean: np.ndarray) -> float:
    """Peak signal-to-noise ratio: 10 decibels more are a tenth of the squared error."""
    return -10 * float(np.log10(np.mean((images - clean) ** 2)))


def picture(noisy: np.ndarray, restored: np.ndarray, clean: np.ndarray) -> None:
    plt = pyplot()
    if plt is None:
        return
    figure, axes = plt.subplots(3, 10, figsize=(10, 3.3), layout="constrained")
    for line, images, name in zip(axes, (noisy, restored, clean), ("with noise", "restored", "original"), strict=True):
        for axis, image in zip(line, images, strict=False):
            axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
            axis.set_xticks([])
            axis.set_yticks([])
        line[0].set_ylabel(name)
    figure.suptitle("Test images: noise added, taken off by the autoencoder, and as they were")
    save(figure, "conv_autoencoder.png")


def main() -> None:
    chosen = options(__doc__.splitlines()[0], epochs=5).parse_args()
    keras.utils.set_random_seed(chosen.seed)
    (x_train, _), (x_test, _) = mnist(chosen.samples)
    clean_train, clean = (x[..., None].astype("float32") / 255 for x in (x_train, x_test))
    noisy_train, noisy = add_noise(clean_train, chosen.seed), add_noise(clean, chosen.seed + 1)

    model = build()
    model.summary()
    start = time.perf_counter()
    model.fit(noisy_train, clean_train, batch_size=128, epochs=chosen.epochs, validation_split=0.1)
    seconds = time.perf_counter() - start
    restored = model.predict(noisy, batch_size=128, verbose=0)
    print(
        f"\ntest images: {decibels(noisy, clean):.1f} dB with noise, {decibels(restored, clean):.1f} dB restored, "
        f"after {chosen.epochs} epochs in {seconds:.1f} s"
    )
    picture(noisy, restored, clean)


if __name__ == "__main__":
    main()
