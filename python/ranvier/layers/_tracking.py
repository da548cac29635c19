"""Finding the weights and layers an object holds as attributes, in lists, tuples and dicts too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from ranvier._core import Variable

T = TypeVar("T")


def held(owner: Any, kind: type[T]) -> list[T]:
    """Every object of `kind` among the attributes of `owner`, each once, in the order of assignment."""
    found: dict[int, T] = {}
    for value in vars(owner).values():
        for item in _leaves(value, kind):
            found.setdefault(id(item), item)
    return list(found.values())


def _leaves(value: Any, kind: type[T]) -> Iterator[T]:
    if isinstance(value, kind):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item, kind)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item, kind)


def unique(variables: list[Variable]) -> list[Variable]:
    """The same list, each variable once."""
    return list({id(v): v for v in variables}.values())
