"""Input, Dense, Activation, Identity, Lambda."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

from ranvier import _core, activations, config, initializers, regularizers
from ranvier._symbolic import KerasTensor, Node
from ranvier._tensor import convert_to_tensor
from ranvier.layers._checks import positive_int
from ranvier.layers.base import Layer, registry
from ranvier.layers.native import NativeLayer


@registry.register()
class InputLayer(Layer):
    """Says what shape a model's input has, so that it can be built before it sees data.

    Args:
        shape: of one sample, ``(784,)``; None where a size is not known.
        batch_size: fixed number of rows, default any.
        dtype: of the input, default `config.floatx()`; integers and ``"string"`` are allowed.
        batch_shape: shape with the batch axis, instead of `shape` and `batch_size`.
        name: default ``"input_layer"``, numbered.
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        is_text = config.is_text_dtype(dtype)
        super().__init__(name=name, dtype=None if is_text else dtype, **kwargs)
        if is_text:
            self._dtype = "string"
        if shape is not None and batch_shape is not None:
            raise ValueError(f"[{self.name}] expected shape or batch_shape, received both: {shape!r}, {batch_shape!r}.")
        if shape is None and batch_shape is None:
            if self._input_shape_arg is None:
                raise ValueError(
                    f"[{self.name}] expected the shape of one sample, such as shape=(784,), received none."
                )
            shape = self._input_shape_arg
        if batch_shape is None:
            batch_shape = (batch_size, *_sizes(shape, self.name))
        self.batch_shape: tuple[int | None, ...] = _sizes(batch_shape, self.name)
        self._build_shape = self.batch_shape
        self.built = True

    @property
    def output(self) -> KerasTensor:
        """The symbolic tensor of this input."""
        if not self.inbound_nodes:
            self._node_refs.clear()
            tensor = KerasTensor(self.batch_shape, self.dtype, name=self.name)
            Node(self, (), {}, tensor)
            return tensor
        return self.inbound_nodes[0].output_tensors[0]

    input = output

    def call(self, inputs: Any) -> Any:
        """The input as it is."""
        return inputs

    def compute_output_shape(self, input_shape: Any = None) -> Any:
        """The declared shape."""
        return self.batch_shape

    @property
    def _runs_python(self) -> bool:
        return False

    def _handle(self) -> _core.Layer:
        if self._engine_layer is None:
            dtype = self.dtype if self.dtype in config.FLOATS else config.floatx()
            self._engine_layer = _core.Layer("Identity", {"name": self.name, "dtype": dtype})
        return self._engine_layer

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"batch_shape": self.batch_shape, "dtype": self.dtype, "name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """The inverse of `get_config`; also reads Keras's, without its unused keys."""
        return cls(**{k: v for k, v in config.items() if k in ("batch_shape", "shape", "dtype", "name")})


def _sizes(shape: Any, name: str) -> tuple[int | None, ...]:
    try:
        dims = shape if isinstance(shape, list | tuple) else [operator.index(shape)]
        sizes = tuple(None if d is None else operator.index(d) for d in dims)
    except TypeError:
        raise ValueError(f"[{name}] shape: expected a tuple of ints and None, received {shape!r}.") from None
    if any(d is not None and d < 0 for d in sizes):
        raise ValueError(f"[{name}] shape: expected sizes of 0 or more, received {shape!r}.")
    return sizes


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor that a model begins with: the output of a new `InputLayer`.

    ``x = Input((784,))``, then layers called on it, then ``Model(x, y)``; or the first entry of a `Sequential`.

    Args:
        shape: of one sample, ``(784,)``; None where a size is not known.
        batch_size: fixed number of rows, default any.
        dtype: default `config.floatx()`; integers and ``"string"`` are allowed.
        sparse: accepted for Keras's sake; only None or False.
        ragged: accepted for Keras's sake; only None or False.
        batch_shape: shape with the batch axis, instead of `shape` and `batch_size`.
        name: of the layer and of the tensor, default ``"input_layer"``, numbered.
        tensor: a symbolic tensor whose shape and dtype it takes over.
        optional: accepted for Keras's sake; only False.

    Raises:
        ValueError: no shape, two shapes, or an argument the engine has no use for.
    """
    if sparse or ragged or optional:
        raise ValueError("[Input] expected sparse, ragged and optional to be off; only dense tensors are there.")
    if tensor is not None:
        if not isinstance(tensor, KerasTensor):
            raise ValueError(f"[Input] tensor: expected a symbolic tensor, received {tensor!r}; give its shape.")
        if shape is None and batch_shape is None:
            batch_shape = tensor.shape
        dtype = tensor.dtype if dtype is None else dtype
    return InputLayer(shape, batch_size, dtype, batch_shape, name).output


@registry.register()
class Dense(NativeLayer):
    """``activation(x @ kernel + bias)`` over the last axis: ``(batch, ..., inputs)`` to ``(batch, ..., units)``.

    Product, bias and elementwise activation are one pass of the engine.

    Args:
        units: size of the output's last axis.
        activation: name, function or layer; default none.
        use_bias: whether there is a bias. Default True.
        kernel_initializer: of the ``(inputs, units)`` kernel, default ``"glorot_uniform"``.
        bias_initializer: of the ``(units,)`` bias, default ``"zeros"``.
        kernel_regularizer: penalty on the kernel, such as ``"l2"``.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        **kwargs: name, dtype, trainable.
    """

    _arguments = (
        "units",
        "activation",
        "use_bias",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
    )
    _weight_names = ("kernel", "bias")

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_int(units, self.name, "units")
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)


@registry.register()
class Activation(NativeLayer):
    """Applies an activation function, given by name, function or layer: ``Activation("relu")``."""

    _arguments = ("activation",)

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)


@registry.register()
class Identity(NativeLayer):
    """Returns its input."""


@registry.register()
class Lambda(Layer):
    """Wraps a function of the input made of `ranvier.ops`. It cannot be saved: write a Layer subclass for that.

    Args:
        function: ``f(x)``, or ``f(x, training)``.
        output_shape: of one sample, or a function of the input's shape; found by a trial run when None.
        arguments: further keyword arguments of `function`.
        **kwargs: name, dtype, trainable.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"[{self.name}] function: expected a function of the input, received {function!r}.")
        self.function = function
        self.arguments = dict(arguments or {})
        self._output_shape = output_shape
        try:
            self._passes_training = "training" in inspect.signature(function).parameters
        except ValueError:  # some built-in functions have no signature
            self._passes_training = False

    def call(self, inputs: Any, training: bool = False) -> Any:
        """`function` applied to the input."""
        extra = {"training": training} if self._passes_training else {}
        y = self.function(inputs, **self.arguments, **extra)
        return y if isinstance(y, list | tuple | dict) else convert_to_tensor(y)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """`output_shape` with the batch axis in front, or what a trial run gives."""
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        return (input_shape[0], *_sizes(self._output_shape, self.name))

    def get_config(self) -> dict[str, Any]:
        """Raises ValueError: code is not saved."""
        raise ValueError(
            f"[{self.name}] a Lambda layer cannot be saved, because its function is code; "
            "write a Layer subclass with call() and get_config() instead."
        )


__all__ = ["Activation", "Dense", "Identity", "Input", "InputLayer", "Lambda"]
