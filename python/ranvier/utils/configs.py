"""Configurations written by Keras hold arguments the engine does not have; those that are off do no harm."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

# Numbers that matter only when something else is on, and the engine's note on layers that stand for functions.
_HARMLESS = frozenset({"renorm_momentum", "ema_momentum", "function"})


def known_arguments(cls: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of `config` that the constructor of `cls` takes; others are left out when they are None or False.

    Raises:
        ValueError: an unknown entry with another value, which would silently change what is computed.
    """
    taken = _parameters(cls)
    settings = {}
    for key, value in config.items():
        if key in taken:
            settings[key] = value
        elif value is not None and value is not False and key not in _HARMLESS:
            raise ValueError(f"[{cls.__name__}] {key}={value!r} is not supported; expected None or False.")
    return settings


def _parameters(cls: type) -> set[str]:
    """Names of the constructor's arguments, and of those of its bases as far as ``**kwargs`` reach."""
    names: set[str] = set()
    for base in cls.__mro__:
        if "__init__" not in base.__dict__ or base is object:
            continue
        parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        names.update(p.name for p in parameters)
        if all(p.kind is not inspect.Parameter.VAR_KEYWORD for p in parameters):
            break
    return names
