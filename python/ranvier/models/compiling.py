"""compile, and what a model tells about its loss, optimizer and metrics."""

from __future__ import annotations

from typing import Any

from ranvier.models.compiled import Compiled, Logs
from ranvier.models.structures import outputs_of


class CompilingMixin:
    """The part of a model that `compile` sets up."""

    name: str
    stop_training: bool
    built: bool
    weights: list[Any]
    trainable_weights: list[Any]
    _known_outputs: dict[Any, Any]
    _compiled: Compiled | None = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
        *,
        stop_on_non_finite: bool = True,
    ) -> None:
        """Sets optimizer, losses and metrics; nothing is computed.

        With several outputs `loss` is one loss for all of them, a list with one (or None) for each, or a dict by
        output name; `metrics` and `weighted_metrics` are a list or dict with metrics for each. The loss of the model is
        the sum of the outputs' losses times their weights, and of the penalties of its layers.

        Args:
            optimizer: name, config or `Optimizer`. Default `"rmsprop"`.
            loss: name, config, `Loss`, or a function of `(y_true, y_pred)` giving values per sample or one number; an
                output whose loss is None is not trained on.
            loss_weights: a number for a single output, or a list or dict of numbers. Default 1 for each.
            metrics: list of names, `Metric`s or functions of `(y_true, y_pred)`.
            weighted_metrics: the same, computed with sample weights.
            run_eagerly: accepted for Keras's sake.
            steps_per_execution: accepted; steps run together whenever nobody listens to batches.
            jit_compile: accepted for Keras's sake.
            auto_scale_loss: accepted for Keras's sake.
            stop_on_non_finite: raise `NonFiniteLossError` at the first loss that is NaN or infinite, before the
                weights are changed by it. Default True.

        Raises:
            ValueError, TypeError: unknown names or objects of another kind, losses or metrics for outputs that are not
                there; what was compiled before stays.
        """
        self._known_outputs.clear()
        outputs = outputs_of(self)
        self._compiled = Compiled(optimizer, loss, loss_weights, metrics, weighted_metrics, stop_on_non_finite, outputs)
        self.stop_training = False

    @property
    def compiled(self) -> bool:
        """Whether `compile` has been called."""
        return self._compiled is not None

    @property
    def optimizer(self) -> Any:
        """The optimizer, None before `compile`."""
        return None if self._compiled is None else self._compiled.optimizer

    @property
    def loss(self) -> Any:
        """The loss as it was given to `compile`."""
        return None if self._compiled is None else self._compiled.given_loss

    @property
    def metrics(self) -> list[Any]:
        """Running means of the loss and of each of several outputs' losses, then the metrics (once data were seen)."""
        return [] if self._compiled is None else self._compiled.metrics

    @property
    def metrics_names(self) -> list[str]:
        """Names of `metrics` in logs."""
        return [] if self._compiled is None else self._compiled.names

    def reset_metrics(self) -> None:
        """Sets the state of all metrics to zero."""
        if self._compiled is not None:
            self._compiled.reset()

    def get_metrics_result(self) -> Logs:
        """Loss and metrics so far, by name."""
        return {} if self._compiled is None else self._compiled.results()

    def _ready(self, where: str, loss: bool = True) -> Compiled:
        if self._compiled is None:
            raise ValueError(
                f"[{self.name}] {where}: the model is not compiled; call compile(optimizer='adam', loss=...) first."
            )
        if loss and not self._compiled.has_loss:
            raise ValueError(f"[{self.name}] {where}: the model was compiled without a loss; pass compile(loss='mse').")
        return self._compiled

    def _give_weights_to_optimizer(self, where: str) -> None:
        optimizer = self._ready(where).optimizer
        if self.built and not self.trainable_weights:
            raise ValueError(
                f"[{self.name}] {where}: expected trainable weights, received none; add a layer that has some, "
                "or set trainable = True on one."
            )
        if optimizer.built:
            own = {id(variable) for variable in self.weights}
            if any(id(variable) not in own for variable in optimizer._handle().variables):
                raise ValueError(
                    f"[{where}] the optimizer already updates weights of another model (or of removed layers); "
                    "compile with a new one."
                )
        elif self.built:
            optimizer.build(self.trainable_weights)
