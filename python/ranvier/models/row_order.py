"""In which order the rows of an epoch come, and where in it training stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ranvier import _core

Array = np.ndarray


class RowOrder:
    """The order of the rows in every epoch: a function of the model's order state alone, so that resuming is exact.

    With `steps_per_epoch` an epoch goes on where the last one ended, and a new order begins when the rows are used up.

    Args:
        model: its `_order` (a `SeedGenerator`) numbers the permutations.
        rows: number of rows.
        batch_size: rows of a step.
        shuffle: whether there is a permutation, or the rows as they are.

    Attributes:
        step: the next step in the order.
    """

    def __init__(self, model: Any, rows: int, batch_size: int, shuffle: bool) -> None:
        self.model = model
        self.rows = rows
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.steps = -(-rows // batch_size)
        self.step = self.steps  # a new order comes first
        self._draw: int | None = None
        self._order: Array | None = None

    def restart(self) -> None:
        """Begins a new order."""
        self._begin(self.model._order_generator().next() if self.shuffle else None)
        self.step = 0

    def _begin(self, draw: int | None) -> None:
        self._draw = draw
        self._order = None if draw is None else _core.ops.random_permutation(self.rows, draw).numpy()

    def pick(self, begin: int, end: int) -> Array:
        """The numbers of the rows at the positions from `begin` to `end`; the next step is the one behind them."""
        self.step = -(-end // self.batch_size)
        return np.arange(begin, end) if self._order is None else self._order[begin:end]

    # -- resuming ----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Plain values from which `resume` goes on."""
        return {
            "draw": None if self._draw is None else str(self._draw),
            "next_step": self.step,
            "rows": self.rows,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
        }

    def resume(self, state: Mapping[str, Any]) -> bool:
        """Goes on in the order of a `state()`; False when that was of other data, and nothing has changed then."""
        same = all(state[name] == getattr(self, name) for name in ("rows", "batch_size", "shuffle"))
        if not same or not 0 <= int(state["next_step"]) <= self.steps:
            return False
        self._begin(None if state["draw"] is None else int(state["draw"]))
        self.step = int(state["next_step"])
        return True
