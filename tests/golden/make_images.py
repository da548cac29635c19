"""Writes images.npz: results and gradients of `image_cases` by Keras 3 on PyTorch, in float64.

Run with an environment that has keras and torch:
    python tests/golden/make_images.py

Names: ``<label>/y<sign>`` and ``/dx<sign>``, a pair for each sign that a layer may draw.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
import numpy as np
import torch
from keras.src.backend.common import dtypes

from golden.image_cases import IMAGES, Case, image_cotangent, image_input
from golden.store import save

# Outside TensorFlow Keras computes float64 as float32 in many places, by this table.
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def transformation(given: dict, images: int) -> dict:
    """Numbers as Keras has them: one (or one row) for each image."""
    made = {}
    for key, value in given.items():
        if key == "blur_factor":  # one for the batch
            made[key] = torch.tensor(value)
        elif key in ("additions", "thresholds"):
            made[key] = torch.full((images, 1, 1, 1), value)
        else:
            made[key] = torch.tensor([value] * images)
    return made


def central_crop(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """What Keras's RandomCrop says it does outside training (and does not)."""
    rows = min(x.shape[1], x.shape[2] * height // width)
    columns = min(x.shape[2], x.shape[1] * width // height)
    top, left = (x.shape[1] - rows) // 2, (x.shape[2] - columns) // 2
    return keras.ops.image.resize(x[:, top : top + rows, left : left + columns], (height, width))


def results(label: str, case: Case) -> dict[str, np.ndarray]:
    """Outputs and gradients of one layer."""
    found = {}
    for sign, transform in enumerate(case.transforms or [None]):
        x = torch.tensor(image_input(label, case), requires_grad=True)
        layer = getattr(keras.layers, case.layer)(**case.arguments)
        if case.layer == "RandomCrop":
            y = central_crop(x, **case.arguments)
        elif transform is not None:
            y = layer.transform_images(x * 1, transformation(transform, len(x)), training=True)
        else:
            y = layer(x * 1, training=True)  # RandomBrightness writes into what it is given
        found[f"{label}/y{sign}"] = y.detach().numpy().astype(np.float64)
        if case.gradient:
            dy = torch.tensor(image_cotangent(label, tuple(y.shape)))
            found[f"{label}/dx{sign}"] = torch.autograd.grad((y * dy).sum(), x)[0].numpy()
    return found


def main() -> None:
    """Runs everything and saves it beside this file."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    torch.set_default_dtype(torch.float64)
    golden: dict[str, np.ndarray] = {}
    for label, case in IMAGES.items():
        golden |= results(label, case)
    save("images", golden)


if __name__ == "__main__":
    main()
