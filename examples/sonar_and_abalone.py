"""Tables: tell mines from rocks by their echoes, and the age of sea snails by their measures.

    python examples/sonar_and_abalone.py           # a few seconds; with scikit-learn installed, its MLP beside ours
    python examples/sonar_and_abalone.py --quick   # fewer folds

What one does with a table: numbers brought to one scale, categories made columns, dropout against learning by heart,
training stopped when rows held back get worse, and every row judged by a network that has not seen it
(cross-validation). The data are looked for in RANVIER_DATASETS and else downloaded.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from _data import loaded
from _pictures import pyplot, save

import ranvier as keras
from ranvier import layers

NETWORKS = 5  # for the sonar, of which the mean is taken

Array = np.ndarray
Method = Callable[[Array, Array, Array], Array]  # x and y to learn from, x to judge -> what it says


def folds(y: Array, count: int) -> list[Array]:
    """The rows cut into `count` parts, each with its share of the small and the large `y`."""
    order = np.random.default_rng(0).permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    return [order[i::count] for i in range(count)]


def cross_validated(method: Method, x: Array, y: Array, count: int) -> Array:
    """For each row what `method` says about it after learning from the other parts."""
    said = np.empty(len(y))
    for test in folds(y, count):
        others = np.setdiff1d(np.arange(len(y)), test)
        said[test] = method(x[others], y[others], x[test])
    return said


def train(model: keras.Sequential, x: Array, y: Array, patience: int, seed: int = 0) -> None:
    """Until the tenth of the rows that is held back has not improved for `patience` epochs; then the best weights."""
    order = np.random.default_rng(seed).permutation(len(x))  # the rows held back are the last ones
    stop = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
    model.fit(x[order], y[order], batch_size=32, epochs=400, validation_split=0.1, callbacks=[stop], verbose=0)


def mine_or_rock(x: Array, y: Array, unknown: Array) -> Array:
    """The mean probability of a mine from several networks: so few rows leave much to chance."""
    keras.utils.set_random_seed(0)
    scale = layers.Normalization()
    scale.adapt(x)
    total = np.zeros(len(unknown))
    for seed in range(NETWORKS):
        model = keras.Sequential(
            [
                keras.Input(shape=(60,)),
                scale,
                layers.GaussianNoise(0.3),
                layers.Dense(64, activation="relu"),
                layers.Dropout(0.3),
                layers.Dense(32, activation="relu"),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.compile(keras.optimizers.Adam(0.003), loss="binary_crossentropy")
        train(model, x, y, patience=60, seed=seed)
        total += model.predict(unknown, verbose=0)[:, 0]
    return total / NETWORKS


def rings(x: Array, y: Array, unknown: Array) -> Array:
    """The number of rings; targets are learnt on the scale of the numbers that go in."""
    keras.utils.set_random_seed(0)
    scale = layers.Normalization()
    scale.adapt(x)
    model = keras.Sequential(
        [
            keras.Input(shape=(x.shape[1],)),
            scale,
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.1),
            layers.Dense(32, activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.002), loss="mse")
    mean, deviation = y.mean(), y.std()
    train(model, x, (y - mean) / deviation, patience=15)
    return model.predict(unknown, verbose=0)[:, 0] * deviation + mean


def always_a_mine(x: Array, y: Array, unknown: Array) -> Array:
    return np.ones(len(unknown))


def mean_of_all(x: Array, y: Array, unknown: Array) -> Array:
    return np.full(len(unknown), y.mean())


def least_squares(x: Array, y: Array, unknown: Array) -> Array:
    """The straight line: what a network must beat."""
    ones = [np.column_stack([part, np.ones(len(part))]) for part in (x, unknown)]
    return ones[1] @ np.linalg.lstsq(ones[0], y, rcond=None)[0]


def scikit_learn(kind: str) -> Method | None:
    """scikit-learn's MLP of the same size, as it is by default otherwise; None where it is not installed."""
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier, MLPRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ModuleNotFoundError:
        return None

    def method(x: Array, y: Array, unknown: Array) -> Array:
        network, count = (MLPClassifier, NETWORKS) if kind == "classifier" else (MLPRegressor, 1)
        total = np.zeros(len(unknown))
        for seed in range(count):
            one = network(hidden_layer_sizes=(64, 32), max_iter=400, random_state=seed)
            pipeline = make_pipeline(StandardScaler(), one)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                pipeline.fit(x, y)
            total += pipeline.predict_proba(unknown)[:, 1] if kind == "classifier" else pipeline.predict(unknown)
        return total / count

    return method


def compare(methods: dict[str, Method | None], x: Array, y: Array, count: int, judge: Callable) -> dict[str, Array]:
    """Prints a line for each method, and returns what each said."""
    results = {}
    for name, method in methods.items():
        if method is None:
            continue
        start = time.perf_counter()
        results[name] = cross_validated(method, x, y, count)
        print(f"{name:<24}{judge(results[name], y)}   {time.perf_counter() - start:>7.1f} s")
    return results


def accuracy(said: Array, y: Array) -> str:
    return f"{np.mean((said > 0.5) == y):>9.1%}   {area(*curve(said, y)):>8.3f}"


def errors(said: Array, y: Array) -> str:
    return f"{np.abs(said - y).mean():>9.3f}   {np.sqrt(np.mean((said - y) ** 2)):>8.3f}"


def curve(said: Array, y: Array) -> tuple[Array, Array]:
    """False alarms and mines found, as the demand on the probability goes down (the ROC curve)."""
    limits = np.unique(np.append(said, np.inf))[::-1]  # equal probabilities are passed together
    called = said >= limits[:, None]
    return (called & (y == 0)).sum(1) / (y == 0).sum(), (called & (y == 1)).sum(1) / (y == 1).sum()


def area(false: Array, found: Array) -> float:
    return float(np.trapezoid(found, false))


def picture(mines: dict[str, Array], y_mines: Array, snails: dict[str, Array], y_snails: Array) -> None:
    plt = pyplot()
    if plt is None:
        return
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.6), layout="constrained")
    for (name, said), style in zip(mines.items(), ("k:", "C0-", "C1--"), strict=False):
        false, found = curve(said, y_mines)
        left.plot(false, found, style, label=f"{name}: area {area(false, found):.3f}")
    left.set(title="Sonar: mines found against false alarms", xlabel="rocks called mines", ylabel="mines found")
    for axis in (left.xaxis, left.yaxis):
        axis.set_major_formatter("{x:.0%}")
    left.grid(alpha=0.25)
    left.legend(frameon=False, loc="lower right")
    said = snails["ranvier"]
    spread = np.random.default_rng(0).uniform(-0.4, 0.4, len(said))  # rings are whole numbers: apart they are seen
    right.plot(y_snails + spread, said, ".", ms=2.5, alpha=0.4, color="C0")
    right.axline((0, 0), slope=1, color="black", lw=0.8, ls="--")
    counts = np.array([n for n in np.unique(y_snails) if (y_snails == n).sum() >= 20])
    right.plot(counts, [np.median(said[y_snails == n]) for n in counts], "C3-", lw=2, label="median")
    right.set(title="Abalone: age told and true", xlabel="rings", ylabel="rings as the network says", xlim=(0, 30))
    right.set_ylim(0, 30)
    right.grid(alpha=0.25)
    right.legend(frameon=False, loc="lower right")
    save(figure, "sonar_and_abalone.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer folds")
    quick = parser.parse_args().quick
    x_sonar, y_sonar = loaded(keras.datasets.sonar)
    (sex, measures), y_abalone = loaded(keras.datasets.abalone)
    x_abalone = np.column_stack([sex == "F", sex == "I", sex == "M", measures]).astype("float32")
    ways = (3, 3) if quick else (10, 5)

    print(f"sonar: {len(y_sonar)} echoes of 60 bands, {ways[0]} folds\n{'':<24} accuracy   ROC area      time")
    methods = {"always a mine": always_a_mine, "ranvier": mine_or_rock, "scikit-learn": scikit_learn("classifier")}
    mines = compare(methods, x_sonar, y_sonar, ways[0], accuracy)
    print(f"\nabalone: {len(y_abalone)} snails, {ways[1]} folds; rings\n{'':<24}mean error       RMSE      time")
    methods = {
        "mean of all": mean_of_all,
        "least squares": least_squares,
        "ranvier": rings,
        "scikit-learn": scikit_learn("regressor"),
    }
    snails = compare(methods, x_abalone, y_abalone, ways[1], errors)
    if "scikit-learn" not in mines:
        print("\n(pip install scikit-learn to have its MLP in the tables)")
    picture(mines, y_sonar, snails, y_abalone)


if __name__ == "__main__":
    main()
