"""Labels to one-hot rows, rows to unit length."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier import config
from ranvier.utils.arrays import as_array

__all__ = ["normalize", "to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """One-hot rows of integer labels, for `categorical_crossentropy`.

    Args:
        x: labels from 0 to `num_classes - 1`, of any shape; a last axis of length 1 is dropped.
        num_classes: number of classes; `None` takes `max(x) + 1`.

    Returns:
        An array of shape `x.shape + (num_classes,)` and dtype `config.floatx()`: 1 at the label, 0 elsewhere.

    Raises:
        ValueError: a label that is negative, not whole, or not below `num_classes`; no labels and no `num_classes`.

    Example:
        >>> to_categorical([2, 0])
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
    """
    given = as_array(x, "x", "to_categorical")
    labels = given.astype(np.int64)
    if given.dtype.kind == "f" and not np.array_equal(labels, given):
        wrong = given.ravel()[np.flatnonzero(labels.ravel() != given.ravel())[0]]
        raise ValueError(f"[to_categorical] x: expected whole numbers as labels, received {wrong}.")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        if labels.size == 0:
            raise ValueError("[to_categorical] x: expected labels, received none; pass num_classes for an empty array.")
        num_classes = int(labels.max()) + 1
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise ValueError(
            f"[to_categorical] x: expected labels from 0 to {num_classes - 1}, received {wrong}; "
            "number the classes from 0, or raise num_classes."
        )
    one_hot = np.zeros((labels.size, num_classes), dtype=config.floatx())
    one_hot[np.arange(labels.size), labels.ravel()] = 1
    return one_hot.reshape(*labels.shape, num_classes)


def normalize(x: Any, axis: int = -1, order: float = 2) -> np.ndarray:
    """`x` divided by its norm of the given order along `axis`; where the norm is 0, `x` stays as it is.

    Args:
        x: array-like of numbers.
        axis: the axis to normalise along. Default the last.
        order: order of the norm as in `numpy.linalg.norm`. Default 2 (Euclidean length).

    Returns:
        An array of the shape of `x`; floating input keeps its dtype, integers become float64.
    """
    array = as_array(x, "x", "normalize")
    norm = np.linalg.norm(array, ord=order, axis=axis, keepdims=True)
    return array / np.where(norm == 0, norm.dtype.type(1), norm)
