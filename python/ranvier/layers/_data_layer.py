"""The base of layers that work on data as it comes - strings, categories - before anything is a tensor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from ranvier import _core
from ranvier._core import Tensor, Variable
from ranvier._symbolic import KerasTensor, is_symbolic, map_structure, symbols
from ranvier._tensor import convert_to_tensor
from ranvier.layers.base import Layer
from ranvier.utils.strings import holds_text

Shape = tuple[int | None, ...]


class DataLayer(Layer):
    """A layer in Python without weights and gradients.

    A subclass defines `encode`, from data to an array. Where such layers come first in a `Sequential` or right behind
    the inputs of a functional model, they are applied to the data before the engine sees it; elsewhere they run as
    Python layers.
    """

    _takes: ClassVar[str] = "numbers"  # "text", "numbers" or "both"

    def encode(self, inputs: Any, *args: Any, **kwargs: Any) -> np.ndarray:
        """The result for data in any form, as an array."""
        raise NotImplementedError(f"[{self.name}] {type(self).__name__} must define encode(self, inputs).")

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The result of `encode` as a Tensor (strings as an array)."""
        found = self.encode(inputs, *args, **kwargs)
        return found if found.dtype.kind in "OUS" else convert_to_tensor(found)

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """The layer's result.

        Args:
            inputs: data: strings or numbers in lists, arrays, Tensors; or a symbolic tensor.
            *args: further arguments of `call`.
            training: makes no difference.
            **kwargs: further arguments of `call`.

        Returns:
            A Tensor without history; an array of `str` where the result is text.
        """
        if is_symbolic((inputs, args, kwargs)):
            for symbol in symbols(inputs):
                self._check_kind(symbol.dtype == "string", repr(symbol))
            return super().__call__(inputs, *args, training=training, **kwargs)
        self.built = True
        return self.call(inputs, *args, **kwargs)

    def _check_kind(self, is_text: bool, received: str) -> None:
        if is_text and self._takes == "numbers":
            raise TypeError(
                f"[{self.name}] expected numbers, received strings ({received:.80}); put StringLookup or "
                "TextVectorization before it."
            )
        if not is_text and self._takes == "text":
            raise TypeError(
                f"[{self.name}] expected strings, received {received:.80}; Input(..., dtype='string') declares them."
            )

    def _numbers(self, inputs: Any, name: str = "x") -> np.ndarray:
        """Numbers as an array of any shape; TypeError for anything else."""
        if holds_text(inputs):
            self._check_kind(True, repr(inputs))
        if isinstance(inputs, Tensor | Variable):
            return np.asarray(inputs.numpy())
        if isinstance(inputs, list | tuple) and any(isinstance(item, Tensor | Variable) for item in inputs):
            return np.stack([self._numbers(item, name) for item in inputs])
        try:
            array = np.asarray(inputs)
        except ValueError as error:
            raise ValueError(
                f"[{self.name}] {name}: expected rows of one length, received different ones ({error}); "
                "pad them, e.g. with ranvier.utils.pad_sequences."
            ) from None
        if array.dtype.kind not in "biuf":
            raise TypeError(f"[{self.name}] {name}: expected numbers, received dtype {array.dtype}.")
        return array

    def _integers(self, inputs: Any, name: str = "x") -> np.ndarray:
        """Whole numbers as int64; ValueError for fractions and values that are not finite, with their place."""
        array = self._numbers(inputs, name)
        if array.dtype.kind != "f":
            return array.astype(np.int64, copy=False)
        with np.errstate(invalid="ignore"):
            whole = array.astype(np.int64)
        wrong = np.flatnonzero(whole != array)
        if len(wrong):
            from ranvier.utils.strings import positions

            raise ValueError(
                f"[{self.name}] {name}: expected whole numbers, received {float(array.flat[wrong[0]])} at "
                f"{positions(int(wrong[0]), array.shape)}; Discretization makes categories of other numbers."
            )
        return whole

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output for `input_shape` (batch axis included, None where unknown)."""
        raise NotImplementedError(f"[{self.name}] {type(self).__name__} must define compute_output_shape.")

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        shapes = map_structure(lambda x: x.shape, args[0])
        return KerasTensor(self.compute_output_shape(shapes), self._result_dtype())

    def _result_dtype(self) -> str:
        """Dtype of what `encode` gives."""
        return self.dtype

    def _symbolic_dtype(self, args: tuple[Any, ...]) -> str:
        return self._result_dtype()

    def _handle(self) -> _core.Layer:
        if "string" in (self._result_dtype(), {"text": "string"}.get(self._takes)):
            raise ValueError(
                f"[{self.name}] expected text layers right behind the inputs of a model, received one behind layers of "
                "numbers; apply it to the data, or to what the model gives."
            )
        return super()._handle()


def batches_of(data: Any, steps: int | None, layer: str) -> Iterator[Any] | None:
    """The inputs of each batch when `data` comes in batches, at most `steps`; None when it is an array or a list.

    Raises:
        ValueError: `steps` is not a positive int.
    """
    from ranvier.layers._checks import positive_int
    from ranvier.models.feeding import is_stream, unpack_batch

    if steps is not None:
        steps = positive_int(steps, layer, "steps")
    if isinstance(data, KerasTensor) or not is_stream(data):
        return None

    def inputs() -> Iterator[Any]:
        for step, batch in enumerate(data):
            if step == steps:
                return
            parts = hasattr(batch, "targets") or isinstance(batch, tuple)
            parts = parts or (isinstance(batch, list) and len(batch) > 0 and hasattr(batch[0], "shape"))
            yield unpack_batch(batch, layer, need_targets=False)[0] if parts else batch

    return inputs()


class LateProgress:
    """A progress bar that shows only when the work takes longer than a moment, and only in a terminal.

    Args:
        target: number of steps, None when unknown.
        unit: what is counted.
        patience: seconds until it shows.
    """

    def __init__(self, target: int | None, unit: str, patience: float = 2.0) -> None:
        self._target, self._unit = target, unit
        self._shows_at = time.perf_counter() + patience
        self._bar: Any = None

    def update(self, step: int) -> None:
        """Notes that `step` steps are done."""
        if self._bar is None and time.perf_counter() >= self._shows_at:
            from ranvier.utils.progress import ProgressBar, resolve_verbose

            self._bar = ProgressBar(self._target, 1 if resolve_verbose("auto") == 1 else 0, unit=self._unit)
            self._bar.begin()
        if self._bar is not None:
            self._bar.update(step)

    def close(self) -> None:
        """Ends the line, if there is one."""
        if self._bar is not None:
            self._bar.close()
