"""Settings of the whole process: dtype of new weights, fuzz factor, image layout (names of `keras.config`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = [
    "epsilon",
    "floatx",
    "image_data_format",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]

FLOATS = ("float32", "float64")
DTYPES = ("float32", "float64", "int32", "int64", "bool")

_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"


def floatx() -> str:
    """The dtype of new weights and of converted Python floats: ``"float32"`` (default) or ``"float64"``."""
    return _floatx


def set_floatx(value: Any) -> None:
    """Sets `floatx` for layers made from now on.

    Args:
        value: ``"float32"`` or ``"float64"`` (or the NumPy dtype of that name).

    Raises:
        ValueError: any other dtype; the engine computes in these two.
    """
    global _floatx
    name = _name_of(value)
    if name not in FLOATS:
        raise ValueError(f"[set_floatx] expected 'float32' or 'float64', received {value!r}.")
    _floatx = name


def epsilon() -> float:
    """The small number that keeps divisions and logarithms finite. Default 1e-7."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Sets `epsilon` to a positive number."""
    global _epsilon
    if not float(value) > 0:
        raise ValueError(f"[set_epsilon] expected a positive number, received {value!r}.")
    _epsilon = float(value)


def image_data_format() -> str:
    """Order of the axes of images, always ``"channels_last"``: ``(batch, height, width, channels)``."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Accepts ``"channels_last"``, the only layout the engine computes in."""
    if data_format != "channels_last":
        hint = "; transpose images once with x.transpose(0, 2, 3, 1)" if data_format == "channels_first" else ""
        raise ValueError(f"[set_image_data_format] expected 'channels_last', received {data_format!r}{hint}.")


def standardize_dtype(dtype: Any) -> str:
    """The engine's name of `dtype`: one of float32, float64, int32, int64, bool.

    Args:
        dtype: a name, a NumPy dtype or type, ``float`` or ``int`` (floatx and int32, as in Keras), Keras's serialized
            dtype policy, or None for `floatx`.

    Raises:
        ValueError: a dtype the engine does not have.
    """
    if dtype is None or dtype is float:
        return _floatx
    if dtype is int:
        return "int32"
    if type(dtype) is str and dtype in DTYPES:
        return dtype
    name = _name_of(dtype)
    if name not in DTYPES:
        raise ValueError(f"[dtype] expected one of {', '.join(DTYPES)}, received {dtype!r}.")
    return name


def is_text_dtype(dtype: Any) -> bool:
    """Whether `dtype` says "strings": ``"string"``, ``str``, a NumPy dtype of strings."""
    if dtype in ("string", "str", str, bytes):
        return True
    return getattr(dtype, "kind", None) in ("U", "S", "T")


def _name_of(dtype: Any) -> str:
    if isinstance(dtype, Mapping):  # how Keras writes a dtype policy into a config
        dtype = dtype.get("config", {}).get("name")
    try:
        return np.dtype(dtype).name if dtype is not None else ""
    except TypeError:
        return str(getattr(dtype, "name", dtype))
