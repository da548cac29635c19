"""Cells on top of each other, and what makes an object a cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier import ops
from ranvier._symbolic import flatten
from ranvier.layers._sharing import layer_of, record_of
from ranvier.layers.base import Layer, registry


@registry.register()
class StackedRNNCells(Layer):
    """Cells on top of each other as one cell: the output of each is the input of the next.

    ``output, states = cells(x, states)`` with one entry of `states` a cell, in the form of that cell. `RNN` makes one
    of a list of cells.

    Args:
        cells: list of cells, built-in or of one's own.
        **kwargs: name, dtype, trainable.

    Raises:
        ValueError: no cells, or something that is none: a cell has ``call(inputs, states)`` and ``state_size``.
    """

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(cells, list | tuple) or not cells:
            raise ValueError(f"[{self.name}] cells: expected a list of cells, received {cells!r:.200}.")
        self.cells = [checked_cell(cell, self.name, self.dtype) for cell in cells]

    @property
    def state_size(self) -> list[Any]:
        """Those of the cells."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """That of the last cell."""
        return output_size_of(self.cells[-1])

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The states that the cells begin with, one entry a cell."""
        return [initial_state_of(cell, batch_size, self.dtype) for cell in self.cells]

    def build(self, input_shape: Any) -> None:
        """Builds the cells for inputs ``(batch, features)``."""
        shape = tuple(input_shape)
        for cell in self.cells:
            build_cell(cell, shape)
            size = output_size_of(cell)
            shape = (shape[0], *(size if isinstance(size, list | tuple) else [size]))

    def call(self, inputs: Any, states: Any = None, training: bool = False) -> Any:
        """One time step of all cells; returns ``(output, states)``."""
        states = self.get_initial_state(inputs.shape[0]) if states is None else states
        if len(states) != len(self.cells):
            raise ValueError(f"[{self.name}] states: expected {len(self.cells)}, one a cell, received {len(states)}.")
        new_states = []
        for cell, given in zip(self.cells, states, strict=True):
            inputs, new = run_cell(cell, inputs, given, training)
            new_states.append(new)
        return inputs, new_states

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, with the cells serialized."""
        return {**super().get_config(), "cells": [record_of(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A new layer from what `get_config` returned, Keras's or ours."""
        return cls(**{**config, "cells": [layer_of(record, custom_objects) for record in config["cells"]]})


# -- what makes an object a cell ---------------------------------------------------------------------------------------


def checked_cell(cell: Any, where: str, dtype: str) -> Any:
    """`cell`, if it follows the protocol of cells; a list becomes one of this dtype."""
    if isinstance(cell, list | tuple):
        return StackedRNNCells(cell, dtype=dtype)
    if isinstance(cell, type) or not callable(getattr(cell, "call", None)) or not hasattr(cell, "state_size"):
        raise ValueError(
            f"[{where}] cell: expected an object with call(inputs, states) and state_size, such as LSTMCell(32), "
            f"received {cell!r:.200}."
        )
    sizes = flatten(cell.state_size)
    if not sizes or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes):
        raise ValueError(
            f"[{where}] cell: expected state_size to be an int or a list of them, received {cell.state_size!r:.200}."
        )
    return cell


def build_cell(cell: Any, shape: tuple[int | None, ...]) -> None:
    """Makes the weights of a cell for inputs of this shape; what is no layer looks after itself."""
    if isinstance(cell, Layer):
        cell._build_if_needed(shape, before_call=True)


def run_cell(cell: Any, inputs: Any, states: Any, training: bool) -> tuple[Any, Any]:
    """One step of a cell; states come back in the form in which they were given."""
    if isinstance(cell, Layer):
        output, new = cell(inputs, states, training=training)
    else:
        output, new = (cell if callable(cell) else cell.call)(inputs, states)
    if isinstance(states, list | tuple) and not isinstance(new, list | tuple):
        new = [new]
    return output, new


def output_size_of(cell: Any) -> Any:
    """Size of a cell's output: `output_size`, or that of its first state."""
    size = getattr(cell, "output_size", None)
    if size is not None:
        return size
    return cell.state_size[0] if isinstance(cell.state_size, list | tuple) else cell.state_size


def initial_state_of(cell: Any, batch_size: Any, dtype: str) -> Any:
    """What a cell begins with: its get_initial_state(batch_size), or zeros."""
    if hasattr(cell, "get_initial_state"):
        return cell.get_initial_state(batch_size=batch_size)
    sizes = cell.state_size
    if isinstance(sizes, list | tuple):
        return [ops.zeros((batch_size, size), dtype) for size in sizes]
    return ops.zeros((batch_size, sizes), dtype)


def reset_dropout(cell: Any) -> None:
    """Lets a cell, and cells inside of it, draw dropout anew for the next sequences."""
    for inner in getattr(cell, "cells", []):
        reset_dropout(inner)
    for name in ("reset_dropout_mask", "reset_recurrent_dropout_mask"):
        if hasattr(cell, name):
            getattr(cell, name)()
