"""The state of callbacks in a checkpoint: plain values as JSON, arrays beside them as tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ranvier._core import Tensor, as_tensor

Arrays = list[tuple[str, Tensor]]


def callback_state(callbacks: Any) -> tuple[list[Any], Arrays]:
    """The states of the callbacks of a fit as plain values, and the arrays they refer to by number."""
    arrays: Arrays = []
    return [_plain(entry, arrays) for entry in callbacks.get_state()["callbacks"]], arrays


def restore_callbacks(callbacks: Any, saved: list[Any], arrays: Arrays) -> None:
    """Hands saved states to the callbacks of a resumed fit: to each the first unused one of its class."""
    values = [tensor.numpy() for _, tensor in arrays]
    left = [_original(entry, values) for entry in saved]
    for callback in callbacks:
        entry = next((e for e in left if e["class_name"] == type(callback).__name__), None)
        if entry is not None:
            left = [other for other in left if other is not entry]
            callback.set_state(entry["state"])


def _plain(value: Any, arrays: Arrays) -> Any:
    if isinstance(value, np.ndarray) and value.ndim > 0:
        arrays.append((str(len(arrays)), as_tensor(np.ascontiguousarray(value))))
        return {"__array__": len(arrays) - 1}
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(item, arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, arrays) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"__float__": repr(value)}  # JSON has no such numbers
    return value


def _original(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, dict):
        if "__array__" in value:
            return arrays[value["__array__"]]
        if "__float__" in value:
            return float(value["__float__"])
        return {key: _original(item, arrays) for key, item in value.items()}
    return [_original(item, arrays) for item in value] if isinstance(value, list) else value
