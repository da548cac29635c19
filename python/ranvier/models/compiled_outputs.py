"""The arguments of `compile` dealt out to the outputs of a model, and what is kept for each output."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from ranvier import losses, metrics
from ranvier._registry import to_snake_case
from ranvier.losses import Loss
from ranvier.metrics import Mean, Metric
from ranvier.models.structures import Outputs, flatten, is_by_name, listed


class OutputPart:
    """Loss and metrics of one output.

    Args:
        key: what losses, metrics and targets call the output.
        loss: its loss, None when it is not trained on, "crossentropy" when its targets decide which.
        weight: of its loss in the sum.
        specs: its metrics as they were given.
        weighted_specs: its metrics that use sample weights.
    """

    def __init__(
        self, key: str, loss: Loss | str | None, weight: float, specs: list[Any], weighted_specs: list[Any]
    ) -> None:
        self.key = key
        self.trains = loss is not None
        self.loss = None if isinstance(loss, str) else loss
        self.weight = weight
        self.specs = specs
        self.weighted_specs = weighted_specs
        self.tracker: Mean | None = None  # of the loss alone, where there are several
        self.plain: list[Metric] = []
        self.weighted: list[Metric] = []
        for spec in [*specs, *weighted_specs]:  # typing errors show in compile, not in fit
            metrics.resolve(spec, self.loss_name, (None, 1))

    @property
    def has_metrics(self) -> bool:
        """Whether anything compares the output with targets beside the loss."""
        return bool(self.specs or self.weighted_specs)

    @property
    def loss_function(self) -> Any:
        """What tells the kind of the loss: the function inside a wrapper, else the loss."""
        return getattr(self.loss, "fn", None) or self.loss

    @property
    def loss_name(self) -> str | None:
        """Snake-case name of the loss."""
        if self.loss is None:
            return None
        function = getattr(self.loss, "fn", None)
        return to_snake_case(getattr(function, "__name__", None) or type(self.loss).__name__)

    @property
    def has_built_in_loss(self) -> bool:
        """Whether the loss is one of this package, whose logarithms and quotients are guarded."""
        parts = (type(self.loss), getattr(self.loss, "fn", None))
        return all(str(getattr(part, "__module__", "ranvier.")).startswith("ranvier.") for part in parts if part)

    def choose_loss(self, output_shape: Any, target_shape: Any) -> None:
        """The binary, categorical or sparse crossentropy where `compile` was given no more than that word."""
        if self.trains and self.loss is None:
            self.loss = losses.as_loss(
                f"{_CROSSENTROPIES[metrics.target_kind(output_shape, target_shape)]}_crossentropy"
            )

    def resolve(self, output_shape: Any, target_shape: Any) -> None:
        """Makes metrics out of names, now that it is known what they compare."""
        self.plain = [metrics.resolve(s, self.loss_name, output_shape, target_shape) for s in self.specs]
        self.weighted = [metrics.resolve(s, self.loss_name, output_shape, target_shape) for s in self.weighted_specs]


_CROSSENTROPIES = {"binary": "binary", "categorical": "categorical", "sparse": "sparse_categorical"}


def make_parts(
    outputs: Outputs, loss: Any, given_loss: Any, loss_weights: Any, plain: Any, weighted: Any
) -> list[OutputPart]:
    """One part for each output.

    Args:
        outputs: what the outputs are called.
        loss: a `Loss` for all outputs, or a list or dict with one or None for each; a dict may leave outputs out where
            these are a dict, too, as in Keras.
        given_loss: the same as `compile` was given it, for names.
        loss_weights: None, a number for a single output, or a list or dict.
        plain: specs of metrics: for one output in any form, else a list or dict with specs for each output.
        weighted: the same for those that use sample weights.

    Raises:
        ValueError: names that are no outputs, or lists of another length.
        TypeError: weights that are not numbers.
    """
    keys = outputs.keys
    columns = (
        _losses_of(loss, keys, outputs.by_key),
        _weights_of(loss_weights, keys),
        _specs_of(plain, keys, "metrics"),
        _specs_of(weighted, keys, "weighted_metrics"),
    )
    parts = [OutputPart(*row) for row in zip(keys, *columns, strict=True)]
    if sum(part.trains for part in parts) > 1:
        labels: list[Any] = list(keys)
        if not outputs.named:
            labels = _losses_of(map_leaves(_loss_label, given_loss), keys, outputs.by_key)
        taken: list[Any] = []
        for part, label in zip(parts, labels, strict=True):
            if part.trains:
                count = taken.count(label)
                taken.append(label)
                part.tracker = Mean(name=f"{label}_loss_{count}" if count else f"{label}_loss")
    return parts


def _loss_label(loss: Any) -> str:
    """What a loss is called in logs: the word it was given by, or its own name."""
    if isinstance(loss, str):
        return loss
    return str(getattr(loss, "name", None) or getattr(loss, "__name__", None) or to_snake_case(type(loss).__name__))


def _losses_of(loss: Any, keys: Sequence[str], partial: bool) -> list[Loss | str | None]:
    if isinstance(loss, list | tuple) and len(keys) == 1:
        if len(loss) != 1:
            raise ValueError(f"[compile] loss: expected one loss for one output, received {len(loss)}: {loss!r}.")
        return [loss[0]]
    if isinstance(loss, list | tuple | Mapping):
        found = flatten(loss, keys, "loss", "compile", "outputs", missing=partial)
        if isinstance(found[0], Mapping):
            raise ValueError(f"[compile] loss: expected output {keys[0]!r}, received dict with {listed(list(loss))}.")
        return found
    return [loss] * len(keys)


def _weights_of(weights: Any, keys: Sequence[str]) -> list[float]:
    if weights is None:
        return [1.0] * len(keys)
    if isinstance(weights, Mapping):
        weights = flatten(weights, keys, "loss_weights", "compile", "outputs", missing=True)
    elif len(keys) == 1 and not isinstance(weights, list | tuple):
        weights = [weights]
    elif len(keys) > 1:
        weights = flatten(weights, keys, "loss_weights", "compile", "outputs")
    if len(weights) != len(keys):
        raise ValueError(f"[compile] loss_weights: expected one weight for one output, received {weights!r}.")
    return [_weight(1.0 if weight is None else weight) for weight in weights]


def _weight(value: Any) -> float:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"[compile] loss_weights: expected numbers, received {value!r} of type {type(value).__name__}.")
    if not math.isfinite(value):
        raise ValueError(f"[compile] loss_weights: expected finite numbers, received {value!r}.")
    return float(value)


def _specs_of(specs: Any, keys: Sequence[str], argument: str) -> list[list[Any]]:
    if specs is None or (isinstance(specs, list | tuple | Mapping) and not specs):
        return [[] for _ in keys]
    if len(keys) == 1:
        if is_by_name(specs) and len(specs) > 1:
            raise ValueError(
                f"[compile] {argument}: expected metrics for one output, received a dict of {len(specs)} outputs "
                f"({', '.join(map(str, specs))}); pass a list."
            )
        return [_flat(specs)]
    return [_flat(entry) for entry in flatten(specs, keys, argument, "compile", "outputs", missing=True)]


def _flat(specs: Any) -> list[Any]:
    if specs is None:
        return []
    if is_by_name(specs):
        return [item for entry in specs.values() for item in _flat(entry)]
    return [item for entry in specs for item in _flat(entry)] if isinstance(specs, list | tuple) else [specs]


# -- structures of losses and metrics ----------------------------------------------------------------------------------


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """`value` with every loss or metric in its lists and dicts replaced by `function` of it; None stays None."""
    if value is None:
        return None
    if is_by_name(value):
        return {name: map_leaves(function, item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [map_leaves(function, item) for item in value]
    return function(value)


def given_specs(specs: Any) -> Any:
    """`metrics=` as lists, dicts and specs: names of the user's own are looked up while their scope is open."""
    if isinstance(specs, Iterable) and not isinstance(specs, str | list | tuple | Mapping | Metric | type):
        specs = list(specs)
    return map_leaves(_known_spec, specs)


def _known_spec(spec: Any) -> Any:
    if isinstance(spec, Mapping):
        return metrics.get(spec)
    if isinstance(spec, str) and spec not in metrics.registry and spec.lower() not in _WORDS:
        return metrics.registry.lookup(spec)
    return spec


_WORDS = ("acc", "ce", "crossentropy")  # whose form depends on the targets


def given_losses(loss: Any) -> tuple[Any, Any]:
    """`loss=` as it is kept (configs made into objects), and the same structure of `Loss` objects."""
    given = map_leaves(lambda item: losses.get(item) if isinstance(item, Mapping) else item, loss)
    return given, map_leaves(_known_loss, given)


def _known_loss(loss: Any) -> Any:
    return "crossentropy" if isinstance(loss, str) and loss.lower() in ("crossentropy", "ce") else losses.as_loss(loss)
