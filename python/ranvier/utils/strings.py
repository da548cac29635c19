"""Text as users pass it (lists, NumPy strings, bytes, pandas) -> an array of `str`, or an error that names it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.utils.arrays import describe


def holds_text(value: Any) -> bool:
    """Whether `value` is text, or a list or array that begins with some."""
    if isinstance(value, str | bytes):
        return True
    dtype = getattr(value, "dtype", None)
    if dtype is not None:
        kind = getattr(dtype, "kind", "O")  # pandas' own string dtypes are of kind "O"
        if kind != "O":
            return kind in "UST"
        value = np.asarray(value)
        return value.size > 0 and isinstance(value.flat[0], str | bytes)
    while isinstance(value, list | tuple):
        if not value:
            return False
        value = value[0]
    return isinstance(value, str | bytes) or (hasattr(value, "dtype") and holds_text(value))


def text_array(value: Any, name: str, where: str, encoding: str = "utf-8") -> np.ndarray:
    """`value` as an array of dtype object that holds `str`, of any shape (a single string: no axes).

    Args:
        value: string, nested list of strings, NumPy array (`str`, `bytes`, `object`, `StringDType`) or pandas column.
        name: the argument's name for messages.
        where: layer or function for messages.
        encoding: of bytes.

    Raises:
        TypeError: something that is no text, naming the first such value and its place.
        ValueError: rows of different lengths, or bytes that are not in this encoding.
    """
    try:
        array = np.asarray(value) if hasattr(value, "dtype") else np.array(value, dtype=object)
    except ValueError as error:
        raise ValueError(f"[{where}] {name}: expected rows of one length, received different ones: {error}.") from None
    if array.dtype.kind in "biufcmMV":
        raise TypeError(
            f"[{where}] {name}: expected strings, received {describe(array)}; are texts and labels in this order?"
        )
    if array.dtype.kind in "UT":
        return array.astype(object)
    flat = array.ravel().tolist()
    if any(type(item) is not str for item in flat):
        flat = [_text(item, i, array.shape, name, where, encoding) for i, item in enumerate(flat)]
        array = np.empty(array.shape, dtype=object)
        array.reshape(-1)[:] = flat
    elif array.dtype.kind == "S":
        array = array.astype(object)
    return array


def _text(item: Any, place: int, shape: tuple[int, ...], name: str, where: str, encoding: str) -> str:
    if isinstance(item, str):
        return str(item)
    index = [int(i) for i in np.unravel_index(place, shape)] if shape else []
    at = f"{name}[{', '.join(map(str, index))}]" if index else name
    if isinstance(item, bytes):
        try:
            return item.decode(encoding)
        except UnicodeDecodeError as error:
            raise ValueError(f"[{where}] {at}: expected text in {encoding}, received {item!r:.60}: {error}.") from None
    if isinstance(item, list | tuple | np.ndarray):
        raise ValueError(
            f"[{where}] {name}: expected rows of one length, received different ones; pad them to one length."
        )
    fix = "replace missing texts by ''" if item is None or item != item else "convert with str(value) first"
    raise TypeError(f"[{where}] {at}: expected a string, received {item!r:.60} of type {type(item).__name__}; {fix}.")


def positions(flat: int, shape: tuple[int, ...]) -> str:
    """The place of the element number `flat` for messages: ``[3, 1]``."""
    return str([int(i) for i in np.unravel_index(flat, shape)]) if shape else "[]"
