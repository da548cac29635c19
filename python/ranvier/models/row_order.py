"""In which order the rows of an epoch come."""

from __future__ import annotations

from collections.abc import Callable
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
        shuffle: whether there is a permutation, or the rows as they are.
    """

    def __init__(self, model: Any, rows: int, shuffle: bool) -> None:
        self.model = model
        self.rows = rows
        self.shuffle = shuffle
        self._order: Array | None = None

    def restart(self) -> None:
        """Begins a new order."""
        if self.shuffle:
            self._order = _core.ops.random_permutation(self.rows, self.model._order_generator().next()).numpy()

    @property
    def pick(self) -> Callable[[int, int], Array]:
        """The function from positions `begin, end` to row numbers."""
        order = self._order
        if order is None:
            return np.arange
        return lambda begin, end: order[begin:end]
