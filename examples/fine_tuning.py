"""Transfer learning: what a network learnt about the digits 0 to 4 helps it to learn 5 to 9 from few examples.

    python examples/fine_tuning.py

A network is trained on 0-4 and saved. It is loaded again, its convolutions are frozen, and a new last layer learns 5-9
from 1, 3, 10 ... images of each; beside it the same network learns from nothing. The data come as in mnist_mlp.py.
"""

from __future__ import annotations

import numpy as np
from _data import mnist, options
from _pictures import pyplot, save

import ranvier as keras
from ranvier import layers

FEW = (1, 3, 10, 30, 100, 300)  # images of each digit


def build() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(5, activation="softmax"),
        ]
    )


def with_new_head(path: str) -> keras.Sequential:
    """The saved network with its convolutions frozen and a last layer that knows nothing."""
    *old, _ = keras.saving.load_model(path).layers
    for layer in old:
        layer.trainable = not isinstance(layer, layers.Conv2D)
    return keras.Sequential([keras.Input(shape=(28, 28, 1)), *old, layers.Dense(5, activation="softmax")])


def learn(model: keras.Sequential, x: np.ndarray, y: np.ndarray, steps: int) -> None:
    model.compile(keras.optimizers.Adam(0.001), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    batch = min(64, len(x))
    model.fit(x, y, batch_size=batch, epochs=max(1, round(steps * batch / len(x))), verbose=0)


def some_of_each(y: np.ndarray, count: int, seed: int) -> np.ndarray:
    order = np.random.default_rng(seed).permutation(len(y))
    return np.concatenate([order[y[order] == digit][:count] for digit in range(5)])


def picture(results: dict[str, list[float]]) -> None:
    plt = pyplot()
    if plt is None:
        return
    figure, axis = plt.subplots(figsize=(6.5, 4), layout="constrained")
    for (name, accuracies), style in zip(results.items(), ("o-", "s--"), strict=True):
        axis.plot(FEW[: len(accuracies)], accuracies, style, label=name)
    axis.set_xscale("log")
    axis.set_xticks(FEW, labels=[str(count) for count in FEW])
    axis.minorticks_off()
    axis.set(title="Reading 5 to 9", xlabel="images of each digit to learn from", ylabel="test accuracy")
    axis.yaxis.set_major_formatter("{x:.0%}")
    axis.grid(alpha=0.25)
    axis.legend(frameon=False)
    save(figure, "fine_tuning.png")


def main() -> None:
    parser = options(__doc__.splitlines()[0], epochs=3)
    parser.add_argument("--steps", type=int, default=200, help="steps of training on 5 to 9 (default 200)")
    parser.add_argument("--draws", type=int, default=3, help="choices of the few images, to take the mean (default 3)")
    chosen = parser.parse_args()
    keras.utils.set_random_seed(chosen.seed)
    (x_train, y_train), (x_test, y_test) = mnist(chosen.samples)
    x_train, x_test = x_train[..., None], x_test[..., None]
    low, high, high_test = y_train < 5, y_train >= 5, y_test >= 5

    print(f"first 0 to 4, from {low.sum():,} images")
    first = build()
    first.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    first.fit(x_train[low], y_train[low], batch_size=128, epochs=chosen.epochs)
    first.save("digits_0_to_4.rv")

    x_high, y_high = x_train[high], y_train[high] - 5
    x_test, y_test = x_test[high_test], y_test[high_test] - 5
    results: dict[str, list[float]] = {"fine-tuned": [], "from nothing": []}
    print(f"\nthen 5 to 9: mean test accuracy of {chosen.draws} draws\nimages of each   fine-tuned   from nothing")
    for count in FEW:
        for name, accuracies in results.items():
            found = []
            for draw in range(chosen.draws):
                rows = some_of_each(y_high, count, draw)
                keras.utils.set_random_seed(draw)
                model = with_new_head("digits_0_to_4.rv") if name == "fine-tuned" else build()
                learn(model, x_high[rows], y_high[rows], chosen.steps)
                found.append(model.evaluate(x_test, y_test, batch_size=128, verbose=0)[1])
            accuracies.append(float(np.mean(found)))
        print(f"{count:>14d}   {results['fine-tuned'][-1]:>10.2%}   {results['from nothing'][-1]:>12.2%}")
    picture(results)


if __name__ == "__main__":
    main()
