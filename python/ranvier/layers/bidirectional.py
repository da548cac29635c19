"""Bidirectional: one recurrent layer forwards and one backwards over the same sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier import ops
from ranvier._symbolic import flatten
from ranvier.layers._sharing import layer_of, record_of
from ranvier.layers._wrapping import WrappingLayer, checked_layer
from ranvier.layers.base import Layer, registry

Shape = tuple[int | None, ...]

_MODES = ("sum", "mul", "concat", "ave", None)
_ALIKE = ("stateful", "return_sequences", "return_state")


@registry.register()
class Bidirectional(WrappingLayer):
    """Two recurrent layers (Schuster & Paliwal 1997): one reads ``(batch, time, features)`` forwards, one backwards.

    The outputs of the second are put in the order of the first, then both are merged; at masked steps they are 0.
    Weights are those of the forward layer, then those of the backward one.

    Args:
        layer: a recurrent layer such as ``LSTM(32)``. Its arguments make the forward layer ``"forward_<name>"`` and,
            with the other `go_backwards`, the backward layer ``"backward_<name>"``.
        merge_mode: ``"concat"`` (default: behind each other on the last axis), ``"sum"``, ``"mul"``, ``"ave"`` or None
            for a list of both.
        weights: values to begin with, a list of arrays.
        backward_layer: another layer to read backwards; with ``go_backwards=True``, else like `layer`.
        **kwargs: name, dtype, trainable, activity_regularizer.

    Call arguments: ``layer(sequences, initial_state=None, mask=None, training=False)``; the first half of
    `initial_state` is for the forward layer. With `return_state` a list comes back: the merged output (two with
    merge_mode None), the states of the forward layer, those of the backward layer.

    Raises:
        ValueError: something that is no recurrent layer, an unknown merge_mode, layers that do not go together.
    """

    _call_tensors = ("sequences", "initial_state", "mask")
    _arguments = ("merge_mode",)

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        layer = _recurrent(layer, self.name, "layer")
        if merge_mode not in _MODES:
            raise ValueError(
                f"[{self.name}] merge_mode: expected one of {', '.join(map(repr, _MODES))}, "
                f"received {merge_mode!r:.200}."
            )
        self.merge_mode = merge_mode
        self.forward_layer = _again(layer, "forward_")
        if backward_layer is None:
            self.backward_layer = _again(layer, "backward_", go_backwards=not layer.go_backwards)
        else:
            self.backward_layer = _recurrent(backward_layer, self.name, "backward_layer")
        self._check_pair()
        for one in (self.forward_layer, self.backward_layer):
            if hasattr(one, "zero_output_for_mask") and not one.built:
                one.zero_output_for_mask = one.return_sequences
        self._first_weights = None if weights is None else list(weights)

    def _check_pair(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                f"[{self.name}] expected layer and backward_layer to differ in go_backwards, received "
                f"{forward.go_backwards} for both."
            )
        for name in _ALIKE:
            values = getattr(forward, name), getattr(backward, name)
            if values[0] != values[1]:
                raise ValueError(
                    f"[{self.name}] expected layer and backward_layer to have the same {name}, received {values[0]} "
                    f"and {values[1]}."
                )

    @property
    def stateful(self) -> bool:
        """Whether the layers keep their states from batch to batch."""
        return bool(self.forward_layer.stateful)

    @property
    def return_sequences(self) -> bool:
        """Whether the outputs of all time steps are returned."""
        return bool(self.forward_layer.return_sequences)

    @property
    def return_state(self) -> bool:
        """Whether the states are returned as well."""
        return bool(self.forward_layer.return_state)

    def _inner(self) -> list[Layer]:
        return [self.forward_layer, self.backward_layer]

    def build(self, input_shape: Any) -> None:
        """Builds both layers for sequences of this shape."""
        shapes = input_shape if isinstance(input_shape, Mapping) else {"sequences": input_shape}
        shape = tuple(shapes["sequences"])
        for layer in self._inner():
            layer._build_if_needed(shape, before_call=True)
        self._build_native(shape)
        if self._first_weights is not None:
            self.set_weights(self._first_weights)
            self._first_weights = None

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:  # type: ignore[override]
        """Runs both layers over the sequences and merges what they give.

        Args:
            sequences: ``(batch, time, features)``.
            initial_state: the states of the forward layer, then those of the backward layer.
            mask: bools ``(batch, time)``, by default what `sequences` carry.
            training: whether dropout acts.
        """
        states = [] if initial_state is None else flatten(initial_state)
        if len(states) % 2:
            raise ValueError(
                f"[{self.name}] initial_state: expected as many states for the backward layer as for the forward "
                f"layer, received {len(states)} in all."
            )
        if self._runs_python:
            return self._call_layers(sequences, states, mask, training)
        return self._run_engine({"sequences": sequences, "initial_state": states or None, "mask": mask}, training)

    def _call_layers(self, sequences: Any, states: list[Any], mask: Any, training: bool) -> Any:
        half = len(states) // 2
        results = []
        for layer, own in zip(self._inner(), (states[:half], states[half:]), strict=True):
            further = {"initial_state": own} if own else {}
            made = layer(sequences, **further, **({} if mask is None else {"mask": mask}), training=training)
            results.append(list(made) if isinstance(made, list | tuple) else [made])
        (forward, *forward_states), (backward, *backward_states) = results
        if self.return_sequences:
            carried = backward._keras_mask
            backward = ops.flip(backward, axis=1)
            backward._keras_mask = carried
        outputs = self._merge(forward, backward)
        if not self.return_state and len(outputs) == 1:
            return outputs[0]
        return [*outputs, *(forward_states + backward_states if self.return_state else [])]

    def _merge(self, forward: Any, backward: Any) -> list[Any]:
        if self.merge_mode is None:
            return [forward, backward]
        if self.merge_mode == "concat":
            output = ops.concatenate([forward, backward], axis=-1)
        elif self.merge_mode == "mul":
            output = ops.multiply(forward, backward)
        else:
            output = ops.add(forward, backward)
            output = ops.divide(output, 2) if self.merge_mode == "ave" else output
        output._keras_mask = forward._keras_mask
        return [output]

    # -- states ------------------------------------------------------------------------------------------------------

    @property
    def states(self) -> Any:
        """The states that stateful layers go on from, those of the forward layer first; None when there are none."""
        both = [layer.states for layer in (self.forward_layer, self.backward_layer)]
        return None if any(states is None for states in both) else [*both[0], *both[1]]

    def reset_state(self) -> None:
        """Lets stateful layers begin with zeros again."""
        if not self.stateful:
            raise AttributeError(f"[{self.name}] reset_state: expected stateful layers, for others keep nothing.")
        for layer in (self.forward_layer, self.backward_layer):
            layer.reset_state()

    reset_states = reset_state

    # -- shapes ------------------------------------------------------------------------------------------------------

    def _output_shapes(self, arguments: tuple[str, ...], shapes: list[Shape], options: Mapping[str, Any]) -> Any:
        made = [layer.compute_output_shape(tuple(shapes[0])) for layer in (self.forward_layer, self.backward_layer)]
        (forward, *forward_states), (backward, *backward_states) = (
            shape if self.return_state else [shape] for shape in made
        )
        if self.merge_mode is None:
            outputs = [forward, backward]
        elif self.merge_mode == "concat":
            outputs = [(*forward[:-1], forward[-1] + backward[-1])]
        else:
            outputs = [forward]
        if self.return_state or len(outputs) > 1:
            return [*outputs, *forward_states, *backward_states]
        return outputs[0]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the outputs: that of the inputs where all outputs are returned; states have none."""
        mask = previous_mask[0] if isinstance(previous_mask, list | tuple) else previous_mask
        output = mask if self.return_sequences else None
        outputs = [output, output] if self.merge_mode is None else [output]
        return outputs if self.return_state or len(outputs) > 1 else output

    # -- configuration -----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, with the layers serialized."""
        return {
            **super().get_config(),
            "layer": record_of(self.forward_layer),
            "backward_layer": record_of(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A new layer from what `get_config` returned, Keras's or ours."""
        made = dict(config)
        made["layer"] = layer_of(made["layer"], custom_objects)
        if made.get("backward_layer") is not None:
            made["backward_layer"] = layer_of(made["backward_layer"], custom_objects)
        return super().from_config(made)


def _recurrent(layer: Any, where: str, argument: str) -> Any:
    checked_layer(layer, where, argument)
    missing = [name for name in ("go_backwards", *_ALIKE) if not hasattr(layer, name)]
    if missing:
        raise ValueError(
            f"[{where}] {argument}: expected a recurrent layer such as LSTM(32), received a {type(layer).__name__}, "
            f"which has no {missing[0]}."
        )
    return layer


def _again(layer: Any, prefix: str, **settings: Any) -> Any:
    """A new layer of the same arguments, named after its direction."""
    config = {**layer.get_config(), **settings, "name": prefix + layer.name.removeprefix(prefix)}
    return type(layer).from_config(config)
