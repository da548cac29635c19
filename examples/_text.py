"""What the examples on text share: Tiny Shakespeare as numbers, and learning to go on with it."""

from __future__ import annotations

import argparse
import time

import numpy as np
from _data import loaded

import ranvier as keras
from ranvier.text import CharacterVocabulary, generate


def options(text: str, epochs: int) -> argparse.Namespace:
    """The options of both examples."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--epochs", type=int, default=epochs, help=f"rounds over the text (default {epochs})")
    parser.add_argument("--characters", type=int, default=None, help="learn from so many only (default: all)")
    parser.add_argument("--length", type=int, default=600, help="characters of the sample (default 600)")
    parser.add_argument("--temperature", type=float, default=0.8, help="of the sample (default 0.8)")
    parser.add_argument("--prompt", default="\n", help="what the sample begins with (default: a line break)")
    parser.add_argument("--seed", type=int, default=0, help="start of all random numbers (default 0)")
    return parser.parse_args()


def shakespeare(characters: int | None) -> tuple[CharacterVocabulary, np.ndarray, np.ndarray]:
    """The vocabulary, the ids to learn from (the first 90 % of the plays), and those to validate on."""
    text = loaded(keras.datasets.tiny_shakespeare)
    vocabulary = CharacterVocabulary(text)
    ids = vocabulary.encode(text)
    cut = len(ids) * 9 // 10
    return vocabulary, ids[:cut][:characters], ids[cut:][: None if characters is None else characters // 9]


def windows(ids: np.ndarray, length: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of the text, one every `stride` characters, and for each of their characters the one that follows it."""
    starts = np.arange(0, len(ids) - length, stride)[:, None]
    places = starts + np.arange(length)
    return ids[places], ids[places + 1]


def learn(
    model: keras.Model, train: np.ndarray, valid: np.ndarray, length: int, batch: int, epochs: int
) -> list[float]:
    """Trains on overlapping pieces and prints, each epoch, the loss per character (nats) on text not seen.

    Of a piece only the later characters have much before them: the loss of a piece's first ones is part of the mean,
    as it is in other people's figures for this text.
    """
    x, y = windows(train, length, length // 2)
    x_valid, y_valid = windows(valid, length, length)
    steps = -(-len(x) // batch)
    print(
        f"{len(train):,} characters to learn from, {steps} steps of {batch} x {length} an epoch; {len(valid):,} to test"
    )
    start = time.perf_counter()
    losses = []

    def report(epoch: int, logs: dict[str, float]) -> None:
        losses.append(logs["val_loss"])
        print(
            f"epoch {epoch + 1:2d}: training {logs['loss']:.3f}, validation {logs['val_loss']:.3f} nats per character, "
            f"{time.perf_counter() - start:.0f} s",
            flush=True,
        )

    model.fit(
        x,
        y,
        batch_size=batch,
        epochs=epochs,
        validation_data=(x_valid, y_valid),
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=report)],
        verbose=0,
    )
    return losses


def sample(model: keras.Model, vocabulary: CharacterVocabulary, chosen: argparse.Namespace) -> None:
    """Writes a text as it is drawn, and how fast it came."""
    print(f"\n{'-' * 30} a sample {'-' * 30}\n{chosen.prompt}", end="")
    start = time.perf_counter()
    generate(
        model,
        chosen.prompt,
        chosen.length,
        chosen.temperature,
        seed=chosen.seed,
        vocabulary=vocabulary,
        stream=True,
    )
    seconds = time.perf_counter() - start
    print(f"\n{'-' * 70}\n{chosen.length / seconds:,.0f} characters per second")
