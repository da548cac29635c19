"""Functional: a model made of layers called on symbolic tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ranvier import _core, config
from ranvier._core import Tensor
from ranvier._symbolic import KerasTensor, alike, flatten, is_symbolic, leaves_at, pack_like
from ranvier._tensor import convert_to_tensor
from ranvier.layers._calling import plain_arguments
from ranvier.layers._tracking import held
from ranvier.layers._weights import WeightOwner
from ranvier.layers.base import _TRAINING, Layer, registry
from ranvier.models.front import Front, GraphFront, call_graph
from ranvier.models.graph import Graph, with_inputs
from ranvier.models.model import Model
from ranvier.models.structures import flatten as flatten_by_name

Shape = tuple[int | None, ...]

_FLOAT32 = np.dtype(np.float32)
_ARRAYS = (Tensor, KerasTensor, np.ndarray)


@registry.register()
class Functional(Model):
    """A model of the layers between symbolic inputs and outputs; ``Model(inputs, outputs)`` makes one.

    Args:
        inputs: `Input` tensors, or tensors from the middle of another model: one, or a list, tuple or dict of them.
        outputs: tensors that depend on them, in the same forms.
        name: default ``"functional"``, numbered.
        trainable: False freezes all layers.

    Raises:
        TypeError, ValueError: not symbolic tensors, outputs that need other inputs, layers of one name.

    Example:
        ```python
        image = Input((28, 28))
        x = Flatten()(image)
        hidden = Dense(64, activation="relu")(x)
        y = Dense(10, activation="softmax")(Concatenate()([x, hidden]))
        model = Model(image, y)
        ```
    """

    _takes_any_form = False

    def __init__(
        self, inputs: Any, outputs: Any, name: str | None = None, trainable: bool | None = None, **kwargs: Any
    ) -> None:
        self._run: Callable[..., Any] | None = None  # the engine's call; before anything that can fail
        self._graph_layer: _core.Layer | None = None
        self._layers: list[Layer] = []
        Model.__init__(self, name=name, **kwargs)
        for what, given in (("inputs", inputs), ("outputs", outputs)):
            self._check_tensors(what, given)
        inputs, outputs = with_inputs(self.name, inputs, outputs)
        self._inputs_struct, self._outputs_struct = inputs, outputs
        self._graph = Graph(self.name, flatten(inputs), flatten(outputs))
        self._graph_front = GraphFront(self._graph)
        self._layers = [op for op in self._graph.operations if not op._is_operation]
        self._only_shape = self._input_shapes()[0] if len(self._graph.inputs) == 1 else None
        self._row_shape = self._plain_row_shape()
        self._row_shapes = self._plain_row_shapes()
        self.built = True
        self._set_paths()
        if trainable is not None:
            self.trainable = trainable

    def _check_tensors(self, what: str, given: Any) -> None:
        flat = flatten(given)
        if not flat:
            raise ValueError(f"[{self.name}] {what}: expected at least one symbolic tensor, received {given!r}.")
        for tensor in flat:
            if not isinstance(tensor, KerasTensor):
                hint = "Input(shape)" if what == "inputs" else "layer(x)"
                raise ValueError(
                    f"[{self.name}] {what}: expected symbolic tensors such as {hint} gives, received {tensor!r} of "
                    f"type {type(tensor).__name__}."
                )
            if tensor._node is None:
                raise ValueError(f"[{self.name}] {what}: expected tensors that come from layers, received {tensor!r}.")
        if what == "inputs" and len({(id(t._node), t._tensor_index) for t in flat}) != len(flat):
            raise ValueError(
                f"[{self.name}] inputs: expected different tensors, received one of them twice: {given!r}."
            )

    # -- its parts ---------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """All layers, inputs included, in Keras's order: by depth."""
        return list(self._sublayers())

    @property
    def operations(self) -> list[Layer]:
        """All layers and the functions of `ranvier.ops` among them, by depth."""
        return list(self._graph.operations)

    def _sublayers(self) -> list[Any]:
        mine = {id(layer) for layer in self._layers}
        others = [layer for layer in held(self, WeightOwner) if layer is not self and id(layer) not in mine]
        return [*self._layers, *others]

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, as a flat list."""
        return list(self._graph.inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, as a flat list."""
        return list(self._graph.outputs)

    @property
    def input(self) -> Any:
        """The symbolic inputs in the structure given."""
        return self._inputs_struct

    @property
    def output(self) -> Any:
        """The symbolic outputs in the structure given."""
        return self._outputs_struct

    @property
    def _input_names(self) -> list[str]:
        if isinstance(self._inputs_struct, Mapping) and len(self._inputs_struct) == len(self._graph.inputs):
            return sorted(map(str, self._inputs_struct))
        return [tensor.name for tensor in self._graph.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that make the outputs, in the order of `outputs`."""
        return [tensor._keras_history.operation.name for tensor in self._graph.outputs]

    # -- shapes ------------------------------------------------------------------------------------------------------

    def _input_shapes(self) -> list[Shape]:
        return [(None, *tensor.shape[1:]) for tensor in self._graph.inputs]

    def _output_shapes(self) -> list[Shape]:
        return [tensor.shape for tensor in self._graph.outputs]

    def _input_shape_or_none(self) -> Shape | None:
        return self._only_shape

    def _output_shape_or_none(self) -> Shape | None:
        shapes = self._output_shapes()
        return shapes[0] if len(shapes) == 1 else None

    @property
    def input_shape(self) -> Any:
        """Shape of the input, a list of shapes for several."""
        return _one_or_list([tensor.shape for tensor in self._graph.inputs])

    @property
    def output_shape(self) -> Any:
        """Shape of the output, a list of shapes for several."""
        return _one_or_list(self._output_shapes())

    def build(self, input_shape: Any = None) -> None:
        """Does nothing: the layers have been built while the graph was made."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shapes of the outputs, in their structure, for inputs of `input_shape` (one shape, or a structure of them).

        Raises:
            ValueError: shapes that the inputs or the layers do not take.
        """
        from ranvier.layers._symbolic_call import shaped_like

        given = self._flatten_inputs(shaped_like(input_shape, config.floatx(), self.name))
        shapes = [tensor.shape for tensor in given]
        self._check_shapes(shapes)
        if shapes == [tensor.shape for tensor in self._graph.inputs]:
            found = self._output_shapes()
        else:
            known = [KerasTensor(s, t.dtype, name=t.name) for s, t in zip(shapes, self._graph.inputs, strict=True)]
            ends = self._graph.run(known, lambda node, args, kwargs: node.operation._symbolic_outputs(args, kwargs))
            found = [tensor.shape for tensor in ends]
        return pack_like(self._outputs_struct, found)

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._calls_own or len(args) > 1:
            return super()._symbolic_outputs(args, kwargs)
        given = self._flatten_inputs(args[0])
        if not all(isinstance(tensor, KerasTensor) for tensor in given):
            names = ", ".join(map(repr, self._input_names))
            raise ValueError(f"[{self.name}] expected symbolic tensors for {names}, received {args[0]!r}.")
        shapes = self.compute_output_shape(pack_like(self._inputs_struct, [tensor.shape for tensor in given]))
        flat = leaves_at(self._outputs_struct, shapes)
        made = [KerasTensor(shape, t.dtype) for shape, t in zip(flat, self._graph.outputs, strict=True)]
        return self._pack_outputs(made)

    def _check_shapes(self, shapes: list[Shape]) -> None:
        for tensor, shape in zip(self._graph.inputs, shapes, strict=True):
            sizes = zip(shape[1:], tensor.shape[1:], strict=False)
            if len(shape) != tensor.ndim or any(None not in (a, b) and a != b for a, b in sizes):
                raise ValueError(
                    f"[{self.name}] expected input {tensor.name!r} of shape {(None, *tensor.shape[1:])}, "
                    f"received x with shape {tuple(shape)}."
                )

    # -- data --------------------------------------------------------------------------------------------------------

    def _flatten_inputs(self, x: Any) -> list[Any]:
        """Data in any of the forms that name the inputs, as a list in the order of `inputs`; ValueError otherwise."""
        names = self._input_names
        if isinstance(x, list | tuple) and len(x) == 1 == len(names) and isinstance(x[0], _ARRAYS):
            return [x[0]]
        if isinstance(self._inputs_struct, list | tuple | Mapping) and alike(self._inputs_struct, x):
            return leaves_at(self._inputs_struct, x)
        if isinstance(x, Mapping) and not set(names) <= set(x):
            raise ValueError(
                f"[{self.name}] x: expected a dict with {', '.join(map(repr, names))}, received {list(x)}."
            )
        return flatten_by_name(x, names, "x", self.name, extra=True)

    def _pack_outputs(self, values: list[Any]) -> Any:
        """A list in the order of `outputs` in the structure that the model was made with."""
        if isinstance(self._outputs_struct, list | tuple) and len(self._outputs_struct) == 1 == len(values):
            return values[0]  # as Keras does
        return pack_like(self._outputs_struct, values)

    # -- running -----------------------------------------------------------------------------------------------------

    def _plain_row_shape(self) -> tuple[int | None, ...] | None:
        """The shape of a row where the shortest way is open: one input and one output, all sizes known."""
        single = len(self._graph.inputs) == len(self._graph.outputs) == 1
        if not single or isinstance(self._outputs_struct, Mapping) or self._calls_own or self._front:
            return None
        one = self._graph.inputs[0]
        return one.shape[1:] if one.dtype == "float32" and None not in one.shape[1:] and one.ndim > 0 else None

    def _plain_row_shapes(self) -> list[tuple[int | None, ...]] | None:
        """The shapes of rows where a list of several inputs can take a short way: all sizes known."""
        flat = self._graph.inputs
        plain = isinstance(self._inputs_struct, list | tuple) and len(self._inputs_struct) == len(flat) > 1
        known = all(t.dtype == "float32" and t.ndim > 0 and None not in t.shape[1:] for t in flat)
        return [t.shape[1:] for t in flat] if plain and known and not self._calls_own and not self._front else None

    @property
    def _calls_own(self) -> bool:
        """Whether a subclass computes something else."""
        return type(self).call is not Functional.call

    @property
    def _runs_python(self) -> bool:
        return self._calls_own or any(layer._runs_python for layer in self._graph.operations)

    @property
    def _front(self) -> Front | None:
        return None if self._calls_own else self._graph_front.front

    def _handle(self) -> _core.Layer:
        if self._calls_own or self._front is not None:
            return super()._handle()
        self._engine_layer = self._engine_graph()
        return self._engine_layer

    def _engine_model(self) -> _core.Layer:
        return self._handle() if self._front is None else self._engine_graph()

    def _engine_graph(self) -> _core.Layer:
        if self._graph_layer is None:
            from ranvier.models.graph_engine import engine_graph

            self._graph_layer = engine_graph(self.name, self._graph, self._graph_front)
            self._run = self._graph_layer.__call__ if self._front is None else None
        return self._graph_layer

    # Without *args and **kwargs, for the call of one row is counted in tenths of microseconds.
    def __call__(self, inputs: Any, training: bool | None = None, mask: Any = None, **kwargs: Any) -> Any:  # type: ignore[override]
        """The model's outputs for a batch.

        Args:
            inputs: arrays, Tensors or symbolic tensors in the structure of the inputs; also a list in their order, or
                a dict by their names.
            training: True lets Dropout and the like act as in training; None takes over that of the surrounding layer.
            mask: accepted for Keras's sake.
            **kwargs: for a subclass with a `call` of its own.

        Returns:
            Tensors in the structure of the outputs.
        """
        run = self._run
        if (
            run is not None
            and (type(inputs) is Tensor or (type(inputs) is np.ndarray and inputs.dtype is _FLOAT32))
            and inputs.shape[1:] == self._row_shape
        ):
            return run(inputs, bool(_TRAINING.get()) if training is None else training)
        if self._calls_own:
            return Layer.__call__(self, inputs, training=training, **kwargs)
        if run is not None and type(inputs) is list and self._are_ready(inputs):
            results = run(inputs, bool(_TRAINING.get()) if training is None else training)
            return self._pack_outputs(results if isinstance(results, list) else [results])
        if kwargs:
            raise TypeError(f"[{self.name}] unexpected argument {next(iter(kwargs))!r}.")
        return self._call_slowly(inputs, training)

    def _are_ready(self, inputs: list[Any]) -> bool:
        """Whether a list for several inputs can go to the engine as it is."""
        shapes = self._row_shapes
        if shapes is None or len(inputs) != len(shapes):
            return False
        rows = None
        for x, shape in zip(inputs, shapes, strict=True):
            ready = type(x) is Tensor or (type(x) is np.ndarray and x.dtype is _FLOAT32)
            if not ready or x.shape[1:] != shape or (rows is not None and len(x) != rows):
                return False
            rows = len(x)
        return True

    def _call_slowly(self, inputs: Any, training: bool | None) -> Any:
        if is_symbolic(inputs):
            from ranvier.layers._symbolic_call import call_symbolically

            return call_symbolically(self, (inputs,), {} if training is None else {"training": bool(training)})
        if self._front is not None:
            return call_graph(self, self._front, inputs, training)
        tensors = [
            self._fit_rank(convert_to_tensor(x, spec.dtype), spec)
            for x, spec in zip(self._flatten_inputs(inputs), self._graph.inputs, strict=True)
        ]
        self._check_batch([tensor.shape for tensor in tensors])
        return self._results(tensors, training)

    def _check_batch(self, shapes: list[tuple[int, ...]]) -> None:
        self._check_shapes(list(shapes))
        if len({shape[0] for shape in shapes if shape}) > 1:
            raise ValueError(
                f"[{self.name}] expected equally many rows in all inputs, received shapes "
                f"{', '.join(map(str, shapes))}."
            )

    def _results(self, tensors: list[Tensor], training: bool | None) -> Any:
        if training is None:
            training = bool(_TRAINING.get())
        results = self._engine_graph()(tensors[0] if len(tensors) == 1 else tensors, bool(training))
        return self._pack_outputs(list(results) if isinstance(results, list | tuple) else [results])

    @staticmethod
    def _fit_rank(x: Tensor, spec: KerasTensor) -> Tensor:
        """A last axis of size 1 may be missing or too many, as in Keras."""
        from ranvier import ops

        if x.ndim == spec.ndim + 1 and x.shape[-1] == 1:
            return ops.squeeze(x, -1)
        if x.ndim == spec.ndim - 1 and spec.shape[-1] == 1:
            return ops.expand_dims(x, -1)
        return x

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Same as calling the model."""
        return self._call_slowly(inputs, training)

    # -- configuration -----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Name, layers with their calls, inputs and outputs; of a subclass with arguments of its own, those."""
        if not takes_graph(type(self)):
            base = super().get_config()
            if type(self).get_config is not Functional.get_config:
                return base
            args, kwargs = self._init_arguments  # type: ignore[attr-defined]
            return {**base, **plain_arguments(self, args, kwargs)}
        from ranvier.models.functional_config import functional_config

        return functional_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A new model, with new weights, from what `get_config` returned, ours or Keras's; ValueError otherwise."""
        if "input_layers" not in config and not takes_graph(cls):
            return cls(**config)
        from ranvier.models.functional_config import functional_from_config

        return functional_from_config(cls, config, custom_objects)


def takes_graph(cls: type) -> bool:
    """Whether a class is made from `inputs` and `outputs`, as Functional is."""
    names = list(inspect.signature(cls.__init__).parameters)[1:]  # type: ignore[misc]
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    variadic = {p.kind for p in parameters} >= {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return variadic or names[:2] == ["inputs", "outputs"]


def _one_or_list(shapes: list[Shape]) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes


__all__ = ["Functional"]
