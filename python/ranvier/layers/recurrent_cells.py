"""Cells: one time step of a recurrent layer, alone or inside `RNN`."""

from __future__ import annotations

from typing import Any

from ranvier import activations, ops
from ranvier._core import Tensor
from ranvier._symbolic import flatten
from ranvier.layers._recurrent_base import GATED_ARGUMENTS, SIMPLE_ARGUMENTS, GRUStep, LSTMStep, Recurrence
from ranvier.layers.base import registry


class Cell(Recurrence):
    """A cell as a layer: ``output, states = cell(inputs, states)``."""

    _call_tensors = ("inputs", "states")

    def __init__(self, **kwargs: Any) -> None:
        self._input_factors: Tensor | None = None
        self._state_factors: Tensor | None = None
        self._borrowed = False  # with the weights of a layer, the engine's own cell has none
        super().__init__(**kwargs)

    @property
    def _in_engine(self) -> bool:
        """Whether the engine can run it inside of an RNN."""
        return not self._borrowed and not super()._runs_python

    def _sharing(self, layer: Any) -> Cell:
        """This cell with the weights of a layer."""
        self._borrowed = True
        self._weights = list(layer.weights)
        for name in self._weight_names:
            setattr(self, name, getattr(layer, name))
        self.built = True
        return self

    @property
    def _runs_python(self) -> bool:
        # Dropout of a cell keeps its factors from step to step until they are reset.
        return not self._in_engine or self.dropout > 0 or self.recurrent_dropout > 0

    def call(self, inputs: Any, states: Any = None, training: bool = False) -> Any:  # type: ignore[override]
        """One time step.

        Args:
            inputs: ``(batch, features)``.
            states: list of ``(batch, units)``, or the only one by itself; None begins with zeros.
            training: whether dropout acts.

        Returns:
            ``(output, states)``, states in the form in which they were given.
        """
        given = self.get_initial_state(inputs.shape[0]) if states is None else flatten(states)
        self._check_step(inputs, given)
        if self._runs_python:
            output, new = self._step(inputs, given, training)
        else:
            output, *new = self._run_engine({"inputs": inputs, "states": given}, training)
        return output, new if states is None or isinstance(states, list | tuple) else new[0]

    def _check_step(self, inputs: Tensor, states: list[Any]) -> None:
        if inputs.ndim != 2:
            raise ValueError(
                f"[{self.name}] expected one time step (batch, features), received inputs of shape {inputs.shape}; "
                "RNN(cell) runs over sequences."
            )
        wanted = (inputs.shape[0], self.units)
        if len(states) != self._state_count or any(tuple(state.shape) != wanted for state in states):
            many = "one state" if self._state_count == 1 else f"{self._state_count} states"
            raise ValueError(
                f"[{self.name}] states: expected {many} of shape {wanted}, "
                f"received {', '.join(str(tuple(state.shape)) for state in states) or 'none'}."
            )

    def _step(self, inputs: Tensor, states: list[Tensor], training: bool) -> tuple[Tensor, list[Tensor]]:
        factors = None
        if training:
            x_factors = self.get_dropout_mask(inputs)
            inputs = inputs if x_factors is None else ops.multiply(inputs, x_factors)
            factors = self.get_recurrent_dropout_mask(states[0])
        return self._advance(self._project(inputs), states, factors)

    # -- dropout -----------------------------------------------------------------------------------------------------

    def get_dropout_mask(self, step_input: Any) -> Tensor | None:
        """What inputs like `step_input` are multiplied with: one draw for all time steps, until it is reset."""
        if self._input_factors is None:
            self._input_factors = self._factors(self.dropout, step_input.shape)
        return self._input_factors

    def get_recurrent_dropout_mask(self, step_input: Any) -> Tensor | None:
        """The same for the state `step_input`."""
        if self._state_factors is None:
            self._state_factors = self._factors(self.recurrent_dropout, step_input.shape)
        return self._state_factors

    def reset_dropout_mask(self) -> None:
        """Lets the next step draw anew for its inputs."""
        self._input_factors = None

    def reset_recurrent_dropout_mask(self) -> None:
        """Lets the next step draw anew for its state."""
        self._state_factors = None

    def __getstate__(self) -> dict[str, Any]:
        """All but the engine's side and the draws of a running sequence."""
        return {**super().__getstate__(), "_input_factors": None, "_state_factors": None}


@registry.register()
class SimpleRNNCell(Cell):
    """One step of `SimpleRNN`: ``h' = activation(x @ kernel + bias + h @ recurrent_kernel)``.

    ``output, [h] = cell(x, [h])`` with x ``(batch, features)`` and h ``(batch, units)``; the output is the new h.

    Args:
        units: size of state and output.
        activation: name, function or layer. Default ``"tanh"``.
        use_bias: whether there is a bias. Default True.
        kernel_initializer: of the ``(features, units)`` kernel, default Glorot uniform.
        recurrent_initializer: of the ``(units, units)`` recurrent kernel, default orthogonal.
        bias_initializer: of the ``(units,)`` bias, default zeros.
        kernel_regularizer: penalty on the kernel.
        recurrent_regularizer: penalty on the recurrent kernel.
        bias_regularizer: penalty on the bias.
        dropout: part of the inputs that is dropped in training, in [0, 1). Default 0.
        recurrent_dropout: part of the state that is dropped where it meets the recurrent kernel. Default 0.
        seed: of the dropout.
        **kwargs: name, dtype, trainable.

    Raises:
        ValueError: an argument out of range; inputs or states of another shape.
    """

    _arguments = SIMPLE_ARGUMENTS

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._take(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            dropout,
            recurrent_dropout,
            seed,
        )


@registry.register()
class LSTMCell(LSTMStep, Cell):
    """One step of `LSTM`: ``output, [h, c] = cell(x, [h, c])``, x ``(batch, features)``, h and c ``(batch, units)``.

    Args:
        units: size of states and output.
        activation: of the candidate and of the carry where it goes out. Default ``"tanh"``.
        recurrent_activation: of the gates. Default ``"sigmoid"``.
        use_bias: whether there is a bias. Default True.
        kernel_initializer: of the ``(features, 4 * units)`` kernel, gates in the order i, f, c, o; default Glorot
            uniform.
        recurrent_initializer: of the ``(units, 4 * units)`` recurrent kernel, default orthogonal.
        bias_initializer: of the ``(4 * units,)`` bias, default zeros.
        unit_forget_bias: whether the bias of the forget gate begins with 1. Default True.
        kernel_regularizer: penalty on the kernel.
        recurrent_regularizer: penalty on the recurrent kernel.
        bias_regularizer: penalty on the bias.
        dropout: part of the inputs that is dropped in training, in [0, 1). Default 0.
        recurrent_dropout: part of the state that is dropped where it meets the recurrent kernel. Default 0.
        seed: of the dropout.
        **kwargs: name, dtype, trainable.

    Raises:
        ValueError: an argument out of range; inputs or states of another shape.
    """

    _arguments = (*GATED_ARGUMENTS, "unit_forget_bias")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        implementation: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._take(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            dropout,
            recurrent_dropout,
            seed,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)


@registry.register()
class GRUCell(GRUStep, Cell):
    """One step of `GRU`: ``output, [h] = cell(x, [h])`` with x ``(batch, features)`` and h ``(batch, units)``.

    Args:
        units: size of state and output.
        activation: of the candidate. Default ``"tanh"``.
        recurrent_activation: of the gates. Default ``"sigmoid"``.
        use_bias: whether there is a bias. Default True.
        kernel_initializer: of the ``(features, 3 * units)`` kernel, gates in the order z, r, h; default Glorot uniform.
        recurrent_initializer: of the ``(units, 3 * units)`` recurrent kernel, default orthogonal.
        bias_initializer: of the bias, ``(2, 3 * units)`` with `reset_after`, else ``(3 * units,)``; default zeros.
        kernel_regularizer: penalty on the kernel.
        recurrent_regularizer: penalty on the recurrent kernel.
        bias_regularizer: penalty on the bias.
        dropout: part of the inputs that is dropped in training, in [0, 1). Default 0.
        recurrent_dropout: part of the state that is dropped where it meets the recurrent kernel. Default 0.
        reset_after: whether the reset gate acts behind the product with the recurrent kernel. Default True.
        seed: of the dropout.
        **kwargs: name, dtype, trainable.

    Raises:
        ValueError: an argument out of range; inputs or states of another shape.
    """

    _arguments = (*GATED_ARGUMENTS, "reset_after")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: Any = None,
        implementation: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._take(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            dropout,
            recurrent_dropout,
            seed,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = bool(reset_after)
