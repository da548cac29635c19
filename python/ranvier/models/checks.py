"""What `fit`, `evaluate` and `predict` check before the first step, so that a mistake costs a sentence and not an hour.

`as_arrays` turns the data into arrays and finds empty data, unequal lengths and values that are not finite;
`check_targets` (in target_checks.py) compares labels with loss and output; the rest deals with weights and with
validation data. Everything runs in blocks of about 1 MB: no temporary of the size of the data is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ranvier import config
from ranvier.models.loss_report import non_finite_loss_message, observed_range
from ranvier.models.target_checks import check_targets
from ranvier.utils.arrays import as_array, column_names, describe
from ranvier.utils.strings import holds_text, text_array

__all__ = [
    "as_arrays",
    "check_finite",
    "check_sample_weight",
    "check_targets",
    "class_weight_to_rows",
    "input_array",
    "non_finite_loss_message",
    "observed_range",
    "split_validation",
    "unpack_validation_data",
]

BLOCK = 1 << 18  # elements: 1 MB of float32

Arrays = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]


def as_arrays(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    where: str = "fit",
    finite: bool = True,
    prefix: str = "",
    text: bool = False,
) -> Arrays:
    """The data of a fit, evaluate or predict call as checked NumPy arrays, viewed rather than copied where possible.

    Args:
        x: inputs, shape `(rows, ...)`: array of any layout and numeric dtype, memmap, list, pandas, `__array__`.
        y: targets, shape `(rows, ...)`, or `None`.
        sample_weight: weights, shape `(rows,)`, `(rows, 1)` or the leading axes of `y`, or `None`.
        where: the calling method's name, for messages.
        finite: also look for NaN, infinite and (for `config.floatx()`) too large values. One pass over the data.
        prefix: put before the arguments' names in messages, e.g. `"validation "`.
        text: `x` may hold strings.

    Returns:
        `(x, y, sample_weight)`; a weight of shape `(rows, 1)` comes back as `(rows,)`.

    Raises:
        TypeError: data that are not numbers, naming the argument and the column.
        ValueError: no rows or no columns, different numbers of rows, values that are not finite (with the first place).
    """
    x, y = _unwrap(x, y)
    x_array = input_array(x, f"{prefix}x", where, text)
    y_array = None if y is None else as_array(y, f"{prefix}y", where)
    if y_array is not None and len(y_array) != len(x_array):
        raise ValueError(_unequal(x, x_array, y_array, where, prefix))
    weight = check_sample_weight(sample_weight, len(x_array), y_array, where=where, prefix=prefix)
    if finite:
        check_finite(x_array, f"{prefix}x", where=where, columns=column_names(x))
        if y_array is not None:
            check_finite(y_array, f"{prefix}y", where=where, columns=column_names(y))
    return x_array, y_array, weight


def input_array(x: Any, name: str, where: str = "fit", text: bool = False) -> np.ndarray:
    """`x` as an array of at least one row and one feature, with `text` also of `str`; errors as in `as_arrays`."""
    array = np.atleast_1d(text_array(x, name, where)) if text and holds_text(x) else as_array(x, name, where)
    if array.size == 0:
        what = "row" if len(array) == 0 else "feature"
        raise ValueError(f"[{where}] {name}: expected at least one {what}, received shape {array.shape}.")
    return array


def check_finite(array: np.ndarray, name: str, *, where: str = "fit", columns: list[str] | None = None) -> None:
    """Raises a ValueError with the first row and column when `array` has NaN, Inf or a value too large for floatx.

    Integers and booleans are skipped. The time is that of reading the data once.
    """
    if array.dtype.kind != "f" or array.size == 0:
        return
    limit = _limit(array)
    with np.errstate(invalid="ignore"):
        # min and max carry NaN along, so two comparisons see NaN, Inf and overflow; there is no temporary.
        if all(block.min() >= -limit and block.max() <= limit for block in _blocks(array)):
            return
        raise ValueError(_first_bad(array, limit, name, where, columns))


def check_sample_weight(
    sample_weight: Any,
    rows: int,
    y: np.ndarray | None = None,
    *,
    where: str = "fit",
    prefix: str = "",
    name: str = "sample_weight",
) -> np.ndarray | None:
    """`sample_weight` as an array: one finite number per row, or per leading axes of `y`; `None` stays `None`.

    Raises:
        TypeError: not numbers.
        ValueError: another number of rows, a shape that is not the beginning of `y`'s, or values that are not finite.
    """
    if sample_weight is None:
        return None
    name = f"{prefix}{name}"
    weight = as_array(sample_weight, name, where)
    if len(weight) != rows:
        raise ValueError(
            f"[{where}] {name}: expected one weight for each of the {rows} rows of {prefix}x, "
            f"received shape {weight.shape}."
        )
    if weight.ndim == 2 and weight.shape[1] == 1:
        weight = weight[:, 0]
    if weight.ndim > 1 and (y is None or weight.shape != y.shape[: weight.ndim]):
        shapes = f"({rows},)" if y is None or y.ndim < 3 else f"({rows},) or {y.shape[:2]}"
        raise ValueError(
            f"[{where}] {name}: expected shape {shapes}, received {weight.shape}; pass one weight per row."
        )
    check_finite(weight, name, where=where)
    return weight


def class_weight_to_rows(class_weight: Any, y: Any, sample_weight: Any = None, *, where: str = "fit") -> np.ndarray:
    """The weight of each row's class, shape `(rows,)`, dtype `config.floatx()`.

    Args:
        class_weight: dict of class label -> weight; labels it does not name count 1.0, as in Keras.
        y: labels of shape `(rows,)` or `(rows, 1)`, or one-hot rows `(rows, classes)` (the largest entry counts).
        sample_weight: must be `None`, as in Keras.
        where: the calling method's name, for messages.

    Raises:
        TypeError: `class_weight` is not a dict of numbers.
        ValueError: no label in `y` has a weight, labels that are not whole, `y` of three axes and more, or both kinds
            of weights.
    """
    place = f"[{where}] class_weight:"
    if sample_weight is not None:
        raise ValueError(
            f"{place} class_weight and sample_weight cannot be given together; multiply them yourself and pass "
            "sample_weight=sample_weight * np.array([class_weight[c] for c in y])."
        )
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            f"{place} expected a dict such as {{0: 1.0, 1: 2.5}}, received {describe(class_weight)}; "
            "for balanced classes use {c: len(y) / (len(classes) * count) for each class c}."
        )
    try:
        keys = np.array([_whole(key) for key in class_weight], dtype=np.int64)
        weights = np.array([float(value) for value in class_weight.values()], dtype=config.floatx())
    except (TypeError, ValueError):
        raise TypeError(
            f"{place} expected integer labels and numbers as weights, received {dict(class_weight)!r}."
        ) from None
    if not np.isfinite(weights).all():
        raise ValueError(f"{place} expected finite weights, received {dict(class_weight)!r}.")
    labels = _row_labels(as_array(y, "y", where), place)
    order = np.argsort(keys)
    keys, weights = keys[order], weights[order]
    position = np.minimum(np.searchsorted(keys, labels), max(len(keys) - 1, 0))
    known = keys[position] == labels if len(keys) else np.zeros(len(labels), bool)
    if len(labels) and not known.any():
        raise ValueError(
            f"{place} expected weights for labels in y ({_some(np.unique(labels).tolist())}), received them for "
            f"{_some(keys.tolist())} only; labels without a weight count 1.0."
        )
    return np.where(known, weights[position] if len(keys) else 1, 1).astype(weights.dtype)


def split_validation(rows: int, validation_split: float, *, where: str = "fit") -> int:
    """The number of rows that stay for training; the rest, the last fraction of the rows, is for validation.

    As in Keras, these are `floor(rows * (1 - validation_split))` rows.

    Raises:
        ValueError: a fraction outside of (0, 1), or one that leaves no row on either side.
    """
    place = f"[{where}] validation_split:"
    if isinstance(validation_split, bool) or not 0 < validation_split < 1:
        raise ValueError(f"{place} expected a fraction between 0 and 1, received {validation_split!r}, e.g. use 0.2.")
    cut = math.floor(rows * (1.0 - validation_split))
    if cut == 0 or cut == rows:
        raise ValueError(
            f"{place} expected rows for training and for validation, received {validation_split!r} of {rows} rows, "
            f"which leaves {cut} for training and {rows - cut} for validation; pass more rows or validation_data."
        )
    return cut


def unpack_validation_data(validation_data: Any, *, where: str = "fit") -> tuple[Any, Any, Any]:
    """`validation_data` as `(x, y, sample_weight)`, from a tuple or list `(x, y)` or `(x, y, sample_weight)`.

    Raises:
        TypeError: not a tuple.
        ValueError: a tuple of another length, or one without targets.
    """
    if not isinstance(validation_data, tuple | list):
        raise TypeError(
            f"[{where}] validation_data: expected a tuple (x, y) or (x, y, sample_weight), "
            f"received {describe(validation_data)}; pass validation_data=(x_val, y_val)."
        )
    if len(validation_data) not in (2, 3) or validation_data[1] is None:
        raise ValueError(
            f"[{where}] validation_data: expected a tuple (x, y) or (x, y, sample_weight), received "
            f"{len(validation_data)} items ({', '.join(describe(item) for item in validation_data[:4])}); "
            "pass validation_data=(x_val, y_val)."
        )
    x, y, *weight = validation_data
    return x, y, weight[0] if weight else None


def _unwrap(x: Any, y: Any) -> tuple[Any, Any]:
    """Keras passes the arrays of a model with one input and one output as they are or in lists: `[x]`, `[y]`.

    A list of one array may also be one row; the number of rows of the other tells the two apart.
    """
    inner_x, inner_y = _only(x), _only(y)
    for new_x, new_y in ((inner_x, inner_y), (inner_x, y), (x, inner_y)):
        if hasattr(new_x, "__len__") and hasattr(new_y, "__len__") and len(new_x) == len(new_y) != 1:
            return new_x, new_y
    return x, y


def _only(value: Any) -> Any:
    single = isinstance(value, list | tuple) and len(value) == 1
    return value[0] if single and isinstance(value[0], np.ndarray) and value[0].ndim > 0 else None


def _unequal(x: Any, x_array: np.ndarray, y_array: np.ndarray, where: str, prefix: str) -> str:
    message = (
        f"[{where}] {prefix}y: expected {len(x_array)} rows as in {prefix}x of shape {x_array.shape}, "
        f"received shape {y_array.shape}; "
    )
    if isinstance(x, list | tuple) and all(hasattr(item, "shape") and len(item) == len(y_array) for item in x):
        return message + f"x is a list of {len(x)} arrays, join them: np.concatenate(x, axis=-1)."
    if len(y_array) in x_array.shape[1:]:
        axis = x_array.shape.index(len(y_array), 1)
        return message + f"rows come first, move axis {axis} of x there: np.moveaxis(x, {axis}, 0)."
    return message + "each row of x needs one row of y."


def _limit(array: np.ndarray) -> float:
    """The largest value that stays finite in the array's own dtype and in floatx."""
    floatx = np.finfo(config.floatx())
    return float(min(np.finfo(array.dtype).max, floatx.max))


def _blocks(array: np.ndarray) -> Any:
    """Views of about 1 MB that cover the array: runs of memory where it has any, else groups of rows."""
    if array.flags.c_contiguous or array.flags.f_contiguous:
        flat = array.ravel(order="K")
        return (flat[i : i + BLOCK] for i in range(0, flat.size, BLOCK))
    return (rows for _, rows in _row_blocks(array))


def _row_blocks(array: np.ndarray) -> Any:
    step = max(1, BLOCK * len(array) // array.size)
    return ((i, array[i : i + step]) for i in range(0, len(array), step))


def _first_bad(array: np.ndarray, limit: float, name: str, where: str, columns: list[str] | None) -> str:
    first: tuple[int, ...] | None = None
    value, counts = 0.0, [0, 0, 0]
    for start, block in _row_blocks(array):
        bad = ~(np.abs(block) <= limit)
        if not bad.any():
            continue
        if first is None:
            row, *rest = (int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
            first, value = (start + row, *rest), float(block[(row, *rest)])
        counts[0] += int(np.isnan(block).sum())
        counts[1] += int(np.isinf(block).sum())
        counts[2] += int(bad.sum())
    assert first is not None
    counts[2] -= counts[0] + counts[1]
    found = ", ".join(
        f"{count} {what}"
        for count, what in zip(counts, ("NaN", "infinite", f"too large for {config.floatx()}"), strict=True)
        if count
    )
    place = f"row {first[0]}"
    if len(first) == 2:
        place += f", column {first[1]}" + (f" ({columns[first[1]]!r})" if columns else "")
    elif len(first) > 2:
        place += f", index {first[1:]}"
    fix = (
        f"scale the values of {name} first"
        if not (counts[0] or counts[1])
        else f"remove or fill such rows before {where}, e.g. with np.nan_to_num, or find where they come from"
    )
    return f"[{where}] {name}: expected finite numbers, received {value} at {place} ({found} in all); {fix}."


def _row_labels(y: np.ndarray, place: str) -> np.ndarray:
    if y.ndim > 2:
        raise ValueError(
            f"{place} expected one label per row in y, received shape {y.shape}; use sample_weight instead."
        )
    if y.ndim == 2:
        y = y[:, 0] if y.shape[1] == 1 else y.argmax(axis=1)
    labels = y.astype(np.int64, copy=False)
    if y.dtype.kind == "f" and not np.array_equal(labels, y):
        raise ValueError(
            f"{place} expected whole numbers as labels in y, received {float(y[np.flatnonzero(labels != y)[0]])}; "
            "for other targets use sample_weight."
        )
    return labels


def _whole(key: Any) -> int:
    if isinstance(key, str) or int(key) != key:
        raise TypeError(f"{key!r} is no class label")
    return int(key)


def _some(items: list[Any]) -> str:
    return ", ".join(str(item) for item in items[:5]) + (", ..." if len(items) > 5 else "")
