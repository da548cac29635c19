"""The engine's trainer of one input, output and loss behind the interface of several; goes when the engine has it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier import _core

Array = np.ndarray


class EngineTrainer:
    """`_core.Trainer` with lists of arrays."""

    def __init__(self, model: Any, losses: Any = (), optimizer: Any = None, loss_weights: Any = None) -> None:
        if any(weight != 1 for weight in loss_weights or ()):
            raise ValueError(f"[compile] loss_weights: expected 1 for one output, received {loss_weights!r}.")
        self._trainer = _core.Trainer(model, losses[0] if losses else None, optimizer)

    def train(self, x: Any, y: Any, weight: Any, *arguments: Any) -> tuple[Array, list[Array] | None]:
        """One step for every batch."""
        return _lists(*self._trainer.train(x[0], y[0], None if weight is None else weight[0], *arguments))

    def evaluate(self, x: Any, y: Any, weight: Any, *arguments: Any) -> tuple[Array, list[Array] | None]:
        """The losses of every batch."""
        return _lists(*self._trainer.evaluate(x[0], y[0], None if weight is None else weight[0], *arguments))

    def predict(self, x: Any, batch_size: int) -> Any:
        """Predictions for all rows."""
        return self._trainer.predict(x[0] if type(x) is list else x, batch_size)


def _lists(losses: Array, predictions: Array | None) -> tuple[Array, list[Array] | None]:
    return losses[:, np.newaxis], None if predictions is None else [predictions]
