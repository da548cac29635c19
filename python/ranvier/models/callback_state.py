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
    return [plain_values(entry, arrays) for entry in callbacks.get_state()["callbacks"]], arrays


def restore_callbacks(callbacks: Any, saved: list[Any], arrays: Arrays) -> None:
    """Hands saved states to the callbacks of a resumed fit: to each the first unused one of its class."""
    values = [tensor.numpy() for _, tensor in arrays]
    left = [original_values(entry, values) for entry in saved]
    for callback in callbacks:
        entry = next((e for e in left if e["class_name"] == type(callback).__name__), None)
        if entry is not None:
            left = [other for other in left if other is not entry]
            callback.set_state(entry["state"])


def plain_values(value: Any, arrays: Arrays) -> Any:
    """Lists, dicts and numbers as JSON has them; arrays go to the end of `arrays`."""
    if isinstance(value, np.ndarray) and value.ndim > 0:
        arrays.append((str(len(arrays)), as_tensor(np.ascontiguousarray(value))))
        return {"__array__": len(arrays) - 1}
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): plain_values(item, arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(item, arrays) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"__float__": repr(value)}  # JSON has no such numbers
    return value


def original_values(value: Any, arrays: list[np.ndarray]) -> Any:
    """The inverse of `plain_values`."""
    if isinstance(value, dict):
        if "__array__" in value:
            return arrays[value["__array__"]]
        if "__float__" in value:
            return float(value["__float__"])
        return {key: original_values(item, arrays) for key, item in value.items()}
    return [original_values(item, arrays) for item in value] if isinstance(value, list) else value
