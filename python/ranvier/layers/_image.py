"""The base of layers that change images: calls on dicts, single images, and arguments as Keras has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ranvier import config
from ranvier._core import Tensor
from ranvier.layers._checks import number
from ranvier.layers.native import NativeLayer
from ranvier.random import own_seed

Factor = float | tuple[float, float] | list[float]


class ImageLayer(NativeLayer):
    """A layer on images of shape ``(batch, height, width, channels)``, or one without the batch.

    Called directly it changes images unless ``training=False``, as in Keras; inside a model it does so in `fit` only.
    A dict ``{"images": …, "labels": …}`` comes back as a dict with the images changed.
    """

    def __init__(self, seed: Any = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if "seed" in self._arguments:
            self.seed = own_seed(seed, self.name)
        self.data_format = config.image_data_format() if data_format is None else data_format

    def _take(self, **arguments: Any) -> None:
        """Keeps the arguments, numbers and pairs of them as plain ones, and lets the engine check them."""
        for name, value in arguments.items():
            setattr(self, name, self._plain(value, name))
        try:
            self._native()
        except ValueError as error:
            text = str(error)
            raise ValueError(text if text.startswith("[") else f"[{self.name}] {text}") from None

    def _plain(self, value: Any, name: str) -> Any:
        if value is None or isinstance(value, str | bool | int):
            return value
        if isinstance(value, list | tuple | np.ndarray):
            return tuple(self._plain(v, name) for v in value)
        return number(value, self.name, name)

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Changes images, or the images of a dict; see `Layer.__call__`."""
        if not isinstance(inputs, Mapping):
            return super().__call__(inputs, *args, training=training, **kwargs)
        unknown = [key for key in inputs if key not in ("images", "labels")]
        if unknown or "images" not in inputs:
            raise ValueError(
                f"[{self.name}] expected a dict with the keys 'images' and, if there are any, 'labels'; received keys "
                f"{sorted(map(str, inputs))}."
            )
        return self._call_dict(dict(inputs), training)

    def _call_dict(self, data: dict[str, Any], training: bool | None) -> dict[str, Any]:
        return {**data, "images": self(data["images"], training=training)}

    def call(self, inputs: Tensor, training: bool = True) -> Tensor:
        """The engine's layer."""
        return super().call(inputs, training)
