"""Indices of categories as they are, one-hot, multi-hot or counted: what all layers for categories give."""

from __future__ import annotations

import codecs
from typing import Any

import numpy as np

from ranvier.layers._checks import positive_int

Shape = tuple[int | None, ...]

MODES = ("int", "one_hot", "multi_hot", "count")
_TOO_MANY = 1 << 40  # of anything that gets an index
_OLD_NAMES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


def mode_of(value: Any, layer: str, allowed: tuple[str, ...] = MODES) -> str:
    """One of the modes by name; older names of Keras are accepted."""
    return choice(_OLD_NAMES.get(value, value) if isinstance(value, str) else value, layer, "output_mode", allowed)


def choice(value: Any, layer: str, name: str, allowed: tuple[str, ...]) -> str:
    """One of the names."""
    if not isinstance(value, str) or value not in allowed:
        listed = ", ".join(map(repr, allowed))
        raise ValueError(f"[{layer}] {name}: expected one of {listed}, received {value!r:.200}.")
    return value


def flag(value: Any, layer: str, name: str) -> bool:
    """True or False; None counts as False."""
    if value is not None and not isinstance(value, bool | np.bool_):
        raise ValueError(f"[{layer}] {name}: expected True or False, received {value!r:.80}.")
    return bool(value)


def encoding_of(value: Any, layer: str) -> str:
    """The name of a text encoding that Python knows."""
    try:
        codecs.lookup(value)
    except (LookupError, TypeError, ValueError):
        raise ValueError(f"[{layer}] encoding: expected one such as 'utf-8', received {value!r:.80}.") from None
    return str(value)


def size(value: Any, layer: str, name: str) -> int:
    """A positive int that an array can have as its size."""
    return positive_int(value, layer, name, below=_TOO_MANY)


def dense_only(sparse: Any, layer: str) -> bool:
    """False; ValueError for True, as in Keras outside of TensorFlow."""
    if flag(sparse, layer, "sparse"):
        raise ValueError(f"[{layer}] sparse: expected False, received {sparse!r}; only dense results are there.")
    return False


def count(value: Any, layer: str, name: str) -> int:
    """An int of 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < _TOO_MANY:
        raise ValueError(
            f"[{layer}] {name}: expected an int of 0 or more, and below {_TOO_MANY}, received {value!r:.80}."
        )
    return int(value)


def max_tokens_of(value: Any, layer: str) -> int | None:
    """None, or an int above 1."""
    if value is not None and count(value, layer, "max_tokens") < 2:
        raise ValueError(f"[{layer}] max_tokens: expected an int above 1, or None, received {value!r}.")
    return None if value is None else int(value)


def salt_of(value: Any, layer: str) -> tuple[int, int]:
    """Two ints, from two or from one for both."""
    pair = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, list | tuple) else ()
    if len(pair) != 2 or not all(isinstance(item, int) and not isinstance(item, bool) for item in pair):
        raise ValueError(f"[{layer}] salt: expected an int or a pair of ints, received {value!r:.80}.")
    return int(pair[0]), int(pair[1])


def encoded_shape(shape: Shape, mode: str, depth: int | None) -> Shape:
    """Shape of the encoding of indices of this shape."""
    if mode == "int":
        return shape
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:-1], depth)


def encode(indices: np.ndarray, mode: str, depth: int, dtype: str, weights: np.ndarray | None = None) -> np.ndarray:
    """Encodes integer indices.

    Args:
        indices: integers `(..., length)`; those outside of [0, depth) leave no trace, except in mode "int".
        mode: ``"int"`` the indices; ``"one_hot"`` `(..., length, depth)`, without the axis `length` if it is 1;
            ``"multi_hot"`` and ``"count"`` `(..., depth)`: whether, or how often, each index is in a sample.
        depth: number of categories.
        dtype: of the result.
        weights: what each index counts in mode "count", of the shape of `indices`. Default 1.
    """
    if mode == "int":
        return indices.astype(dtype, copy=False)
    if mode == "one_hot" and indices.ndim > 1 and indices.shape[-1] == 1:
        indices = indices[..., 0]
    if indices.ndim == 0:
        indices = indices[None]
    result = np.zeros((*(indices.shape if mode == "one_hot" else indices.shape[:-1]), depth), dtype=dtype)
    samples = result.reshape(-1, depth) if depth else result
    length = 1 if mode == "one_hot" else indices.shape[-1]
    flat = indices.reshape(-1)
    known = (flat >= 0) & (flat < depth)
    places = (np.arange(len(flat)) // max(length, 1) * depth + flat)[known]
    if mode == "count":
        given = None if weights is None else np.broadcast_to(weights, indices.shape).reshape(-1)[known]
        samples.reshape(-1)[:] = np.bincount(places, given, minlength=samples.size) if samples.size else 0
    else:
        samples.reshape(-1)[places] = 1
    return result
