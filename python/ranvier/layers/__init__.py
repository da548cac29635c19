"""Layers: Keras's names, arguments and defaults; computed by the engine unless they are written in Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier.layers.activation import ELU, LeakyReLU, PReLU, ReLU, Softmax
from ranvier.layers.base import Layer, registry
from ranvier.layers.core import Activation, Dense, Identity, Input, InputLayer, Lambda
from ranvier.layers.input_spec import InputSpec
from ranvier.layers.native import NativeLayer
from ranvier.layers.normalization import BatchNormalization, LayerNormalization
from ranvier.layers.preprocessing import Normalization, Rescaling
from ranvier.layers.regularization import AlphaDropout, Dropout, GaussianDropout, GaussianNoise
from ranvier.layers.reshaping import Flatten, Permute, RepeatVector, Reshape

__all__ = [
    "ELU",
    "Activation",
    "AlphaDropout",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "NativeLayer",
    "Normalization",
    "PReLU",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Softmax",
    "deserialize",
    "registry",
    "serialize",
]


def serialize(layer: Layer) -> dict[str, Any]:
    """``{"class_name", "config"}`` of a layer."""
    record: dict[str, Any] = registry.serialize(layer)
    return record


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The inverse of `serialize`; classes in `custom_objects` come first."""
    return registry.deserialize(config, custom_objects)
