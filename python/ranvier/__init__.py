"""Neural networks on the CPU, with Keras's interface: `import ranvier as keras` runs Keras scripts.

Modules and classes are imported when they are first used, so that `import ranvier` itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ranvier import _core
from ranvier._core import Tensor, Variable, get_num_threads, set_num_threads

if TYPE_CHECKING:
    from ranvier import (
        activations,
        backend,
        callbacks,
        config,
        data,
        datasets,
        explain,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        preprocessing,
        random,
        regularizers,
        saving,
        text,
        utils,
    )
    from ranvier._config_report import show_config
    from ranvier._symbolic import KerasTensor
    from ranvier._tensor import no_grad
    from ranvier.data import DataLoader
    from ranvier.initializers import Initializer
    from ranvier.layers import Input, InputSpec, Layer
    from ranvier.losses import Loss
    from ranvier.metrics import Metric
    from ranvier.models import Functional, Model, NonFiniteLossError, Sequential
    from ranvier.optimizers import Optimizer
    from ranvier.regularizers import Regularizer

__version__: str = _core.build_info()["version"]

__all__ = [
    "DataLoader",
    "Functional",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "NonFiniteLossError",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Tensor",
    "Variable",
    "__version__",
    "activations",
    "backend",
    "callbacks",
    "config",
    "data",
    "datasets",
    "explain",
    "get_num_threads",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "no_grad",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "set_num_threads",
    "show_config",
    "text",
    "utils",
    "version",
]

_MODULES = frozenset(
    {
        "activations",
        "backend",
        "callbacks",
        "config",
        "data",
        "datasets",
        "explain",
        "initializers",
        "layers",
        "losses",
        "metrics",
        "models",
        "ops",
        "optimizers",
        "preprocessing",
        "random",
        "regularizers",
        "saving",
        "text",
        "utils",
    }
)
_HOMES = {
    "DataLoader": "ranvier.data",
    "Functional": "ranvier.models",
    "Initializer": "ranvier.initializers",
    "Input": "ranvier.layers",
    "InputSpec": "ranvier.layers",
    "KerasTensor": "ranvier._symbolic",
    "Layer": "ranvier.layers",
    "Loss": "ranvier.losses",
    "Metric": "ranvier.metrics",
    "Model": "ranvier.models",
    "NonFiniteLossError": "ranvier.models",
    "Optimizer": "ranvier.optimizers",
    "Regularizer": "ranvier.regularizers",
    "Sequential": "ranvier.models",
    "no_grad": "ranvier._tensor",
    "show_config": "ranvier._config_report",
}


def version() -> str:
    """The version, as `keras.version()` gives it."""
    return __version__


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"ranvier.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'ranvier' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
