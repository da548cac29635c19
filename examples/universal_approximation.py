"""One hidden layer approximates any continuous function (Cybenko 1989, Hornik 1991): error against width.

python examples/universal_approximation.py
"""

from __future__ import annotations

import numpy as np
from _pictures import pyplot, save

import ranvier as keras
from ranvier import layers

WIDTHS = (1, 2, 4, 8, 16, 32, 64)


def target(x: np.ndarray) -> np.ndarray:
    return np.sin(3 * x) + 0.5 * np.abs(x) - 0.3 * np.cos(9 * x)


def fit(width: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The predictions of a network with one hidden layer of `width` tanh units."""
    keras.utils.set_random_seed(0)
    # Kinks spread over the interval: a start from which narrow and wide networks both learn.
    model = keras.Sequential(
        [
            keras.Input((1,)),
            layers.Dense(
                width,
                activation="tanh",
                kernel_initializer=keras.initializers.RandomNormal(stddev=4.0),
                bias_initializer=keras.initializers.RandomUniform(-4.0, 4.0),
            ),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    for rate, epochs in ((0.01, 600), (0.002, 300), (0.0005, 300)):
        model.optimizer.learning_rate = rate
        model.fit(x, y, batch_size=64, epochs=epochs, verbose=0)
    return model.predict(x, verbose=0)[:, 0]


def main() -> None:
    x = np.linspace(-2, 2, 512, dtype="float32")[:, None]
    y = target(x)
    print("width   weights   root mean square error")
    predictions, errors = {}, []
    for width in WIDTHS:
        predictions[width] = fit(width, x, y)
        errors.append(float(np.sqrt(np.mean((predictions[width] - y[:, 0]) ** 2))))
        print(f"{width:>5} {3 * width + 1:>9} {errors[-1]:>12.4f}  {'█' * max(1, round(60 * errors[-1]))}")

    plt = pyplot()
    if plt is None:
        return
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    left.plot(x, y, color="black", lw=3, alpha=0.3, label="the function")
    for width in (2, 8, 64):
        left.plot(x, predictions[width], label=f"{width} units")
    left.set(title="One hidden layer of tanh units", xlabel="x", ylabel="f(x)")
    left.legend()
    right.loglog(WIDTHS, errors, "o-")
    right.set(title="Error against width", xlabel="hidden units", ylabel="root mean square error")
    right.set_xticks(WIDTHS, labels=[str(width) for width in WIDTHS])
    right.minorticks_off()
    right.grid(which="both", alpha=0.3)
    save(figure, "universal_approximation.png")


if __name__ == "__main__":
    main()
