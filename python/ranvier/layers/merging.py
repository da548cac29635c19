"""Layers of several inputs: sums, products, extrema, joining, dot products. Each has a function of the same name."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ranvier._symbolic import KerasTensor
from ranvier._tensor import convert_to_tensor
from ranvier.layers.base import registry
from ranvier.layers.native import NativeLayer


class Merge(NativeLayer):
    """The base of layers that take a list of inputs.

    Inputs are computed in the layer's dtype. Where ranks differ, axes of size 1 are put behind the batch axis; sizes
    of 1 are repeated, as in NumPy.
    """

    _fewest = 1
    _most: int | None = None

    def _convert(self, x: Any) -> Any:
        if isinstance(x, list | tuple):
            return [convert_to_tensor(item, self.dtype) for item in x]
        return super()._convert(x)

    def _several(self, inputs: Any, what: str) -> list[Any]:
        """The list of inputs or shapes; ValueError for anything else."""
        wanted = f"{self._fewest}" if self._most == self._fewest else f"{self._fewest} or more"
        ok = isinstance(inputs, list | tuple) and len(inputs) >= self._fewest
        if not ok or (self._most is not None and len(inputs) > self._most):
            received = f"{len(inputs)}" if isinstance(inputs, list | tuple) else f"a single {what} {_short(inputs)}"
            raise ValueError(
                f"[{self.name}] expected a list of {wanted} {what}s, received {received}; "
                f"write {type(self).__name__}(...)([a, b])."
            )
        return list(inputs)

    def _shapes(self, shapes: Any) -> list[tuple[int | None, ...]]:
        single = isinstance(shapes, list | tuple) and all(d is None or isinstance(d, int) for d in shapes)
        found = self._several(tuple(shapes) if single and shapes and len(shapes) < self._fewest else shapes, "shape")
        if single and found:
            raise ValueError(
                f"[{self.name}] expected a list of shapes, received the single shape {tuple(found)}; "
                f"write {type(self).__name__}(...)([a, b])."
            )
        try:
            return [tuple(None if d is None else operator.index(d) for d in shape) for shape in found]
        except TypeError:
            raise ValueError(f"[{self.name}] expected a list of shapes, received {shapes!r}.") from None

    def build(self, input_shape: Any) -> None:
        """Checks that the shapes go together."""
        shapes = self._shapes(input_shape)
        if not self.built:
            with self._named():
                self._native().build(shapes)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The merged inputs."""
        return super().call(self._several(inputs, "tensor"), training)  # type: ignore[arg-type]

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The merged inputs; see `Layer.__call__`."""
        if isinstance(inputs, tuple):
            inputs = list(inputs)
        if isinstance(inputs, KerasTensor):
            self._several(inputs, "tensor")
        return super().__call__(inputs, *args, **kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output for a list of shapes (batch axis included, None where unknown)."""
        shapes = self._shapes(input_shape)
        with self._named():
            return tuple(self._native().output_shape(shapes))

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Puts the layer's name before messages that lack it."""
        try:
            yield
        except ValueError as error:
            if f"[{self.name}]" in str(error):
                raise
            raise ValueError(f"[{self.name}] {error}") from None


def _short(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"of shape {tuple(shape)}" if shape is not None else repr(value)[:80]


@registry.register()
class Add(Merge):
    """The sum of the inputs."""


@registry.register()
class Subtract(Merge):
    """The first of two inputs minus the second."""

    _fewest = _most = 2


@registry.register()
class Multiply(Merge):
    """The product of the inputs, element by element."""


@registry.register()
class Average(Merge):
    """The mean of the inputs, element by element."""


@registry.register()
class Maximum(Merge):
    """The largest of the inputs, element by element."""


@registry.register()
class Minimum(Merge):
    """The smallest of the inputs, element by element."""


@registry.register()
class Concatenate(Merge):
    """The inputs joined along an axis; all their other sizes must be equal.

    Args:
        axis: the axis, counted with the batch axis. Default -1, the last one.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("axis",)

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        try:
            self.axis = operator.index(axis)
        except TypeError:
            raise ValueError(f"[{self.name}] axis: expected an int, received {axis!r}.") from None


@registry.register()
class Dot(Merge):
    """Dot products of two inputs, row by row: sums of products over one axis of each.

    ``(batch, a, n)`` and ``(batch, b, n)`` with ``axes=2`` give ``(batch, a, b)``; two inputs ``(batch, n)`` give
    ``(batch, 1)``.

    Args:
        axes: the axis to sum over, or one for each input; not the batch axis.
        normalize: divide by the vectors' Euclidean lengths first, which gives the cosine of their angle.
            Default False.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("axes", "normalize")
    _fewest = _most = 2

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        several = isinstance(axes, list | tuple)
        try:
            given: Any = axes if several else [axes]
            found = [operator.index(a) for a in given]
        except TypeError:
            found = []
        if len(found) != (2 if several else 1) or 0 in found:
            raise ValueError(
                f"[{self.name}] axes: expected an int or two ints other than 0, the batch axis, received {axes!r}."
            )
        self.axes = tuple(found) if several else found[0]
        self.normalize = bool(normalize)


def add(inputs: Any, **kwargs: Any) -> Any:
    """``Add(**kwargs)(inputs)``."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """``Subtract(**kwargs)(inputs)``."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """``Multiply(**kwargs)(inputs)``."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """``Average(**kwargs)(inputs)``."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """``Maximum(**kwargs)(inputs)``."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """``Minimum(**kwargs)(inputs)``."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """``Concatenate(axis, **kwargs)(inputs)``."""
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Any, axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """``Dot(axes, **kwargs)(inputs)``."""
    return Dot(axes, **kwargs)(inputs)
