"""Two parts of one data set: `split_dataset`."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from ranvier.data import DataLoader
from ranvier.utils.arrays import as_array
from ranvier.utils.strings import holds_text, text_array

__all__ = ["split_dataset"]

_HERE = "split_dataset"


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
    *,
    batch_size: int = 32,
) -> tuple[DataLoader, DataLoader]:
    """Splits data into two parts, such as training and test.

    Args:
        dataset: an array or a list of rows; or a tuple ``(x, y)`` or ``(x, y, sample_weight)``, or a list of such
            arrays; `x` may be a dict of arrays by name.
        left_size: rows of the first part: an int, or a share as a float between 0 and 1. Default all that the other
            does not take.
        right_size: the same for the second part, which ends with the last row taken.
        shuffle: mix the rows before. Keras's order for the same seed.
        seed: fixes the order.
        preferred_backend: accepted for Keras's sake.
        batch_size: rows in a batch of the results.

    Returns:
        Two `DataLoader`s.

    Raises:
        ValueError: no sizes, sizes that are not there, a part without rows, different numbers of rows.

    Example:
        ```python
        train, test = split_dataset((x, y), left_size=0.8, shuffle=True, seed=0)
        model.fit(train, validation_data=test)
        ```
    """
    parts = list(dataset) if isinstance(dataset, list | tuple) and _are_parts(dataset) else [dataset]
    if not 1 <= len(parts) <= 3:
        raise ValueError(
            f"[{_HERE}] dataset: expected x, (x, y) or (x, y, sample_weight), received {len(parts)} parts."
        )
    arrays = [
        {key: _array(value, f"dataset[{i}][{key!r}]") for key, value in part.items()}
        if isinstance(part, Mapping)
        else _array(part, f"dataset[{i}]")
        for i, part in enumerate(parts)
    ]
    counts = [len(one) for part in arrays for one in (part.values() if isinstance(part, Mapping) else [part])]
    if not counts or len(set(counts)) > 1:
        raise ValueError(f"[{_HERE}] dataset: expected arrays of equally many rows, received {counts}.")
    left, right = _sizes(left_size, right_size, counts[0])
    order = list(range(counts[0]))
    if shuffle:
        random.Random(seed).shuffle(order)  # the generator that Keras takes

    def part_of(rows: Any) -> DataLoader:
        x, y, weight = [
            {key: value[rows] for key, value in part.items()} if isinstance(part, Mapping) else part[rows]
            for part in arrays
        ] + [None] * (3 - len(arrays))
        return DataLoader(x, y, batch_size=batch_size, sample_weight=weight)

    if shuffle:
        return part_of(np.array(order[:left])), part_of(np.array(order[counts[0] - right :]))
    return part_of(slice(0, left)), part_of(slice(counts[0] - right, None))


def _are_parts(dataset: Any) -> bool:
    if isinstance(dataset, tuple):
        return True
    return any(isinstance(part, Mapping) or len(getattr(part, "shape", ())) > 0 for part in dataset)


def _array(value: Any, name: str) -> np.ndarray:
    return text_array(value, name, _HERE) if holds_text(value) else as_array(value, name, _HERE)


def _sizes(left: Any, right: Any, rows: int) -> tuple[int, int]:
    if left is None and right is None:
        raise ValueError(f"[{_HERE}] expected left_size or right_size, received neither.")
    found = []
    for name, size in (("left_size", left), ("right_size", right)):
        whole = isinstance(size, int | np.integer) and not isinstance(size, bool) and 0 < size < rows
        share = isinstance(size, float) and 0 < size < 1
        if size is not None and not whole and not share:
            raise ValueError(
                f"[{_HERE}] {name}: expected an int from 1 to {rows - 1} or a share between 0 and 1, received {size!r}."
            )
        found.append(None if size is None else int(size) if whole else round(float(size) * rows))
    first = rows - found[1] if found[0] is None and found[1] is not None else found[0]
    second = rows - first if found[1] is None and first is not None else found[1]
    assert first is not None and second is not None
    if first < 1 or second < 1 or first + second > rows:
        raise ValueError(
            f"[{_HERE}] expected two parts of {rows} rows with at least one row each, received {first} and {second}."
        )
    return first, second
