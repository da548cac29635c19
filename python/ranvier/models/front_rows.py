"""What a front gives for many rows: at once where it fits, otherwise row by row when it is asked for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ranvier.models.front import Front

AT_ONCE = 256 << 20  # bytes of encoded data that are made at once; beyond that every epoch makes them anew

Rows = Any  # a slice, or row numbers


def encoded_inputs(front: Front, arrays: list[np.ndarray]) -> list[Any]:
    """The engine's inputs for the model's; large ones as `EncodedRows`."""
    shapes = front.shapes([array.shape for array in arrays])
    known = all(None not in shape[1:] for shape in shapes)
    rows = len(arrays[0])
    if front.complete or not known or rows < 2:
        return front.encode(arrays)
    if rows * sum(8 * math.prod(d or 1 for d in shape[1:]) for shape in shapes) <= AT_ONCE:
        return front.encode(arrays)
    source = _Source(front, arrays)
    first = front.encode([array[:1] for array in arrays])
    return [EncodedRows(source, i, one.shape[1:], one.dtype) for i, one in enumerate(first)]


class _Source:
    """Rows of the model's inputs, and what the front makes of them."""

    def __init__(self, front: Front, arrays: list[np.ndarray]) -> None:
        self.front = front
        self.arrays = arrays
        self._encoded: list[np.ndarray] | None = None
        self._last: tuple[Rows, _Source] | None = None

    def part(self, rows: Rows) -> _Source:
        """Some rows; inputs that are asked for the same ones share the work."""
        if self._last is None or self._last[0] is not rows:
            self._last = rows, _Source(self.front, [array[rows] for array in self.arrays])
        return self._last[1]

    def encoded(self) -> list[np.ndarray]:
        """What the front gives."""
        if self._encoded is None:
            self._encoded = self.front.encode(self.arrays)
        return self._encoded


class EncodedRows:
    """Stands for one array that a front makes; indexing picks rows, and NumPy gets values only of what was picked."""

    def __init__(self, source: _Source, index: int, row_shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._source = source
        self._index = index
        self.shape = (len(source.arrays[0]), *row_shape)
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Rows) -> EncodedRows:
        return EncodedRows(self._source.part(rows), self._index, self.shape[1:], self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._source.encoded()[self._index], dtype=dtype)
