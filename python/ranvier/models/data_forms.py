"""What goes into a model of one's own and comes out of it: single tensors, lists or dicts, told by the first data."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from ranvier import _core
from ranvier._symbolic import flatten, map_structure, pack_like
from ranvier._tensor import no_grad
from ranvier.utils.arrays import holds_arrays

Shape = tuple[int | None, ...]


class DataFormsMixin:
    """Names, shapes and forms of inputs and outputs. Sequential and functional models know theirs beforehand."""

    _takes_any_form: ClassVar[bool] = True
    _build_shape: Any
    built: bool
    name: str
    dtype: str
    compute_output_shape: Callable[[Any], Any]
    _trial_run: Callable[[Any], Any]
    _known_outputs: dict[Any, tuple[Any, list[Shape]]]

    # -- inputs ------------------------------------------------------------------------------------------------------

    @property
    def _input_names(self) -> list[str]:
        """Keys of a dict of inputs, numbers of several, else one word."""
        shape = self._build_shape
        if isinstance(shape, Mapping):
            return [str(key) for key in shape]
        return [f"input_{i}" for i in range(len(shape))] if _several(shape) else ["input"]

    def _names_for(self, x: Any, y: Any = None) -> list[str]:
        """The names of the inputs; those of the first data where nothing else tells them.

        Args:
            x: inputs in any form.
            y: targets, which tell a list of inputs from a list of rows.
        """
        if self._takes_any_form and not self.built:
            if isinstance(x, Mapping):
                return [str(key) for key in x]
            if isinstance(x, list | tuple) and holds_arrays(x, _rows_of(y)):
                return [f"input_{i}" for i in range(len(x))]
        return self._input_names

    def _input_shapes(self) -> list[Any]:
        """Shapes of the inputs with None for the rows; None where they are not known."""
        shape = self._build_shape
        if self._takes_any_form and (isinstance(shape, Mapping) or _several(shape)):
            leaves = list(shape.values()) if isinstance(shape, Mapping) else shape
            return [(None, *leaf[1:]) for leaf in leaves]
        return [self._input_shape_or_none()]

    def _input_shape_or_none(self) -> Shape | None:
        """The shape of the only input."""
        shape = self._build_shape
        return (None, *shape[1:]) if isinstance(shape, tuple) else None

    def _saved_shape(self) -> Any:
        """The shapes that `build` was given, as JSON has them; `build_shape` is the inverse."""
        shape: Any = self._build_shape if self._takes_any_form else self._input_shape_or_none()
        if isinstance(shape, Mapping):
            return {str(key): list(leaf) for key, leaf in shape.items()}
        return [list(leaf) for leaf in shape] if _several(shape) else None if shape is None else list(shape)

    def _pack_inputs(self, values: Any) -> Any:
        """What `call` wants of the engine's list of inputs."""
        if isinstance(self._build_shape, Mapping):
            given = values if isinstance(values, list | tuple) else [values]
            return dict(zip(self._build_shape, given, strict=True))
        return values

    # -- outputs -----------------------------------------------------------------------------------------------------

    @property
    def _outputs_known(self) -> bool:
        """Whether the number and names of the outputs are known."""
        return self.built or not self._takes_any_form

    def _outputs_for(self, shapes: Sequence[Shape | None]) -> tuple[Any, list[Shape]]:
        """Form (with None in the places of tensors) and shapes of the outputs for inputs of these shapes."""
        from ranvier.layers.base import Layer

        key = tuple(None if shape is None else tuple(shape[1:]) for shape in shapes)
        found = self._known_outputs.get(key)
        if found is None:
            given = [(None, *rest) for rest in key if rest is not None]
            packed = self._pack_inputs(given if len(given) > 1 else given[0])
            if getattr(type(self), "compute_output_shape") is not Layer.compute_output_shape:  # noqa: B009  a mixin
                announced = self.compute_output_shape(packed)
                if _is_shape(announced):
                    found = (None, [tuple(announced)])
            if found is None:
                with no_grad():
                    y = self._trial_run(packed)
                leaves = flatten(y)
                known = [(None, *leaf.shape[1:]) if leaf.ndim else () for leaf in leaves]
                found = (map_structure(lambda _: None, y), known)
            self._known_outputs[key] = found
        return found

    def _output_shapes(self) -> list[Shape]:
        """Shapes of the outputs with None for the rows; none before the model is built."""
        shapes = self._input_shapes()
        return self._outputs_for(shapes)[1] if self.built and None not in shapes else []

    def _output_shape_or_none(self) -> Shape | None:
        """The shape of the only output."""
        shapes = self._output_shapes()
        return shapes[0] if len(shapes) == 1 else None

    def _pack_outputs(self, values: list[Any]) -> Any:
        """A flat list of outputs in the form in which `call` returns them."""
        shapes = self._input_shapes()
        if not self._takes_any_form or not self.built or None in shapes:
            return values[0] if len(values) == 1 else values
        form = self._outputs_for(shapes)[0]
        return pack_like(form, values)


def model_layer(model: Any) -> _core.Layer:
    """The engine's wrapper around `model.call`: flat lists outside, the model's own forms inside."""
    refer = weakref.ref(model)

    def alive() -> Any:
        target = refer()
        if target is None:
            raise RuntimeError("the model behind this engine layer is gone; keep it")
        return target

    def call(x: Any, training: bool) -> Any:
        target = alive()
        outputs = flatten(target(target._pack_inputs(x), training=training))
        return outputs[0] if len(outputs) == 1 else outputs

    def output_shape(shape: Any) -> Any:
        shapes = list(shape) if _several(shape) else [shape]
        rows = shapes[0][0]
        found = [(rows, *known[1:]) if known else () for known in alive()._outputs_for(shapes)[1]]
        return found[0] if len(found) == 1 else found

    return _core.PythonLayer(
        model.name, call, output_shape, lambda: alive().weights, model.dtype, lambda: alive()._python_losses()
    )


def build_shape(saved: Any) -> Any:
    """The argument of `build` in a file: a shape, or a list or dict of shapes."""
    if isinstance(saved, Mapping):
        return {key: tuple(leaf) for key, leaf in saved.items()}
    return [tuple(leaf) for leaf in saved] if _several(saved) else tuple(saved)


def _is_shape(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(size is None or isinstance(size, int) for size in value)


def _several(shape: Any) -> bool:
    return isinstance(shape, list | tuple) and len(shape) > 0 and all(isinstance(item, list | tuple) for item in shape)


def _rows_of(y: Any) -> int | None:
    """The rows of targets; a list of arrays counts as targets of several outputs."""
    arrays = isinstance(y, list | tuple) and len(y) > 0 and all(len(getattr(item, "shape", ())) > 0 for item in y)
    first = flatten(y)[0] if isinstance(y, Mapping) else y[0] if arrays else y
    return len(first) if hasattr(first, "__len__") else None
