"""What a layer demands of its input's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class InputSpec:
    """Demands on one input; a layer sets ``self.input_spec`` and they are checked at every call.

    Args:
        dtype: accepted for Keras's sake; inputs are cast by the layer.
        shape: expected shape, None for any size.
        ndim: exact number of axes.
        max_ndim: most axes.
        min_ndim: fewest axes.
        axes: axis -> expected size.
        allow_last_axis_squeeze: a last axis of 1 may be missing or extra when `shape` is given.
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: tuple[int | None, ...] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
    ) -> None:
        self.dtype = dtype
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze

    def check(self, shape: tuple[int | None, ...], layer: str) -> None:
        """ValueError naming `layer` when `shape` does not fit."""
        wanted = self.shape
        if wanted is not None and self.allow_last_axis_squeeze:
            if shape[-1:] == (1,):
                shape = shape[:-1]
            if wanted[-1:] == (1,):
                wanted = wanted[:-1]
        ndim = len(wanted) if wanted is not None else self.ndim
        if ndim is not None and len(shape) != ndim:
            raise ValueError(f"[{layer}] expected {ndim} axes, received x with shape {shape}.")
        if self.max_ndim is not None and len(shape) > self.max_ndim:
            raise ValueError(f"[{layer}] expected at most {self.max_ndim} axes, received x with shape {shape}.")
        if self.min_ndim is not None and len(shape) < self.min_ndim:
            raise ValueError(f"[{layer}] expected at least {self.min_ndim} axes, received x with shape {shape}.")
        for axis, size in {**dict(enumerate(wanted or ())), **self.axes}.items():
            if size is None:
                continue
            if not -len(shape) <= axis < len(shape) or shape[axis] not in (None, size):
                raise ValueError(f"[{layer}] expected size {size} on axis {axis}, received x with shape {shape}.")

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": None if self.shape is not None else self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes or None,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> InputSpec:
        """The inverse of `get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v}" for k, v in self.get_config().items() if v is not None)
        return f"InputSpec({shown})"
