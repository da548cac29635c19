"""The base of built-in layers: Python faces of layers that live in the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from ranvier import _core, activations, config, initializers, regularizers
from ranvier._core import Tensor
from ranvier._symbolic import is_symbolic
from ranvier._tensor import convert_to_tensor
from ranvier.layers._ends import no_end
from ranvier.layers.base import _TRAINING, Layer, python_layer
from ranvier.utils.configs import known_arguments

_INITIALIZER = "initializer"
_REGULARIZER = "_regularizer"


class NativeLayer(Layer):
    """A layer computed by the engine's class of the same name.

    A subclass names its constructor arguments in `_arguments` and keeps each in an attribute of that name; get_config
    and the engine's configuration follow from them. What the engine cannot do is done around it in Python:
    initializers that are Python functions fill the weights after building; an activation of one's own is applied to
    the engine's result; penalties in Python are added to the loss. The last two make it a Python layer in a model.
    """

    _arguments: ClassVar[tuple[str, ...]] = ()
    _weight_names: ClassVar[tuple[str, ...]] = ()
    _state_names: ClassVar[tuple[str, ...]] = ()  # weights that gradients never change
    # The weight whose initializer and regularizer an argument gives, where it is not the argument's first part.
    _weight_of: ClassVar[Mapping[str, str]] = {}
    _engine_class: ClassVar[str]  # the engine's class; that of the built-in base for a subclass of one's own
    _changed: ClassVar[bool] = False  # whether a subclass of one's own computes something else

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("ranvier."):
            cls._engine_class = cls.__name__
        elif not cls._changed:
            cls._changed = any(name in cls.__dict__ for name in ("call", "__call__", "build"))

    def __init__(self, **kwargs: Any) -> None:
        self._native_layer: _core.Layer | None = None
        self._afterwards: Callable[[Any], Any] | None = None  # an activation of one's own
        super().__init__(**kwargs)
        if self.dtype not in config.FLOATS:
            raise ValueError(f"[{self.name}] dtype: expected 'float32' or 'float64', received {self.dtype!r}.")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._arguments and self.__dict__.get("_native_layer") is not None:
            raise AttributeError(
                f"[{self.name}] {name} is fixed once the layer has been used; make a new {type(self).__name__} with it."
            )
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name in ("input", "output"):  # their own message is lost on the way here
            raise AttributeError(no_end(self.__dict__.get("_name"), name))
        if name in type(self)._weight_names:
            raise AttributeError(
                f"[{self.__dict__.get('_name')}] has no {name} before it is built; "
                "call it on data or build(input_shape) first."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # -- the engine's layer ------------------------------------------------------------------------------------------

    def _native(self) -> _core.Layer:
        if self._native_layer is None:
            self._native_layer = _core.Layer(self._engine_class, self._engine_config())
            self._native_layer.trainable = self._trainable
            self._afterwards = self._python_activation()
        return self._native_layer

    def _engine_config(self) -> dict[str, Any]:
        """get_config in the engine's terms; parts that stay in Python are left neutral."""
        settings: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}
        if self._is_operation:
            settings["function"] = True
        for argument in self._arguments:
            value = getattr(self, argument)
            if argument.endswith(_INITIALIZER):
                value = initializers.native_config(value) if initializers.is_native(value) else "Zeros"
            elif argument.endswith(_REGULARIZER):
                value = None  # set on the weights
            elif argument == "activation":
                value = activations.native_name(value) or "linear"
            settings[argument] = list(value) if isinstance(value, tuple) else value
        if regularizers.native_factors(self.activity_regularizer) is not None:
            settings["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return settings

    def _python_activation(self) -> Any:
        activation = getattr(self, "activation", None) if "activation" in self._arguments else None
        return None if activation is None or activations.native_name(activation) else activation

    @property
    def _runs_python(self) -> bool:
        if self._changed or self._python_activation() is not None:
            return True
        penalties = [getattr(self, a) for a in self._arguments if a.endswith(_REGULARIZER)]
        return any(regularizers.native_factors(p) is None for p in [self.activity_regularizer, *penalties])

    def _handle(self) -> _core.Layer:
        if not self._runs_python:
            return self._native()
        if self._engine_layer is None:
            self._engine_layer = python_layer(self)
            self._engine_layer.trainable = self._trainable
        return self._engine_layer

    @property
    def trainable(self) -> bool:
        """Whether gradients change the weights."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        Layer.trainable.fset(self, value)  # type: ignore[attr-defined]
        if self._native_layer is not None:
            self._native_layer.trainable = bool(value)

    # -- copy and pickle ---------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """All but the engine's side, and the state of its generators."""
        state = {**super().__getstate__(), "_native_layer": None, "_afterwards": None}
        generators = [] if self._native_layer is None else self._native_layer.random_state
        return {**state, "_generators": generators}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        values = dict(state)
        generators = values.pop("_generators")
        self.__dict__.update(values)
        if self.built:  # the engine's layer makes weights of its own; they take over what was copied
            copied = {name: values.pop(name) for name in self._weight_names}
            own = {id(variable) for variable in copied.values()}
            self._weights = [v for v in self._weights if id(v) not in own]
            self._state = [v for v in self._state if id(v) not in own]
            self._penalties = [(v, function) for v, function in self._penalties if id(v) not in own]
            self.built = False
            generator = _core.get_random_state()
            self.build(self._build_shape)
            _core.set_random_state(*generator)  # a copy takes no random numbers
            for name, variable in copied.items():
                if variable is not None:
                    made = getattr(self, name)
                    made.assign(variable.numpy())
                    made.path, made.trainable = variable.path, variable.trainable
        if generators:
            self._native().random_state = generators

    # -- building and calling ----------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Creates the weights for inputs of `input_shape` (with the batch axis, None where unknown)."""
        if self.built:
            return
        if isinstance(input_shape, Mapping):
            raise ValueError(
                f"[{self.name}] expected one tensor, received a dict with {', '.join(map(repr, input_shape))}; "
                "call it on one of its entries."
            )
        self._native().build(tuple(input_shape))
        self._take_weights()

    def _take_weights(self) -> None:
        """The weights that the engine has made become attributes."""
        named = {variable.name: variable for variable in self._native().variables}
        self._weights = [*named.values(), *self._weights]
        self._state += [v for v in named.values() if v.name in self._state_names]
        for name in self._weight_names:
            setattr(self, name, named.get(name))
        for argument in self._arguments:
            if not argument.endswith((_INITIALIZER, _REGULARIZER)):
                continue
            prefix = argument.rpartition("_")[0]
            variable = named.get(self._weight_of.get(prefix, prefix))
            if argument.endswith(_INITIALIZER):
                self._fill(variable, getattr(self, argument))
            elif variable is not None:
                self._regularize(variable, getattr(self, argument))
        if not self._trainable:
            self.trainable = False

    def _fill(self, variable: Any, initializer: Any) -> None:
        """Values of an initializer that is Python."""
        if variable is None or initializers.is_native(initializer):
            return
        value = np.asarray(initializer(variable.shape, dtype=variable.dtype))
        if value.shape != variable.shape:
            raise ValueError(
                f"[{self.name}] {variable.name} initializer {initializer!r}: expected values of shape "
                f"{variable.shape}, received {value.shape}."
            )
        variable.assign(value)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The engine's layer, then an activation of one's own if there is one."""
        y = (self._native_layer or self._native())(inputs, training)
        if self._afterwards is None:
            return y
        after = self._afterwards(y)
        after._keras_mask = y._keras_mask
        return after

    @property
    def supports_masking(self) -> bool:
        """Whether it passes masks on, or makes them."""
        return bool(self.__dict__.get("_supports_masking", self._native().supports_masking))

    @supports_masking.setter
    def supports_masking(self, value: bool) -> None:
        self._supports_masking = bool(value)

    def _mask_outputs(self, inputs: Any, outputs: Any, previous: Any) -> None:
        if self._changed:  # the engine has done it otherwise
            super()._mask_outputs(inputs, outputs, previous)

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Builds the layer on first use, then runs it; see `Layer.__call__`."""
        plain = (
            self.built and self.activity_regularizer is None and self._afterwards is None and self.input_spec is None
        )
        if not plain or self._changed or args or kwargs or (type(inputs) is not Tensor and is_symbolic(inputs)):
            return super().__call__(inputs, *args, training=training, **kwargs)
        if training is None:
            outer = _TRAINING.get()
            training = self._training_default if outer is None else outer
        return self.call(self._read(inputs), training)

    def _convert(self, x: Any) -> Tensor:
        return convert_to_tensor(x, self.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output for `input_shape` (batch axis included, None where unknown)."""
        return tuple(self._native().output_shape(tuple(input_shape)))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, with initializers, regularizers and activations serialized."""
        config = super().get_config()
        for argument in self._arguments:
            value = getattr(self, argument)
            if argument.endswith(_INITIALIZER):
                value = initializers.serialize(value)
            elif argument.endswith(_REGULARIZER):
                value = regularizers.serialize(value)
            elif argument == "activation":
                value = activations.serialize(value)
            config[argument] = value
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A new layer from what `get_config` returned, Keras's or ours."""
        return cls(**known_arguments(cls, config))
