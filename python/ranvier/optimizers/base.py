"""What all optimizers have in common; the update rules run in the engine, one fused pass over all weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ranvier import _core
from ranvier._core import Tensor, Variable
from ranvier._registry import Registry, auto_name
from ranvier._tensor import convert_to_tensor
from ranvier.layers._checks import number
from ranvier.optimizers.schedules import LearningRateSchedule
from ranvier.optimizers.schedules import registry as schedules
from ranvier.utils.configs import known_arguments


class Optimizer:
    """Base class of optimizers.

    Args:
        learning_rate: number, `LearningRateSchedule`, or a function without arguments that returns a number.
        weight_decay: each step also multiplies the weights by ``1 - learning_rate * weight_decay``.
        clipnorm: upper bound for the length of each weight's gradient.
        clipvalue: upper bound for each element of the gradients.
        global_clipnorm: upper bound for the length of all gradients together. At most one of the three.
        name: defaults to the snake_case class name, numbered.
        parameters: the weights to update, a list of Variables or a model (read at the first `step`), for training
            loops of one's own; `compile` and `fit` do not need it.
        lazy_embeddings: leave the rows of an `Embedding` that a step did not look up as they are, weights and running
            means, also where momentum or weight decay would move them (the LazyAdam of TensorFlow Addons). Steps then
            cost what the rows looked up cost, with other results than Keras's. Default False. SGD without momentum and
            weight decay changes no other rows anyway. A table whose gradient comes from elsewhere too (a regularizer,
            weights shared with another layer) is always updated as a whole.

    Raises:
        ValueError: a number out of its range, or more than one way of clipping.
    """

    _arguments: ClassVar[tuple[str, ...]] = ()  # beside those of the base
    _base_arguments: ClassVar[tuple[str, ...]] = (
        *("weight_decay", "clipnorm", "global_clipnorm", "clipvalue"),
        "lazy_embeddings",
    )

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        parameters: Any = None,
        lazy_embeddings: bool = False,
    ) -> None:
        self._engine_optimizer: _core.Optimizer | None = None
        self.name = name or auto_name(type(self).__name__.lower())
        self._schedule: Callable[..., Any] | None = None
        self._rate = 0.0
        self._set_rate(learning_rate)
        self.weight_decay = None if weight_decay is None else number(weight_decay, self.name, "weight_decay", 0)
        limits = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = [key for key, value in limits.items() if value is not None]
        if len(given) > 1:
            raise ValueError(
                f"[{self.name}] expected at most one of clipnorm, clipvalue, global_clipnorm, received {given}."
            )
        self.clipnorm = self._limit("clipnorm", clipnorm)
        self.clipvalue = self._limit("clipvalue", clipvalue)
        self.global_clipnorm = self._limit("global_clipnorm", global_clipnorm)
        self.lazy_embeddings = bool(lazy_embeddings)
        self._parameters = parameters
        self._excluded: list[Variable] = []
        self._excluded_names: list[str] = []

    def _limit(self, name: str, value: float | None) -> float | None:
        if value is None:
            return None
        result = number(value, self.name, name, 0)
        if result == 0:
            raise ValueError(f"[{self.name}] {name}: expected a number above 0, received {value!r}.")
        return result

    def __setattr__(self, name: str, value: Any) -> None:
        fixed = name in self._arguments or name in self._base_arguments
        if fixed and self.__dict__.get("_engine_optimizer") is not None:
            raise AttributeError(
                f"[{self.name}] {name} is fixed once the optimizer has been used; make a new {type(self).__name__}."
            )
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle, possible as long as there are no weights."""
        if self._engine_optimizer is not None and self._engine_optimizer.built:
            raise TypeError(
                f"[{self.name}] an optimizer with weights cannot be copied or pickled without them; copy its model, "
                f"or make a new one with {type(self).__name__}.from_config(optimizer.get_config())."
            )
        return {**self.__dict__, "_engine_optimizer": None}

    # -- the engine's optimizer --------------------------------------------------------------------------------------

    def _handle(self) -> _core.Optimizer:
        """This optimizer as the engine sees it."""
        if self._engine_optimizer is None:
            settings = {key: getattr(self, key) for key in (*self._base_arguments, *self._arguments)}
            settings["learning_rate"] = self._current_lr(0)
            self._engine_optimizer = _core.Optimizer(self._engine_class(), settings)
        return self._engine_optimizer

    def _engine_class(self) -> str:
        """The engine's class: that of the built-in optimizer it derives from."""
        for cls in type(self).__mro__:
            if registry.classes().get(cls.__name__) is cls:
                return cls.__name__
        raise TypeError(
            f"[{self.name}] {type(self).__name__} derives from no optimizer of the engine; "
            f"derive from one of {', '.join(registry.classes())}: update rules are not written in Python."
        )

    @property
    def built(self) -> bool:
        """Whether it has weights to update."""
        return self._engine_optimizer is not None and self._engine_optimizer.built

    def build(self, variables: Iterable[Variable]) -> None:
        """Takes over weights to update; those it has already stay as they are."""
        found = list(variables)
        for variable in found:
            if not isinstance(variable, Variable):
                raise TypeError(f"[{self.name}] build: expected Variables, received {type(variable).__name__}.")
            if any(v is variable for v in self._excluded) or self._is_excluded(variable.path):
                variable.decay = False
        self._handle().build([variable for variable in found if variable.trainable])

    def _is_excluded(self, name: str) -> bool:
        return any(re.search(pattern, name) for pattern in self._excluded_names)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Leaves weights out of weight decay; to be called before `build`.

        Args:
            var_list: Variables.
            var_names: patterns (regular expressions) found in a weight's path: ``["bias", "gamma"]``.
        """
        if self.built:
            raise ValueError(f"[{self.name}] exclude_from_weight_decay must be called before the optimizer is built.")
        self._excluded = list(var_list or [])
        self._excluded_names = list(var_names or [])

    @property
    def variables(self) -> list[Tensor]:
        """Its state: a Tensor for each slot (momentum, velocity, ...) of each weight."""
        return [tensor for _, tensor in self._handle().slots()]

    # -- learning rate -----------------------------------------------------------------------------------------------

    def _set_rate(self, value: Any) -> None:
        if isinstance(value, Mapping):
            value = schedules.deserialize(value)
        if callable(value) and not hasattr(value, "__float__"):
            self._schedule = value
        else:
            self._schedule = None
            self._rate = number(value, self.name, "learning_rate", 0)

    def _current_lr(self, step: int) -> float:
        """The rate of update number `step`, counted from 0."""
        if self._schedule is None:
            return self._rate
        value = self._schedule(step) if isinstance(self._schedule, LearningRateSchedule) else self._schedule()
        return float(value)

    def _sync_learning_rate(self) -> None:
        """Tells the engine the rate of the next update."""
        handle = self._handle()
        if self._schedule is not None:
            handle.learning_rate = self._current_lr(handle.iterations)

    @property
    def learning_rate(self) -> float:
        """The rate of the next update; may be set, unless a schedule sets it."""
        return self._current_lr(self.iterations)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if self._schedule is not None and not callable(value):
            raise TypeError(
                f"[{self.name}] learning_rate is set by {self._schedule!r}; assign another schedule, "
                "or make the optimizer with a number."
            )
        self._set_rate(value)
        if self._engine_optimizer is not None:
            self._engine_optimizer.learning_rate = self._current_lr(self._engine_optimizer.iterations)

    @property
    def iterations(self) -> int:
        """Number of updates done."""
        return 0 if self._engine_optimizer is None else self._engine_optimizer.iterations

    @iterations.setter
    def iterations(self, value: int) -> None:
        self._handle().iterations = int(value)

    # -- a training loop of one's own --------------------------------------------------------------------------------

    def step(self) -> None:
        """One update of every weight from its ``.grad`` (a weight without one counts as having gradient 0).

        Raises:
            RuntimeError: the optimizer knows no weights.
        """
        self._find_parameters("step")
        self._sync_learning_rate()
        self._handle().step()

    def zero_grad(self) -> None:
        """Forgets the gradients, so that the next `backward` starts from 0."""
        self._find_parameters("zero_grad")
        self._handle().zero_grad()

    def _find_parameters(self, where: str) -> None:
        if self.built:
            return
        source = self._parameters
        if source is None:
            raise RuntimeError(
                f"[{self.name}] {where}: the optimizer has no weights to update; make it with "
                f"{type(self).__name__}(..., parameters=model), or call optimizer.build(model.trainable_variables)."
            )
        variables = list(getattr(source, "trainable_variables", source))
        if not variables:
            raise RuntimeError(
                f"[{self.name}] {where}: parameters={source!r} holds no trainable weights yet; "
                "call the model on data, or model.build(input_shape), first."
            )
        self.build(variables)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> None:
        """One update from given ``(gradient, Variable)`` pairs."""
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """One update from given gradients, in place of the weights' own.

        Args:
            grads: one array or Tensor per weight, in order; None counts as 0.
            trainable_variables: the weights, all that the optimizer was built with; default those.

        Raises:
            ValueError: another number of gradients than weights, a gradient of another shape, or not all weights.
        """
        if trainable_variables is not None:
            self.build(trainable_variables)
        self._find_parameters("apply")
        own = self._handle().variables
        targets = own if trainable_variables is None else list(trainable_variables)
        if len(grads) != len(targets):
            raise ValueError(f"[{self.name}] apply: expected {len(targets)} gradients, received {len(grads)}.")
        if len(targets) != len(own):
            raise ValueError(
                f"[{self.name}] apply: expected gradients for all {len(own)} weights, received {len(targets)}; "
                "use an optimizer for each group of weights."
            )
        ready = []
        for gradient, variable in zip(grads, targets, strict=True):
            value = None if gradient is None else convert_to_tensor(gradient, variable.dtype)
            if value is not None and value.shape != variable.shape:
                raise ValueError(
                    f"[{self.name}] apply: expected a gradient of shape {variable.shape} for {variable.path!r}, "
                    f"received {value.shape}."
                )
            ready.append(value)
        handle = self._handle()
        handle.zero_grad()
        for value, variable in zip(ready, targets, strict=True):
            if value is not None:
                (variable * 1.0).backward(value)  # puts the gradient where the engine collects it
        self._sync_learning_rate()
        handle.step()
        handle.zero_grad()

    # -- configuration -----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, without `parameters`."""
        rate = self._schedule
        if rate is not None and not isinstance(rate, LearningRateSchedule):
            raise ValueError(
                f"[{self.name}] learning_rate={rate!r} is a function and cannot be saved; use a LearningRateSchedule."
            )
        learning_rate = self._rate if rate is None else schedules.serialize(rate)
        settings = {key: getattr(self, key) for key in (*self._base_arguments, *self._arguments)}
        return {"name": self.name, "learning_rate": learning_rate, **settings}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """The inverse of `get_config`; also reads Keras's as long as averaging and accumulation are off."""
        return cls(**known_arguments(cls, config))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name} learning_rate={self.learning_rate:g}>"


registry: Registry[Optimizer] = Registry("optimizer", Optimizer)
