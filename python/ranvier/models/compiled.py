"""What `compile` was given and what running needs of it: loss, optimizer, metrics, and the engine's trainer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ranvier import _core, losses, metrics, optimizers
from ranvier._registry import to_snake_case
from ranvier.metrics import Mean, Metric
from ranvier.models.pace import Pace

Array = np.ndarray
Logs = dict[str, Any]


class Compiled:
    """The state between `compile` calls. Losses and metrics add up here over the steps of an epoch.

    Args:
        optimizer: identifier as `ranvier.optimizers.get` takes it.
        loss: identifier as `ranvier.losses.get` takes it, a function of `(y_true, y_pred)`, or None.
        metric_specs: identifiers of metrics, resolved when the shapes of output and targets are known.
        weighted_specs: the same for metrics that use sample weights.
        stop_on_non_finite: whether the first loss that is no finite number raises.
    """

    def __init__(
        self, optimizer: Any, loss: Any, metric_specs: Any, weighted_specs: Any, stop_on_non_finite: bool
    ) -> None:
        self.optimizer = optimizers.get(optimizer)
        self.given_loss = losses.get(loss) if isinstance(loss, Mapping) else loss
        self.loss = None if loss is None else losses.as_loss(self.given_loss)
        self.metric_specs = flat_specs(metric_specs, "metrics")
        self.weighted_specs = flat_specs(weighted_specs, "weighted_metrics")
        self.stop_on_non_finite = stop_on_non_finite
        self.loss_tracker = Mean(name="loss")
        self._plain: list[Metric] = []
        self._weighted: list[Metric] = []
        self._resolved = not (self.metric_specs or self.weighted_specs)
        self._check_specs()
        self._trainer: _core.Trainer | None = None
        self._trained_engine: Any = None
        self.paces: dict[tuple[str, int], Pace] = {}

    def _check_specs(self) -> None:
        for spec in [*self.metric_specs, *self.weighted_specs]:  # typing errors show in compile, not in fit
            metrics.resolve(spec, self.loss_name, (None, 1))

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

    # -- the engine --------------------------------------------------------------------------------------------------

    def trainer(self, engine: Any) -> _core.Trainer:
        """The engine's trainer; one is kept, because its recorded plans are what makes it fast."""
        if self._trainer is None or self._trained_engine is not engine:
            loss = None if self.loss is None else self.loss._handle()
            self._trainer = _core.Trainer(engine, loss, self.optimizer._handle())
            self._trained_engine = engine
        return self._trainer

    def pace(self, mode: str, batch_size: int) -> Pace:
        """How many steps to run in one call."""
        key = (mode, batch_size)
        if key not in self.paces:
            self.paces[key] = Pace()
        return self.paces[key]

    # -- metrics -----------------------------------------------------------------------------------------------------

    def resolve(self, output_shape: Any, target_shape: Any) -> None:
        """Makes metrics out of names, now that it is known what they compare."""
        if self._resolved:
            return
        taken: set[str] = {"loss"}
        self._plain = [self._metric(s, output_shape, target_shape, taken, "") for s in self.metric_specs]
        self._weighted = [self._metric(s, output_shape, target_shape, taken, "weighted_") for s in self.weighted_specs]
        self._resolved = True

    def _metric(self, spec: Any, output_shape: Any, target_shape: Any, taken: set[str], prefix: str) -> Metric:
        metric = metrics.resolve(spec, self.loss_name, output_shape, target_shape)
        if metric.name in taken and prefix:
            metric.name = prefix + metric.name
        base, count = metric.name, 0
        while metric.name in taken:
            count += 1
            metric.name = f"{base}_{count}"
        taken.add(metric.name)
        return metric

    @property
    def metrics(self) -> list[Metric]:
        """The loss, then the metrics in the order of `compile`."""
        return [self.loss_tracker, *self._plain, *self._weighted]

    @property
    def wants_predictions(self) -> bool:
        """Whether anything looks at predictions."""
        return bool(self._plain or self._weighted)

    def reset(self) -> None:
        """Starts an epoch."""
        for metric in self.metrics:
            metric.reset_state()

    def add_losses(self, values: Array, batch_size: int, rows: int) -> None:
        """Adds the losses of steps of `batch_size` rows each, the last one with the rest of `rows`."""
        steps = len(values)
        last = min(batch_size, rows - (steps - 1) * batch_size)
        self.loss_tracker.total.value += float(values[:-1].sum()) * batch_size + float(values[-1]) * last
        self.loss_tracker.count.value += (steps - 1) * batch_size + last

    def update_metrics(self, y: Array, predictions: Array, weight: Array | None) -> None:
        """Adds rows to the metrics; only weighted ones see the weights, as in Keras."""
        for metric in self._plain:
            metric.update_state(y, predictions)
        for metric in self._weighted:
            metric.update_state(y, predictions, weight)

    def results(self) -> Logs:
        """Loss and metrics so far by name, in the order of `metrics`; entries of dict results by their own names."""
        found: Logs = {}
        for metric in self.metrics:
            value = metric.result()
            for name, item in value.items() if isinstance(value, Mapping) else [(metric.name, value)]:
                found[name] = _plain_number(item)
        return found

    def logs(self) -> Logs:
        """`results` sorted by name, which is the order of Keras 3's logs."""
        return dict(sorted(self.results().items()))

    def as_list(self, results: Logs) -> Any:
        """What `evaluate` returns: the loss alone, or a list with the metrics behind it."""
        values = list(results.values())
        return values[0] if len(values) == 1 else values

    def keep_state(self) -> list[list[Array]]:
        """The state of loss and metrics, for `put_state`."""
        return [[variable.value.copy() for variable in metric.variables] for metric in self.metrics]

    def put_state(self, state: list[list[Array]]) -> None:
        """Puts back what `keep_state` took."""
        for metric, values in zip(self.metrics, state, strict=True):
            if len(values) < len(metric.variables):  # made since then
                metric.reset_state()
            for variable, value in zip(metric.variables, values, strict=False):
                variable.value[...] = value

    def arguments(self) -> tuple[Any, Any, Any, bool]:
        """Loss, metrics, weighted metrics and stop_on_non_finite as they were given, for another model."""
        return self.given_loss, list(self.metric_specs), list(self.weighted_specs), self.stop_on_non_finite

    # -- configuration -----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Arguments of `compile` in serialized form; TypeError naming what is code without a name."""
        return {
            "optimizer": optimizers.serialize(self.optimizer),
            "loss": losses.serialize(self.given_loss),
            "metrics": [metrics.serialize(spec) for spec in self.metric_specs] or None,
            "weighted_metrics": [metrics.serialize(spec) for spec in self.weighted_specs] or None,
            "stop_on_non_finite": self.stop_on_non_finite,
        }


def flat_specs(specs: Any, name: str) -> list[Any]:
    """`metrics=` as a flat list: Keras also takes one metric, a list with a list, or a dict with one output."""
    if specs is None:
        return []
    if isinstance(specs, Mapping) and "class_name" not in specs:
        if len(specs) > 1:
            raise ValueError(
                f"[compile] {name}: expected metrics for one output, received a dict of {len(specs)} outputs "
                f"({', '.join(map(str, specs))}); pass a list."
            )
        return flat_specs(next(iter(specs.values()), None), name)
    if isinstance(specs, Mapping):
        return [metrics.get(specs)]
    if isinstance(specs, str) and specs not in metrics.registry and specs.lower() not in ("acc", "ce", "crossentropy"):
        return [metrics.registry.lookup(specs)]  # now, while the scope with the user's own objects is open
    if isinstance(specs, str) or not isinstance(specs, Iterable) or isinstance(specs, Metric | type):
        return [specs]
    return [item for spec in specs for item in flat_specs(spec, name)]


def _plain_number(value: Any) -> Any:
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else array
