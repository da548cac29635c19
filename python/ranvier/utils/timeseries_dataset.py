"""Windows over a time series as batches: `timeseries_dataset_from_array`."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from ranvier.data import Batch, DataLoader
from ranvier.utils.arrays import as_array

__all__ = ["WindowLoader", "timeseries_dataset_from_array"]

_HERE = "timeseries_dataset_from_array"


class WindowLoader(DataLoader):
    """A `DataLoader` whose batches are ``(windows, targets)``, or windows alone when there are no targets.

    The windows are views into the series until a batch is made of them. With ``batch_size=None`` they come one by one,
    without the batch axis.
    """

    _single = False

    def __iter__(self) -> Iterator[Any]:
        for batch in super().__iter__():
            yield self._plain(batch)

    def _plain(self, batch: Batch) -> Any:
        x, y = (part[0] if self._single and part is not None else part for part in (batch.inputs, batch.targets))
        return x if y is None else (x, y)


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str | None = None,
) -> WindowLoader:
    """Windows that slide over a time series, as batches for `fit`.

    Window number k begins at ``k * sequence_stride`` and has the values
    ``data[begin], data[begin + sampling_rate], ...``. They are cut out batch by batch; the series is not copied.

    Args:
        data: the series `(steps, ...)`, time first.
        targets: ``targets[i]`` belongs to the window that begins at ``data[i]``; None for windows alone.
        sequence_length: number of values in a window.
        sequence_stride: steps between the beginnings of windows. Default 1.
        sampling_rate: steps between the values of a window. Default 1.
        batch_size: windows in a batch, default 128; None gives them one by one.
        shuffle: a new order in each epoch.
        seed: fixes the orders.
        start_index: leave out what comes before this step.
        end_index: leave out what comes from this step on.
        format: accepted for Keras's sake.

    Returns:
        A `DataLoader` of batches ``(windows, targets)`` or windows: `(batch, sequence_length, ...)`.

    Raises:
        ValueError: indices outside of the series, or a window longer than what there is.

    Example:
        ```python
        # the last 10 values to predict the next one
        loader = timeseries_dataset_from_array(series[:-10], series[10:], sequence_length=10, batch_size=32)
        model.fit(loader, epochs=5)
        ```
    """
    series = as_array(data, "data", _HERE)
    steps = len(series)
    length = _whole(sequence_length, "sequence_length", 1)
    stride = _whole(sequence_stride, "sequence_stride", 1)
    rate = _whole(sampling_rate, "sampling_rate", 1)
    begin = 0 if start_index is None else _whole(start_index, "start_index", 0)
    end = steps if end_index is None else _whole(end_index, "end_index", 1)
    if not begin < end <= steps:
        raise ValueError(
            f"[{_HERE}] expected start_index < end_index <= {steps} (the length of data), received "
            f"start_index={begin}, end_index={end}."
        )
    span = (length - 1) * rate + 1
    if span > end - begin:
        raise ValueError(
            f"[{_HERE}] sequence_length: expected windows of at most {end - begin} steps, received {length} values "
            f"at sampling_rate={rate}, which are {span} steps."
        )
    windows = np.lib.stride_tricks.sliding_window_view(series[begin:end], span, axis=0)[..., ::rate]
    windows = np.moveaxis(windows, -1, 1)
    values = None
    if targets is not None:
        values = as_array(targets, "targets", _HERE)[begin:]
        if not len(values):
            raise ValueError(
                f"[{_HERE}] targets: expected one for each beginning of a window, received {len(values)} behind "
                f"start_index={begin}."
            )
        windows, values = windows[: len(values)], values[: len(windows)]
        values = values[::stride]
    loader = WindowLoader(
        windows[::stride], values, batch_size=1 if batch_size is None else batch_size, shuffle=shuffle, seed=seed
    )
    loader._single = batch_size is None
    return loader


def _whole(value: Any, name: str, smallest: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = smallest - 1
    if number < smallest or isinstance(value, bool):
        raise ValueError(f"[{_HERE}] {name}: expected an int of {smallest} or more, received {value!r:.80}.")
    return number
