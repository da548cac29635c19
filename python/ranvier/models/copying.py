"""copy.deepcopy and pickle of models: the model's record, its weights and its state of training, without a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ranvier import _core
from ranvier._core import as_tensor
from ranvier.layers.base import registry
from ranvier.models.model_state import apply_state, model_state
from ranvier.models.weight_files import assign_weights, matched_weights, named_weights

Values = list[tuple[str, np.ndarray]]


def parts_of(model: Any) -> tuple[Any, ...]:
    """What `model_from_parts` makes an equal model of; classes of the user's own go along by reference."""
    from ranvier.saving import model_record

    own = {type(layer).__name__: type(layer) for layer in _all_layers(model)}
    own = {name: cls for name, cls in own.items() if registry._objects.get(name) is not cls}
    compiled = None
    if model._compiled is not None:
        compiled = (model.optimizer.get_config(), type(model.optimizer), model._compiled.arguments())
    slots = model.optimizer._handle().slots() if model.optimizer is not None else []
    weights: Values = [(name, variable.numpy()) for name, variable in named_weights(model)] if model.built else []
    state = model_state(model) if model.built else {}
    return (model_record(model, with_compile=False), own, weights, compiled, _arrays(slots), state)


def model_from_parts(
    record: dict[str, Any], own: dict[str, Any], weights: Values, compiled: Any, slots: Values, state: dict[str, Any]
) -> Any:
    """The model again, with memory of its own."""
    from ranvier.saving import model_from_record

    generator = _core.get_random_state()
    try:
        return _made(model_from_record(record, own, "copy"), weights, compiled, slots, state)
    finally:
        _core.set_random_state(*generator)  # a copy takes no random numbers


def _made(model: Any, weights: Values, compiled: Any, slots: Values, state: dict[str, Any]) -> Any:
    matches = matched_weights(model, _tensors(weights), "copy") if weights else []
    assign_weights(matches)
    if compiled is not None:
        settings, optimizer, arguments = compiled
        model.compile(optimizer.from_config(settings), **arguments)
    if state:
        apply_state(model, state, _tensors(slots), {match.saved_name: match.variable for match in matches})
        model._resume_state = None  # the process and its default generator are there already
    return model


def _all_layers(model: Any) -> Iterator[Any]:
    yield model
    for layer in model._sublayers():
        yield from _all_layers(layer)


def _arrays(tensors: Any) -> Values:
    return [(name, np.array(tensor.numpy())) for name, tensor in tensors]


def _tensors(values: Values) -> list[tuple[str, Any]]:
    return [(name, as_tensor(value)) for name, value in values]
