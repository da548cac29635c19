"""Checking `x` and `target`, and the number that attributions explain."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ranvier import config, ops
from ranvier._core import Tensor
from ranvier._tensor import convert_to_tensor, no_grad
from ranvier.explain.running import BeforeActivation, run, seen_at, squashing_layer
from ranvier.models import Model
from ranvier.utils.arrays import as_array

Array = np.ndarray
Target = int | Array | Callable[[Any], Any] | None


def check_model(model: Any, where: str) -> None:
    """TypeError unless it is a model."""
    if not isinstance(model, Model):
        raise TypeError(f"[{where}] model: expected a Model or Sequential, received {type(model).__name__}.")


def as_batch(model: Any, x: Any, where: str, tokens: bool = False) -> Array:
    """`x` as floating rows that fit the model, which is built for them if it was not; `tokens` may stay integers.

    Raises:
        TypeError: no model.
        ValueError: no rows, no batch axis, another shape than the model takes, or a model of several inputs.
    """
    check_model(model, where)
    inputs = getattr(model, "_input_names", None) if model.built else None
    if inputs is not None and len(inputs) > 1:
        raise ValueError(
            f"[{where}] expected a model of one input, received {model.name!r} with {', '.join(inputs)}; explain "
            "a subclass of Model whose call takes one of them and sets the others."
        )
    if isinstance(x, dict) or (isinstance(x, list | tuple) and len(x) > 0 and isinstance(x[0], np.ndarray | Tensor)):
        raise ValueError(f"[{where}] x: expected one array of rows, received {type(x).__name__} of {len(x)} arrays.")
    rows = as_array(x, "x", where)
    wanted = input_shape(model)
    if rows.ndim < 2 or (wanted is not None and not _fits(rows.shape, wanted)):
        expected = f"rows of shape {wanted[1:]}" if wanted is not None else "rows, shape (rows, ...)"
        hint = "."
        if wanted is None or _fits((1, *rows.shape), wanted):
            hint = "; for one row pass x[None]."
        elif _fits((*rows.shape, 1), wanted):
            hint = "; pass x[..., None]."
        elif _fits((1, *rows.shape, 1), wanted):
            hint = "; for one row pass x[None, ..., None]."
        raise ValueError(f"[{where}] x: expected {expected}, received x with shape {rows.shape}{hint}")
    if not len(rows):
        raise ValueError(f"[{where}] x: expected at least one row, received shape {rows.shape}.")
    kept = tokens and rows.dtype.kind in "iu"
    ready = np.ascontiguousarray(rows, dtype=rows.dtype if kept else dtype_of(model))
    if not model.built:
        with no_grad():
            model(ready[:1])
    return ready


def dtype_of(model: Any) -> str:
    """The floating dtype the model computes in."""
    found = [weight.dtype for weight in model.weights] if model.built else []
    return next((name for name in [*found, model.dtype] if name in config.FLOATS), config.floatx())


def input_shape(model: Any) -> tuple[int | None, ...] | None:
    """Shape of the model's only input with the batch axis, `None` where it is not known."""
    try:
        shape = model.input_shape
    except (AttributeError, ValueError):
        return None
    return shape if isinstance(shape, tuple) else None


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    pairs = zip(shape[1:], wanted[1:], strict=False)
    return len(shape) == len(wanted) and all(b is None or a == b for a, b in pairs)


def positive(value: Any, name: str, where: str, most: int | None = None) -> int:
    """A count of at least 1."""
    try:
        count = operator.index(value)
    except TypeError:
        count = 0
    if count < 1 or isinstance(value, bool) or (most is not None and count > most):
        limits = "of at least 1" if most is None else f"from 1 to {most:,}"
        raise ValueError(f"[{where}] {name}: expected an integer {limits}, received {value!r}.")
    return count


def not_negative(value: Any, name: str, where: str) -> float:
    """A finite number of at least 0."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"[{where}] {name}: expected a number of at least 0, received {value!r}.")
    return number


def chunks(rows: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` rows."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


class Scorer:
    """A number for each row: the output of the model that is to be explained.

    Args:
        model: the model.
        target: index of an output, one for each row, a function of the output, or `None` for the predicted class.
        before_activation: take what enters a last softmax or sigmoid instead of what leaves it.
        where: the caller, for messages.
    """

    def __init__(self, model: Any, target: Any, before_activation: bool, where: str) -> None:
        self.model = model
        self.where = where
        self.target = target
        self.before_activation = before_activation
        self.squashing: BeforeActivation | None = None
        self.indices: Array | None = None

    def __call__(self, x: Any, rows: slice, watched: Any = (), replaced: Any = None) -> tuple[Tensor, Any]:
        """The scores `(rows,)` of `x`, which are the rows `rows` of all, and what the watched layers saw.

        Layers in `replaced` give the tensors there instead of their own.
        """
        extra = [] if self.squashing is None else [self.squashing.layer]
        output, seen = run(self.model, x, [*watched, *extra], replaced)
        if callable(self.target):
            return self._own(output, len(x)), seen
        if not isinstance(output, Tensor):
            raise ValueError(
                f"[{self.where}] target: expected a function of the outputs, as the model has several, received "
                f"{self.target!r}; for example target=lambda outputs: outputs[0][:, 3]."
            )
        if self.squashing is not None:
            output = self.squashing(seen_at(seen, self.model, self.squashing.layer, self.where).inputs)
        if self.indices is None:
            raise RuntimeError("resolve(x) comes first")
        if output.ndim < 2:
            return output, seen
        chosen = np.zeros((len(x), output.shape[-1]), output.dtype)
        chosen[np.arange(len(x)), self.indices[rows]] = 1
        picked = ops.multiply(output, chosen.reshape(len(x), *([1] * (output.ndim - 2)), -1))
        return ops.sum(picked, axis=tuple(range(1, output.ndim))), seen

    def _own(self, output: Any, rows: int) -> Tensor:
        score = convert_to_tensor(self.target(output))
        if score.ndim == 0:
            # The same for all rows; its derivative is what counts.
            score = ops.broadcast_to(ops.divide(score, float(rows)), (rows,))
        if score.shape != (rows,):
            raise ValueError(
                f"[{self.where}] target: expected a function that returns one number or one for each row, shape "
                f"({rows},), received shape {score.shape}."
            )
        return score

    def resolve(self, x: Array, batch_size: int) -> None:
        """Fixes the index for each row of `x`."""
        if callable(self.target):
            return
        if self.before_activation:
            layer = squashing_layer(self.model, x[:1])
            self.squashing = None if layer is None else BeforeActivation(layer)
        width = self._width(x)
        if self.target is not None:
            self.indices = self._given(len(x), width)
        elif width == 1:
            self.indices = np.zeros(len(x), np.int64)
        else:
            outputs = [np.asarray(run(self.model, x[rows])[0]) for rows in chunks(len(x), batch_size)]
            predicted = np.concatenate(outputs)
            if predicted.ndim > 2:
                raise ValueError(
                    f"[{self.where}] target: expected an index or a function, as the output has shape "
                    f"{predicted.shape} and no single predicted class, received None."
                )
            self.indices = predicted.argmax(axis=-1)

    def _width(self, x: Array) -> int:
        output, _ = run(self.model, x[:1])
        if not isinstance(output, Tensor):
            raise ValueError(
                f"[{self.where}] target: expected a function of the outputs, as the model has several, received "
                f"{self.target!r}; for example target=lambda outputs: outputs[0][:, 3]."
            )
        return int(output.shape[-1]) if output.ndim > 1 else 1

    def _given(self, rows: int, width: int) -> Array:
        indices = np.asarray(self.target)
        if indices.dtype.kind not in "iu" or indices.shape not in ((), (rows,), (rows, 1)):
            raise ValueError(
                f"[{self.where}] target: expected an index, {rows} of them (one for each row), a function or None, "
                f"received {self.target!r}."
            )
        if indices.size and (indices.min() < 0 or indices.max() >= width):
            wrong = indices.min() if indices.min() < 0 else indices.max()
            raise ValueError(
                f"[{self.where}] target: expected an index from 0 to {width - 1} (the model has {width} "
                f"output{'s' if width > 1 else ''}), received {wrong}."
            )
        return np.broadcast_to(indices.reshape(-1).astype(np.int64), (rows,))
