"""Small tools around training, under the names of `keras.utils`; each module is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "clear_session": "ranvier.utils.session",
    "model_to_dot": "ranvier.utils.plotting",
    "normalize": "ranvier.utils.numerical",
    "plot_model": "ranvier.utils.plotting",
    "set_random_seed": "ranvier.utils.random_seed",
    "to_categorical": "ranvier.utils.numerical",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
