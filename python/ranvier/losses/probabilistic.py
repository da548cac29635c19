"""Losses of class labels and probabilities against predicted probabilities or logits."""

from __future__ import annotations

from typing import Any

from ranvier._core import Tensor
from ranvier._tensor import convert_to_tensor
from ranvier.layers._checks import rate
from ranvier.losses.base import NativeLoss, registry
from ranvier.ops._convert import floating


def _last_axis(axis: int, name: str) -> int:
    if axis != -1:
        raise ValueError(f"[{name}] axis: expected -1, received {axis!r}; move the classes to the last axis first.")
    return axis


@registry.register("bce", "BCE")
class BinaryCrossentropy(NativeLoss):
    """``-t*log(p) - (1-t)*log(1-p)`` averaged over the last axis: independent yes/no targets.

    Args:
        from_logits: whether predictions are logits. A model that ends in a sigmoid needs False; the loss is computed
            from the sigmoid's input all the same, so nothing is lost to rounding.
        label_smoothing: in [0, 1]; targets become ``t*(1 - s) + s/2``. Default 0.
        axis: of the mean, -1.
        reduction: as in `Loss`.
        name: default ``"binary_crossentropy"``.
        dtype: of the computation.
    """

    _arguments = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = rate(label_smoothing, name, "label_smoothing")
        self.axis = _last_axis(axis, name)


@registry.register("cce", "CCE")
class CategoricalCrossentropy(NativeLoss):
    """``-sum(t * log(p))`` over the last axis, targets one-hot or probabilities.

    Args:
        from_logits: whether predictions are logits rather than probabilities (a softmax's output). Default False.
        label_smoothing: in [0, 1]; targets become ``t*(1 - s) + s/classes``. Default 0.
        axis: of the classes, -1.
        reduction: as in `Loss`.
        name: default ``"categorical_crossentropy"``.
        dtype: of the computation.
    """

    _arguments = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = rate(label_smoothing, name, "label_smoothing")
        self.axis = _last_axis(axis, name)


@registry.register()
class SparseCategoricalCrossentropy(NativeLoss):
    """``-log(p[label])``, targets integer labels of shape ``(n,)`` or ``(n, 1)``, predictions ``(n, classes)``.

    Args:
        from_logits: whether predictions are logits rather than probabilities (a softmax's output). Default False.
        ignore_class: a label whose samples have loss 0, default none.
        reduction: as in `Loss`.
        axis: of the classes, -1.
        name: default ``"sparse_categorical_crossentropy"``.
        dtype: of the computation.
    """

    _arguments = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = bool(from_logits)
        if ignore_class is not None and not isinstance(ignore_class, int):
            raise ValueError(f"[{name}] ignore_class: expected an int or None, received {ignore_class!r}.")
        self.ignore_class = ignore_class
        self.axis = _last_axis(axis, name)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss of a batch; as in `Loss`, with the labels' range checked."""
        prediction = floating(y_pred)
        labels = convert_to_tensor(y_true)
        self._check_range(labels, prediction.shape[-1])
        return super().__call__(labels, prediction, sample_weight)

    def _check_range(self, labels: Tensor, classes: int) -> None:
        values = labels.numpy()
        wrong = (values < 0) | (values >= classes)
        if self.ignore_class is not None:
            wrong &= values != self.ignore_class
        if wrong.any():
            raise ValueError(
                f"[{self.name}] expected labels from 0 to {classes - 1}, received {values[wrong][0]}; the last axis of "
                "the predictions needs one entry for each class; number the classes from 0."
            )


@registry.register("kld", "KLD")
class KLDivergence(NativeLoss):
    """``sum(t * log(t / p))`` over the last axis, both distributions (Kullback & Leibler 1951)."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "kl_divergence", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register()
class Poisson(NativeLoss):
    """``mean(p - t * log(p + epsilon))``: counts t against predicted rates p."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(name, reduction, dtype)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Binary cross-entropy averaged over the last axis, one value per sample."""
    return BinaryCrossentropy(from_logits, label_smoothing, axis).call(y_true, y_pred)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """``-sum(t * log(p))`` over the last axis, one value per sample."""
    return CategoricalCrossentropy(from_logits, label_smoothing, axis).call(y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """``-log(p[label])``, one value per sample."""
    return SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis).call(y_true, y_pred)


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """``sum(t * log(t / p))`` over the last axis, one value per sample."""
    return KLDivergence().call(y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(p - t * log(p + epsilon))`` over the last axis, one value per sample."""
    return Poisson().call(y_true, y_pred)
