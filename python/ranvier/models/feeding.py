"""Data on its way to the engine: arrays by row numbers, and streams batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ranvier.models.part_data import Data
from ranvier.utils.arrays import describe

Array = np.ndarray
Chunk = tuple[Data, Array]  # arrays, row numbers

CHUNK_BYTES = 4 << 20  # of converted rows or of predictions at a time


class ArrayFeed:
    """Arrays with equally many rows.

    What the engine reads by itself (native numbers, rows contiguous in memory) is handed over as it is, memory maps
    included; other layouts and dtypes are converted for one visit to the engine at a time, never as a whole.
    """

    def __init__(self, data: Data, batch_size: int) -> None:
        self.data = data
        self.batch_size = batch_size
        self.rows = data.rows
        self.steps = -(-self.rows // batch_size)
        arrays = [array for array in [*data.x, *data.y, *(data.weight or [])] if array is not None]
        self.direct = all(engine_reads(array) for array in arrays)
        self._converted_bytes = 0 if self.direct else sum(row_bytes(array) for array in arrays)

    def most_steps(self, prediction_bytes: int) -> int:
        """The steps whose converted rows and predictions (of so many bytes a row) stay within a few megabytes."""
        per_step = self.batch_size * (self._converted_bytes + prediction_bytes)
        return max(1, CHUNK_BYTES // per_step) if per_step else self.steps

    def chunk(self, rows: Array) -> Chunk:
        """The arrays and the numbers under which the engine finds `rows` in them."""
        if self.direct:
            return self.data, rows
        return _map(lambda array: pick(array, rows), self.data), np.arange(len(rows))

    def targets(self, rows: Array) -> Data:
        """The rows whose targets and weights metrics want; the inputs are not looked at."""
        return _map(lambda array: array[rows], Data([], self.data.y, self.data.weight))


def _map(function: Callable[[Array], Array], data: Data) -> Data:
    def each(arrays: list[Array | None]) -> list[Array | None]:
        return [None if array is None else function(array) for array in arrays]

    return Data([function(x) for x in data.x], each(data.y), None if data.weight is None else each(data.weight))


def engine_reads(array: Array) -> bool:
    """Whether the engine takes the array as it is: a native dtype, each row contiguous."""
    if not isinstance(array, np.ndarray):  # rows that are made when they are picked
        return False
    dtype = array.dtype
    if not dtype.isnative or dtype.kind not in "biuf" or (dtype.kind == "f" and dtype.itemsize not in (4, 8)):
        return False
    return array.flags.c_contiguous or (len(array) > 0 and array[0].flags.c_contiguous and array.flags.aligned)


def engine_dtype(dtype: np.dtype) -> np.dtype:
    """The nearest dtype the engine reads: float16 as float32, native byte order."""
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        return np.dtype(np.float32 if dtype.itemsize < 4 else np.float64)
    return dtype.newbyteorder("=")


def row_bytes(array: Array) -> int:
    """Bytes of one row in the engine's dtype."""
    return int(np.prod(array.shape[1:], dtype=np.int64)) * engine_dtype(array.dtype).itemsize


def pick(array: Array, rows: Array | slice) -> Array:
    """The given rows as an array the engine reads."""
    return np.ascontiguousarray(array[rows], dtype=engine_dtype(array.dtype))


# -- streams -----------------------------------------------------------------------------------------------------------


def is_stream(x: Any) -> bool:
    """Whether `x` gives batches one after the other: a DataLoader, a generator, anything to loop over but data."""
    if isinstance(x, np.ndarray | list | tuple | dict | str | bytes) or hasattr(x, "__array__") or np.isscalar(x):
        return False
    if hasattr(x, "to_numpy") or hasattr(x, "__dlpack__"):
        return False
    return hasattr(x, "__next__") or hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


def refuse_arguments(where: str, **given: Any) -> None:
    """ValueError for arguments that only go with arrays."""
    for name, value in given.items():
        if value is not None and value is not False and not (name == "validation_split" and value == 0):
            fix = {
                "y": "yield (x, y) pairs instead",
                "sample_weight": "yield (x, y, sample_weight) instead",
                "batch_size": "the batches have their size already; leave it out",
                "validation_split": "pass validation_data=(x_val, y_val)",
            }.get(name, "leave it out")
            raise ValueError(f"[{where}] {name}: not possible when x gives batches by itself; {fix}.")


class StreamFeed:
    """Batches from a loader or generator.

    A generator is read on from epoch to epoch; anything else is started anew for each, unless `steps` says how long
    an epoch is.
    """

    def __init__(self, source: Any, steps: int | None = None) -> None:
        self.source = source
        self.endless = hasattr(source, "__next__")  # cannot be started anew
        self.given_steps = steps
        self.steps = steps
        if steps is None and hasattr(source, "__len__"):
            self.steps = len(source)
        self._iterator: Iterator[Any] | None = None

    def epoch(self) -> Iterator[Any]:
        """The batches of the next epoch."""
        if self.given_steps is None:
            yield from iter(self.source)
            return
        left = self.given_steps
        fresh = False
        while left > 0:
            if self._iterator is None:
                self._iterator, fresh = iter(self.source), True
            try:
                batch = next(self._iterator)
            except StopIteration:
                self._iterator = None
                if self.endless or fresh:  # used up, or nothing in it
                    return
                continue
            fresh = False
            left -= 1
            yield batch


def unpack_batch(batch: Any, where: str, need_targets: bool = True) -> tuple[Any, Any, Any]:
    """`(x, y, weight)` of one item of a stream."""
    if hasattr(batch, "inputs") and hasattr(batch, "targets"):
        x, y, weight = batch.inputs, batch.targets, getattr(batch, "sample_weight", None)
    elif isinstance(batch, tuple | list) and 1 <= len(batch) <= 3:
        x, y, weight = (*batch, None, None)[:3]
    elif not need_targets:
        return batch, None, None
    else:
        raise ValueError(
            f"[{where}] expected batches (x, y) or (x, y, sample_weight), received {describe(batch)}; "
            "yield x, y for each batch."
        )
    if need_targets and y is None:
        raise ValueError(f"[{where}] expected batches (x, y), received one without targets; yield x, y for each batch.")
    return x, y, weight
