"""Small tools around training, under the names of `keras.utils`; each module is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "array_to_img": "ranvier.utils.image_files",
    "clear_session": "ranvier.utils.session",
    "image_dataset_from_directory": "ranvier.utils.image_dataset",
    "img_to_array": "ranvier.utils.image_files",
    "load_img": "ranvier.utils.image_files",
    "model_to_dot": "ranvier.utils.plotting",
    "normalize": "ranvier.utils.numerical",
    "pad_sequences": "ranvier.utils.sequences",
    "plot_model": "ranvier.utils.plotting",
    "save_img": "ranvier.utils.image_files",
    "set_random_seed": "ranvier.utils.random_seed",
    "split_dataset": "ranvier.utils.split_dataset",
    "text_dataset_from_directory": "ranvier.utils.text_dataset",
    "timeseries_dataset_from_array": "ranvier.utils.timeseries_dataset",
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
