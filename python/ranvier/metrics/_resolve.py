"""What ``compile(metrics=[...])`` accepts, made into metrics once the shapes are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._registry import to_snake_case
from .accuracy import BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy
from .metric import Metric, registry
from .probabilistic import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from .reduction import MeanMetricWrapper

_BY_KIND: dict[str, dict[str, type[Metric]]] = {
    "accuracy": {
        "binary": BinaryAccuracy,
        "categorical": CategoricalAccuracy,
        "sparse": SparseCategoricalAccuracy,
    },
    "crossentropy": {
        "binary": BinaryCrossentropy,
        "categorical": CategoricalCrossentropy,
        "sparse": SparseCategoricalCrossentropy,
    },
}
_WORDS = {"accuracy": "accuracy", "acc": "accuracy", "crossentropy": "crossentropy", "ce": "crossentropy"}


def target_kind(
    output_shape: Sequence[int | None], target_shape: Sequence[int | None] | None, loss_name: str | None = None
) -> str:
    """``"binary"``, ``"sparse"`` or ``"categorical"`` targets, by Keras's rule.

    One output unit is binary. Targets with fewer axes than the output, or one column against several units, are
    integer labels. Anything else is one-hot. Without a target shape the loss decides.

    Args:
        output_shape: of the model's output, with the batch axis (None will do): ``(None, 10)``.
        target_shape: of ``y``, with the batch axis; None when not known.
        loss_name: snake_case name of the loss.
    """
    if output_shape and output_shape[-1] == 1:
        return "binary"
    if target_shape is None:
        name = to_snake_case(loss_name or "")
        return "sparse" if name.startswith("sparse") else "binary" if name.startswith("binary") else "categorical"
    fewer = len(target_shape) < len(output_shape)
    return "sparse" if fewer or (len(target_shape) > 0 and target_shape[-1] == 1) else "categorical"


def resolve(
    identifier: Any,
    loss_name: str | None = None,
    output_shape: Sequence[int | None] = (),
    target_shape: Sequence[int | None] | None = None,
) -> Metric:
    """A metric for one entry of ``compile(metrics=[...])``.

    Args:
        identifier: a Metric (returned as it is), a name, a config dict, a class, or a function of
            ``(y_true, y_pred)`` (wrapped in `MeanMetricWrapper`). ``"accuracy"``/``"acc"`` and
            ``"crossentropy"``/``"ce"`` choose the binary, categorical or sparse form, see `target_kind`. A metric made
            from a name is called by that name, so ``"mse"`` shows as ``mse``.
        loss_name: snake_case name of the model's loss.
        output_shape: shape of the model's output with the batch axis.
        target_shape: shape of ``y`` with the batch axis; None when not known.

    Raises:
        ValueError: unknown name, or None.
        TypeError: not an identifier.
    """
    if identifier is None:
        raise ValueError("[metrics] expected a metric, a name, a function or a config dict, received None.")
    if isinstance(identifier, str) and identifier.lower() in _WORDS:
        kind = target_kind(output_shape, target_shape, loss_name)
        made: Any = _BY_KIND[_WORDS[identifier.lower()]][kind]()
    else:
        made = registry.get(identifier)
    if not isinstance(made, Metric):
        name = getattr(made, "name", None) or to_snake_case(getattr(made, "__name__", type(made).__name__))
        made = MeanMetricWrapper(made, name=name)
    if isinstance(identifier, str):
        made.name = identifier
    metric: Metric = made
    return metric
