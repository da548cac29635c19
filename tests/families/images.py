"""Layers that change images. Their values are compared with Keras's in test_image_layers.py, for given factors."""

from __future__ import annotations

from typing import Any

from families import Family, Row

_RANGE = {"value_range": (-4, 4)}
_SHAPE = (4, 6, 5, 3)

# Class: arguments. The range holds (nearly) all normal numbers.
_RANDOM: dict[str, dict[str, Any]] = {
    "AugMix": {**_RANGE, "num_chains": 2},
    "CutMix": {},
    "MixUp": {"alpha": 1.0},
    "RandAugment": _RANGE,
    "RandomBrightness": {"factor": 0.5, **_RANGE},
    "RandomColorDegeneration": {"factor": 0.5, **_RANGE},
    "RandomColorJitter": {**_RANGE, "brightness_factor": 0.3, "contrast_factor": 0.3, "hue_factor": 0.3},
    "RandomContrast": {"factor": (0.2, 0.5), **_RANGE},
    "RandomErasing": {"factor": (1, 1), "fill_value": 2.0, **_RANGE},
    "RandomFlip": {"mode": "horizontal"},
    "RandomGaussianBlur": {"factor": (1, 1), "kernel_size": (3, 5), **_RANGE},
    "RandomGrayscale": {"factor": 1.0},
    "RandomHue": {"factor": 0.5, **_RANGE},
    "RandomInvert": {"factor": (1, 1), **_RANGE},
    "RandomPerspective": {"factor": (1, 1)},
    "RandomPosterization": {"factor": (3, 5), **_RANGE},
    "RandomRotation": {"factor": (0.1, 0.2), "fill_mode": "constant", "fill_value": 1.5},
    "RandomSaturation": {"factor": (0.2, 0.4), **_RANGE},
    "RandomSharpness": {"factor": 0.3, **_RANGE},
    "RandomShear": {"x_factor": 0.3},
    "RandomTranslation": {"height_factor": (-0.2, 0.3), "width_factor": 0.2},
    "RandomZoom": {"height_factor": 0.3, "width_factor": (0.1, 0.2)},
    "Solarization": {"threshold_factor": (0.4, 0.6), **_RANGE},
}
_FIXED: dict[str, dict[str, Any]] = {
    "AutoContrast": _RANGE,
    "Equalization": {**_RANGE, "bins": 16},
    "Grayscale": {"output_channels": 3},
    "Posterization": {"bits": 3, **_RANGE},
}
# float32 coordinates and colours are rounded, and the range is 8 wide
_TOLERANCE = 2e-5

FAMILY = Family(
    contract=[
        *(
            Row(name, {**settings, "seed": 7}, _SHAPE, _SHAPE, tolerance=_TOLERANCE)
            for name, settings in _RANDOM.items()
        ),
        *(Row(name, settings, _SHAPE, _SHAPE, tolerance=_TOLERANCE) for name, settings in _FIXED.items()),
        Row("Grayscale", {}, _SHAPE, (4, 6, 5, 1)),
        Row("Grayscale", {"data_format": "channels_first"}, (4, 3, 6, 5), (4, 1, 6, 5)),
        Row("RandomCrop", {"height": 4, "width": 5, "seed": 7}, _SHAPE, (4, 4, 5, 3)),
        Row("RandomErasing", {"factor": (1, 1), "fill_value": [1, 2, 3], "seed": 7, **_RANGE}, _SHAPE, _SHAPE),
        Row("RandomFlip", {"data_format": "channels_first", "seed": 3}, (4, 3, 6, 5), (4, 3, 6, 5)),
        Row("RandomZoom", {"height_factor": (0.5, 0.9), "interpolation": "nearest", "seed": 7}, _SHAPE, _SHAPE),
    ],
    golden={},
    noisy={*_RANDOM, "RandomCrop"},
    trains_alone={*_RANDOM, "RandomCrop"},
    without_golden=dict.fromkeys(
        (*_RANDOM, *_FIXED, "RandomCrop"), "random; given factors are in test_image_layers.py"
    ),
)
