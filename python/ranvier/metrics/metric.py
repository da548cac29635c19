"""The base of all metrics: named float64 state that adds up over updates, and a result computed from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .._registry import Registry, auto_name
from ._inputs import Array

Result = Any  # np.float64, an array of them, or a dict of either


class MetricVariable(NDArrayOperatorsMixin):
    """One piece of a metric's state: a float64 array with ``assign``, ``assign_add`` and array arithmetic."""

    def __init__(self, value: Any, dtype: Any = np.float64, name: str = "variable") -> None:
        self.value: Array = np.array(value, dtype=dtype)
        self.name = name

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.value.shape

    @property
    def dtype(self) -> str:
        """Name of the value's dtype."""
        return self.value.dtype.name

    def assign(self, value: Any) -> None:
        """Replaces the value; a scalar fills the array, any other shape must be the variable's own."""
        array = np.asarray(value)
        if array.shape not in ((), self.shape):
            raise ValueError(f"[{self.name}] assign: expected shape {self.shape}, received {array.shape}.")
        self.value[...] = array

    def assign_add(self, value: Any) -> None:
        """Adds `value`."""
        self.assign(self.value + np.asarray(value))

    def assign_sub(self, value: Any) -> None:
        """Subtracts `value`."""
        self.assign(self.value - np.asarray(value))

    def numpy(self) -> Array:
        """A copy of the value."""
        return self.value.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.value, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if "out" in kwargs:  # ``variable += x`` must go through assign, or the state would be lost from the metric
            return NotImplemented
        values = [np.asarray(x) if hasattr(x, "__array__") else x for x in inputs]
        return getattr(ufunc, method)(*values, **kwargs)

    def __getitem__(self, index: Any) -> Any:
        return self.value[index]

    def __len__(self) -> int:
        return len(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        return f"<MetricVariable {self.name} shape={self.shape} value={self.value}>"


class Metric:
    """Base class of metrics.

    A subclass creates its state in ``__init__`` with `add_variable`, adds to it in `update_state` and computes
    `result` from it. State is kept in float64 whatever the data's dtype, so a result does not depend on how the rows
    were cut into batches (beyond float64 rounding).

    Args:
        dtype: None for float64 results, or the name of a float dtype results are rounded to. Kept in the config.
        name: defaults to the snake_case class name, numbered when it was given before (``auc``, ``auc_1``).
    """

    leaves_out_masked: ClassVar[bool] = False  # whether time steps that the predictions' mask leaves out get weight 0
    _config_fields: ClassVar[tuple[str, ...]] = ()  # constructor arguments beside name and dtype

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name: str = name or auto_name(type(self).__name__)
        self._dtype = _float_name(self.name, dtype)
        self._variables: list[MetricVariable] = []

    @property
    def dtype(self) -> str:
        """Dtype of results."""
        return self._dtype or "float64"

    @property
    def variables(self) -> list[MetricVariable]:
        """State of this metric and of metrics held as attributes."""
        inner = (v for m in vars(self).values() if isinstance(m, Metric) for v in m.variables)
        return [*self._variables, *inner]

    def add_variable(
        self,
        shape: Iterable[int] = (),
        initializer: str | float | Callable[..., Any] | None = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> MetricVariable:
        """Creates one array of state.

        Args:
            shape: of the state, ``()`` for a number.
            initializer: ``"zeros"``, ``"ones"``, a number or a callable taking the shape. `reset_state` sets zeros.
            dtype: accepted for Keras's sake; state is always float64.
            aggregation: accepted for Keras's sake.
            name: shown in messages.
        """
        if not hasattr(self, "_variables"):
            raise RuntimeError(f"[{type(self).__name__}] call super().__init__() before add_variable().")
        shape = tuple(shape)
        if initializer is None or initializer == "zeros":
            value: Any = np.zeros(shape)
        elif initializer == "ones":
            value = np.ones(shape)
        elif callable(initializer):
            value = np.asarray(initializer(shape))
        elif isinstance(initializer, int | float):
            value = np.full(shape, float(initializer))
        else:
            raise ValueError(
                f"[{self.name}] initializer: expected 'zeros', 'ones', a number or a callable, "
                f"received {initializer!r}."
            )
        variable = MetricVariable(value, name=name or f"{self.name}_variable")
        self._variables.append(variable)
        return variable

    def add_weight(
        self,
        shape: Iterable[int] = (),
        initializer: str | float | Callable[..., Any] | None = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> MetricVariable:
        """Older name of `add_variable`."""
        return self.add_variable(shape, initializer, dtype=dtype, name=name)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Adds a batch, usually ``(y_true, y_pred, sample_weight=None)``, to the state."""
        raise NotImplementedError(f"[{self.name}] {type(self).__name__} must define update_state().")

    def result(self) -> Result:
        """The metric over everything since the last reset."""
        raise NotImplementedError(f"[{self.name}] {type(self).__name__} must define result().")

    def reset_state(self) -> None:
        """Sets all state to zero."""
        for variable in self.variables:
            variable.value[...] = 0

    def merge_state(self, metrics: Iterable[Metric]) -> None:
        """Adds the state of `metrics` (same class, same shapes of state) to this one's.

        Raises TypeError for another class and ValueError for state of another shape.
        """
        others = list(metrics)
        for other in others:
            if type(other) is not type(self):
                raise TypeError(f"[{self.name}] merge_state: expected {type(self).__name__}, received {other!r}.")
        others = [other for other in others if other.variables]  # some have no state before their first update
        if others and not self.variables:
            for attribute, value in vars(others[0]).items():
                if isinstance(value, MetricVariable):
                    setattr(self, attribute, self.add_variable(value.shape, name=value.name))
        for other in others:
            mine, theirs = [v.shape for v in self.variables], [v.shape for v in other.variables]
            if mine != theirs:
                raise ValueError(f"[{self.name}] merge_state: expected state of shapes {mine}, received {theirs}.")
        for other in others:
            for variable, addend in zip(self.variables, other.variables, strict=True):
                variable.value += addend.value

    def __call__(self, *args: Any, **kwargs: Any) -> Result:
        """`update_state`, then `result` over everything so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for `from_config`."""
        return {
            "name": self.name,
            "dtype": self._dtype,
            **{field: getattr(self, field) for field in self._config_fields},
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A metric from what `get_config` returned."""
        return cls(**config)

    def _finish(self, value: Any) -> Result:
        """A computed result in the result dtype: a NumPy scalar, or an array."""
        return np.asarray(value, dtype=self.dtype)[()]

    def _shown_result(self) -> str | None:
        """The result as text; None where a subclass cannot compute it yet."""
        try:
            result = self.result()
        except Exception:  # a repr must not raise, whatever a user's result() does before the first update
            return None
        if isinstance(result, Mapping):
            return ", ".join(f"{key}: {_short(value)}" for key, value in result.items())
        return _short(result)

    def __repr__(self) -> str:
        shown = self._shown_result()
        return f"<{type(self).__name__} name={self.name}{'' if shown is None else f' result={shown}'}>"

    def _repr_html_(self) -> str:
        from html import escape

        shown = self._shown_result()
        value = "" if shown is None else f" = <b>{escape(shown)}</b>"
        return f"<span><code>{escape(type(self).__name__)}</code> {escape(self.name)}{value}</span>"


registry: Registry[Metric] = Registry("metric", Metric, callables=True)


def _short(value: Any) -> str:
    array = np.asarray(value)
    return f"{array:.4g}" if array.ndim == 0 else np.array2string(array, precision=4, threshold=8)


def _float_name(where: str, dtype: Any) -> str | None:
    if dtype is None:
        return None
    if isinstance(dtype, Mapping):  # Keras writes dtype policies as config dicts
        dtype = dtype.get("config", {}).get("name")
    try:
        name = str(np.dtype(getattr(dtype, "compute_dtype", dtype)).name)
    except TypeError:
        name = ""
    if name not in ("float16", "float32", "float64"):
        raise ValueError(f"[{where}] dtype: expected 'float16', 'float32', 'float64' or None, received {dtype!r}.")
    return name
