"""Layers with given factors: `make_images.py` runs them through Keras, test_image_layers.py through ranvier."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from golden.store import generator

RGB = (2, 7, 6, 3)
GREY = (2, 6, 8, 1)


@dataclass(frozen=True)
class Case:
    """A layer whose draws are certain, but for a sign."""

    layer: str
    arguments: dict[str, Any]
    shape: tuple[int, ...] = RGB
    scale: float = 1.0  # of the pixels, whole numbers from 1 to 254
    # Keras's transformations, one for each sign, in place of what it draws: numbers become one for each image.
    transforms: list[dict[str, float]] = field(default_factory=list)
    gradient: bool = True


def _moving() -> dict[str, Case]:
    cases = {}
    for fill in ("constant", "nearest", "reflect", "wrap"):
        for interpolation in ("bilinear", "nearest"):
            how: dict[str, Any] = {"fill_mode": fill, "interpolation": interpolation, "fill_value": 9.0}
            cases |= {
                f"rotation-{fill}-{interpolation}": Case("RandomRotation", {"factor": [0.07, 0.07], **how}),
                f"translation-{fill}-{interpolation}": Case(
                    "RandomTranslation", {"height_factor": [0.25, 0.25], "width_factor": [-0.375, -0.375], **how}
                ),
                f"zoom-{fill}-{interpolation}": Case(
                    "RandomZoom", {"height_factor": [0.75, 0.75], "width_factor": [-0.375, -0.375], **how}
                ),
            }
    return {
        **cases,
        "rotation-grey": Case("RandomRotation", {"factor": [-0.3, -0.3]}, GREY),
        "rotation-quarter": Case("RandomRotation", {"factor": [0.25, 0.25]}, GREY),
        "rotation-channels-first": Case(
            "RandomRotation", {"factor": [0.1, 0.1], "data_format": "channels_first"}, (2, 3, 7, 6)
        ),
        "rotation-wide": Case("RandomRotation", {"factor": [0.02, 0.02]}, (1, 3, 150, 2)),
        "translation-far": Case("RandomTranslation", {"height_factor": [1.0, 1.0], "width_factor": [-1.0, -1.0]}, GREY),
        "zoom-proportional": Case("RandomZoom", {"height_factor": [-0.25, -0.25]}),
        "shear": Case(
            "RandomShear",
            {"x_factor": [0.5, 0.5], "y_factor": [0.25, 0.25]},
            transforms=[{"shear_factor": [0.5, 0.25]}, {"shear_factor": [-0.5, -0.25]}],
        ),
        "crop-centre": Case("RandomCrop", {"height": 8, "width": 4}),
    }


def _colour() -> dict[str, Case]:
    unit = {"value_range": [0, 1]}
    return {
        "brightness": Case("RandomBrightness", {"factor": [0.3, 0.3]}),
        "brightness-unit": Case("RandomBrightness", {"factor": [-0.3, -0.3], **unit}, scale=1 / 255),
        "contrast": Case("RandomContrast", {"factor": [0.0, 0.0]}),
        "saturation-pale": Case("RandomSaturation", {"factor": [0.25, 0.25], **unit}, scale=1 / 255, gradient=False),
        "saturation-strong": Case("RandomSaturation", {"factor": [0.8, 0.8], **unit}, scale=1 / 255, gradient=False),
        "saturation-255": Case("RandomSaturation", {"factor": [0.3, 0.3]}, gradient=False),
        "hue": Case(
            "RandomHue", {"factor": [0.75, 0.75]}, transforms=[{"factor": 0.375}, {"factor": -0.375}], gradient=False
        ),
        "hue-unit": Case(
            "RandomHue",
            {"factor": [0.5, 0.5], **unit},
            scale=1 / 255,
            transforms=[{"factor": 0.25}, {"factor": -0.25}],
            gradient=False,
        ),
        "degeneration": Case("RandomColorDegeneration", {"factor": [0.7, 0.7]}),
        "degeneration-channels-first": Case(
            "RandomColorDegeneration", {"factor": [0.7, 0.7], "data_format": "channels_first"}, (2, 3, 4, 5)
        ),
        "grayscale": Case("RandomGrayscale", {"factor": 1.0}),
        "invert": Case("RandomInvert", {"factor": [1, 1]}, GREY),
        "sharpness-smooth": Case("RandomSharpness", {"factor": [0.2, 0.2]}),
        "sharpness-sharp": Case("RandomSharpness", {"factor": [0.9, 0.9]}, GREY),
        "blur": Case(
            "RandomGaussianBlur",
            {"factor": [1, 1], "kernel_size": 5, "sigma": [0.75, 0.75]},
            transforms=[{"should_apply_blur": True, "blur_factor": [0.750001, 0.750001]}],
        ),
        "posterization": Case("RandomPosterization", {"factor": [3, 3]}, gradient=False),
        "posterization-unit": Case("RandomPosterization", {"factor": [2, 2], **unit}, scale=1 / 255, gradient=False),
        "solarization": Case(
            "Solarization",
            {"addition_factor": [0.1, 0.1], "threshold_factor": [0.5, 0.5]},
            transforms=[{"additions": 25.5, "thresholds": 127.5}],
            gradient=False,
        ),
        "equalization": Case("Equalization", {}, (1, 9, 8, 3), gradient=False),
        "equalization-unit": Case("Equalization", {**unit, "bins": 64}, (1, 9, 8, 1), 1 / 255, gradient=False),
        "auto-contrast": Case("AutoContrast", {}, gradient=False),
        "auto-contrast-unit": Case("AutoContrast", {**unit}, scale=1 / 510, gradient=False),
    }


IMAGES = {**_moving(), **_colour()}


def image_input(label: str, case: Case) -> np.ndarray:
    """Pixels of whole numbers, scaled."""
    return generator(label).integers(1, 255, size=case.shape) * case.scale


def image_cotangent(label: str, shape: tuple[int, ...]) -> np.ndarray:
    """What the gradient of the output is set to."""
    return generator(label + "/cotangent").normal(size=shape)
