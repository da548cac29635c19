"""Batches for a training loop of one's own: `for x, y in DataLoader(x, y, batch_size=32, shuffle=True): ...`."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ranvier import config
from ranvier.utils.arrays import as_array, holds_arrays
from ranvier.utils.strings import holds_text, text_array

__all__ = ["Batch", "DataLoader", "MappedLoader", "epoch_order", "gather"]


class Batch:
    """The rows of one step: `inputs`, `targets` (or `None`) and `sample_weight` (or `None`).

    Each is an array, or a tuple or dict of arrays where the loader was given several. Unpacks as a pair
    `x, y = batch`, and as a triple `x, y, w = batch` when the loader has sample weights. `len(batch)` is the number of
    rows.
    """

    __slots__ = ("inputs", "sample_weight", "targets")

    def __init__(self, inputs: Any, targets: Any, sample_weight: Any) -> None:
        self.inputs = inputs
        self.targets = targets
        self.sample_weight = sample_weight

    def __iter__(self) -> Iterator[Any]:
        yield self.inputs
        yield self.targets
        if self.sample_weight is not None:
            yield self.sample_weight

    def __len__(self) -> int:
        return len(_arrays_in(self.inputs)[0])

    def __repr__(self) -> str:
        parts = []
        for name in ("inputs", "targets", "sample_weight"):
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                parts.append(f"{name}={value.dtype}{value.shape}")
            elif value is not None:
                parts.append(f"{name}={type(value).__name__} of {len(value)}")
        return f"Batch({', '.join(parts)})"


def epoch_order(rows: int, seed: int, epoch: int) -> np.ndarray:
    """The shuffled order of `rows` rows in epoch `epoch` (int64, shape `(rows,)`); a function of its arguments alone.

    The generator is Philox4x64 with the key `(seed, epoch)` (Salmon et al., 2011, "Parallel random numbers: as easy
    as 1, 2, 3"), so that any epoch's order is at hand without going through the ones before it.
    """
    key = np.array([seed & 0xFFFF_FFFF_FFFF_FFFF, epoch], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).permutation(rows)


def gather(array: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    """A fresh C-contiguous array with the given rows of `array`, floating numbers in `config.floatx()`.

    Integers and booleans keep their dtype (in native byte order). The source may have any layout; only the rows asked
    for are read, which matters for memory maps.
    """
    dtype = np.dtype(config.floatx()) if array.dtype.kind == "f" else array.dtype.newbyteorder("=")
    if isinstance(rows, slice):
        return np.array(array[rows], dtype=dtype, order="C", subok=False)
    # take() is the faster one, but copies the whole source first when that is not plain and contiguous.
    plain = array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative
    picked = array.take(rows, axis=0) if plain else array[rows]
    return np.ascontiguousarray(np.asarray(picked), dtype=dtype)


class DataLoader:
    """Iterates over `x` (and `y`, and `sample_weight`) in batches; every `for` loop over it is one epoch.

    Rows are gathered batch by batch: memory maps, strided arrays and other dtypes are never copied as a whole. The
    arrays of a batch are its own, so they may be changed freely. Floating values arrive as `config.floatx()`,
    integers and booleans as they are.

    With `shuffle=True` each epoch has a new order, which depends on `(seed, epoch)` only: two loaders with the same
    seed yield the same batches. `state()` and `set_state()` continue in the middle of an epoch exactly.

    Args:
        x: inputs, shape `(rows, ...)`: NumPy array of any layout, memmap, list, pandas, or anything with `__array__`;
            a dict or tuple of them for a model with several inputs (a list, too, where `y` tells it from rows). Strings
            arrive as arrays of `str`, for `map` or for a model that begins with `TextVectorization`.
        y: targets, shape `(rows, ...)`, or `None`; a dict, list or tuple for several outputs.
        batch_size: rows per batch; the last batch has the rest. Default 32.
        shuffle: a new order each epoch instead of the given one. Default `False`.
        sample_weight: one weight per row, shape `(rows,)` (or any shape that begins with `rows`), or `None`; a dict,
            list or tuple for several outputs.
        drop_last: leave out the last batch when it is not full. Default `False`.
        seed: integer that fixes the orders. `None` draws one from Python's `random`, which
            `ranvier.utils.set_random_seed` seeds.

    Raises:
        TypeError: data that are neither numbers nor, in `x`, strings.
        ValueError: different numbers of rows, no rows, a batch size below 1, or `drop_last` that leaves no batch.

    Example:
        ```python
        for batch in DataLoader(x, y, batch_size=32, shuffle=True, seed=0):
            loss = loss_fn(batch.targets, model(batch.inputs))
        ```
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        drop_last: bool = False,
        seed: int | None = None,
    ) -> None:
        rows = _rows_of(y)
        self._x = _Part(x, "x", rows)
        self.rows = self._x.rows
        self._y = None if y is None else _Part(y, "y", self.rows)
        self._weight = None if sample_weight is None else _Part(sample_weight, "sample_weight", self.rows)
        self.batch_size = _positive_integer(batch_size, "batch_size")
        self.shuffle = bool(shuffle)
        self.drop_last = bool(drop_last)
        self.seed = random.getrandbits(63) if seed is None else operator.index(seed)
        if self.rows == 0:
            raise ValueError(f"[DataLoader] x: expected at least one row, received shape {self._x.arrays[0].shape}.")
        for part in (self._x, self._y, self._weight):
            if part is not None:
                part.check_rows(self.rows)
        if len(self) == 0:
            raise ValueError(
                f"[DataLoader] drop_last=True leaves no batch: x has {self.rows} rows, batch_size is "
                f"{self.batch_size}; use a batch_size of at most {self.rows}."
            )
        self._epoch = 0  # of the next batch
        self._batch = 0
        self._resumed = False

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        full, rest = divmod(self.rows, self.batch_size)
        return full if self.drop_last or rest == 0 else full + 1

    def __iter__(self) -> Iterator[Batch]:
        # A loop that was left early does not make the next one shorter; only set_state() starts in mid-epoch.
        if not self._resumed and self._batch > 0:
            self._epoch, self._batch = self._epoch + 1, 0
        self._resumed = False
        return self._run(self._epoch, self._batch)

    def _run(self, epoch: int, first: int) -> Iterator[Batch]:
        order = epoch_order(self.rows, self.seed, epoch) if self.shuffle else None
        steps = len(self)
        for step in range(first, steps):
            begin = step * self.batch_size
            end = min(begin + self.batch_size, self.rows)
            rows = slice(begin, end) if order is None else order[begin:end]
            batch = Batch(
                self._x.gather(rows),
                None if self._y is None else self._y.gather(rows),
                None if self._weight is None else self._weight.gather(rows),
            )
            # Before the yield: a state taken inside the loop's body says what comes after this batch.
            self._epoch, self._batch = (epoch, step + 1) if step + 1 < steps else (epoch + 1, 0)
            self._resumed = False
            yield batch

    def map(self, function: Callable[..., Any]) -> MappedLoader:
        """Batches changed by `function`, for example by augmentation; see `MappedLoader`."""
        return MappedLoader(self, function)

    def state(self) -> dict[str, int | bool]:
        """Where the loader stands, as plain values: seed, epoch and batch of the next step, and what fixes the order.

        Taken inside a loop's body it names the batch after the current one.
        """
        return {
            "seed": self.seed,
            "epoch": self._epoch,
            "batch": self._batch,
            "rows": self.rows,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
        }

    def set_state(self, state: dict[str, int | bool]) -> None:
        """Continues from a `state()`: the next `for` loop yields the remaining batches of that epoch.

        Raises:
            ValueError: the state is of a loader with other rows, batch size, shuffle or drop_last.
        """
        missing = [key for key in self.state() if key not in state]
        if missing:
            raise ValueError(
                f"[DataLoader] set_state: expected a dict made by state(), received one without {missing}."
            )
        for key in ("rows", "batch_size", "shuffle", "drop_last"):
            if state[key] != getattr(self, key):
                raise ValueError(
                    f"[DataLoader] set_state: expected {key}={getattr(self, key)}, received a state with "
                    f"{key}={state[key]}; build the loader with the same data and arguments."
                )
        epoch, batch = int(state["epoch"]), int(state["batch"])
        if epoch < 0 or not 0 <= batch < len(self):
            raise ValueError(
                f"[DataLoader] set_state: expected epoch >= 0 and batch in 0..{len(self) - 1}, received epoch {epoch} "
                f"and batch {batch}."
            )
        self.seed, self._epoch, self._batch, self._resumed = int(state["seed"]), epoch, batch, True


class _Part:
    """One argument of a loader: an array, or a list, tuple or dict of arrays with equally many rows."""

    def __init__(self, value: Any, name: str, rows: int | None) -> None:
        self.name = name
        self.form: Any = None  # of several arrays
        if isinstance(value, Mapping):
            self.form = list(value)
        elif isinstance(value, list | tuple) and holds_arrays(value, rows):
            self.form = type(value)
        keys = self.form if isinstance(self.form, list) else range(len(value)) if self.form else []
        if self.form is not None and not len(keys):
            raise ValueError(f"[DataLoader] {name}: expected at least one array, received none.")
        self.labels = [f"{name}[{key!r}]" for key in keys] or [name]
        items = [value[key] for key in keys] if self.form is not None else [value]
        self.arrays = [self._array(item, label) for item, label in zip(items, self.labels, strict=True)]
        self.rows = len(self.arrays[0])

    def _array(self, item: Any, label: str) -> np.ndarray:
        if self.name == "x" and holds_text(item):
            return np.atleast_1d(text_array(item, label, "DataLoader"))
        return as_array(item, label, "DataLoader")

    def check_rows(self, rows: int) -> None:
        """ValueError unless every array has so many rows."""
        for label, array in zip(self.labels, self.arrays, strict=True):
            if len(array) != rows:
                raise ValueError(
                    f"[DataLoader] {label}: expected {rows} rows as in x, received shape {array.shape}; "
                    "inputs, targets and weights need one row per sample."
                )

    def gather(self, rows: np.ndarray | slice) -> Any:
        """The given rows of each array, in the form of the argument."""
        found = [gather(array, rows) for array in self.arrays]
        if self.form is None:
            return found[0]
        return dict(zip(self.form, found, strict=True)) if isinstance(self.form, list) else tuple(found)


def _arrays_in(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else [value]


def _rows_of(y: Any) -> int | None:
    """The rows of targets of any form, None when there are none or when that is for others to complain about."""
    first: Any = next(iter(_arrays_in(y)), None) if isinstance(y, Mapping) or holds_arrays(y, None) else y
    return len(first) if hasattr(first, "__len__") else None


class MappedLoader:
    """The batches of `source`, each passed through `function`.

    Args:
        source: a `DataLoader`, an image data set, or anything to loop over that gives arrays or tuples of them.
        function: called with a batch's arrays (inputs; targets and sample weights if there are any). It returns the new
            ones in the same order, or a dict ``{"images": …, "labels": …}`` as the layers MixUp and CutMix do.

    All else (`len`, `state()`, `set_state()`, `class_names`) is the source's. Layers in the function that draw random
    numbers keep their own state: a resumed loop repeats their draws only when they are resumed, too.

    Example:
        ```python
        mix = ranvier.layers.MixUp()
        loader = DataLoader(x, one_hot, shuffle=True).map(lambda x, y: mix({"images": x, "labels": y}))
        model.fit(loader, epochs=10)
        ```
    """

    def __init__(self, source: Any, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(f"[map] expected a function of a batch's arrays, received {function!r}.")
        self._source = source
        self._function = function

    def __len__(self) -> int:
        return len(self._source)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # also while a copy is being made and there is no source yet
            raise AttributeError(name)
        return getattr(self._source, name)

    def __iter__(self) -> Iterator[Any]:
        for batch in self._source:
            parts = list(batch) if isinstance(batch, Batch | tuple | list) else [batch]
            result = self._function(*(part for part in parts if part is not None))
            if isinstance(result, Mapping) and set(result) <= {"images", "labels"}:
                result = tuple(result[key] for key in ("images", "labels") if key in result)
            changed = [_plain(part) for part in (result if isinstance(result, tuple | list) else [result])]
            if not 1 <= len(changed) <= 3:
                raise ValueError(
                    "[map] expected the function to return inputs, (inputs, targets) or (inputs, targets, "
                    f"sample_weight), received {len(changed)} values."
                )
            if isinstance(batch, Batch):
                yield Batch(*changed, *[None] * (3 - len(changed)))
            else:
                yield changed[0] if len(changed) == 1 else tuple(changed)

    def map(self, function: Callable[..., Any]) -> MappedLoader:
        """Another function after this one."""
        return MappedLoader(self, function)


def _plain(part: Any) -> Any:
    """Tensors as arrays, also in a tuple or dict."""
    if isinstance(part, Mapping):
        return {name: np.asarray(value) for name, value in part.items()}
    return tuple(map(np.asarray, part)) if isinstance(part, tuple | list) else np.asarray(part)


def _positive_integer(value: Any, name: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"[DataLoader] {name}: expected an integer, received {value!r}.") from None
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"[DataLoader] {name}: expected an integer of at least 1, received {value!r}.")
    return number
