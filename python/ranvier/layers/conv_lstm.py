"""ConvLSTM1D, ConvLSTM2D, ConvLSTM3D: LSTMs whose products are convolutions."""

from __future__ import annotations

from typing import Any, ClassVar

from ranvier import activations, ops
from ranvier._core import Tensor
from ranvier.layers import _checks
from ranvier.layers._over_time import TIME_ARGUMENTS, OverTime
from ranvier.layers._recurrent_base import LSTMStep
from ranvier.layers._recurrent_steps import Step
from ranvier.layers.base import registry

Shape = tuple[int | None, ...]

_AXES = {1: ("steps",), 2: ("height", "width"), 3: ("depth", "height", "width")}


class ConvLSTM(OverTime, LSTMStep):
    """An LSTM whose products are convolutions (Shi et al. 2015) over time: what the three have in common.

    Gates are those of `LSTM` with ``conv(x, kernel) + bias + conv(h, recurrent_kernel)``; the second convolution keeps
    the size. Returns the last h, or all of them.

    Args:
        filters: number of channels of states and output.
        kernel_size: size of the window, an int, or one for each spatial axis.
        strides: of the convolution of the inputs. Default 1.
        padding: ``"valid"`` (default) or ``"same"``, of the convolution of the inputs.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        dilation_rate: of the convolution of the inputs; not together with strides. Default 1.
        activation: of the candidate and of the carry where it goes out. Default ``"tanh"``.
        recurrent_activation: of the gates. Default ``"sigmoid"``.
        use_bias: whether there is a bias. Default True.
        kernel_initializer: of the kernel ``(*window, channels, 4 * filters)``, gates in the order i, f, c, o.
        recurrent_initializer: of the recurrent kernel ``(*window, filters, 4 * filters)``, default orthogonal.
        bias_initializer: of the bias ``(4 * filters,)``, default zeros.
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
        zero_output_for_mask: whether outputs of masked steps are 0 instead of the ones before. Default False.
        **kwargs: name, dtype, trainable.

    Call arguments: ``layer(sequences, initial_state=None, mask=None, training=False)``.

    Raises:
        ValueError: an argument out of range; sequences of another rank or of length 0, smaller than the window, states
            or a mask of another shape.
    """

    _arguments = (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "activation",
        "recurrent_activation",
        "use_bias",
        "kernel_initializer",
        "recurrent_initializer",
        "bias_initializer",
        "unit_forget_bias",
        "kernel_regularizer",
        "recurrent_regularizer",
        "bias_regularizer",
        "dropout",
        "recurrent_dropout",
        "seed",
        *TIME_ARGUMENTS,
    )
    _spatial: ClassVar[int]

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = _checks.positive_int(filters, self.name, "filters")
        self.kernel_size = _checks.sizes(kernel_size, self._spatial, self.name, "kernel_size")
        self.strides = _checks.sizes(strides, self._spatial, self.name, "strides")
        self.padding = _checks.padding(padding, self.name)
        self.data_format = _checks.data_format(data_format, self.name)
        self.dilation_rate = _checks.sizes(dilation_rate, self._spatial, self.name, "dilation_rate")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"[{self.name}] expected strides or dilation_rate above 1, received both: "
                f"strides={self.strides}, dilation_rate={self.dilation_rate}."
            )
        self._take(
            filters,
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
        self._take_time(return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask)
        self._gate_axis = -1 if self.data_format == "channels_last" else 1

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_spatial" in cls.__dict__:
            cls._sample_rank = cls._spatial + 1
            cls._step_axes = ", ".join((*_AXES[cls._spatial], "channels"))

    def _state_shapes(self, sequences: Shape) -> list[Shape]:
        made = self._native().output_shape(sequences)
        output = tuple(made[0] if self.return_state else made)
        return [(output[0], *output[2:]) if self.return_sequences else output] * 2

    def _project(self, x: Tensor) -> Tensor:
        batch, steps = x.shape[:2]
        y = ops.conv(
            ops.reshape(x, (batch * steps, *x.shape[2:])),
            self.kernel,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
        )
        if self.bias is not None:
            ones = [1] * self._spatial
            shape = (1, *ones, -1) if self._gate_axis == -1 else (1, -1, *ones)
            y = ops.add(y, ops.reshape(self.bias, shape))
        return ops.reshape(y, (batch, steps, *y.shape[1:]))

    def _recur(self, h: Tensor) -> Tensor:
        return ops.conv(h, self.recurrent_kernel, padding="same", data_format=self.data_format)

    def _prepared(self, sequences: Tensor, training: bool) -> tuple[Tensor, Step]:
        shape = tuple(sequences.shape)
        if training and self.dropout > 0:
            sequences = ops.multiply(sequences, self._factors(self.dropout, (shape[0], 1, *shape[2:])))
        state = self._state_shapes(shape)[0]
        factors = self._factors(self.recurrent_dropout, state) if training else None  # type: ignore[arg-type]
        return self._project(sequences), lambda z, states: self._advance(z, states, factors)

    def get_initial_state(self, batch_size: int | None = None) -> list[Tensor]:
        """Zeros for both states, once the layer is built."""
        if batch_size is None or self._build_shape is None:
            raise ValueError(f"[{self.name}] get_initial_state: expected batch_size, and a layer that is built.")
        return self._zeros((batch_size, *self._build_shape[1:]))


@registry.register()
class ConvLSTM1D(ConvLSTM):
    """A convolutional LSTM over ``(batch, time, steps, channels)``; arguments as for `ConvLSTM`."""

    _spatial = 1


@registry.register()
class ConvLSTM2D(ConvLSTM):
    """A convolutional LSTM over ``(batch, time, height, width, channels)``; arguments as for `ConvLSTM`."""

    _spatial = 2


@registry.register()
class ConvLSTM3D(ConvLSTM):
    """A convolutional LSTM over ``(batch, time, depth, height, width, channels)``; arguments as for `ConvLSTM`."""

    _spatial = 3
