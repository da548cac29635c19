"""TimeDistributed: one layer at every time step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier import ops
from ranvier.layers._sharing import layer_of, record_of
from ranvier.layers._wrapping import WrappingLayer, checked_layer
from ranvier.layers.base import Layer, registry

Shape = tuple[int | None, ...]


@registry.register()
class TimeDistributed(WrappingLayer):
    """Applies a layer to every time step of ``(batch, time, ...)``, with the same weights.

    Built-in layers see all steps as one batch of ``batch * time`` samples, except batch normalization in training,
    which takes its statistics from one step after the other; layers of one's own are called step by step. A mask goes
    on to the output; one of more axes ``(batch, time, steps)`` to the layer inside.

    Args:
        layer: a layer or model that takes ``(batch, ...)``.
        **kwargs: name, dtype, trainable, activity_regularizer.

    Call arguments: ``layer(inputs, mask=None, training=False)``.

    Raises:
        ValueError: something that is no layer, inputs without a time axis, a mask that does not fit.
    """

    _call_tensors = ("inputs", "mask")
    supports_masking = True

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = checked_layer(layer, self.name)

    def _inner(self) -> list[Layer]:
        return [self.layer]

    def _step_shape(self, shape: Any) -> Shape:
        if len(shape) < 3:
            raise ValueError(
                f"[{self.name}] expected (batch, time, ...) of at least 3 axes, received x with shape {tuple(shape)}."
            )
        return (shape[0], *shape[2:])

    def build(self, input_shape: Any) -> None:
        """Builds the layer for single time steps of inputs ``(batch, time, ...)``."""
        shapes = input_shape if isinstance(input_shape, Mapping) else {"inputs": input_shape}
        shape = tuple(shapes["inputs"])
        self.layer._build_if_needed(self._step_shape(shape))
        self._build_native(shape)

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:  # type: ignore[override]
        """The layer's outputs for all time steps: ``(batch, time, ...)``.

        Args:
            inputs: ``(batch, time, ...)``.
            mask: bools ``(batch, time)`` or of further axes, by default what `inputs` carry.
            training: passed to the layer.
        """
        shape = tuple(inputs.shape)
        self._step_shape(shape)
        if shape[1] == 0:
            raise ValueError(f"[{self.name}] expected at least one time step, received x with shape {shape}.")
        if mask is not None and (len(mask.shape) < 2 or tuple(mask.shape) != shape[: len(mask.shape)]):
            raise ValueError(
                f"[{self.name}] mask: expected shape {shape[:2]} (batch, time), received {tuple(mask.shape)}."
            )
        if not self._runs_python:
            return self._run_engine({"inputs": inputs, "mask": mask}, training)
        mask = inputs._keras_mask if mask is None else mask
        outputs = []
        for t in range(shape[1]):
            x = inputs[:, t]
            if mask is not None and mask.ndim > 2:
                x._keras_mask = mask[:, t]
            outputs.append(self.layer(x, training=training))
        y = ops.stack(outputs, axis=1)
        if mask is not None and tuple(mask.shape) == tuple(y.shape)[: mask.ndim]:
            y._keras_mask = mask
        return y

    def _output_shapes(self, arguments: tuple[str, ...], shapes: list[Shape], options: Mapping[str, Any]) -> Any:
        shape = tuple(shapes[0])
        made = tuple(self.layer.compute_output_shape(self._step_shape(shape)))
        return (made[0], shape[1], *made[1:])

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, with the layer serialized."""
        return {**super().get_config(), "layer": record_of(self.layer)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A new layer from what `get_config` returned, Keras's or ours."""
        return super().from_config({**config, "layer": layer_of(config["layer"], custom_objects)})
