"""What `compile` was given and what running needs of it: losses, optimizer, metrics, and the engine's trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ranvier import _core, losses, metrics, optimizers
from ranvier.metrics import Mean, Metric
from ranvier.models.compiled_outputs import OutputPart, given_losses, given_specs, make_parts, map_leaves
from ranvier.models.pace import Pace
from ranvier.models.structures import Outputs, is_by_name

Array = np.ndarray
Logs = dict[str, Any]


class Compiled:
    """The state between `compile` calls. Losses and metrics add up here over the steps of an epoch.

    Args:
        optimizer: identifier as `ranvier.optimizers.get` takes it.
        loss: identifier as `ranvier.losses.get` takes it, a function of `(y_true, y_pred)`, None, or a list or dict of
            them with one for each output.
        loss_weights: weights of the outputs' losses in their sum.
        metric_specs: identifiers of metrics, resolved when the shapes of outputs and targets are known.
        weighted_specs: the same for metrics that use sample weights.
        stop_on_non_finite: whether the first loss that is no finite number raises.
        outputs: what the outputs are called; None when that is not known before the first data.
    """

    def __init__(
        self,
        optimizer: Any,
        loss: Any,
        loss_weights: Any,
        metric_specs: Any,
        weighted_specs: Any,
        stop_on_non_finite: bool,
        outputs: Outputs | None,
    ) -> None:
        self.optimizer = optimizers.get(optimizer)
        self.given_loss, self._losses = given_losses(loss)
        self.loss_weights = loss_weights
        self.metric_specs = given_specs(metric_specs)
        self.weighted_specs = given_specs(weighted_specs)
        self.stop_on_non_finite = stop_on_non_finite
        self.loss_tracker = Mean(name="loss")
        self.parts: list[OutputPart] = []
        self._trackers: list[tuple[int, Mean]] = []  # number of the output, mean of its own loss
        self._named: list[tuple[str, Metric]] = []  # metrics under their names in logs
        self._resolved = False
        self._named_outputs = True
        self._trainer: _core.Trainer | None = None
        self._trained_engine: Any = None
        self.paces: dict[tuple[str, int], Pace] = {}
        if outputs is not None:
            self.bind(outputs)

    def bind(self, outputs: Outputs) -> None:
        """Deals losses and metrics out to the outputs, once; ValueError when they do not fit."""
        if self.parts:
            return
        self.parts = make_parts(
            outputs, self._losses, self.given_loss, self.loss_weights, self.metric_specs, self.weighted_specs
        )
        self._named_outputs = outputs.named
        keys = outputs.keys
        order = list(range(len(keys)))
        if outputs.by_key and is_by_name(self._losses):  # as Keras orders them
            order.sort(key=lambda i: list(self._losses).index(keys[i]) if keys[i] in self._losses else len(keys))
        trackers = [(i, self.parts[i].tracker) for i in order]
        self._trackers = [(i, tracker) for i, tracker in trackers if tracker is not None]
        self._resolved = not any(part.has_metrics for part in self.parts)

    @property
    def has_loss(self) -> bool:
        """Whether there is anything to train on."""
        found: list[Any] = []
        map_leaves(found.append, self._losses)
        return bool(found)

    # -- the engine --------------------------------------------------------------------------------------------------

    def trainer(self, engine: Any) -> _core.Trainer:
        """The engine's trainer; one is kept, because its recorded plans are what makes it fast."""
        if self._trainer is None or self._trained_engine is not engine:
            handles = [None if part.loss is None else part.loss._handle() for part in self.parts]
            weights = [part.weight for part in self.parts]
            self._trainer = _core.Trainer(engine, handles, self.optimizer._handle(), weights)
            self._trained_engine = engine
        return self._trainer

    def pace(self, mode: str, batch_size: int) -> Pace:
        """How many steps to run in one call."""
        key = (mode, batch_size)
        if key not in self.paces:
            self.paces[key] = Pace()
        return self.paces[key]

    # -- metrics -----------------------------------------------------------------------------------------------------

    def resolve(self, output_shapes: Sequence[Any], target_shapes: Sequence[Any]) -> None:
        """Makes metrics out of names, now that it is known what they compare."""
        if self._resolved:
            return
        for part, output, target in zip(self.parts, output_shapes, target_shapes, strict=True):
            part.resolve(output, target)
        taken = {"loss", *(tracker.name for _, tracker in self._trackers)}
        several = len(self.parts) > 1 and self._named_outputs
        self._named = []
        for weighted in (False, True):
            for part in self.parts:
                place = f"{part.key}_" if several else ""
                for metric in part.weighted if weighted else part.plain:
                    name = place + metric.name
                    if weighted and name in taken:
                        name = f"{place}weighted_{metric.name}"
                    base, count = name, 0
                    while name in taken:
                        count += 1
                        name = f"{base}_{count}"
                    taken.add(name)
                    self._named.append((name, metric))
        self._resolved = True

    @property
    def metrics(self) -> list[Metric]:
        """The loss, the losses of several outputs, then the metrics: those without sample weights first."""
        return [self.loss_tracker, *(tracker for _, tracker in self._trackers), *(metric for _, metric in self._named)]

    @property
    def names(self) -> list[str]:
        """Names of `metrics` in logs."""
        return ["loss", *(tracker.name for _, tracker in self._trackers), *(name for name, _ in self._named)]

    @property
    def wants_predictions(self) -> bool:
        """Whether anything looks at predictions."""
        return bool(self._named)

    def reset(self) -> None:
        """Starts an epoch."""
        for metric in self.metrics:
            metric.reset_state()

    def add_losses(self, values: Array, batch_size: int, rows: int) -> None:
        """Adds the losses of steps of `batch_size` rows each, the last one with the rest of `rows`.

        Args:
            values: a row for each step: the loss, then those of the outputs if there are several.
            batch_size: rows of every step but the last.
            rows: of all steps.
        """
        steps = len(values)
        last = min(batch_size, rows - (steps - 1) * batch_size)
        sums = values[:-1].sum(axis=0) * batch_size + values[-1] * last
        count = (steps - 1) * batch_size + last
        for column, tracker in [(0, self.loss_tracker), *((i + 1, tracker) for i, tracker in self._trackers)]:
            tracker.total.value += float(sums[column])
            tracker.count.value += count

    def update_metrics(
        self,
        y: Sequence[Array | None],
        predictions: Sequence[Array],
        weight: Sequence[Array | None] | None,
        masks: Sequence[Array | None] = (),
    ) -> None:
        """Adds rows to the metrics; only weighted ones see the weights, as in Keras.

        Masked time steps do not count in metrics that are means over predictions; others look at all steps.
        """
        for i, part in enumerate(self.parts):
            mask = masks[i] if i < len(masks) else None
            given = None if weight is None else weight[i]
            for metric, own in [*((m, None) for m in part.plain), *((m, given) for m in part.weighted)]:
                if mask is not None and metric.leaves_out_masked:
                    own = masked_weight(mask, own)
                if own is None:
                    metric.update_state(y[i], predictions[i])
                else:
                    metric.update_state(y[i], predictions[i], own)

    def results(self) -> Logs:
        """Loss and metrics so far by name, in the order of `metrics`; entries of dict results by their own names."""
        found: Logs = {}
        for name, metric in zip(self.names, self.metrics, strict=True):
            value = metric.result()
            for entry, item in value.items() if isinstance(value, Mapping) else [(name, value)]:
                found[entry] = _plain_number(item)
        return found

    def logs(self) -> Logs:
        """`results` sorted by name, which is the order of Keras 3's logs."""
        return dict(sorted(self.results().items()))

    def as_list(self, results: Logs) -> Any:
        """What `evaluate` returns: the loss alone, or a list of it, the outputs' losses and the metrics.

        With several outputs metrics come sorted by name, as in Keras.
        """
        names = list(results)
        if len(self.parts) > 1:
            first = 1 + len(self._trackers)
            losses, rest = names[1:first], names[first:]
            names = [names[0], *losses, *sorted(rest)] if self._named_outputs else [names[0], *rest, *losses]
        return results[names[0]] if len(names) == 1 else [results[name] for name in names]

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

    def arguments(self) -> dict[str, Any]:
        """The arguments of `compile` beside the optimizer, for another model."""
        return {
            "loss": self.given_loss,
            "loss_weights": self.loss_weights,
            "metrics": self.metric_specs,
            "weighted_metrics": self.weighted_specs,
            "stop_on_non_finite": self.stop_on_non_finite,
        }

    # -- configuration -----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Arguments of `compile` in serialized form; TypeError naming what is code without a name."""
        return {
            "optimizer": optimizers.serialize(self.optimizer),
            "loss": map_leaves(losses.serialize, self.given_loss),
            "loss_weights": self.loss_weights,
            "metrics": map_leaves(metrics.serialize, self.metric_specs) or None,
            "weighted_metrics": map_leaves(metrics.serialize, self.weighted_specs) or None,
            "stop_on_non_finite": self.stop_on_non_finite,
        }


def masked_weight(mask: Array, weight: Array | None) -> Array:
    """Weights of the time steps: those given, 0 where a step is masked."""
    if weight is None:
        return mask.astype(np.float64)
    axes = max(mask.ndim, weight.ndim)
    mask, weight = (a.reshape(a.shape + (1,) * (axes - a.ndim)) for a in (mask, weight))
    return weight * mask


def _plain_number(value: Any) -> Any:
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else array
