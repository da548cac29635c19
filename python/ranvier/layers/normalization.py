"""Normalisation by the batch, by each sample, by groups of channels."""

from __future__ import annotations

from typing import Any

from ranvier import initializers, regularizers
from ranvier.layers._checks import ints, number, positive_int
from ranvier.layers._masks import masked
from ranvier.layers.base import registry
from ranvier.layers.native import NativeLayer


@registry.register()
class BatchNormalization(NativeLayer):
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` per channel (Ioffe & Szegedy 2015).

    In training with the statistics of the batch, which also move the running ones:
    ``moving = momentum * moving + (1 - momentum) * batch``. Otherwise, and while ``trainable`` is False, with the
    running ones.

    Args:
        axis: the channels' axis, default the last.
        momentum: of the running statistics. Default 0.99.
        epsilon: added to the variance. Default 1e-3.
        center: whether there is a beta. Default True.
        scale: whether there is a gamma. Default True.
        beta_initializer: default ``"zeros"``.
        gamma_initializer: default ``"ones"``.
        moving_mean_initializer: default ``"zeros"``.
        moving_variance_initializer: default ``"ones"``.
        beta_regularizer: penalty on beta.
        gamma_regularizer: penalty on gamma.
        **kwargs: name, dtype, trainable.
    """

    _arguments = (
        "axis",
        "momentum",
        "epsilon",
        "center",
        "scale",
        "beta_initializer",
        "gamma_initializer",
        "moving_mean_initializer",
        "moving_variance_initializer",
        "beta_regularizer",
        "gamma_regularizer",
    )
    _weight_names = ("gamma", "beta", "moving_mean", "moving_variance")
    _state_names = ("moving_mean", "moving_variance")

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = ints(axis, self.name, "axis")[0]
        self.momentum = number(momentum, self.name, "momentum", 0)
        self.epsilon = number(epsilon, self.name, "epsilon", 0)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """The engine's normalisation; with a mask (batch, time) the moments of a batch are those of its steps."""
        return super().call(inputs if mask is None else masked(inputs, mask), training)


@registry.register()
class LayerNormalization(NativeLayer):
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` with the statistics of each sample (Ba et al. 2016).

    Args:
        axis: an axis or a list of axes whose elements are normalised together. Default the last.
        epsilon: added to the variance. Default 1e-3.
        center: whether there is a beta. Default True.
        scale: whether there is a gamma. Default True.
        beta_initializer: default ``"zeros"``.
        gamma_initializer: default ``"ones"``.
        beta_regularizer: penalty on beta.
        gamma_regularizer: penalty on gamma.
        **kwargs: name, dtype, trainable.
    """

    _arguments = (
        "axis",
        "epsilon",
        "center",
        "scale",
        "beta_initializer",
        "gamma_initializer",
        "beta_regularizer",
        "gamma_regularizer",
    )
    _weight_names = ("gamma", "beta")

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = _axes(axis, self.name)
        self.epsilon = number(epsilon, self.name, "epsilon", 0)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)


@registry.register()
class RMSNormalization(NativeLayer):
    """``scale * x / sqrt(mean(x**2) + epsilon)`` with the mean of each sample (Zhang & Sennrich 2019).

    Args:
        axis: an axis or a list of axes whose elements are normalised together. Default the last.
        epsilon: added to the mean square. Default 1e-6.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("axis", "epsilon")
    _weight_names = ("scale",)

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _axes(axis, self.name)
        self.epsilon = number(epsilon, self.name, "epsilon", 0)


@registry.register()
class UnitNormalization(NativeLayer):
    """`x` divided by its Euclidean length, or by 1e-12 if that is larger.

    Args:
        axis: an axis or a list of axes whose elements make a vector. Default the last.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("axis",)

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _axes(axis, self.name)


@registry.register()
class GroupNormalization(NativeLayer):
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` with the statistics of each sample's groups of channels.

    The channels form `groups` runs of equal length, each normalised over all axes but the first (Wu & He 2018).

    Args:
        groups: how many, a divisor of the number of channels; -1: one for each channel. Default 32.
        axis: the channels' axis, default the last.
        epsilon: added to the variance. Default 1e-3.
        center: whether there is a beta. Default True.
        scale: whether there is a gamma. Default True.
        beta_initializer: default ``"zeros"``.
        gamma_initializer: default ``"ones"``.
        beta_regularizer: penalty on beta.
        gamma_regularizer: penalty on gamma.
        **kwargs: name, dtype, trainable.
    """

    _arguments = (
        "groups",
        "axis",
        "epsilon",
        "center",
        "scale",
        "beta_initializer",
        "gamma_initializer",
        "beta_regularizer",
        "gamma_regularizer",
    )
    _weight_names = ("gamma", "beta")

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = groups if groups == -1 else positive_int(groups, self.name, "groups")
        self.axis = ints(axis, self.name, "axis")[0]
        self.epsilon = number(epsilon, self.name, "epsilon", 0)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)


def _axes(axis: Any, layer: str) -> int | list[int]:
    """An axis, or a list of different ones."""
    axes = ints(axis, layer, "axis")
    if not axes or len(set(axes)) != len(axes):
        raise ValueError(f"[{layer}] axis: expected one axis or several different ones, received {axis!r:.200}.")
    return list(axes) if isinstance(axis, list | tuple) else axes[0]


__all__ = ["BatchNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization", "UnitNormalization"]
