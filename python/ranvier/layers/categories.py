"""CategoryEncoding and Discretization: indices to vectors, numbers to categories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ranvier import config
from ranvier.layers._category_encoding import count, dense_only, encode, encoded_shape, mode_of, size
from ranvier.layers._checks import number
from ranvier.layers._data_layer import DataLayer, LateProgress, batches_of
from ranvier.layers.base import registry
from ranvier.utils.strings import positions


@registry.register()
class CategoryEncoding(DataLayer):
    """Indices of categories to one-hot, multi-hot or counting vectors.

    Args:
        num_tokens: number of categories; indices are 0 to `num_tokens` - 1.
        output_mode: ``"multi_hot"`` (default) and ``"count"``: `(..., length)` to `(..., num_tokens)`; ``"one_hot"``:
            `(..., length)` to `(..., length, num_tokens)`, without `length` if it is 1.
        sparse: only False.
        **kwargs: name, dtype, trainable.

    Raises:
        ValueError: an index outside of the categories, with its place.

    Example:
        ```python
        encode = CategoryEncoding(num_tokens=4, output_mode="count")
        encode([[0, 1], [0, 0]], count_weights=[[0.1, 0.2], [0.1, 0.1]])  # [[0.1, 0.2, 0, 0], [0.2, 0, 0, 0]]
        ```
    """

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if num_tokens is None:
            raise ValueError(
                f"[{self.name}] num_tokens: expected the number of categories, received None; IntegerLookup finds it."
            )
        self.num_tokens = size(num_tokens, self.name, "num_tokens")
        self.output_mode = mode_of(output_mode, self.name, ("count", "one_hot", "multi_hot"))
        self.sparse = dense_only(sparse, self.name)

    def encode(self, inputs: Any, count_weights: Any = None) -> np.ndarray:
        """The vectors, in the layer's dtype.

        Args:
            inputs: integers `(..., length)`.
            count_weights: what each index counts, of the shape of `inputs`; only in mode ``"count"``.
        """
        indices = self._integers(inputs)
        outside = np.flatnonzero((indices < 0) | (indices >= self.num_tokens))
        if len(outside):
            raise ValueError(
                f"[{self.name}] expected indices from 0 to {self.num_tokens - 1}, received "
                f"{indices.flat[outside[0]]} at {positions(int(outside[0]), indices.shape)}; is num_tokens right?"
            )
        weights = None
        if count_weights is not None:
            if self.output_mode != "count":
                raise ValueError(
                    f"[{self.name}] count_weights: expected None in output_mode {self.output_mode!r}; they go with "
                    "'count'."
                )
            weights = self._numbers(count_weights, "count_weights")
            if weights.shape != indices.shape:
                raise ValueError(
                    f"[{self.name}] count_weights: expected shape {indices.shape} as of the indices, received "
                    f"{weights.shape}."
                )
        return encode(indices, self.output_mode, self.num_tokens, self.dtype, weights)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output for `input_shape`."""
        return encoded_shape(tuple(input_shape), self.output_mode, self.num_tokens)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}


@registry.register()
class Discretization(DataLayer):
    """Numbers to the index of the interval they are in: ``[0., 1., 2.]`` makes four, from (-inf, 0) to [2, inf).

    Args:
        bin_boundaries: borders of the intervals, ascending; instead of `num_bins` and `adapt`.
        num_bins: number of intervals whose borders `adapt` finds: quantiles of the data.
        epsilon: precision of the quantiles. Default 0.01.
        output_mode: ``"int"`` (int32), ``"one_hot"``, ``"multi_hot"`` or ``"count"``.
        sparse: only False.
        dtype: of vectors.
        name: of the layer.
        **kwargs: trainable.

    Raises:
        ValueError: both or neither of boundaries and `num_bins`, boundaries out of order; NaN in the data.

    Example:
        ```python
        Discretization(bin_boundaries=[0.0, 1.0, 2.0])([[-1.5, 1.0, 3.4, 0.5]])  # [[0, 2, 3, 1]]
        ```
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)
        if (bin_boundaries is None) == (num_bins is None):
            received = "neither" if num_bins is None else "both"
            raise ValueError(f"[{self.name}] expected either bin_boundaries or num_bins, received {received}.")
        self.num_bins = None if num_bins is None else count(num_bins, self.name, "num_bins")
        self.epsilon = number(epsilon, self.name, "epsilon", 1e-6)
        self.output_mode = mode_of(output_mode, self.name)
        self.sparse = dense_only(sparse, self.name)
        self.bin_boundaries = None if bin_boundaries is None else self._borders(bin_boundaries)
        self._summary = _empty()

    def _borders(self, given: Any) -> list[float]:
        try:
            borders = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            borders = np.array(np.nan)
        if borders.ndim != 1 or not np.isfinite(borders).all() or (np.diff(borders) < 0).any():
            raise ValueError(
                f"[{self.name}] bin_boundaries: expected ascending finite numbers, received {given!r:.200}."
            )
        found: list[float] = borders.tolist()
        return found

    # -- finding the borders -----------------------------------------------------------------------------------------

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Sets the borders to quantiles of `data`, as Keras approximates them.

        Args:
            data: array, list of numbers, or batches: a list of arrays, a DataLoader or a generator.
            steps: number of batches to look at, default all.

        Raises:
            ValueError: the borders were given, no data, or NaN in it.
        """
        if self.num_bins is None:
            raise ValueError(
                f"[{self.name}] adapt: bin_boundaries were given to the constructor; give num_bins to learn them."
            )
        self.reset_state()
        batches = batches_of(data, steps, self.name)
        if batches is None:
            several = isinstance(data, list | tuple) and len(data) > 0 and not isinstance(data[0], int | float)
            batches = iter(data if several else [data])
        progress = LateProgress(None, "batch")
        try:
            for step, batch in enumerate(batches):
                self.update_state(batch)
                progress.update(step + 1)
        finally:
            progress.close()
        if not self._summary.shape[1]:
            raise ValueError(f"[{self.name}] adapt: expected at least one number, received none.")
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Takes one batch into account."""
        values = self._finite(data).astype(np.float32).reshape(-1)
        if values.size:
            self._summary = _merged(_summary(values, self.epsilon), self._summary, self.epsilon)

    def finalize_state(self) -> None:
        """Makes borders of what has been seen."""
        if self.num_bins and self._summary.shape[1]:
            self.bin_boundaries = _compressed(self._summary, 1.0 / self.num_bins)[0, :-1].tolist()

    def reset_state(self) -> None:
        """Forgets what has been seen, not the borders."""
        self._summary = _empty()

    def _finite(self, inputs: Any) -> np.ndarray:
        values = self._numbers(inputs)
        if values.dtype.kind == "f":
            wrong = np.flatnonzero(np.isnan(values))
            if len(wrong):
                raise ValueError(
                    f"[{self.name}] expected numbers, received NaN at {positions(int(wrong[0]), values.shape)} "
                    f"({len(wrong)} in all); fill missing values first, e.g. with np.nan_to_num."
                )
        return values

    # -- calling -----------------------------------------------------------------------------------------------------

    def encode(self, inputs: Any) -> np.ndarray:
        """The intervals of the numbers, encoded as `output_mode` says."""
        if self.bin_boundaries is None:
            raise ValueError(f"[{self.name}] has no bin_boundaries yet; call adapt(data) first, or pass them.")
        indices = np.digitize(self._finite(inputs), self.bin_boundaries)
        return encode(indices, self.output_mode, len(self.bin_boundaries) + 1, self._result_dtype())

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output for `input_shape`."""
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return encoded_shape(tuple(input_shape), self.output_mode, depth)

    def _result_dtype(self) -> str:
        if self.output_mode == "int":
            return "int32"
        return self.dtype if self.dtype in config.FLOATS else config.floatx()

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; `bin_boundaries` are there after `adapt`, too."""
        return {
            **super().get_config(),
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": False,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A new layer from what `get_config` returned, Keras's or ours."""
        settings = dict(config)
        learned = settings.pop("bin_boundaries", None) if settings.get("num_bins") is not None else None
        layer = cls(**settings)
        if learned is not None:
            layer.bin_boundaries = layer._borders(learned)
        return layer


# A summary is [values, how many numbers each stands for], ascending. Keras's approximation of quantiles.


def _empty() -> np.ndarray:
    return np.zeros((2, 0), dtype=np.float32)


def _summary(values: np.ndarray, epsilon: float) -> np.ndarray:
    step = max(len(values) / (1.0 / epsilon), 1.0)
    picked = np.sort(values)[int(step - 1) :: int(step)]
    return np.stack([picked, np.full_like(picked, step)])


def _merged(first: np.ndarray, second: np.ndarray, epsilon: float) -> np.ndarray:
    both = np.concatenate([first, second], axis=1)
    return _compressed(both[:, np.argsort(both[0])], epsilon)


def _compressed(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """Values at every share `epsilon` of the whole weight, interpolated."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = summary[1].cumsum()
    reached = weights / weights[-1]
    values = np.interp(shares, reached, summary[0])
    return np.stack([values, np.diff(np.interp(shares, reached, weights), prepend=0.0)]).astype(np.float32)


__all__ = ["CategoryEncoding", "Discretization"]
