"""Sequential: one layer after the other."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ranvier import _core
from ranvier._core import Tensor
from ranvier._symbolic import KerasTensor, is_symbolic
from ranvier._tensor import convert_to_tensor
from ranvier.layers._sharing import layer_of, one_configuration, record_of
from ranvier.layers.base import _TRAINING, Layer, registry
from ranvier.layers.core import InputLayer
from ranvier.models.front import Front, call_stack, rest_of, stack_front
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

    _takes_any_form = False

    def __init__(
        self, layers: Iterable[Any] | None = None, trainable: bool = True, name: str | None = None, **kwargs: Any
    ) -> None:
        self._layers: list[Layer] = []
        self._input: InputLayer | None = None
        self._run: Callable[[Any, bool], Tensor] | None = None  # the engine's call, once built
        self._parts: tuple[Front | None, int] | None = None  # what is done before the engine, and with how many layers
        self._rest: _core.Layer | None = None  # what the engine does where that is not everything
        self._built_input: Shape | None = None
        self._built_output: Shape | None = None
        self._symbols: list[KerasTensor] = []  # the input and the output of each layer, once somebody asks
        super().__init__(trainable=trainable, name=name, **kwargs)
        if layers is not None:
            if isinstance(layers, Layer | KerasTensor):
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
        first: KerasTensor | None = None
        if isinstance(layer, KerasTensor):
            if layer._node is None or not layer._node.is_input:
                raise ValueError(
                    f"[{self.name}] expected layers, or Input(...) in the first place, received {layer!r}, which is "
                    "the output of a layer; Model(inputs, outputs) makes a model of tensors."
                )
            first, layer = layer, layer._node.operation
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
            self._symbols = [] if first is None else [first]
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
        layer._stack = weakref.ref(self)
        self._forget_engine()

    def _forget_engine(self) -> None:
        self.built = False
        self._run = self._parts = self._rest = None
        self._engine_layer = None
        self._built_input = self._built_output = None
        del self._symbols[1:]

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
        engine = self._engine_model()
        front = self._front
        if front is None:
            engine.build(shape)
            self._run = engine.__call__
        elif not front.complete:
            engine.build(front.shapes([shape])[0])

    @property
    def _front(self) -> Front | None:
        return self._split()[0]

    def _split(self) -> tuple[Front | None, int]:
        if self._parts is None:
            self._parts = stack_front(self._layers)
        return self._parts

    def _handle(self) -> _core.Layer:
        if self._front is not None:  # for others it is a layer in Python
            return Layer._handle(self)
        if self._engine_layer is None:
            self._engine_layer = _core.Sequential(self.name, [layer._handle() for layer in self._layers])
            self._run = None
        return self._engine_layer

    def _engine_model(self) -> _core.Layer:
        front, done = self._split()
        if front is None:
            return self._handle()
        if self._rest is None:
            self._rest = _core.Sequential(self.name, rest_of(self._layers, done))
        return self._rest

    @property
    def _runs_python(self) -> bool:
        return any(layer._runs_python for layer in self._layers)

    # Without *args and **kwargs, for the call of one row is counted in tenths of microseconds.
    def __call__(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Tensor:  # type: ignore[override]
        """The model's output for a batch.

        Args:
            inputs: Tensor, array or list of numbers `(rows, ...)`, or strings for a model that begins with text.
            training: True lets Dropout and the like act as in training; None takes over that of the surrounding layer.
            mask: accepted for Keras's sake.

        Returns:
            A Tensor that knows its history: `loss.backward()` reaches the weights.
        """
        run = self._run
        if run is not None and (type(inputs) is Tensor or (type(inputs) is np.ndarray and inputs.dtype is _FLOAT32)):
            return run(inputs, (_TRAINING.get() or False) if training is None else training)
        return self._call_slowly(inputs, None if training is None else bool(training))

    def _call_slowly(self, inputs: Any, training: bool | None) -> Any:
        if is_symbolic(inputs):
            from ranvier.layers._symbolic_call import call_symbolically

            return call_symbolically(self, (inputs,), {} if training is None else {"training": training})
        training = bool(_TRAINING.get()) if training is None else training
        front = self._front
        if front is not None:
            return call_stack(self, front, inputs, training)
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

    # -- symbolic tensors --------------------------------------------------------------------------------------------

    def _chain(self) -> list[KerasTensor]:
        """The symbolic input and the outputs of all layers; the calls are recorded when somebody asks first."""
        if not self.built:
            raise AttributeError(
                f"[{self.name}] has no symbolic inputs and outputs before it is built; begin with Input(shape)."
            )
        if not self._symbols:
            dtype = "string" if getattr(self._layers[0], "_takes", None) == "text" else None
            first = InputLayer(batch_shape=self._built_input, dtype=dtype) if self._input is None else self._input
            self._symbols = [first.output]
        for layer in self._layers[len(self._symbols) - 1 :]:
            known = [
                node for node in layer.inbound_nodes if node.input_tensors == self._symbols[-1:] and not node.kwargs
            ]
            self._symbols.append(known[0].output_tensors[0] if known else layer(self._symbols[-1]))
        return self._symbols

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic input, in a list; AttributeError before the model is built."""
        return self._chain()[:1]

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic output, in a list; AttributeError before the model is built."""
        return self._chain()[-1:]

    @property
    def input(self) -> KerasTensor:
        """The symbolic input: of the first call on a symbolic tensor, else that of `inputs`."""
        nodes = self.inbound_nodes
        return nodes[0].input_tensors[0] if nodes else self.inputs[0]

    @property
    def output(self) -> KerasTensor:
        """The symbolic output: of the first call on a symbolic tensor, else that of `outputs`."""
        nodes = self.inbound_nodes
        return nodes[0].output_tensors[0] if nodes else self.outputs[0]

    @property
    def _input_names(self) -> list[str]:
        return ["input" if self._input is None else self._input.name]

    @property
    def output_names(self) -> list[str]:
        """The name of the last layer, in a list."""
        return [self._layers[-1].name] if self._layers else []

    def _symbolic_dtype(self, args: tuple[Any, ...]) -> str:
        return self._layers[-1]._symbolic_dtype(args) if self._layers else self.dtype

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
        }
        with one_configuration():
            config["layers"] = [record_of(layer) for layer in stack]
        if self._built_input is not None:
            config["build_input_shape"] = self._built_input
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A new model, with new weights, from what `get_config` returned (or Keras's)."""
        if "layers" not in config:
            raise ValueError(f"[{cls.__name__}] from_config: expected 'name' and 'layers', received {sorted(config)}.")
        model = cls(name=config.get("name"))
        with one_configuration():
            for record in config["layers"]:
                model._put(layer_of(record, custom_objects))
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
