"""How cold tomorrow gets: ten years of daily minimum temperatures, and networks that must beat "as today".

    python examples/forecast_temperatures.py

A window of past days, with the season beside each, goes into a dense network and into a GRU. They learn from the first
eight years, stop by the ninth and are judged by the tenth: a forecast may not know what comes after it. The series is
looked for in RANVIER_DATASETS and else downloaded.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from _data import loaded
from _pictures import pyplot, save

import ranvier as keras
from ranvier import layers

WINDOW = 30  # days that are looked back on
YEAR = 365.25


def columns(days: np.ndarray, degrees: np.ndarray, known: int) -> tuple[np.ndarray, float, float]:
    """Temperature on the scale of the `known` first days, and the season of each day as a point on a circle."""
    mean, deviation = float(degrees[:known].mean()), float(degrees[:known].std())
    angle = 2 * np.pi * (days - days[0]).astype(float) / YEAR
    return np.stack([(degrees - mean) / deviation, np.sin(angle), np.cos(angle)], axis=1), mean, deviation


def dense() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input(shape=(WINDOW, 3)),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(1),
        ]
    )


def gru() -> keras.Sequential:
    return keras.Sequential([keras.Input(shape=(WINDOW, 3)), layers.GRU(32), layers.Dropout(0.2), layers.Dense(1)])


def train(model: keras.Sequential, x: np.ndarray, y: np.ndarray, parts: dict[str, slice], epochs: int) -> int:
    """Until the ninth year has not been forecast better for ten epochs; returns how many epochs were of use."""
    model.compile(keras.optimizers.Adam(0.002), loss="mse")
    stop = keras.callbacks.EarlyStopping(patience=10, restore_best_weights=True)
    learn, check = parts["learn"], parts["check"]
    model.fit(
        x[learn],
        y[learn],
        batch_size=32,
        epochs=epochs,
        validation_data=(x[check], y[check]),
        callbacks=[stop],
        verbose=0,
    )
    return stop.best_epoch + 1


def picture(days: np.ndarray, truth: np.ndarray, forecasts: dict[str, np.ndarray]) -> None:
    plt = pyplot()
    if plt is None:
        return
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(10, 6.5), layout="constrained")
    upper.plot(days, truth, color="0.35", lw=0.9, label="measured")
    upper.plot(days, forecasts["GRU"], color="C3", lw=1.3, label="forecast by the GRU, a day ahead")
    upper.set(title="The tenth year", ylabel="minimum, °C")
    part = slice(150, 210)
    lower.plot(days[part], truth[part], "o-", color="0.35", ms=3, lw=0.9, label="measured")
    for (name, values), style in zip(forecasts.items(), ("k:", "C0--", "C3-"), strict=True):
        lower.plot(days[part], values[part], style, lw=1.3, label=name)
    lower.set(title="Two months of it, closer", ylabel="minimum, °C")
    for axis in (upper, lower):
        axis.grid(alpha=0.25)
        axis.legend(frameon=False, ncols=4, loc="upper right")
        low, high = axis.get_ylim()
        axis.set_ylim(low, high + 0.15 * (high - low))  # the legend lies above the curves
    save(figure, "forecast_temperatures.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=100, help="at most so many (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="start of all random numbers (default 0)")
    chosen = parser.parse_args()
    days, degrees = loaded(keras.datasets.daily_temperatures)
    years = days.astype("datetime64[Y]").astype(int) + 1970
    known = int((years < 1989).sum())
    values, mean, deviation = columns(days, degrees, known)
    x = np.stack([values[i : i + WINDOW] for i in range(len(values) - WINDOW)]).astype("float32")
    y = values[WINDOW:, 0].astype("float32")
    of = years[WINDOW:]  # the year of the day that is forecast
    parts = {
        "learn": slice(0, int((of < 1989).sum())),
        "check": slice(int((of < 1989).sum()), int((of < 1990).sum())),
        "judge": slice(int((of < 1990).sum()), len(of)),
    }
    judge = parts["judge"]
    truth = degrees[WINDOW:][judge]
    print(f"{parts['learn'].stop} days to learn from, {len(truth)} to be judged by; a window of {WINDOW} days\n")

    forecasts = {"as today": degrees[WINDOW - 1 : -1][judge]}
    print(f"{'':<12}mean error       RMSE   epochs       time")
    notes = {"as today": ""}
    for name, make in (("dense", dense), ("GRU", gru)):
        keras.utils.set_random_seed(chosen.seed)
        model = make()
        start = time.perf_counter()
        epochs = train(model, x, y, parts, chosen.epochs)
        notes[name] = f"{epochs:>9d}   {time.perf_counter() - start:>6.2f} s"
        forecasts[name] = model.predict(x[judge], verbose=0)[:, 0] * deviation + mean
    for name, said in forecasts.items():
        error = said - truth
        print(f"{name:<12}{np.abs(error).mean():>7.3f} °C   {np.sqrt(np.mean(error**2)):>5.3f} °C{notes[name]}")
    picture(days[WINDOW:][judge], truth, forecasts)


if __name__ == "__main__":
    main()
