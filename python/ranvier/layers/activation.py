"""Activations with parameters: ReLU, LeakyReLU, PReLU, ELU, Softmax."""

from __future__ import annotations

from typing import Any

from ranvier import initializers, ops, regularizers
from ranvier.layers._checks import ints, number
from ranvier.layers._masks import masks_of
from ranvier.layers.base import registry
from ranvier.layers.native import NativeLayer


@registry.register()
class ReLU(NativeLayer):
    """``max_value`` at or above it, ``x`` from `threshold` on, ``negative_slope * (x - threshold)`` below.

    Args:
        max_value: largest result, None (default) for no limit.
        negative_slope: slope below `threshold`, 0 or more. Default 0.
        threshold: where the identity begins, 0 or more. Default 0.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("max_value", "negative_slope", "threshold")

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float | None = 0.0,
        threshold: float | None = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else number(max_value, self.name, "max_value", 0)
        self.negative_slope = number(negative_slope, self.name, "negative_slope", 0)
        self.threshold = number(threshold, self.name, "threshold", 0)


@registry.register()
class LeakyReLU(NativeLayer):
    """``x`` above 0, ``negative_slope * x`` below (Maas et al. 2013). Default slope 0.3."""

    _arguments = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:  # its name in Keras 2
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        self.negative_slope = number(negative_slope, self.name, "negative_slope", 0)


@registry.register()
class PReLU(NativeLayer):
    """``x`` above 0, ``alpha * x`` below, with alpha learnt for every position (He et al. 2015).

    Args:
        alpha_initializer: default ``"zeros"``.
        alpha_regularizer: penalty on alpha.
        shared_axes: axes (counted from 1, the batch is 0) along which one alpha is shared.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("alpha_initializer", "alpha_regularizer", "shared_axes")
    _weight_names = ("alpha",)

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.shared_axes = None if shared_axes is None else list(ints(shared_axes, self.name, "shared_axes"))


@registry.register()
class ELU(NativeLayer):
    """``x`` above 0, ``alpha * (exp(x) - 1)`` below (Clevert et al. 2016). Default ``alpha=1.0``."""

    _arguments = ("alpha",)

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = number(alpha, self.name, "alpha", 0)


@registry.register()
class Softmax(NativeLayer):
    """``exp(x) / sum(exp(x))`` along `axis`, the last one by default, or over several axes together.

    ``softmax(x, mask=m)`` leaves elements out where m, which broadcasts against x, is False: they become 0. A mask that
    x itself carries does so when it has an entry for every element; one for every time step is passed on.
    """

    _arguments = ("axis",)

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        axes = ints(axis, self.name, "axis")
        self.axis = axes[0] if len(axes) == 1 else list(axes)

    @property
    def _runs_python(self) -> bool:
        return isinstance(self.axis, list) or super()._runs_python

    def _engine_config(self) -> dict[str, Any]:
        settings = super()._engine_config()
        return {**settings, "axis": -1} if isinstance(self.axis, list) else settings

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """The engine's softmax; over several axes, or with a mask of one's own, a composed one."""
        if mask is not None and mask.ndim < inputs.ndim and masks_of(inputs) is not None:
            mask = None  # of the time steps
        if mask is None and not isinstance(self.axis, list):
            return super().call(inputs, training)
        if mask is None:
            return ops.softmax(inputs, self.axis)
        counts = ops.cast(ops.greater(mask, 0.5), "bool") if mask.dtype != "bool" else mask
        kept = ops.where(counts, inputs, -1e30)
        return ops.where(counts, ops.softmax(kept, self.axis), 0.0)


__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"]
