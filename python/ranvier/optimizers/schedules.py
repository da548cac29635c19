"""Learning rates that depend on the number of updates done; formulas of Keras 3."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ranvier._registry import Registry

__all__ = [
    "CosineDecay",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule:
    """Base class: ``schedule(step)`` is the rate of update number `step`, counted from 0."""

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`."""
        raise NotImplementedError(f"[{type(self).__name__}] a LearningRateSchedule must define __call__(self, step).")

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; a subclass with arguments returns them here."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """The inverse of `get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items() if k != "name")
        return f"{type(self).__name__}({arguments})"


registry: Registry[LearningRateSchedule] = Registry("learning rate schedule", LearningRateSchedule)


class _Recorded(LearningRateSchedule):
    """A schedule whose constructor arguments are its public attributes."""

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return dict(vars(self))


def _steps(value: float, name: str) -> float:
    if not value > 0:
        raise ValueError(f"[{name}] decay_steps: expected a number above 0, received {value!r}.")
    return value


class _ByQuotient(_Recorded):
    """What the schedules of ``step / decay_steps`` share."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        self.name = name or type(self).__name__
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _steps(decay_steps, self.name)
        self.decay_rate = decay_rate
        self.staircase = staircase

    def _quotient(self, step: int) -> float:
        p = step / self.decay_steps
        return math.floor(p) if self.staircase else p


@registry.register()
class ExponentialDecay(_ByQuotient):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``; with `staircase` the quotient is floored."""

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`."""
        return float(self.initial_learning_rate * self.decay_rate ** self._quotient(step))


@registry.register()
class InverseTimeDecay(_ByQuotient):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``; with `staircase` the quotient is floored."""

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`."""
        return float(self.initial_learning_rate / (1 + self.decay_rate * self._quotient(step)))


@registry.register()
class PiecewiseConstantDecay(_Recorded):
    """``values[0]`` up to and including step ``boundaries[0]``, then ``values[1]``, and so on."""

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"[{name}] expected one value more than boundaries, received {len(boundaries)} boundaries and "
                f"{len(values)} values."
            )
        self.boundaries = list(boundaries)
        self.values = list(values)
        self.name = name

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`."""
        passed = sum(step > boundary for boundary in self.boundaries)
        return float(self.values[passed])


@registry.register()
class PolynomialDecay(_Recorded):
    """From the initial rate to `end_learning_rate`: ``(r0 - r1) * (1 - step/decay_steps)**power + r1``.

    With `cycle`, `decay_steps` is stretched to its next multiple whenever it has passed.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _steps(decay_steps, name)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`."""
        total = self.decay_steps
        if self.cycle:
            total *= max(1, math.ceil(step / self.decay_steps))
        p = min(step, total) / total
        span = self.initial_learning_rate - self.end_learning_rate
        return float(span * (1 - p) ** self.power + self.end_learning_rate)


@registry.register()
class CosineDecay(_Recorded):
    """Half a cosine from the initial rate to `alpha` times it (Loshchilov & Hutter 2017), after a linear warm-up.

    Args:
        initial_learning_rate: where it starts (the warm-up too).
        decay_steps: length of the cosine.
        alpha: the final rate as a fraction of the highest. Default 0.
        name: shown in messages.
        warmup_target: rate reached after `warmup_steps` and where the cosine starts; None for no warm-up.
        warmup_steps: length of the warm-up. Default 0.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _steps(decay_steps, name)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`."""
        top = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return float(top + (self.warmup_target - top) * step / self.warmup_steps)
            step, top = step - self.warmup_steps, self.warmup_target
        p = min(step, self.decay_steps) / self.decay_steps
        return float(top * ((1 - self.alpha) * (1 + math.cos(math.pi * p)) / 2 + self.alpha))


def serialize(learning_rate_schedule: Any) -> Any:
    """``{"class_name", "config"}`` of a schedule."""
    return registry.serialize(learning_rate_schedule)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The inverse of `serialize`."""
    return registry.deserialize(config, custom_objects)
