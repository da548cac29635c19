"""Losses under Keras's names: classes with a reduction, functions with one value per sample, and their short names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ranvier.losses.base import Loss, LossFunctionWrapper, NativeLoss, registry
from ranvier.losses.ctc import CTC, ctc
from ranvier.losses.hinge import CategoricalHinge, Hinge, SquaredHinge, categorical_hinge, hinge, squared_hinge
from ranvier.losses.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from ranvier.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)

__all__ = [
    "CTC",
    "ctc",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "NativeLoss",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "as_loss",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "registry",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]

# The function of each class: what a name such as "mse" means to `get`.
_FUNCTIONS: dict[type[Loss], Callable[..., Any]] = {
    CTC: ctc,
    BinaryCrossentropy: binary_crossentropy,
    CategoricalCrossentropy: categorical_crossentropy,
    CategoricalHinge: categorical_hinge,
    CosineSimilarity: cosine_similarity,
    Hinge: hinge,
    Huber: huber,
    KLDivergence: kl_divergence,
    LogCosh: log_cosh,
    MeanAbsoluteError: mean_absolute_error,
    MeanAbsolutePercentageError: mean_absolute_percentage_error,
    MeanSquaredError: mean_squared_error,
    MeanSquaredLogarithmicError: mean_squared_logarithmic_error,
    Poisson: poisson,
    SparseCategoricalCrossentropy: sparse_categorical_crossentropy,
    SquaredHinge: squared_hinge,
}
_CLASSES = {function: cls for cls, function in _FUNCTIONS.items()}


def get(identifier: Any) -> Any:
    """A loss from None, a name, an instance, a function, a class or a config dict.

    As in Keras a class's name (``"MeanSquaredError"``) gives an instance, any other (``"mse"``,
    ``"mean_squared_error"``) the function with one value per sample.
    """
    if isinstance(identifier, str):
        found = registry.lookup(identifier)
        if found in _FUNCTIONS and identifier != found.__name__:
            return _FUNCTIONS[found]
    return registry.get(identifier)


def as_loss(identifier: Any) -> Loss:
    """A Loss from anything `get` takes: functions of this module become their class, others are wrapped."""
    found = get(identifier)
    if isinstance(found, Loss):
        return found
    if found is None:
        raise ValueError("[loss] expected a loss, received None; pass one such as loss='mse'.")
    cls = _CLASSES.get(found)
    return LossFunctionWrapper(found) if cls is None else cls()


def serialize(loss: Any) -> Any:
    """The name of a function, or ``{"class_name", "config"}`` of an instance."""
    return registry.serialize(loss)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The inverse of `serialize`."""
    return registry.deserialize(config, custom_objects) if isinstance(config, Mapping) else get(config)
