"""The symbolic ends of a layer: `layer.input` and `layer.output`."""

from __future__ import annotations

from typing import Any


class GraphEnd:
    """Tensors of a layer's first call on symbolic tensors. An attribute of that name set by a user hides it."""

    def __init__(self, what: str, doc: str) -> None:
        self.what = what
        self.__doc__ = doc

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return self
        nodes = layer.inbound_nodes
        stack = None if nodes or layer._stack is None else layer._stack()
        if stack is not None:  # a Sequential records its graph when somebody asks
            tensors = stack._chain()
            nodes = layer.inbound_nodes
            del tensors
        if not nodes:
            raise AttributeError(no_end(layer.name, self.what.partition("_")[0]))
        found = getattr(nodes[0], self.what)
        return found[0] if len(found) == 1 else found


def no_end(name: Any, end: str) -> str:
    """The message when there is no such tensor."""
    return (
        f"[{name}] has no symbolic {end}: it has not been called on a symbolic tensor, or no model holds the result; "
        "begin with x = Input(shape) and call the layer on it."
    )
