"""The base of built-in layers around other layers: the engine's wrapper holds the engine's layers inside."""

from __future__ import annotations

from typing import Any

from ranvier import _core
from ranvier.layers.base import Layer
from ranvier.layers.keyword import KeywordLayer


class WrappingLayer(KeywordLayer):
    """A `KeywordLayer` whose weights are those of layers inside; with Python among these it runs in Python itself."""

    def _inner(self) -> list[Layer]:
        """The layers inside, in the order in which the engine's class takes them."""
        raise NotImplementedError(f"{type(self).__name__} must define _inner.")

    def _sublayers(self) -> list[Any]:
        return list(self._inner())  # not what the constructor was given, which may be a pattern only

    def _native(self) -> _core.Layer:
        if self._native_layer is None:
            if self._runs_python:  # there is nothing for the engine to hold
                self._native_layer = _core.Layer("Identity", {"name": self.name, "dtype": self.dtype})
            else:
                self._native_layer = _core.wrap(self._engine_class, self._engine_config(), self._handles())
            self._native_layer.trainable = self._trainable
        return self._native_layer

    def _handles(self) -> list[_core.Layer]:
        """The engine's layers inside."""
        return [layer._handle() for layer in self._inner()]

    def _take_weights(self) -> None:
        """They are attributes of the layers inside."""

    @property
    def _runs_python(self) -> bool:
        return super()._runs_python or any(layer._runs_python for layer in self._inner())

    def _build_native(self, input_shape: Any) -> None:
        """Checks, once the layers inside are built, that the engine takes the shape as well."""
        if not self._runs_python:
            self._native().build(tuple(input_shape))
        if not self._trainable:
            self.trainable = False


def checked_layer(layer: Any, where: str, argument: str = "layer") -> Layer:
    """`layer`, if it is one."""
    if isinstance(layer, Layer):
        return layer
    hint = f"; write {layer.__name__}(...)" if isinstance(layer, type) else ""
    raise ValueError(f"[{where}] {argument}: expected a layer, received {layer!r:.200}{hint}.")
