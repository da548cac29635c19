"""Along one axis: running sums, the largest elements, elements picked by position; triangles of matrices."""

from __future__ import annotations

from typing import Any

from ranvier._core import Tensor
from ranvier.ops._convert import axis_of, engine, tensor, whole
from ranvier.ops._recording import record_all
from ranvier.ops.manipulation import moveaxis

__all__ = ["cumsum", "take_along_axis", "top_k", "tril", "triu"]


def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """The sum of all elements up to each along `axis` (of the flattened tensor without one)."""
    x = tensor(x) if dtype is None else tensor(x, dtype)
    if axis is None:
        x, axis = engine.reshape(x, [-1]), 0
    return engine.cumsum(x, axis_of(axis, x.ndim, "cumsum"))


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The `k` largest elements of the last axis and their positions (int32), largest first whatever `sorted` says.

    Equal elements come in the order of their positions. Gradients reach the elements that were chosen.

    Raises:
        ValueError: fewer than `k` elements.
    """
    values, positions = engine.top_k(tensor(x), whole(k, "top_k", "k"))
    return values, positions


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """``y[i, j] = x[i, indices[i, j]]`` for the last axis and likewise for others; sizes of 1 are repeated.

    Without an axis both are flattened. Negative indices count from the end.

    Raises:
        TypeError: indices that are not integers.
        ValueError: another number of axes, sizes that do not go together, an index outside of the axis.
    """
    x, index = tensor(x), tensor(indices)
    if index.dtype not in ("int32", "int64"):
        raise TypeError(f"[take_along_axis] indices: expected integers, received dtype {index.dtype}.")
    if axis is None:
        x, index, axis = engine.reshape(x, [-1]), engine.reshape(index, [-1]), 0
    place = axis_of(axis, x.ndim, "take_along_axis")
    fits = index.ndim == x.ndim and all(
        i == place or a == b or 1 in (a, b) for i, (a, b) in enumerate(zip(x.shape, index.shape, strict=False))
    )
    if not fits:
        raise ValueError(
            f"[take_along_axis] indices: expected as many axes as x, {x.shape}, with equal sizes (or 1) on all but "
            f"axis {axis}, received shape {index.shape}."
        )
    x, index = moveaxis(x, place, -1), moveaxis(index, place, -1)
    outer = [max(a, b) if 0 not in (a, b) else 0 for a, b in zip(x.shape[:-1], index.shape[:-1], strict=True)]
    length, picks = x.shape[-1], index.shape[-1]
    rows = 1
    for size in outer:
        rows *= size
    x = engine.reshape(engine.broadcast_to(x, [*outer, length]), [rows * length])
    index = engine.cast(engine.reshape(engine.broadcast_to(index, [*outer, picks]), [rows, picks]), "int64")
    values = index.numpy()
    if values.size and not (values.min() >= -length and values.max() < length):
        wrong = values[(values < -length) | (values >= length)][0]
        raise ValueError(
            f"[take_along_axis] indices: expected numbers in [{-length}, {length}) on axis {axis}, received {wrong}."
        )
    index = engine.where(engine.compare("less", index, tensor(0, "int64")), index + length, index)
    starts = engine.reshape(engine.arange(0, rows, 1, "int64"), [rows, 1]) * length
    return moveaxis(engine.reshape(engine.gather(x, index + starts, 0), [*outer, picks]), -1, place)


def tril(x: Any, k: int = 0) -> Tensor:
    """The last two axes with 0 above the `k`-th diagonal."""
    return _triangle(x, whole(k, "tril", "k"), "tril")


def triu(x: Any, k: int = 0) -> Tensor:
    """The last two axes with 0 below the `k`-th diagonal."""
    return _triangle(x, whole(k, "triu", "k"), "triu")


def _triangle(x: Any, k: int, where: str) -> Tensor:
    x = tensor(x)
    if x.ndim < 2:
        raise ValueError(f"[{where}] x: expected at least two axes, received shape {x.shape}.")
    rows = engine.reshape(engine.arange(0, x.shape[-2], 1, "int64"), [x.shape[-2], 1])
    columns = engine.arange(0, x.shape[-1], 1, "int64")
    kept = engine.compare("less_equal" if where == "tril" else "greater_equal", columns - rows, tensor(k, "int64"))
    return engine.where(kept, x, tensor(0, x.dtype))


record_all(globals())
