"""Masking: which steps of a sequence count."""

from __future__ import annotations

from typing import Any

from ranvier import ops
from ranvier.layers._checks import number
from ranvier.layers.base import registry
from ranvier.layers.native import NativeLayer


@registry.register()
class Masking(NativeLayer):
    """Masks the steps of ``(batch, time, features)`` all of whose features are `mask_value`, and makes them 0.

    Layers behind that support masking skip those steps, and so do losses and metrics.

    Args:
        mask_value: default 0.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("mask_value",)

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = number(mask_value, self.name, "mask_value")

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Bools of shape (batch, time): the steps that count."""
        return ops.any(ops.not_equal(self._convert(inputs), self.mask_value), axis=-1)


__all__ = ["Masking"]
