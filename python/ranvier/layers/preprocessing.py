"""Layers that prepare data: Normalization, Rescaling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ranvier import ops
from ranvier.layers._checks import ints
from ranvier.layers._data_layer import batches_of
from ranvier.layers.base import registry
from ranvier.layers.native import NativeLayer
from ranvier.utils.arrays import as_array

_ROWS_AT_ONCE = 1 << 24  # bytes of data that adapt reads at once


@registry.register()
class Normalization(NativeLayer):
    """``(x - mean) / max(sqrt(variance), epsilon)`` with statistics of the data, set once by `adapt` or given.

    Args:
        axis: axes that keep statistics of their own, default the last (one mean per feature); None for a single one.
        mean: known mean(s), together with `variance`, instead of `adapt`.
        variance: known variance(s).
        invert: undo it: ``mean + x * sqrt(variance)``. Default False.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("axis", "invert")
    _weight_names = ("mean", "variance")
    _state_names = ("mean", "variance")

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis = None if axis is None else ints(axis, self.name, "axis")
        if axis is not None and any(a == 0 for a in ints(axis, self.name, "axis")):
            raise ValueError(f"[{self.name}] axis: expected axes other than the batch (0), received {axis!r}.")
        self.invert = bool(invert)
        if (mean is None) != (variance is None):
            raise ValueError(f"[{self.name}] expected both mean and variance or neither, received only one.")
        self.input_mean = None if mean is None else np.asarray(mean, dtype=np.float64)
        self.input_variance = None if variance is None else np.asarray(variance, dtype=np.float64)

    def build(self, input_shape: Any) -> None:
        """Makes the statistics for inputs of this shape; given ones must fit the kept axes."""
        if self.built:
            return
        super().build(input_shape)
        if self.input_mean is not None:
            for variable, given in ((self.mean, self.input_mean), (self.variance, self.input_variance)):
                variable.assign(self._fitted(given, variable.shape, variable.name))

    def _fitted(self, given: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
        if given.size == int(np.prod(shape)):
            return given.reshape(shape)
        try:
            return np.ascontiguousarray(np.broadcast_to(given, shape))
        except ValueError:
            raise ValueError(
                f"[{self.name}] {name}: expected statistics that fit shape {shape}, received shape {given.shape}."
            ) from None

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Sets mean and variance to those of `data`, computed in float64.

        Args:
            data: array-like of samples, at most as many as fit ``batch_size * steps`` when both are given; or batches
                of them: a DataLoader (its inputs), a generator.
            batch_size: rows of a step. Default 32.
            steps: number of steps, default all of the data.

        Raises:
            ValueError: statistics were given to the constructor, or the data is empty or of another shape.
        """
        if self.input_mean is not None:
            raise ValueError(f"[{self.name}] adapt: mean and variance were given to the constructor; leave them out.")
        batches = batches_of(data, steps, self.name)
        if batches is None:
            array = self._samples(data)
            array = array if steps is None else array[: steps * (batch_size or 32)]
            if array.size == 0:
                raise ValueError(f"[{self.name}] adapt: expected data, received shape {array.shape}.")
            batches = _blocks(array)
        moments = _Moments()
        for batch in batches:
            array = self._samples(batch)
            self._build_if_needed((None, *array.shape[1:]))
            kept = () if self.axis is None else tuple(a % array.ndim for a in self.axis)
            if len(self.mean.shape) != array.ndim or any(self.mean.shape[a] != array.shape[a] for a in kept):
                raise ValueError(
                    f"[{self.name}] adapt: expected data of shape {self._build_shape}, received {array.shape}."
                )
            if array.size:
                moments.add(array, tuple(a for a in range(array.ndim) if a not in kept))
        if not moments.count:
            raise ValueError(f"[{self.name}] adapt: expected data, received batches without any.")
        self.mean.assign(moments.mean.reshape(self.mean.shape))
        self.variance.assign(moments.variance.reshape(self.variance.shape))

    def _samples(self, data: Any) -> np.ndarray:
        array = as_array(data, "data", self.name)
        return array[:, None] if array.ndim == 1 else array

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; adapted statistics are weights and saved as such."""
        config = super().get_config()
        config["mean"] = None if self.input_mean is None else self.input_mean.tolist()
        config["variance"] = None if self.input_variance is None else self.input_variance.tolist()
        return config


def _blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    rows = max(1, _ROWS_AT_ONCE // max(1, 8 * int(np.prod(array.shape[1:]))))
    return (array[start : start + rows] for start in range(0, len(array), rows))


class _Moments:
    """Mean and variance, block of rows by block, joined by the parallel formula of Chan et al. 1983."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: Any = np.float64(0)
        self._squares: Any = np.float64(0)

    def add(self, array: np.ndarray, axes: tuple[int, ...]) -> None:
        """Takes one more block into account, over `axes`."""
        block = np.asarray(array, dtype=np.float64)
        n = int(np.prod([block.shape[a] for a in axes]))
        mean = block.mean(axis=axes, keepdims=True)
        squares = ((block - mean) ** 2).sum(axis=axes, keepdims=True)
        gap, total = mean - self.mean, self.count + n
        self.mean = self.mean + gap * (n / total)
        self._squares = self._squares + squares + gap**2 * (self.count * n / total)
        self.count = total

    @property
    def variance(self) -> np.ndarray:
        """That of all blocks so far."""
        return np.asarray(self._squares / self.count)


@registry.register()
class Rescaling(NativeLayer):
    """``x * scale + offset``: ``Rescaling(1/255)`` brings pixels to [0, 1].

    Args:
        scale: number, or an array that broadcasts against the input.
        offset: number or array. Default 0.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("scale", "offset")

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = self._plain(scale, "scale")
        self.offset = self._plain(offset, "offset")

    def _plain(self, value: Any, name: str) -> Any:
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise ValueError(f"[{self.name}] {name}: expected a number or an array of numbers, received {value!r}.")
        return array.item() if array.ndim == 0 else array.tolist()

    @property
    def _runs_python(self) -> bool:
        return isinstance(self.scale, list) or isinstance(self.offset, list) or super()._runs_python

    def _engine_config(self) -> dict[str, Any]:
        settings = super()._engine_config()
        return {**settings, **{k: 1.0 for k in self._arguments if isinstance(settings[k], list)}}

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The engine's rescaling; with arrays a composed one."""
        if not self._runs_python:
            return super().call(inputs, training)
        scaled = ops.multiply(inputs, ops.convert_to_tensor(self.scale, self.dtype))
        return ops.add(scaled, ops.convert_to_tensor(self.offset, self.dtype))


__all__ = ["Normalization", "Rescaling"]
