"""New models like old ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ranvier.layers.core import InputLayer
from ranvier.models.sequential import Sequential


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Any = None,
    recursive: bool = False,
) -> Any:
    """A model of the same layers with new weights, not compiled.

    Args:
        model: a Sequential.
        input_tensors: an `Input` that replaces the model's own, or None.
        clone_function: makes a new layer from an old one. Default: from its configuration.
        call_function: accepted for Keras's sake; only None works for a Sequential.
        recursive: also use `clone_function` for the layers of models inside.

    Raises:
        ValueError: not a Sequential, or `call_function`.
    """
    if not isinstance(model, Sequential):
        raise ValueError(f"[clone_model] expected a Sequential, received {model!r} of type {type(model).__name__}.")
    if call_function is not None:
        raise ValueError("[clone_model] call_function: a Sequential has none; leave it out.")
    if input_tensors is not None and not isinstance(input_tensors, InputLayer):
        raise ValueError(f"[clone_model] input_tensors: expected Input(...) or None, received {input_tensors!r}.")

    def clone(layer: Any) -> Any:
        if isinstance(layer, Sequential) and (recursive or clone_function is None):
            return clone_model(layer, None, clone_function, None, recursive)
        if clone_function is not None:
            return clone_function(layer)
        return type(layer).from_config(layer.get_config())

    start = input_tensors
    if start is None and model._input is not None:
        start = InputLayer.from_config(model._input.get_config())
    elif start is None and model._built_input is not None:
        start = InputLayer(batch_shape=model._built_input)
    layers = [clone(layer) for layer in model.layers]
    copy = type(model)([*([start] if start is not None else []), *layers], name=model.name)
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
