"""What the next step of training depends on beside weights: optimizer, generators, the order of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ranvier import _core
from ranvier._core import Tensor, Variable
from ranvier.layers._tracking import held
from ranvier.layers.native import NativeLayer
from ranvier.models.weight_files import named_weights
from ranvier.random import SeedGenerator


def model_state(model: Any) -> dict[str, Any]:
    """The state as plain values; 64-bit numbers as text, which every reader of JSON gets right."""
    names = {id(variable): name for name, variable in named_weights(model)}
    state: dict[str, Any] = {
        "default_generator": _texts(_core.get_random_state()),
        "generators": [[_texts(pair) for pair in layer._native().random_state] for layer in _native_layers(model)],
        "seed_generators": [_texts(generator.state) for generator in _seed_generators(model)],
        "order": None if model._order is None else _texts(model._order.state),
        "epochs_done": model._epochs_done,
        "without_decay": [names[id(v)] for v in model.weights if not v.decay],
    }
    optimizer = model.optimizer
    if optimizer is not None and optimizer.built:
        state["optimizer"] = {
            "iterations": optimizer.iterations,
            "variables": [names.get(id(v), v.path) for v in optimizer._handle().variables],
        }
        if optimizer._schedule is None:
            state["optimizer"]["learning_rate"] = float(optimizer.learning_rate)
    return state


def apply_state(
    model: Any, state: Mapping[str, Any], slots: list[tuple[str, Tensor]] | None, weights: Mapping[str, Variable]
) -> None:
    """Puts a new model into the state; the default generator follows when training is resumed.

    Args:
        model: the model, compiled if it was.
        state: what `model_state` returned.
        slots: the optimizer's, or None.
        weights: the model's weights by the names they were saved under.
    """
    for name in state.get("without_decay", []):
        weights[name].decay = False
    optimizer = model.optimizer
    if optimizer is not None and state.get("optimizer") is not None:
        saved = state["optimizer"]
        handle = optimizer._handle()
        handle.build([weights[name] for name in saved["variables"]])
        handle.load_slots(slots or [], int(saved["iterations"]))
        if optimizer._schedule is None and saved.get("learning_rate") is not None:
            optimizer.learning_rate = float(saved["learning_rate"])
    layers = list(_native_layers(model))
    for layer, pairs in zip(layers, state.get("generators", [[]] * len(layers)), strict=True):
        if pairs:
            layer._native().random_state = [_numbers(pair) for pair in pairs]
    generators = list(_seed_generators(model))
    for generator, pair in zip(generators, state.get("seed_generators", []), strict=False):
        generator.state = _numbers(pair)
    if state.get("order") is not None:
        model._order_generator().state = _numbers(state["order"])
    model._epochs_done = int(state.get("epochs_done", 0))
    if state.get("default_generator") is not None:
        model._resume_state = _numbers(state["default_generator"])


def _native_layers(layer: Any) -> Iterator[NativeLayer]:
    for inner in layer._sublayers():
        if isinstance(inner, NativeLayer):
            yield inner
        yield from _native_layers(inner)


def _seed_generators(layer: Any) -> Iterator[SeedGenerator]:
    for inner in layer._sublayers():
        yield from held(inner, SeedGenerator)
        yield from _seed_generators(inner)


def _texts(pair: tuple[int, int]) -> list[str]:
    return [str(number) for number in pair]


def _numbers(pair: Any) -> tuple[int, int]:
    first, second = pair
    return int(first), int(second)
