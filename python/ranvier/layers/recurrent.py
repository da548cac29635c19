"""SimpleRNN, LSTM and GRU: recurrent layers over whole sequences."""

from __future__ import annotations

from typing import Any, ClassVar

from ranvier import activations, ops
from ranvier._core import Tensor
from ranvier._registry import to_snake_case
from ranvier.layers._over_time import TIME_ARGUMENTS, OverTime
from ranvier.layers._recurrent_base import GATED_ARGUMENTS, SIMPLE_ARGUMENTS, GRUStep, LSTMStep, Recurrence
from ranvier.layers._recurrent_steps import Step
from ranvier.layers.base import registry
from ranvier.layers.recurrent_cells import Cell, GRUCell, LSTMCell, SimpleRNNCell

Shape = tuple[int | None, ...]


class RecurrentLayer(OverTime, Recurrence):
    """A cell over time, computed by the engine as a whole."""

    _cell_class: ClassVar[type[Cell]]

    def _state_shapes(self, sequences: Shape) -> list[Shape]:
        return [(sequences[0], self.units)] * self._state_count

    def _prepared(self, sequences: Tensor, training: bool) -> tuple[Tensor, Step]:
        batch, _, features = sequences.shape
        if training and self.dropout > 0:
            factors = self._factors(self.dropout, (batch, 1, features))
            sequences = ops.multiply(sequences, factors)
        factors = self._factors(self.recurrent_dropout, (batch, self.units)) if training else None
        return self._project(sequences), lambda z, states: self._advance(z, states, factors)

    @property
    def cell(self) -> Any:
        """The cell that runs over time, with the layer's own weights once there are any."""
        settings = {name: getattr(self, name) for name in self._cell_class._arguments}
        cell = self._cell_class(**settings, dtype=self.dtype, name=to_snake_case(self._cell_class.__name__))
        return cell._sharing(self) if self.built else cell


@registry.register()
class SimpleRNN(RecurrentLayer):
    """``h' = activation(x @ kernel + bias + h @ recurrent_kernel)`` over the time steps of ``(batch, time, features)``.

    Returns the last h ``(batch, units)``, or all of them ``(batch, time, units)``.

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
        activity_regularizer: penalty on the output.
        dropout: part of the inputs that is dropped in training, the same at every time step, in [0, 1). Default 0.
        recurrent_dropout: the same of the state where it meets the recurrent kernel. Default 0.
        return_sequences: whether the outputs of all time steps are returned. Default False.
        return_state: whether the state is returned as well: ``[output, h]``. Default False.
        go_backwards: from the last time step to the first; outputs are in that order. Default False.
        stateful: whether each batch goes on from the states of the one before, row by row. Default False.
        unroll: accepted for Keras's sake; the result is the same.
        seed: of the dropout.
        **kwargs: zero_output_for_mask (outputs of masked steps are 0 instead of the ones before), name, dtype,
            trainable.

    Call arguments: ``layer(sequences, initial_state=None, mask=None, training=False)``.

    Raises:
        ValueError: an argument out of range; sequences of another rank or of length 0, states or a mask of another
            shape.
    """

    _arguments = (*SIMPLE_ARGUMENTS, *TIME_ARGUMENTS)
    _cell_class = SimpleRNNCell

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
        activity_regularizer: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: Any = None,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
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
        self._take_time(return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask)


@registry.register()
class LSTM(LSTMStep, RecurrentLayer):
    """Long short-term memory (Hochreiter & Schmidhuber 1997) over the time steps of ``(batch, time, features)``.

    ``c' = f * c + i * activation(g)``, ``h' = o * activation(c')`` with the gates ``i, f, o =
    recurrent_activation(...)`` and the candidate g, parts of ``x @ kernel + bias + h @ recurrent_kernel``. Returns the
    last h ``(batch, units)``, or all of them ``(batch, time, units)``.

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
        activity_regularizer: penalty on the output.
        dropout: part of the inputs that is dropped in training, the same at every time step, in [0, 1). Default 0.
        recurrent_dropout: the same of the state where it meets the recurrent kernel. Default 0.
        seed: of the dropout.
        return_sequences: whether the outputs of all time steps are returned. Default False.
        return_state: whether the states are returned as well: ``[output, h, c]``. Default False.
        go_backwards: from the last time step to the first; outputs are in that order. Default False.
        stateful: whether each batch goes on from the states of the one before, row by row. Default False.
        unroll: accepted for Keras's sake; the result is the same.
        use_cudnn: accepted for Keras's sake.
        **kwargs: zero_output_for_mask (outputs of masked steps are 0 instead of the ones before), name, dtype,
            trainable.

    Call arguments: ``layer(sequences, initial_state=None, mask=None, training=False)``.

    Raises:
        ValueError: an argument out of range; sequences of another rank or of length 0, states or a mask of another
            shape.
    """

    _arguments = (*GATED_ARGUMENTS, "unit_forget_bias", *TIME_ARGUMENTS)
    _cell_class = LSTMCell

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
        activity_regularizer: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        zero_output_for_mask: bool = False,
        implementation: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
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
        self._take_time(return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)


@registry.register()
class GRU(GRUStep, RecurrentLayer):
    """Gated recurrent units (Cho et al. 2014) over the time steps of ``(batch, time, features)``.

    ``h' = z * h + (1 - z) * activation(x_h + r * (h @ recurrent_h + bias_h))`` with the gates ``z, r =
    recurrent_activation(...)``; without `reset_after` ``(r * h) @ recurrent_h``, as first published. Returns the last h
    ``(batch, units)``, or all of them ``(batch, time, units)``.

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
        activity_regularizer: penalty on the output.
        dropout: part of the inputs that is dropped in training, the same at every time step, in [0, 1). Default 0.
        recurrent_dropout: the same of the state where it meets the recurrent kernel. Default 0.
        seed: of the dropout.
        return_sequences: whether the outputs of all time steps are returned. Default False.
        return_state: whether the state is returned as well: ``[output, h]``. Default False.
        go_backwards: from the last time step to the first; outputs are in that order. Default False.
        stateful: whether each batch goes on from the states of the one before, row by row. Default False.
        unroll: accepted for Keras's sake; the result is the same.
        reset_after: whether the reset gate acts behind the product with the recurrent kernel. Default True.
        use_cudnn: accepted for Keras's sake.
        **kwargs: zero_output_for_mask (outputs of masked steps are 0 instead of the ones before), name, dtype,
            trainable.

    Call arguments: ``layer(sequences, initial_state=None, mask=None, training=False)``.

    Raises:
        ValueError: an argument out of range; sequences of another rank or of length 0, states or a mask of another
            shape.
    """

    _arguments = (*GATED_ARGUMENTS, "reset_after", *TIME_ARGUMENTS)
    _cell_class = GRUCell

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
        activity_regularizer: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        zero_output_for_mask: bool = False,
        implementation: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
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
        self._take_time(return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = bool(reset_after)
