"""A model of one number and a fit of given values, for the tests of callbacks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.callbacks import CallbackList

NAN = float("nan")


class FakeOptimizer:
    learning_rate = 0.1


class FakeModel:
    """A model whose only weight is the number of the epoch it was trained in."""

    def __init__(self) -> None:
        self.weight = np.array(-1.0)
        self.stop_training = False
        self.optimizer = FakeOptimizer()
        self.optimizer.learning_rate = 0.1
        self.saved: list[tuple[str, str, float]] = []
        self.history: Any = None

    def get_weights(self) -> list[np.ndarray]:
        return [self.weight.copy()]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.weight = np.array(weights[0])

    def save(self, path: str) -> None:
        self.saved.append(("model", path, float(self.weight)))

    def save_weights(self, path: str) -> None:
        self.saved.append(("weights", path, float(self.weight)))


def fit(
    callbacks: Any,
    values: list[float],
    monitor: str = "val_loss",
    batches: int = 1,
    interrupt_after: int | None = None,
    model: FakeModel | None = None,
    state: dict[str, Any] | None = None,
    initial_epoch: int = 0,
) -> tuple[FakeModel, CallbackList]:
    """The outer loop of a fit, with given values of the watched metric."""
    model = model or FakeModel()
    model.stop_training = False
    listed = CallbackList(callbacks, add_history=True, model=model, epochs=len(values), steps=batches, verbose=0)
    listed.on_train_begin()
    if state is not None:
        listed.set_state(state)
    for epoch in range(initial_epoch, len(values)):
        if epoch == interrupt_after:
            break
        listed.on_epoch_begin(epoch)
        for batch in range(batches):
            listed.on_train_batch_begin(batch)
            model.weight = np.array(float(epoch))
            listed.on_train_batch_end(batch, {"loss": values[epoch]})
        listed.on_epoch_end(epoch, {"loss": 1.0, monitor: values[epoch]})
        if model.stop_training:
            break
    listed.on_train_end()
    return model, listed
