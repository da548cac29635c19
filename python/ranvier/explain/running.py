"""Running a model in inference mode while watching some of its layers, also inside of models inside.

A model usually runs as one piece in the engine, where nobody sees the values between its layers. Here those parts that
hold a watched layer are run layer by layer instead; the tape is the same, so gradients reach across.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ranvier import _core, activations, ops
from ranvier._core import Tensor
from ranvier.layers.base import Layer

_SQUASHING = ("softmax", "sigmoid", "log_softmax", "log_sigmoid", "hard_sigmoid")


@dataclass
class Seen:
    """What went into a layer and what came out, at its last call."""

    inputs: Any
    output: Any
    args: tuple[Any, ...] = ()  # behind the inputs
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def recording_gradients() -> Iterator[None]:
    """History is kept inside, even within the user's `no_grad()`."""
    outer = _core.set_grad_enabled(True)
    try:
        yield
    finally:
        _core.set_grad_enabled(outer)


def run(
    model: Any, x: Any, watched: Sequence[Layer] = (), replaced: Mapping[Layer, Any] | None = None
) -> tuple[Any, dict[Layer, Seen]]:
    """The output of `model` for `x`, and what the `watched` layers saw (those that were called).

    The layers in `replaced` give the values there instead of their own.
    """
    runner = _Runner(watched, replaced or {})
    with runner.hooks(model):
        output = runner.call(model, x)
    return output, {layer: runner.seen[id(layer)] for layer in watched if id(layer) in runner.seen}


class _Runner:
    def __init__(self, watched: Sequence[Layer], replaced: Mapping[Layer, Any]) -> None:
        self.replaced = {id(layer): value for layer, value in replaced.items()}
        self.watched = {id(layer) for layer in [*watched, *replaced]}
        self.seen: dict[int, Seen] = {}

    def call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """`layer(...)`, part by part where a watched layer is inside."""
        if id(layer) in self.replaced:
            output = self.replaced[id(layer)]
        elif self._holds(layer) and is_stack(layer):
            (output,) = args
            for part in layer.layers:
                output = self.call(part, output)
        elif self._holds(layer) and is_graph(layer):
            output = self._run_graph(layer, args[0])
        else:
            output = layer(*args, **{"training": False, **kwargs})
        self._note(layer, args, kwargs, output)
        return output

    def _note(self, layer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        if id(layer) in self.watched:
            inputs = args[0] if args else next(iter(kwargs.values()))
            rest = kwargs if args else dict(list(kwargs.items())[1:])
            self.seen[id(layer)] = Seen(inputs, output, args[1:], rest)

    def _holds(self, layer: Any) -> bool:
        return any(id(inner) in self.watched for inner in every_layer(layer))

    def _run_graph(self, model: Any, inputs: Any) -> Any:
        def call(node: Any, args: Any, kwargs: Any) -> Any:
            return self.call(node.operation, *args, **kwargs)

        return model._pack_outputs(model._graph.run(model._flatten_inputs(inputs), call))

    @contextlib.contextmanager
    def hooks(self, model: Any) -> Iterator[None]:
        """Inside, layers that are called by a user's `call` method report what they saw too."""
        whole: dict[Any, Any] = {}  # models inside -> what they call their engine with
        reporting: dict[Any, None] = {}
        for owner in [model, *every_layer(model)]:
            if is_stack(owner) or is_graph(owner):
                continue
            for layer in owner._sublayers():
                if (is_stack(layer) or is_graph(layer)) and layer.built and self._holds(layer):
                    whole[layer] = layer._run
                elif id(layer) in self.watched and "call" not in vars(layer):
                    reporting[layer] = None
        try:
            for layer in whole:
                layer._run = None  # then they take the long way, which is ours
                layer._call_slowly = lambda x, training, layer=layer: self.call(layer, x)
            for layer in reporting:
                object.__setattr__(layer, "call", self._reporting(layer))
            yield
        finally:
            for layer, engine in whole.items():
                layer._run = engine
                vars(layer).pop("_call_slowly", None)
            for layer in reporting:
                vars(layer).pop("call", None)

    def _reporting(self, layer: Any) -> Callable[..., Any]:
        plain = type(layer).call

        def call(*args: Any, **kwargs: Any) -> Any:
            replaced = id(layer) in self.replaced
            output = self.replaced[id(layer)] if replaced else plain(layer, *args, **kwargs)
            self._note(layer, args, kwargs, output)
            return output

        return call


# -- the parts of a model ----------------------------------------------------------------------------------------------


def is_stack(layer: Any) -> bool:
    """Whether it is a Sequential, or a subclass that calls it the same way."""
    from ranvier.models.sequential import Sequential

    return isinstance(layer, Sequential) and type(layer).call is Sequential.call


def is_graph(layer: Any) -> bool:
    """Whether it is a model made of symbolic tensors."""
    return getattr(layer, "_graph", None) is not None and not layer._calls_own


def every_layer(model: Any) -> list[Layer]:
    """The layers of a model and those inside of them, each once, in order."""
    found: dict[int, Layer] = {}
    for layer in model.layers if hasattr(model, "layers") else model._sublayers():
        for inner in [layer, *every_layer(layer)]:
            found.setdefault(id(inner), inner)
    return list(found.values())


def find_layer(model: Any, layer: Any, where: str) -> Layer:
    """A layer by name, by index in `model.layers`, or itself.

    Raises:
        ValueError: there is none; the message lists the names.
    """
    everywhere = every_layer(model)
    if isinstance(layer, Layer):
        matches = [inner for inner in everywhere if inner is layer]
    elif isinstance(layer, int) and not isinstance(layer, bool):
        matches = [model.layers[layer]] if -len(model.layers) <= layer < len(model.layers) else []
    else:
        matches = [inner for inner in everywhere if inner.name == layer]
    if not matches:
        received = layer.name if isinstance(layer, Layer) else layer
        raise ValueError(
            f"[{where}] layer: expected one of {', '.join(inner.name for inner in everywhere)}, received {received!r}."
        )
    return matches[0]


def watch_layer(model: Any, x: Any, layer: Layer, where: str) -> Seen:
    """What `layer` sees when `model` runs on `x`.

    Raises:
        ValueError: the model does not call it, or returns several tensors from it.
    """
    return seen_at(run(model, x, [layer])[1], model, layer, where)


def seen_at(seen: dict[Layer, Seen], model: Any, layer: Layer, where: str) -> Seen:
    """The entry of `layer`; ValueError when it was not called, or gave something else than one tensor."""
    if layer not in seen:
        raise ValueError(
            f"[{where}] layer: expected a layer that {model.name!r} calls on its input, received {layer.name!r}, which "
            "was not called (or inside of a layer written in Python that is not a model)."
        )
    if not isinstance(seen[layer].output, Tensor):
        raise ValueError(f"[{where}] layer: expected one with a single output, received {layer.name!r}.")
    return seen[layer]


# -- before the last activation ----------------------------------------------------------------------------------------


def last_layer(model: Any, row: Any) -> Layer | None:
    """The innermost layer whose output is the model's output; `row` is something to try it on."""
    parts = [layer for layer in every_layer(model) if not layer._sublayers()]
    output, seen = run(model, row, parts)
    return next((layer for layer in parts if layer in seen and seen[layer].output is output), None)


def squashing_layer(model: Any, row: Any) -> Layer | None:
    """The last layer when it ends in softmax or sigmoid."""
    layer = last_layer(model, row)
    if layer is None:
        return None
    if type(layer).__name__ == "Softmax":
        return layer
    activation = getattr(layer, "activation", None)
    return layer if any(activation is getattr(activations, name) for name in _SQUASHING) else None


class BeforeActivation:
    """What a layer computes before its activation; of a layer that is nothing else, what enters it."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self._twin: Any = None

    def __call__(self, inputs: Tensor) -> Tensor:
        """The values for `inputs` of the layer."""
        if not self.layer.weights:
            return inputs
        if self._twin is None:
            self._twin = self._make(inputs.shape)
        return ops.convert_to_tensor(self._twin(inputs, training=False))

    def _make(self, shape: Any) -> Any:
        """The same layer without activation; no initializer runs, so no random number is taken."""
        settings = {k: "zeros" if k.endswith("_initializer") else v for k, v in self.layer.get_config().items()}
        twin = type(self.layer).from_config({**settings, "activation": None})
        twin.build((None, *shape[1:]))
        for copy, original in zip(twin.weights, self.layer.weights, strict=True):
            copy.assign(original.value)
            copy.trainable = False
        return twin
