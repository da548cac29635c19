"""Sequential: one layer after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ranvier import _core
from ranvier._core import Tensor
from ranvier._tensor import convert_to_tensor
from ranvier.layers.base import _TRAINING, Layer, registry
from ranvier.layers.core import InputLayer
from ranvier.models.model import Model

Shape = tuple[int | None, ...]

_FLOAT32 = np.dtype(np.float32)


@registry.register()
class Sequential(Model):
    """A stack of layers: the output of each is the input of the next. It is itself a layer.

    With an `Input` (or `input_shape=` on the first layer) the weights exist at once, otherwise from the first data on.

    Args:
        layers: list of layers; more may be put on with `add`.
        trainable: whether training changes the weights. Default True.
        name: defaults to ``"sequential"``, numbered.

    Example:
        ```python
        model = Sequential([Input((784,)), Dense(128, activation="relu"), Dense(10, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x_train, y_train, epochs=5, validation_split=0.1)
        ```
    """

    def __init__(
        self, layers: Iterable[Any] | None = None, trainable: bool = True, name: str | None = None, **kwargs: Any
    ) -> None:
        self._layers: list[Layer] = []
        self._input: InputLayer | None = None
        self._run: Callable[[Any, bool], Tensor] | None = None  # the engine's call, once built
        self._built_input: Shape | None = None
        self._built_output: Shape | None = None
        super().__init__(trainable=trainable, name=name, **kwargs)
        if layers is not None:
            if isinstance(layers, Layer):
                layers = [layers]
            for layer in layers:
                self._put(layer)
            self._rebuild()
        if not trainable:
            self.trainable = False

    # -- the stack ---------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers, without `Input`."""
        return list(self._layers)

    def _own_weights(self) -> list[Any]:
        return []

    def _sublayers(self) -> list[Layer]:
        return self._layers

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Puts a layer on top.

        Args:
            layer: a layer, or `Input(...)` as the first one.
            rebuild: accepted for Keras's sake.

        Raises:
            TypeError: not a layer.
            ValueError: a second layer of the same name, `Input` not in the first place, or a layer that does not fit
                the output of those below; the stack is as it was then.
        """
        kept, given = list(self._layers), self._input
        self._put(layer)
        try:
            self._rebuild()
        except BaseException:
            self._layers, self._input = kept, given
            self._forget_engine()
            self._rebuild()
            raise

    def pop(self, rebuild: bool = True) -> Layer:
        """Takes the top layer off and returns it; ValueError when there is none."""
        if not self._layers:
            raise ValueError(f"[{self.name}] pop: the model has no layers.")
        layer = self._layers.pop()
        self._forget_engine()
        self._rebuild()
        return layer

    def _put(self, layer: Any) -> None:
        if isinstance(layer, type) and issubclass(layer, Layer):
            raise TypeError(
                f"[{self.name}] expected a layer, received the class {layer.__name__}; write {layer.__name__}(...)."
            )
        if not isinstance(layer, Layer):
            raise TypeError(
                f"[{self.name}] expected a layer such as Dense(10), received {layer!r} of type {type(layer).__name__}."
            )
        if not hasattr(layer, "_weights"):
            raise RuntimeError(
                f"[{self.name}] {type(layer).__name__}: call super().__init__() in __init__ before the layer is used."
            )
        if isinstance(layer, InputLayer):
            if self._layers or self._input is not None:
                raise ValueError(f"[{self.name}] Input must come first and only once; remove {layer.name!r}.")
            self._input = layer
            return
        if layer is self:
            raise ValueError(f"[{self.name}] a model cannot be a layer of itself.")
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                f"[{self.name}] a layer named {layer.name!r} is there already; layers need different names, "
                f"give this one another: name={layer.name + '_1'!r}."
            )
        shape = getattr(layer, "_input_shape_arg", None)
        if shape is not None and not self._layers and self._input is None:
            self._input = InputLayer(shape)
        self._layers.append(layer)
        self._forget_engine()

    def _forget_engine(self) -> None:
        self.built = False
        self._run = None
        self._engine_layer = None
        self._built_input = self._built_output = None

    def _rebuild(self) -> None:
        """Builds at once when the input's shape is known."""
        if self.built or not self._layers:
            return
        if self._input is not None:
            self.build(self._input.batch_shape)
        else:
            first = self._layers[0]
            if isinstance(first, Model) and first.built:
                self.build(first.input_shape)

    # -- building and calling ----------------------------------------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights of all layers.

        Args:
            input_shape: shape of the input with the batch axis, `(None, 784)`; not needed after `Input`.

        Raises:
            ValueError: no layers, no shape, or a layer that cannot take what the one before it gives.
        """
        if not self._layers:
            raise ValueError(f"[{self.name}] cannot be built without layers; add some first: model.add(Dense(10)).")
        if input_shape is None:
            if self._input is None and not self.built:
                raise ValueError(
                    f"[{self.name}] build: expected the shape of the input; begin with Input((features,)), or call "
                    "build((None, features))."
                )
            shape: Shape = self._built_input or self._input.batch_shape  # type: ignore[union-attr]
        else:
            shape = tuple(input_shape)
        if self._input is not None and not _fits(shape, self._input.batch_shape):
            raise ValueError(
                f"[{self.name}] expected input of shape {self._input.batch_shape} as {self._input.name!r} says, "
                f"received x with shape {shape}."
            )
        shape = (None, *shape[1:])
        if self.built:
            self.compute_output_shape(shape)
            return
        current = shape
        for layer in self._layers:
            layer._build_if_needed(current)
            current = tuple(layer.compute_output_shape(current))
        self._built_input, self._built_output = shape, current
        self._build_shape = shape
        self.built = True
        self._set_paths()
        engine = self._handle()
        engine.build(shape)
        self._run = engine.__call__

    def _handle(self) -> _core.Layer:
        if self._engine_layer is None:
            self._engine_layer = _core.Sequential(self.name, [layer._handle() for layer in self._layers])
            self._run = None
        return self._engine_layer

    @property
    def _runs_python(self) -> bool:
        return any(layer._runs_python for layer in self._layers)

    # Without *args and **kwargs, for the call of one row is counted in tenths of microseconds.
    def __call__(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Tensor:  # type: ignore[override]
        """The model's output for a batch.

        Args:
            inputs: Tensor, array or list of numbers `(rows, ...)`.
            training: True lets Dropout and the like act as in training; None takes over that of the surrounding layer.
            mask: accepted for Keras's sake.

        Returns:
            A Tensor that knows its history: `loss.backward()` reaches the weights.
        """
        run = self._run
        if training is None:
            training = _TRAINING.get() or False
        if run is not None and (type(inputs) is Tensor or (type(inputs) is np.ndarray and inputs.dtype is _FLOAT32)):
            return run(inputs, training)
        return self._call_slowly(inputs, bool(training))

    def _call_slowly(self, inputs: Any, training: bool) -> Tensor:
        x = convert_to_tensor(inputs)
        if not self.built:
            self.build((None, *x.shape[1:]))
        return self._handle()(x, training)

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Tensor:
        """Same as calling the model."""
        return self(inputs, training=training)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Shape of the output for input of `input_shape` (with the batch axis)."""
        shape = given = tuple(input_shape)
        if self.built and shape == self._built_input and self._built_output is not None:
            return self._built_output
        for layer in self._layers:  # first, for their errors know more
            layer._build_if_needed(shape)
            native = getattr(layer, "_native_layer", None)
            if native is not None:
                native.build(shape)  # once built, this checks that the shape fits
            shape = tuple(layer.compute_output_shape(shape))
        if self._input is not None and not _fits(given, self._input.batch_shape):
            raise ValueError(
                f"[{self.name}] expected input of shape {self._input.batch_shape} as {self._input.name!r} says, "
                f"received x with shape {given}."
            )
        return shape

    # -- shapes ------------------------------------------------------------------------------------------------------

    def _input_shape_or_none(self) -> Shape | None:
        return self._built_input if self._input is None else (None, *self._input.batch_shape[1:])

    def _output_shape_or_none(self) -> Shape | None:
        return self._built_output

    # -- configuration -----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Name, layers and, once built, the input's shape."""
        stack = [*([self._input] if self._input is not None else []), *self._layers]
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype,
            "layers": [registry.serialize(layer) for layer in stack],
        }
        if self._built_input is not None:
            config["build_input_shape"] = self._built_input
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A new model, with new weights, from what `get_config` returned (or Keras's)."""
        if "layers" not in config:
            raise ValueError(f"[{cls.__name__}] from_config: expected 'name' and 'layers', received {sorted(config)}.")
        model = cls(name=config.get("name"))
        for record in config["layers"]:
            model._put(registry.deserialize(record, custom_objects))
        shape = config.get("build_input_shape")
        if shape is not None and not model.built:
            model.build(tuple(shape))
        else:
            model._rebuild()
        if not config.get("trainable", True):
            model._trainable = False
        return model


def _fits(shape: Shape, wanted: Shape) -> bool:
    """Whether the sizes agree as far as they are known; any number of rows will do."""
    pairs = zip(shape[1:], wanted[1:], strict=False)
    return len(shape) == len(wanted) and all(a == b or a is None or b is None for a, b in pairs)
