"""Models: Sequential, Functional, copies of them, and reading them from files."""

from __future__ import annotations

from typing import Any

from ranvier.models.cloning import clone_model, model_from_json
from ranvier.models.errors import NonFiniteLossError
from ranvier.models.functional import Functional
from ranvier.models.model import Model
from ranvier.models.sequential import Sequential

__all__ = [
    "Functional",
    "Model",
    "NonFiniteLossError",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]


def __getattr__(name: str) -> Any:
    if name in ("load_model", "save_model"):  # files are needed rarely
        from ranvier import saving

        return getattr(saving, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
