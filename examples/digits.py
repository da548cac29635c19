"""Read handwritten digits: train a small network on the 1,797 real 8×8 images that ship with ranvier.

python examples/digits.py              # one network: training, test, mistakes, save and load, pictures
python examples/digits.py --seeds 5    # the same network from five starts, and the mean test accuracy
"""

from __future__ import annotations

import argparse

import numpy as np
from _pictures import pyplot, save

import ranvier as keras
from ranvier import layers

EPOCHS = 40


def load() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    (x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
    # validation_split takes the last rows, and rows come writer by writer: mix them, so that it gets some of each.
    order = np.random.default_rng(0).permutation(len(x_train))
    return (x_train[order].astype("float32") / 16, y_train[order]), (x_test.astype("float32") / 16, y_test)


def build(seed: int) -> keras.Sequential:
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input(shape=(8, 8)),
            layers.Flatten(),
            layers.GaussianNoise(0.25),  # blurred pens: 1,437 images are few, and noise makes each of them many
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(0.003, decay_steps=EPOCHS * 41)  # 41 batches of 32 an epoch
    model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model: keras.Sequential, x: np.ndarray, y: np.ndarray, verbose: int | str) -> keras.callbacks.History:
    return model.fit(x, y, batch_size=32, epochs=EPOCHS, validation_split=0.1, verbose=verbose)


def confusion_table(truth: np.ndarray, guess: np.ndarray) -> str:
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (truth, guess), 1)
    lines = ["true ╲ read " + "".join(f"{d:4d}" for d in range(10))]
    for digit, row in enumerate(counts):
        lines.append(f"{digit:>11d} " + "".join(f"{n:4d}" if n else "   ·" for n in row))
    return "\n".join(lines)


def draw(image: np.ndarray) -> str:
    shades = " ░▒▓█"
    return "\n".join("".join(2 * shades[min(4, int(4.99 * v))] for v in row) for row in image)


def pictures(history: keras.callbacks.History, x: np.ndarray, truth: np.ndarray, probability: np.ndarray) -> None:
    plt = pyplot()
    if plt is None:
        return
    save(history.plot(), "digits_curves.png")
    guess = probability.argmax(axis=1)
    wrong = np.flatnonzero(guess != truth)[:6]
    shown = np.concatenate([np.flatnonzero(guess == truth)[: 12 - len(wrong)], wrong])
    figure, axes = plt.subplots(2, 6, figsize=(9, 4.4), layout="constrained")
    for axis, i in zip(axes.flat, shown, strict=True):
        axis.imshow(x[i], cmap="gray_r")
        axis.set_title(
            f"read {guess[i]} ({probability[i].max():.0%})" + ("" if guess[i] == truth[i] else f"\nis {truth[i]}"),
            color="black" if guess[i] == truth[i] else "crimson",
            fontsize=9,
        )
        axis.axis("off")
    figure.suptitle("What the network reads on digits it has not seen")
    save(figure, "digits_predictions.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="train from this many starts and report the mean")
    options = parser.parse_args()
    (x_train, y_train), (x_test, y_test) = load()

    if options.seeds > 1:
        accuracies = []
        for seed in range(options.seeds):
            model = build(seed)
            train(model, x_train, y_train, verbose=0)
            accuracies.append(model.evaluate(x_test, y_test, verbose=0)[1])
            print(f"seed {seed}: test accuracy {accuracies[-1]:.2%}")
        print(f"mean of {options.seeds}: {np.mean(accuracies):.2%}")
        return

    print(f"{len(x_train)} images to learn from, {len(x_test)} to be tested on; one of them:\n{draw(x_train[0])}\n")
    model = build(seed=0)
    model.summary()
    history = train(model, x_train, y_train, verbose="auto")

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    probability = model.predict(x_test, verbose=0)
    guess = probability.argmax(axis=1)
    wrong = np.flatnonzero(guess != y_test)
    print(f"\ntest accuracy {accuracy:.2%} ({len(wrong)} of {len(y_test)} wrong), loss {loss:.4f}\n")
    print(confusion_table(y_test, guess))
    for i in wrong[:2]:
        print(f"\nread as {guess[i]} ({probability[i, guess[i]]:.0%} sure), is {y_test[i]}:\n{draw(x_test[i])}")

    model.save("digits.rv")
    loaded = keras.saving.load_model("digits.rv")
    same = np.array_equal(loaded.predict(x_test, verbose=0), probability)
    print(f"\nsaved to digits.rv and loaded back: predictions {'identical' if same else 'DIFFER'}")
    pictures(history, x_test, y_test, probability)


if __name__ == "__main__":
    main()
