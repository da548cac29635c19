"""Operations on images, under the names of `keras.ops.image`."""

from __future__ import annotations

from typing import Any

from ranvier import config
from ranvier._core import Tensor
from ranvier.ops import core
from ranvier.ops import manipulation as s
from ranvier.ops import math as m
from ranvier.ops._convert import channels_first, engine, tensor, whole
from ranvier.ops._recording import record_all

__all__ = ["resize"]


def resize(
    images: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images resampled to another size. Integers come back as integers of their dtype, rounded.

    Args:
        images: ``(batch, height, width, channels)`` or one image without the batch axis; with
            ``data_format="channels_first"`` the channels come before the height.
        size: ``(height, width)``.
        interpolation: ``"bilinear"``, ``"nearest"``, ``"bicubic"`` (Keys 1981), ``"lanczos3"`` or ``"lanczos5"``.
        antialias: widen the filter where the images shrink, so that every pixel counts.
        crop_to_aspect_ratio: cut the largest part of the wanted proportions out of the middle before.
        pad_to_aspect_ratio: pad with `fill_value` to the wanted proportions before.
        fill_mode: ``"constant"``.
        fill_value: what is padded with.
        data_format: ``"channels_last"`` or ``"channels_first"``; None means `config.image_data_format()`.

    Raises:
        ValueError: another rank, a size below 1, an unknown interpolation, or both ways to keep proportions.
    """
    x = tensor(images)
    if x.ndim not in (3, 4):
        raise ValueError(f"[resize] expected images of rank 3 or 4, received shape {x.shape}.")
    if len(size) != 2:
        raise ValueError(f"[resize] size: expected (height, width), received {size!r:.200}.")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("[resize] expected one of crop_to_aspect_ratio and pad_to_aspect_ratio, received both.")
    if fill_mode != "constant":
        raise ValueError(f"[resize] fill_mode: expected 'constant', received {fill_mode!r:.200}.")
    first = channels_first(data_format, "resize")
    # float64 holds integers up to 2**53 exactly, which nearest gives back
    y = x if x.dtype in config.FLOATS else engine.cast(x, "float64")
    if x.ndim == 3:
        y = engine.expand_dims(y, 0)
    if first:
        y = engine.transpose(y, [0, 2, 3, 1])
    height, width = (whole(n, "resize", "size") for n in size)
    if height < 1 or width < 1:
        raise ValueError(f"[resize] size: expected height and width of 1 or more, received {size!r:.200}.")
    if 0 in y.shape[1:3]:
        raise ValueError(f"[resize] expected images of at least one pixel, received shape {x.shape}.")
    if crop_to_aspect_ratio or pad_to_aspect_ratio:
        y = _proportioned(y, height, width, crop_to_aspect_ratio, float(fill_value))
    y = engine.resize(y, [height, width], str(interpolation).lower(), bool(antialias))
    if first:
        y = engine.transpose(y, [0, 3, 1, 2])
    if x.ndim == 3:
        y = engine.squeeze(y, [0])
    return y if y.dtype == x.dtype else core.cast(m.round(y), x.dtype)


def _proportioned(x: Tensor, height: int, width: int, crop: bool, fill_value: float) -> Tensor:
    """`x` cut or padded to the proportions of height to width, with Keras's rounding."""
    _, rows, columns, _ = x.shape
    tall, wide = int(float(columns * height) / width), int(float(rows * width) / height)
    if crop:
        tall, wide = max(min(rows, tall), 1), max(min(columns, wide), 1)
        top, left = (rows - tall) // 2, (columns - wide) // 2
        return engine.slice(x, [(None, None, 1), (top, top + tall, 1), (left, left + wide, 1)])
    top = max(tall - rows, 0) // 2
    left = 0 if top else max(wide - columns, 0) // 2
    return s.pad(x, [(0, 0), (top, top), (left, left), (0, 0)], constant_values=fill_value)


record_all(globals())
