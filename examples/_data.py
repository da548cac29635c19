"""What the examples share: data, or a word on where to put them."""

from __future__ import annotations

import argparse
from types import ModuleType
from typing import Any

import numpy as np

import ranvier as keras

Split = tuple[np.ndarray, np.ndarray]


def loaded(dataset: ModuleType) -> Any:
    """What the data set has; ends the program with the reason where it cannot be had."""
    try:
        return dataset.load_data()
    except ConnectionError as error:  # says where to put the files by hand
        raise SystemExit(str(error)) from None


def mnist(samples: int | None = None) -> tuple[Split, Split]:
    """MNIST as bytes; with `samples`, only so many images to learn from."""
    (x_train, y_train), test = loaded(keras.datasets.mnist)
    return (x_train[:samples], y_train[:samples]), test


def options(text: str, epochs: int) -> argparse.ArgumentParser:
    """The options of every example that trains for a while."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--epochs", type=int, default=epochs, help=f"rounds over the images (default {epochs})")
    parser.add_argument("--samples", type=int, default=None, help="learn from so many images only (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="start of all random numbers (default 0)")
    return parser
