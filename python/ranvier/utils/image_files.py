"""Image files and arrays, with the functions of `keras.utils`; files are read and written by Pillow."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from ranvier import config
from ranvier.ops._convert import channels_first

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img"]

_COLOR_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_FILTERS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pillow(where: str) -> Any:
    """`PIL.Image`; ImportError that says how to install it otherwise."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            f"[{where}] expected Pillow, which is not installed; run: pip install 'ranvier[image]'"
        ) from None
    return Image


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """An image file as a Pillow image.

    Args:
        path: a path, or an open `io.BytesIO`.
        color_mode: ``"rgb"``, ``"rgba"`` or ``"grayscale"`` (which leaves files of 16 or 32 bits as they are).
        target_size: ``(height, width)`` to resize to, or None.
        interpolation: ``"nearest"``, ``"bilinear"``, ``"bicubic"``, ``"hamming"``, ``"box"`` or ``"lanczos"``.
        keep_aspect_ratio: cut the largest part of the wanted proportions out of the middle before resizing.

    Raises:
        ImportError: Pillow is not installed.
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or no image (the message names it), or an argument is unknown.
    """
    image_module = pillow("load_img")
    if color_mode not in _COLOR_MODES:
        raise ValueError(f"[load_img] color_mode: expected 'grayscale', 'rgb' or 'rgba', received {color_mode!r}.")
    if isinstance(path, io.BytesIO):
        data, name = path, "the data"
    elif isinstance(path, str | bytes | os.PathLike):
        data, name = io.BytesIO(Path(os.fsdecode(path)).read_bytes()), f"the file {os.fsdecode(path)!r}"
    else:
        raise TypeError(f"[load_img] path: expected a path or io.BytesIO, received {path!r:.200}.")
    try:
        image = image_module.open(data)
        image.load()
    except Exception as error:  # decoders raise what they like on damaged data, struct.error and SyntaxError included
        raise ValueError(f"[load_img] expected an image, but {name} cannot be read: {error}") from None
    if color_mode == "grayscale":
        if image.mode not in ("L", "I;16", "I"):
            image = image.convert("L")
    elif image.mode != _COLOR_MODES[color_mode]:
        image = image.convert(_COLOR_MODES[color_mode])
    return image if target_size is None else _resized(image, target_size, interpolation, keep_aspect_ratio)


def _resized(image: Any, target_size: tuple[int, int], interpolation: str, keep_aspect_ratio: bool) -> Any:
    if interpolation not in _FILTERS:
        raise ValueError(f"[load_img] interpolation: expected one of {_FILTERS}, received {interpolation!r}.")
    if len(target_size) != 2 or not all(isinstance(n, int | np.integer) and n >= 1 for n in target_size):
        raise ValueError(f"[load_img] target_size: expected (height, width), received {target_size!r}.")
    height, width = int(target_size[0]), int(target_size[1])
    if image.size == (width, height):
        return image
    method = getattr(pillow("load_img").Resampling, interpolation.upper())
    if not keep_aspect_ratio:
        return image.resize((width, height), method)
    columns = max(1, min(image.width, image.height * width // height))
    rows = max(1, min(image.height, image.width * height // width))
    left, top = (image.width - columns) // 2, (image.height - rows) // 2
    return image.resize((width, height), method, box=(left, top, left + columns, top + rows))


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """A Pillow image as an array ``(height, width, channels)`` of floatx (or `dtype`), values as in the file.

    Args:
        img: Pillow image, or an array of rank 2 or 3.
        data_format: ``"channels_last"`` or ``"channels_first"``, for ``(channels, height, width)``.
        dtype: of the result, default `config.floatx()`.
    """
    array = np.asarray(img, dtype=config.floatx() if dtype is None else dtype)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3:
        raise ValueError(f"[img_to_array] expected an image, received shape {array.shape}.")
    return np.ascontiguousarray(array.transpose(2, 0, 1)) if channels_first(data_format, "img_to_array") else array


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """An array as a Pillow image.

    Args:
        x: shape ``(height, width, channels)`` with 1, 3 or 4 channels (``channels_first``: channels before).
        data_format: ``"channels_last"`` or ``"channels_first"``.
        scale: stretch the values to 0 … 255 first; False takes them as they are.
        dtype: dtype to compute in, default `config.floatx()`.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: another rank or number of channels, values that are not finite, or, with ``scale=False``, values
            that a pixel cannot have.
    """
    image_module = pillow("array_to_img")
    array = np.asarray(x, dtype=config.floatx() if dtype is None else dtype)
    if array.ndim != 3:
        raise ValueError(f"[array_to_img] expected one image of rank 3, received shape {array.shape}.")
    if channels_first(data_format, "array_to_img"):
        array = array.transpose(1, 2, 0)
    if array.shape[2] not in (1, 3, 4) or array.size == 0:
        raise ValueError(f"[array_to_img] expected 1, 3 or 4 channels and some pixels, received shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError("[array_to_img] expected finite values, received NaN or infinity.")
    if scale:
        array = array - array.min()
        largest = array.max()
        array = array * (255 / largest if largest > 0 else 1)
    wide = array.shape[2] == 1 and array.max() > 255  # more than a byte: 32 bits
    if array.min() < 0 or array.max() > (2**31 - 1 if wide else 255):
        raise ValueError(
            f"[array_to_img] expected values from 0 to 255, received {array.min():g} to {array.max():g}; "
            "use scale=True."
        )
    if wide:
        return image_module.fromarray(array[:, :, 0].astype("int32"))
    pixels = array.astype("uint8")
    return image_module.fromarray(pixels[:, :, 0] if array.shape[2] == 1 else pixels)


def save_img(
    path: Any, x: Any, data_format: str | None = None, file_format: str | None = None, scale: bool = True, **kwargs: Any
) -> None:
    """Writes an array as an image file.

    Args:
        path: a path, or a file object.
        x: as for `array_to_img`.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        file_format: ``"png"``, ``"jpeg"`` …; by default the path's ending says it.
        scale: stretch the values to 0 … 255 first.
        **kwargs: for `PIL.Image.Image.save`.
    """
    image = array_to_img(x, data_format, scale)
    if file_format is None and isinstance(path, str | os.PathLike):
        file_format = Path(path).suffix[1:].lower()
        if not file_format:
            raise ValueError(f"[save_img] path: expected an ending such as .png, received {str(path)!r}.")
    if file_format is not None and file_format.lower() == "jpg":
        file_format = "jpeg"
    if image.mode == "RGBA" and file_format is not None and file_format.lower() == "jpeg":
        image = image.convert("RGB")  # the format has no transparency
    try:
        image.save(path, format=file_format, **kwargs)
    except KeyError:
        raise ValueError(f"[save_img] file_format: Pillow cannot write {file_format!r}; use png or jpeg.") from None
