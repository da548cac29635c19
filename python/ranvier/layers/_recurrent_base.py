"""What SimpleRNN, LSTM and GRU share with their cells: the arguments, the weights and one time step in Python."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ranvier import activations, initializers, ops, random, regularizers
from ranvier._core import Tensor
from ranvier.layers import _checks
from ranvier.layers.keyword import KeywordLayer

# Activations that look at all units at once; the engine's steps apply functions of single numbers.
_OVER_UNITS = frozenset({"softmax", "log_softmax", "sparsemax", "glu"})

SIMPLE_ARGUMENTS = (
    "units",
    "activation",
    "use_bias",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "dropout",
    "recurrent_dropout",
    "seed",
)
GATED_ARGUMENTS = (*SIMPLE_ARGUMENTS[:2], "recurrent_activation", *SIMPLE_ARGUMENTS[2:])


class Recurrence(KeywordLayer):
    """Weights and one time step; a subclass says how many states there are."""

    _weight_names = ("kernel", "recurrent_kernel", "bias")
    _weight_of: ClassVar[dict[str, str]] = {"recurrent": "recurrent_kernel"}
    _state_count: ClassVar[int] = 1

    units: int
    activation: Any
    recurrent_activation: Any = None
    use_bias: bool
    dropout: float
    recurrent_dropout: float
    kernel: Any
    recurrent_kernel: Any
    bias: Any

    def _take(
        self,
        units: int,
        activation: Any,
        use_bias: bool,
        kernel_initializer: Any,
        recurrent_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        recurrent_regularizer: Any,
        bias_regularizer: Any,
        dropout: float,
        recurrent_dropout: float,
        seed: Any,
    ) -> None:
        """Checks and keeps the arguments that all of them have."""
        self.units = _checks.positive_int(units, self.name, "units")
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.dropout = _checks.rate(dropout, self.name, "dropout", below_one=True)
        self.recurrent_dropout = _checks.rate(recurrent_dropout, self.name, "recurrent_dropout", below_one=True)
        self.seed = random.own_seed(seed, self.name)
        self._seeds: random.SeedGenerator | None = None

    @property
    def state_size(self) -> Any:
        """Size of the state, a list of sizes when there are several."""
        return self.units if self._state_count == 1 else [self.units] * self._state_count

    @property
    def output_size(self) -> int:
        """Size of the output: `units`."""
        return self.units

    # -- the engine's side -------------------------------------------------------------------------------------------

    def _python_activation(self) -> Any:
        return None  # there is none behind the layer; those inside are in `_steps_in_python`

    @property
    def _steps_in_python(self) -> bool:
        """Whether an activation is one that the engine cannot apply within a step."""
        used = [self.activation, *([] if self.recurrent_activation is None else [self.recurrent_activation])]
        names = [activations.native_name(function) for function in used]
        return any(name is None or name in _OVER_UNITS for name in names)

    @property
    def _runs_python(self) -> bool:
        return super()._runs_python or self._steps_in_python

    def _engine_config(self) -> dict[str, Any]:
        settings = super()._engine_config()
        for argument in ("activation", "recurrent_activation"):
            if argument in settings:
                # Where the steps are Python, the engine's layer only makes the weights.
                name = None if self._steps_in_python else activations.native_name(getattr(self, argument))
                settings[argument] = name or "linear"
        return settings

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, with initializers, regularizers and activations serialized."""
        config = super().get_config()
        if "recurrent_activation" in config:
            config["recurrent_activation"] = activations.serialize(self.recurrent_activation)
        return config

    # -- one time step -----------------------------------------------------------------------------------------------

    def _project(self, x: Tensor) -> Tensor:
        """What the inputs add to the gates: ``x @ kernel + bias``."""
        z = ops.matmul(x, self.kernel)
        return z if self.bias is None else ops.add(z, self.bias)

    def _advance(self, z: Tensor, states: Any, factors: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """Output and states after a step, from what the inputs add; `factors` are those of the recurrent dropout."""
        h = states[0]
        output = self.activation(ops.add(z, ops.matmul(_times(h, factors), self.recurrent_kernel)))
        return output, [output]

    def get_initial_state(self, batch_size: int | None = None) -> list[Tensor]:
        """Zeros for every state: a list of tensors ``(batch_size, units)``."""
        if batch_size is None:
            raise ValueError(f"[{self.name}] get_initial_state: expected batch_size, received None.")
        return [ops.zeros((batch_size, self.units), self.dtype) for _ in range(self._state_count)]

    def _factors(self, rate: float, shape: tuple[int, ...]) -> Tensor | None:
        """What dropout multiplies with; the same for all time steps of a batch."""
        if rate == 0:
            return None
        if self._seeds is None:
            self._seeds = random.SeedGenerator(self.seed)
        return random.dropout(ops.ones(shape, self.dtype), rate, seed=self._seeds)


class LSTMStep(Recurrence):
    """The step of an LSTM (Hochreiter & Schmidhuber 1997): gates in the order i, f, c, o."""

    _state_count = 2
    _gate_axis = -1
    unit_forget_bias: bool

    def _recur(self, h: Tensor) -> Tensor:
        return ops.matmul(h, self.recurrent_kernel)

    def _advance(self, z: Tensor, states: Any, factors: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        h, c = states
        i, f, g, o = ops.split(ops.add(z, self._recur(_times(h, factors))), 4, axis=self._gate_axis)
        gate = self.recurrent_activation
        c = ops.add(ops.multiply(gate(f), c), ops.multiply(gate(i), self.activation(g)))
        h = ops.multiply(gate(o), self.activation(c))
        return h, [h, c]

    def _fill(self, variable: Any, initializer: Any) -> None:
        super()._fill(variable, initializer)
        if variable is not None and variable.name == "bias" and self.unit_forget_bias:
            values = np.array(variable.numpy())
            values[self.units : 2 * self.units] = 1
            variable.assign(values)


class GRUStep(Recurrence):
    """The step of a GRU (Cho et al. 2014): gates in the order z, r, h."""

    reset_after: bool

    def _project(self, x: Tensor) -> Tensor:
        z = ops.matmul(x, self.kernel)
        if self.bias is None:
            return z
        return ops.add(z, ops.convert_to_tensor(self.bias)[0] if self.reset_after else self.bias)

    def _advance(self, z: Tensor, states: Any, factors: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        h = states[0]
        kernel = ops.convert_to_tensor(self.recurrent_kernel)
        given = _times(h, factors)
        gates, candidate = z[:, : 2 * self.units], z[:, 2 * self.units :]
        inner = ops.matmul(given, kernel if self.reset_after else kernel[:, : 2 * self.units])
        if self.reset_after and self.bias is not None:
            inner = ops.add(inner, ops.convert_to_tensor(self.bias)[1])
        split = ops.split(ops.add(gates, inner[:, : 2 * self.units]), 2, axis=-1)
        update, reset = (self.recurrent_activation(part) for part in split)
        if self.reset_after:
            inner = ops.multiply(reset, inner[:, 2 * self.units :])
        else:
            inner = ops.matmul(ops.multiply(reset, given), kernel[:, 2 * self.units :])
        candidate = self.activation(ops.add(candidate, inner))
        h = ops.add(ops.multiply(update, h), ops.multiply(ops.subtract(1, update), candidate))
        return h, [h]


def _times(h: Tensor, factors: Tensor | None) -> Tensor:
    return h if factors is None else ops.multiply(h, factors)
