"""What layers over sequences share, whatever their cell: the call, its checks, masks and states that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ranvier._core import Tensor
from ranvier._symbolic import flatten
from ranvier._tensor import convert_to_tensor
from ranvier.layers._recurrent_steps import Step, run_steps
from ranvier.layers.keyword import KeywordLayer

Shape = tuple[int | None, ...]

TIME_ARGUMENTS = (
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "zero_output_for_mask",
)


class OverTime(KeywordLayer):
    """A layer that runs over the time steps of ``(batch, time, ...)``.

    A subclass says what its states look like (`_state_shapes`) and what one step does in Python (`_prepared`).
    """

    _call_tensors = ("sequences", "initial_state", "mask")
    _sample_rank: ClassVar[int] = 1  # axes of one time step of one sequence
    _step_axes: ClassVar[str] = "features"

    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    unroll: bool
    zero_output_for_mask: bool

    def _take_time(
        self,
        return_sequences: bool,
        return_state: bool,
        go_backwards: bool,
        stateful: bool,
        unroll: bool,
        zero_output_for_mask: bool,
    ) -> None:
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.unroll = bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self._kept: list[Tensor] | None = None  # the states of a stateful layer that runs in Python

    # -- what a subclass defines -------------------------------------------------------------------------------------

    def _state_shapes(self, sequences: Shape) -> list[Shape]:
        """Shapes of the states, in order, for sequences of this shape."""
        raise NotImplementedError(f"{type(self).__name__} must define _state_shapes.")

    def _output_shape(self, sequences: Shape) -> Shape:
        """Shape of the output of one time step."""
        return self._state_shapes(sequences)[0]

    def _pack_states(self, states: list[Any]) -> list[Any]:
        """The states as users see them, from a flat list."""
        return states

    def _prepared(self, sequences: Tensor, training: bool) -> tuple[Tensor, Step]:
        """What the loop goes over, and a step on it: from a slice and flat states to an output and flat states."""
        raise NotImplementedError(f"{type(self).__name__} must define _prepared.")

    # -- calling -----------------------------------------------------------------------------------------------------

    def _named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        named = super()._named(args, kwargs)
        sequences = named["sequences"]
        if hasattr(sequences, "shape"):  # here, for building would speak of another batch size
            self._check_sequences(tuple(sequences.shape))
        given = named.get("initial_state")
        if given is not None:  # one of its own, or any structure of them
            leaves = flatten(given) if any(hasattr(leaf, "shape") for leaf in flatten(given)) else [given]
            named["initial_state"] = [leaf if hasattr(leaf, "shape") else convert_to_tensor(leaf) for leaf in leaves]
        return named

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:  # type: ignore[override]
        """Runs over the sequences.

        Args:
            sequences: ``(batch, time, ...)``.
            initial_state: the states to begin with, a list of them; default zeros.
            mask: bools ``(batch, time)``: steps where it is False change nothing. Default: the mask that `sequences`
                carries, if any.
            training: whether dropout acts.

        Returns:
            The last output, or all of them ``(batch, time, ...)`` with `return_sequences`; with `return_state` a list
            of it and the states.
        """
        states = None if initial_state is None else flatten(initial_state)
        self._check_call(sequences, states, mask)
        if self._runs_python:
            output, *new = self._run_loop(sequences, states, mask, training)
        else:
            named = {"sequences": sequences, "initial_state": states, "mask": mask}
            made = self._run_engine(named, training)
            output, *new = made if isinstance(made, list) else [made]
        return [output, *self._pack_states(new)] if self.return_state else output

    def _check_sequences(self, shape: Shape) -> None:
        rank = self._sample_rank + 2
        if len(shape) != rank:
            hint = "; use return_sequences=True in the layer before" if rank == 3 and len(shape) == 2 else ""
            raise ValueError(
                f"[{self.name}] expected (batch, time, {self._step_axes}), received x with shape {shape}{hint}."
            )
        if shape[1] == 0:
            raise ValueError(f"[{self.name}] expected at least one time step, received x with shape {shape}.")

    def _check_call(self, sequences: Any, states: list[Any] | None, mask: Any) -> None:
        shape = tuple(sequences.shape)
        self._check_sequences(shape)
        if mask is not None and tuple(mask.shape) != shape[:2]:
            raise ValueError(
                f"[{self.name}] mask: expected shape {shape[:2]} (batch, time), received {tuple(mask.shape)}."
            )
        if states is not None:
            wanted = self._state_shapes(shape)
            received = [tuple(state.shape) for state in states]
            if received != wanted:
                raise ValueError(
                    f"[{self.name}] initial_state: expected {len(wanted)} of shape {', '.join(map(str, wanted))}, "
                    f"received {len(received)} of shape {', '.join(map(str, received))}."
                )

    def _run_loop(
        self, sequences: Tensor, states: list[Tensor] | None, mask: Tensor | None, training: bool
    ) -> list[Tensor]:
        mask = sequences._keras_mask if mask is None else mask
        begin = self._begin(tuple(sequences.shape)) if states is None else states
        steps, step = self._prepared(sequences, training)
        output, new = run_steps(
            step, steps, begin, mask, self.go_backwards, self.zero_output_for_mask, self.return_sequences
        )
        if self.return_sequences and mask is not None:
            output._keras_mask = mask
        if self.stateful:
            self._kept = [state.detach() for state in new]
        return [output, *new]

    def _begin(self, shape: Shape) -> list[Tensor]:
        """The states before the first step."""
        if not self.stateful or self._kept is None:
            return self._zeros(shape)
        if self._kept[0].shape[0] != shape[0]:
            raise ValueError(
                f"[{self.name}] is stateful and keeps the states of {self._kept[0].shape[0]} sequences, received "
                f"{shape[0]}; call reset_state() before another batch size, or give every batch the same size."
            )
        return self._kept

    def _zeros(self, shape: Shape) -> list[Tensor]:
        from ranvier import ops

        return [ops.zeros(wanted, self.dtype) for wanted in self._state_shapes(shape)]

    # -- states ------------------------------------------------------------------------------------------------------

    @property
    def states(self) -> Any:
        """The states that a stateful layer goes on from, copies; None when there are none (yet)."""
        if not self.stateful:
            return None
        if self._runs_python:
            return None if self._kept is None else self._pack_states(list(self._kept))
        return None if self._native_layer is None else self._native_layer.states or None

    def reset_state(self, states: Any = None) -> None:
        """Lets a stateful layer begin with zeros again, or with `states` (a list of arrays, one a state)."""
        if not self.stateful:
            return
        flat = None if states is None else [convert_to_tensor(state, self.dtype) for state in flatten(states)]
        if self._runs_python:
            self._kept = flat
        elif self._native_layer is not None:
            self._native_layer.states = flat or []

    reset_states = reset_state

    # -- shapes ------------------------------------------------------------------------------------------------------

    def _output_shapes(self, arguments: tuple[str, ...], shapes: list[Shape], options: Mapping[str, Any]) -> Any:
        sequences = tuple(shapes[0])
        step = self._output_shape(sequences)
        output = (sequences[0], sequences[1], *step[1:]) if self.return_sequences else step
        return [output, *self._pack_states(self._state_shapes(sequences))] if self.return_state else output

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        named = self._call_of(args, kwargs)
        states = named.get("initial_state")
        self._check_call(named["sequences"], None if states is None else flatten(states), named.get("mask"))
        return super()._symbolic_outputs(args, kwargs)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the outputs: that of the inputs where all outputs are returned; states have none."""
        mask = previous_mask[0] if isinstance(previous_mask, list | tuple) else previous_mask
        output = mask if self.return_sequences else None
        if not self.return_state:
            return output
        return [output, *[None] * len(flatten(self._state_shapes(tuple(inputs.shape))))]
