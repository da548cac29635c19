"""A model that reads sequences piece by piece."""

from __future__ import annotations

from typing import Any

from ranvier import _core
from ranvier._core import Tensor
from ranvier._tensor import convert_to_tensor
from ranvier.layers._calling import map_tensors


class Stream:
    """Sequences fed to a model piece by piece, as they come: ``model.stream()`` makes one.

    Called on the next piece ``(batch, time, ...)``, it gives what the model would give for the whole sequence so far,
    at the time steps of this piece. Recurrent layers go on from their state, causal attention from the keys and values
    it has seen, causal convolutions from their last inputs; so a piece costs what it is long. Always in inference mode
    and without history. The model itself is not changed, and may have several streams.

    Args:
        model: a built `Sequential` or `Functional` of built-in layers.
        batch_size: number of sequences side by side; by default that of the first piece.

    Raises:
        ValueError: a layer that needs the whole sequence (`Bidirectional`, attention without ``use_causal_mask``,
            pooling over time), another number of sequences than before. The stream is as it was then.

    Example:
        ```python
        stream = model.stream()
        for step in range(len(x[0])):
            y = stream(x[:, step : step + 1])
        ```
    """

    def __init__(self, model: Any, batch_size: int | None = None) -> None:
        if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
            raise ValueError(f"[{model.name}] stream: expected batch_size >= 1 or None, received {batch_size!r}.")
        if not model.built:
            raise ValueError(f"[{model.name}] stream: the model is not built; call it on data first.")
        self.model = model
        self.batch_size = batch_size
        self._stream = _core.Stream(model._handle())

    def __call__(self, inputs: Any) -> Any:
        """The outputs at the time steps of this piece, Tensors; for several inputs a list of pieces."""
        x = inputs if type(inputs) is Tensor else map_tensors(convert_to_tensor, inputs)
        if self.batch_size is not None:
            first = x[0] if isinstance(x, list) else x
            if first.shape[:1] != (self.batch_size,):
                raise ValueError(
                    f"[{self.model.name}] stream: expected {self.batch_size} sequences, received a piece of shape "
                    f"{first.shape}."
                )
        return self._stream(x)

    def reset(self) -> None:
        """Forgets what was read: the next piece begins new sequences."""
        self._stream.reset()

    def __repr__(self) -> str:
        return f"<Stream of {self.model.name}>"
