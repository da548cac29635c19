"""RNN: any cell, built-in or of one's own, over the time steps of sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier import _core
from ranvier._core import Tensor
from ranvier._symbolic import flatten, pack_like
from ranvier.layers._over_time import TIME_ARGUMENTS, OverTime
from ranvier.layers._recurrent_steps import Step
from ranvier.layers._sharing import layer_of, record_of
from ranvier.layers._wrapping import WrappingLayer
from ranvier.layers.base import Layer, registry
from ranvier.layers.recurrent_cells import Cell
from ranvier.layers.recurrent_stacks import (
    StackedRNNCells,
    build_cell,
    checked_cell,
    initial_state_of,
    output_size_of,
    reset_dropout,
    run_cell,
)

Shape = tuple[int | None, ...]


@registry.register()
class RNN(OverTime, WrappingLayer):
    """Runs a cell over the time steps of ``(batch, time, ...)``.

    A cell of one's own is an object with ``call(inputs, states)`` returning ``(output, states)``, where inputs are one
    time step ``(batch, ...)`` and states a list, and with ``state_size``, an int or a list of them; ``output_size``,
    ``get_initial_state(batch_size)`` and, if it is a Layer, ``build`` are optional. Built-in cells, also stacked, run
    in the engine.

    Args:
        cell: the cell, or a list of cells for `StackedRNNCells`.
        return_sequences: whether the outputs of all time steps are returned. Default False.
        return_state: whether the states are returned as well: ``[output, state, ...]``. Default False.
        go_backwards: from the last time step to the first; outputs are in that order. Default False.
        stateful: whether each batch goes on from the states of the one before, row by row. Default False.
        unroll: accepted for Keras's sake; the result is the same.
        zero_output_for_mask: whether outputs of masked steps are 0 instead of the ones before. Default False.
        **kwargs: name, dtype, trainable, activity_regularizer.

    Call arguments: ``layer(sequences, initial_state=None, mask=None, training=False)``.

    Raises:
        ValueError: something that is no cell; sequences of another rank or of length 0, states or a mask of another
            shape.

    Example:
        ```python
        layer = RNN([LSTMCell(64), LSTMCell(32)], return_sequences=True)
        ```
    """

    _arguments = TIME_ARGUMENTS
    _step_axes = "..."

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cell = checked_cell(cell, self.name, self.dtype)
        self._take_time(return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask)

    @property
    def state_size(self) -> list[Any]:
        """Sizes of the cell's states, a list."""
        size = self.cell.state_size
        return list(size) if isinstance(size, list | tuple) else [size]

    def _inner(self) -> list[Layer]:
        return [self.cell] if isinstance(self.cell, Layer) else []

    @property
    def _runs_python(self) -> bool:
        return super(WrappingLayer, self)._runs_python or not _in_engine(self.cell)

    def _handles(self) -> list[_core.Layer]:
        return [_engine_cell(self.cell)]

    def build(self, input_shape: Any) -> None:
        """Builds the cell for sequences of this shape ``(batch, time, ...)``."""
        shapes = input_shape if isinstance(input_shape, Mapping) else {"sequences": input_shape}
        shape = tuple(shapes["sequences"])
        if len(shape) < 2:
            raise ValueError(f"[{self.name}] expected (batch, time, ...), received x with shape {shape}.")
        build_cell(self.cell, (shape[0], *shape[2:]))
        self._build_native(shape)

    # -- over time ---------------------------------------------------------------------------------------------------

    def _check_sequences(self, shape: Shape) -> None:
        self._sample_rank = max(len(shape) - 2, 0) if self._runs_python else 1  # type: ignore[misc]
        self._step_axes = "..." if self._runs_python else "features"  # type: ignore[misc]
        super()._check_sequences(shape)

    def _structure(self) -> list[Any]:
        """The sizes of the states in the form in which the cell takes them."""
        if isinstance(self.cell, StackedRNNCells):
            return [list(size) if isinstance(size, list | tuple) else [size] for size in self.cell.state_size]
        return self.state_size

    def _state_shapes(self, sequences: Shape) -> list[Shape]:
        return [(sequences[0], size) for size in flatten(self._structure())]

    def _output_shape(self, sequences: Shape) -> Shape:
        size = output_size_of(self.cell)
        return (sequences[0], *(size if isinstance(size, list | tuple) else [size]))

    def _pack_states(self, states: list[Any]) -> list[Any]:
        packed: list[Any] = pack_like(self._structure(), states)
        return packed

    def _zeros(self, shape: Shape) -> list[Tensor]:
        return flatten(initial_state_of(self.cell, shape[0], self.dtype))

    def _prepared(self, sequences: Tensor, training: bool) -> tuple[Tensor, Step]:
        reset_dropout(self.cell)

        def step(x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
            output, new = run_cell(self.cell, x, self._pack_states(states), training)
            return output, flatten(new)

        return sequences, step

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """The states that the cell begins with."""
        return self._pack_states(self._zeros((batch_size,)))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, with the cell serialized."""
        return {**super().get_config(), "cell": record_of(self.cell)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A new layer from what `get_config` returned, Keras's or ours."""
        rest = {key: value for key, value in config.items() if key != "cell"}
        return super().from_config({**rest, "cell": layer_of(config["cell"], custom_objects)})


def _in_engine(cell: Any) -> bool:
    if type(cell) is StackedRNNCells:
        return all(_in_engine(inner) for inner in cell.cells)
    return isinstance(cell, Cell) and cell._in_engine


def _engine_cell(cell: Any) -> _core.Layer:
    if isinstance(cell, StackedRNNCells):
        config = {"name": cell.name, "dtype": cell.dtype, "trainable": cell.trainable}
        return _core.wrap("StackedRNNCells", config, [_engine_cell(inner) for inner in cell.cells])
    handle: _core.Layer = cell._native()
    return handle
