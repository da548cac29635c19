"""Optimizers and learning rate schedules under Keras's names and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier.optimizers import schedules
from ranvier.optimizers.base import Optimizer, registry
from ranvier.optimizers.rules import SGD, Adam, AdamW, RMSprop

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "registry",
    "schedules",
    "serialize",
]


def get(identifier: Any) -> Optimizer:
    """An optimizer from a name (``"adam"``), an instance, a class or a config dict."""
    if identifier is None:
        raise ValueError("[optimizer] expected an optimizer, received None; pass one such as optimizer='adam'.")
    optimizer: Optimizer = registry.get(identifier)
    return optimizer


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """``{"class_name", "config"}`` of an optimizer."""
    record: dict[str, Any] = registry.serialize(optimizer)
    return record


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """The inverse of `serialize`."""
    optimizer: Optimizer = registry.deserialize(config, custom_objects)
    return optimizer
