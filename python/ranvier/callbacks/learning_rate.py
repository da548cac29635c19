"""Reading and writing the learning rate of a model's optimizer."""

from __future__ import annotations

from typing import Any


def get_learning_rate(model: Any, who: str) -> float:
    """The optimizer's learning rate.

    Raises:
        ValueError: the model has no optimizer.
    """
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        raise ValueError(f"[{who}] expected a compiled model, received one without an optimizer; call compile() first.")
    return float(optimizer.learning_rate)


def set_learning_rate(model: Any, value: float) -> None:
    """Sets the optimizer's learning rate."""
    model.optimizer.learning_rate = value
