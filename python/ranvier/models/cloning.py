"""New models like old ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ranvier._symbolic import KerasTensor, pack_like
from ranvier.layers.base import Layer
from ranvier.layers.core import Input, InputLayer
from ranvier.models.functional import Functional, takes_graph
from ranvier.models.model import Model
from ranvier.models.sequential import Sequential


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """A model of the same layers with new weights, compiled as the model is.

    Args:
        model: a Sequential or Functional; others only without the arguments below.
        input_tensors: `Input` tensors in the structure of ``model.input`` that replace the model's own, or None.
        clone_function: makes a new layer from an old one. Default: from its configuration.
        call_function: ``f(layer, *args, **kwargs)`` calls a new layer on symbolic tensors; it may put in others.
            Functional models only.
        recursive: also clone the layers of models inside, one by one.

    Raises:
        ValueError: arguments that do not go with the kind of model, `input_tensors` of another structure.
    """
    made: dict[int, Any] = kwargs.pop("cache", None) or {}
    if kwargs:
        raise ValueError(f"[clone_model] unknown argument {next(iter(kwargs))!r}.")
    if not isinstance(model, Model):
        raise ValueError(f"[clone_model] expected a model, received {model!r} of type {type(model).__name__}.")

    def clone(layer: Any) -> Any:
        if id(layer) not in made:
            if recursive and isinstance(layer, Sequential | Functional):
                calls = call_function if isinstance(layer, Functional) else None
                made[id(layer)] = clone_model(layer, None, clone_function, calls, True, cache=made)
            elif clone_function is None:
                made[id(layer)] = type(layer).from_config(layer.get_config())
            else:
                made[id(layer)] = _checked_layer(clone_function(layer), layer)
        return made[id(layer)]

    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError("[clone_model] call_function: a Sequential calls its layers by itself; leave it out.")
        copy = _clone_sequential(model, input_tensors, clone)
    elif isinstance(model, Functional):
        copy = _clone_functional(model, input_tensors, clone, call_function)
    else:
        if input_tensors is not None or clone_function is not None or call_function is not None:
            raise ValueError(
                f"[clone_model] expected a Sequential or Functional with these arguments, received {model!r} of type "
                f"{type(model).__name__}."
            )
        copy = type(model).from_config(model.get_config())
    if model._compiled is not None:
        copy.compile(**model._compiled.get_config())
    return copy


def _checked_layer(made: Any, old: Any) -> Any:
    if not isinstance(made, Layer):
        raise ValueError(f"[clone_model] clone_function: expected a layer for {old.name!r}, received {made!r}.")
    return made


def _clone_sequential(model: Any, input_tensors: Any, clone: Callable[[Any], Any]) -> Any:
    start = input_tensors[0] if isinstance(input_tensors, list | tuple) and len(input_tensors) == 1 else input_tensors
    if start is not None and not isinstance(start, KerasTensor | InputLayer):
        raise ValueError(f"[clone_model] input_tensors: expected Input(...) or None, received {input_tensors!r}.")
    if isinstance(start, KerasTensor) and not (start._node is not None and start._node.is_input):
        start = Input(tensor=start)
    if start is None and model._input is not None:
        start = InputLayer.from_config(model._input.get_config())
    elif start is None and model._built_input is not None:
        start = InputLayer(batch_shape=model._built_input)
    layers = [clone(layer) for layer in model.layers]
    copy = type(model)([*([start] if start is not None else []), *layers], name=model.name)
    copy._trainable = model._trainable
    return copy


def _clone_functional(
    model: Any, input_tensors: Any, clone: Callable[[Any], Any], call_function: Callable[..., Any] | None
) -> Any:
    graph = model._graph
    if input_tensors is None:
        inputs = [InputLayer.from_config(t._keras_history.operation.get_config()).output for t in graph.inputs]
    else:
        inputs = model._flatten_inputs(input_tensors)
        if not all(isinstance(tensor, KerasTensor) for tensor in inputs):
            raise ValueError(
                f"[clone_model] input_tensors: expected symbolic tensors as in model.input, received {input_tensors!r}."
            )

    def call(node: Any, args: Any, kwargs: Any) -> Any:
        layer = clone(node.operation)
        return layer(*args, **kwargs) if call_function is None else call_function(layer, *args, **kwargs)

    outputs = graph.run(inputs, call)
    ends = {"inputs": pack_like(model._inputs_struct, inputs), "outputs": pack_like(model._outputs_struct, outputs)}
    copy = (type(model) if takes_graph(type(model)) else Functional)(**ends, name=model.name)
    copy._trainable = model._trainable
    return copy


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The inverse of `model.to_json()`: a new model with new weights; ValueError for text that is no model."""
    import json

    from ranvier.saving import model_from_record

    try:
        record = json.loads(json_string)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"[model_from_json] expected the JSON text of a model, received {error}.") from None
    return model_from_record(record, custom_objects, "model_from_json")
