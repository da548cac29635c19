"""Layers that stand in several places of one configuration, such as in a model and in a model inside of it.

Their records carry the same ``"shared_object_id"`` (Keras's name), and reading makes one layer of them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ranvier.layers.base import Layer, registry

_WRITTEN: ContextVar[dict[int, tuple[Layer, dict[str, Any]]] | None] = ContextVar("ranvier_written", default=None)
_READ: ContextVar[dict[Any, Layer] | None] = ContextVar("ranvier_read", default=None)


@contextmanager
def one_configuration() -> Iterator[None]:
    """While the outermost of these is open, layers are told apart by identity."""
    outermost = _WRITTEN.get() is None
    token = _WRITTEN.set({}) if outermost else None
    other = _READ.set({}) if _READ.get() is None else None
    try:
        yield
    finally:
        if token is not None:
            _WRITTEN.reset(token)
        if other is not None:
            _READ.reset(other)


def record_of(layer: Layer) -> dict[str, Any]:
    """``{"class_name", "config"}`` of a layer within `one_configuration`."""
    record: dict[str, Any] = registry.serialize(layer)
    written = _WRITTEN.get()
    if written is not None:
        if id(layer) in written:
            number = list(written).index(id(layer))
            record["shared_object_id"] = written[id(layer)][1]["shared_object_id"] = number
        else:
            written[id(layer)] = (layer, record)  # holding the layer keeps its id its own
    return record


def layer_of(record: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The inverse of `record_of`."""
    number = record.get("shared_object_id") if isinstance(record, Mapping) else None
    read = _READ.get()
    if read is None or not isinstance(number, int):
        return registry.deserialize(record, custom_objects)
    if number not in read:
        read[number] = registry.deserialize(record, custom_objects)
    elif not isinstance(record.get("class_name"), str) or type(read[number]).__name__ != record["class_name"]:
        raise ValueError(f"[layer] shared_object_id {number}: expected one layer, received {str(record):.80}.")
    return read[number]
