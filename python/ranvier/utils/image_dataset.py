"""Images in folders as batches: `image_dataset_from_directory`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ranvier.ops import image as image_ops
from ranvier.ops._convert import channels_first
from ranvier.utils.file_dataset import FileDataset, FileKind, datasets_from_directory, one_of
from ranvier.utils.image_files import img_to_array, load_img, pillow

__all__ = ["ImageDataset", "image_dataset_from_directory"]

_HERE = "image_dataset_from_directory"
_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


class ImageDataset(FileDataset):
    """Batches of image files, see `FileDataset`.

    Images are floatx, values 0 to 255, of shape ``(batch, height, width, channels)``.
    """


_KIND = FileKind(_HERE, "image", (".bmp", ".gif", ".jpeg", ".jpg", ".png"), ImageDataset)


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    verbose: bool = True,
) -> Any:
    """Image files (bmp, gif, jpeg, jpg, png) below a folder as batches, with a class for each of its subfolders.

    Args:
        directory: the folder.
        labels: ``"inferred"`` from the subfolders, None, or one int for each file, in alphabetical order of the paths.
        label_mode: ``"int"``, ``"categorical"`` (one-hot), ``"binary"`` (two classes, 0 and 1), or None for no labels.
        class_names: the subfolders to use, in the order of their labels. By default all, sorted.
        color_mode: ``"rgb"``, ``"rgba"`` or ``"grayscale"``.
        batch_size: images in a batch; None gives one by one.
        image_size: ``(height, width)`` that images are resized to.
        shuffle: a new order in each epoch, and files mixed before they are split.
        seed: fixes the orders. Required where shuffled files are split, so that both parts fit together.
        validation_split: share of the files in the validation part.
        subset: ``"training"``, ``"validation"`` or ``"both"`` (a pair of data sets).
        interpolation: ``"bilinear"``, ``"nearest"``, ``"bicubic"``, ``"lanczos3"`` or ``"lanczos5"``.
        follow_links: also go into linked folders.
        crop_to_aspect_ratio: cut the largest part of the wanted proportions out of the middle before resizing.
        pad_to_aspect_ratio: pad with 0 to the wanted proportions before resizing.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        verbose: print how many files were found.

    Returns:
        An `ImageDataset`, or a list of two with ``subset="both"``.

    Raises:
        ImportError: Pillow is not installed.
        NotADirectoryError: there is no such folder.
        ValueError: no images, labels that do not fit, contradicting arguments; while looping: a damaged file, by name.
    """
    pillow(_HERE)
    one_of(_HERE, "color_mode", color_mode, tuple(_CHANNELS))
    one_of(_HERE, "interpolation", interpolation, _INTERPOLATIONS)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(f"[{_HERE}] expected one of crop_to_aspect_ratio and pad_to_aspect_ratio, received both.")
    height, width = _size(image_size)

    def read(path: str) -> np.ndarray:
        pixels = img_to_array(load_img(path, color_mode))
        resized = image_ops.resize(
            pixels,
            (height, width),
            interpolation,
            crop_to_aspect_ratio=crop_to_aspect_ratio,
            pad_to_aspect_ratio=pad_to_aspect_ratio,
            data_format="channels_last",
        ).numpy()
        return resized.transpose(2, 0, 1) if first else resized

    first = channels_first(data_format, _HERE)
    return datasets_from_directory(
        _KIND,
        read,
        directory,
        labels,
        label_mode,
        class_names,
        batch_size,
        shuffle,
        seed,
        validation_split,
        subset,
        follow_links,
        verbose,
    )


def _size(image_size: Any) -> tuple[int, int]:
    pair = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(pair) != 2 or not all(isinstance(n, int | np.integer) and n >= 1 for n in pair):
        raise ValueError(f"[{_HERE}] image_size: expected (height, width), received {image_size!r:.200}.")
    return int(pair[0]), int(pair[1])
