"""Mean and Sum of values, and the mean of a function of ``(y_true, y_pred)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._registry import get_registered_name
from ._inputs import Floats, as_numbers, same_rank, weighted, weights_for
from .metric import Metric, Result, registry


@registry.register()
class Sum(Metric):
    """Weighted sum of all values given to ``update_state(values, sample_weight=None)``; 0 before the first."""

    def __init__(self, name: str = "sum", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds `values` of any shape; weights are one number, one per row, or one per value."""
        values = as_numbers(self.name, "values", values).astype(np.float64, copy=False)
        weights = weights_for(self.name, sample_weight, values.shape)
        self.total.value += values.sum() if weights is None else weighted(values, weights).sum()

    def result(self) -> Result:
        """Weighted sum so far."""
        return self._finish(self.total.value)


@registry.register()
class Mean(Metric):
    """Weighted mean over rows of all values given to ``update_state(values, sample_weight=None)``.

    Values of more than one axis are averaged over the axes after the first, so every row counts alike. Without any
    row (or with weights that are all 0) the result is 0, as in Keras.
    """

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds `values` of shape ``(n, ...)`` (or one number); weights are one number, ``(n,)`` or up to the shape."""
        values = as_numbers(self.name, "values", values).astype(np.float64, copy=False)
        if sample_weight is None:
            rows = len(values) if values.ndim else 1
            self.total.value += _row_means(values).sum()
            self.count.value += rows
            return
        weights = weights_for(self.name, sample_weight, values.shape)
        assert weights is not None
        self.total.value += _row_means(weighted(values, weights)).sum()
        self.count.value += _row_means(weights).sum()

    def result(self) -> Result:
        """Weighted mean so far."""
        return self._finish(self._mean())

    def _mean(self) -> Any:
        return self.total.value / self.count.value if self.count.value else np.float64(0.0)


def _row_means(values: Floats) -> Floats:
    """Mean over all axes but the first; ``(n, 1)`` is the common case and costs nothing."""
    if values.ndim < 2:
        return values
    rows = values.reshape(len(values), -1) if values.size else values.reshape(len(values), 0)
    if rows.shape[1] == 0:
        return np.zeros(len(values))
    return rows[:, 0] if rows.shape[1] == 1 else rows.mean(axis=1)


@registry.register()
class MeanMetricWrapper(Mean):
    """Mean over rows of ``fn(y_true, y_pred, **kwargs)``.

    `fn` receives NumPy arrays in which ``(n,)`` has become ``(n, 1)`` where needed for equal ranks, and returns values
    of shape ``(n,)`` or ``(n, ...)``. A function returning one number for the whole batch counts with the batch's
    rows. To save and load a model with a function of your own, decorate it with ``register_keras_serializable`` or
    pass ``custom_objects``.
    """

    leaves_out_masked = True

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        if not callable(fn):
            raise TypeError(f"[{type(self).__name__}] fn: expected a function of (y_true, y_pred), received {fn!r}.")
        super().__init__(name=name or getattr(fn, "__name__", None) or "mean_metric_wrapper", dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    # Keras's hierarchy: a wrapper is a Mean of what its function returns.
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Adds a batch.

        Args:
            y_true: targets; shapes ``(n,)`` and ``(n, 1)`` are the same.
            y_pred: predictions, rows first.
            sample_weight: None, one number, one per row, or one per value the function returns.
        """
        true, pred = rows_of(self.name, y_true, y_pred)
        if len(pred) == 0:
            return
        values = np.asarray(self._fn(true, pred, **self._fn_kwargs), dtype=np.float64)
        if values.ndim == 0:
            values = np.broadcast_to(values, (len(pred),))
        elif len(values) != len(pred):
            raise ValueError(
                f"[{self.name}] expected one value per row ({len(pred)} rows), "
                f"received values of shape {values.shape}; reduce over the last axis only."
            )
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for `from_config`."""
        return {**super().get_config(), "fn": get_registered_name(self._fn), **self._fn_kwargs}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A metric from what `get_config` returned."""
        config = dict(config)
        fn = config.get("fn")
        if isinstance(fn, Mapping):  # Keras's form of a function
            fn = fn.get("config")
        if isinstance(fn, str):
            from . import functions  # the functions of this package are found by name, user functions by registry

            config["fn"] = functions().get(fn) or registry.lookup(fn)
        return cls(**config)


class FunctionMetric(MeanMetricWrapper):
    """A `MeanMetricWrapper` whose function belongs to the class, so the config holds only the class's arguments."""

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for `from_config`."""
        return Metric.get_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A metric from what `get_config` returned."""
        return cls(**config)


def rows_of(where: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Arrays whose first axis is the rows: ``(n,)`` predictions become ``(n, 1)``, and `y_true` follows."""
    true, pred = as_numbers(where, "y_true", y_true), as_numbers(where, "y_pred", y_pred)
    if pred.ndim == 0 or true.ndim == 0:
        raise ValueError(
            f"[{where}] expected arrays with at least one axis (the rows), "
            f"received y_true with shape {true.shape} and y_pred with shape {pred.shape}."
        )
    if pred.ndim == 1:
        pred = pred[:, None]
    true, pred = same_rank(true, pred)
    if len(true) != len(pred):
        raise ValueError(
            f"[{where}] expected as many rows in y_true as in y_pred, received {len(true)} rows (y_true, shape "
            f"{np.shape(y_true)}) and {len(pred)} rows (y_pred, shape {np.shape(y_pred)})."
        )
    return true, pred
