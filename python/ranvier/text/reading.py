"""How a model reads a growing text: on from its state, or the last part of it again for every token."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ranvier._core import Tensor
from ranvier.explain.running import every_layer

Array = np.ndarray
WHERE = "generate"


class Reader(Protocol):
    """Reads tokens; `start` with some and `next` with one more return the scores `(tokens,)` of what comes then."""

    def start(self, ids: Array) -> Array:
        """Begins with `ids`, int32 of shape `(time,)`."""

    def next(self, token: int) -> Array:
        """Goes on with one token."""


def reader_of(model: Any, limit: int | None, ids: Array) -> tuple[Reader, Array]:
    """The quickest reader that `model` allows, begun with `ids`, and the scores after them."""
    fixed = _fixed_length(model)
    most = _least(limit, fixed, *(_positions(layer) for layer in every_layer(model)))
    if model.built:
        reader: Reader = StreamReader(model.stream(), most)
        try:
            return reader, reader.start(ids)
        except ValueError:
            # A layer that cannot go on from a state, or ids it cannot read: of those the long way complains too.
            pass
    reader = WindowReader(model, most, fixed)
    return reader, reader.start(ids)


class StreamReader:
    """Reads each token once, with a stream of the model; begins anew from the last half when `limit` are read."""

    def __init__(self, stream: Any, limit: int | None) -> None:
        self.stream = stream
        self.limit = limit
        self.read: list[int] = []  # since the last beginning, where there is a limit
        self.piece = np.zeros((1, 1), np.int32)

    def start(self, ids: Array) -> Array:
        """Forgets what was read."""
        self.stream.reset()
        if self.limit is not None:
            ids = ids[-self.limit :]
            self.read = ids.tolist()
        return last_scores(self.stream(ids[None]))

    def next(self, token: int) -> Array:
        """One step from the state."""
        if self.limit is not None:
            self.read.append(token)
            if len(self.read) > self.limit:
                return self.start(np.array(self.read[-max(1, self.limit // 2) :], np.int32))
        self.piece[0, 0] = token
        return last_scores(self.stream(self.piece))


class WindowReader:
    """Runs the model on the last `limit` tokens every time; `fixed` is the only length it takes, if there is one."""

    def __init__(self, model: Any, limit: int | None, fixed: int | None) -> None:
        self.model = model
        self.limit = limit
        self.fixed = fixed
        self.ids: list[int] = []

    def start(self, ids: Array) -> Array:
        """The whole of them, as far as the model looks back."""
        self.ids = ids.tolist() if self.limit is None else ids[-self.limit :].tolist()
        return self._run()

    def next(self, token: int) -> Array:
        """The same with one more."""
        self.ids.append(token)
        if self.limit is not None:
            del self.ids[: -self.limit]
        return self._run()

    def _run(self) -> Array:
        count = len(self.ids)
        if self.fixed is None or count == self.fixed:
            return last_scores(self.model(np.array([self.ids], np.int32)))
        # Of one prediction for each step those before the padding stand, as nothing may look ahead in such a model.
        outputs = self.model(np.array([[*self.ids, *[0] * (self.fixed - count)]], np.int32))
        if isinstance(outputs, Tensor) and outputs.ndim < 3:
            raise ValueError(
                f"[{WHERE}] prompt: expected at least {self.fixed} tokens, as {self.model.name!r} takes no fewer and "
                f"predicts only what follows the last, received {count}."
            )
        return last_scores(outputs, count)


def last_scores(outputs: Any, count: int | None = None) -> Array:
    """The scores `(tokens,)` of the last time step, or of step number `count`."""
    if isinstance(outputs, Tensor):
        scores = outputs.numpy()
        if scores.ndim == 3 and scores.shape[0] == 1 and scores.shape[1] > 0:
            return scores[0, -1 if count is None else count - 1]
        if scores.ndim == 2 and scores.shape[0] == 1:
            return scores[0]
        received = f"shape {scores.shape}"
    else:
        received = f"{type(outputs).__name__}"
    raise ValueError(
        f"[{WHERE}] model: expected outputs of shape (1, time, tokens) or (1, tokens) for ids of shape (1, time), "
        f"received {received}."
    )


def _fixed_length(model: Any) -> int | None:
    """The only length of sequences that the model takes, if there is one."""
    from ranvier.explain.arguments import input_shape

    shape = input_shape(model)
    return shape[1] if shape is not None and len(shape) == 2 else None


def _positions(layer: Any) -> int | None:
    """How many places an embedding of positions has."""
    length = getattr(layer, "sequence_length", None)
    return length if "Position" in type(layer).__name__ and isinstance(length, int) else None


def _least(*numbers: int | None) -> int | None:
    return min((number for number in numbers if number is not None), default=None)
