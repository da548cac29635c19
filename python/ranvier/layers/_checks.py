"""Checks of constructor arguments; messages name the layer and the argument."""

from __future__ import annotations

import operator
from typing import Any

from ranvier import config


def positive_int(value: Any, layer: str, name: str, below: int = 2**63) -> int:
    """An int of 1 or more, by default up to the largest of the engine."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"[{layer}] {name}: expected a positive int, received {value!r:.200}.")
    if number >= below:
        raise ValueError(f"[{layer}] {name}: expected an int below {below}, received {value!r:.200}.")
    return number


def number(value: Any, layer: str, name: str, smallest: float | None = None) -> float:
    """A finite float, `smallest` or more."""
    ok = not isinstance(value, bool) and (isinstance(value, int | float) or hasattr(value, "__float__"))
    try:
        result = float(value) if ok else float("nan")
    except (TypeError, ValueError, OverflowError):  # arrays, ints beyond all floats
        result = float("nan")
    if not float("-inf") < result < float("inf") or (smallest is not None and result < smallest):
        bound = "" if smallest is None else f" of {smallest:g} or more"
        raise ValueError(f"[{layer}] {name}: expected a number{bound}, received {value!r:.200}.")
    return result


def rate(value: Any, layer: str, name: str = "rate", below_one: bool = False) -> float:
    """A probability in [0, 1], or in [0, 1)."""
    result = number(value, layer, name)
    if not 0 <= result <= 1 or (below_one and result == 1):
        raise ValueError(
            f"[{layer}] {name}: expected a number in [0, 1{')' if below_one else ']'}, received {value!r:.200}."
        )
    return result


def ints(value: Any, layer: str, name: str) -> tuple[int, ...]:
    """An int or a sequence of ints, as a tuple."""
    try:
        return tuple(operator.index(v) for v in (value if isinstance(value, list | tuple) else [value]))
    except TypeError:
        raise ValueError(f"[{layer}] {name}: expected ints, received {value!r:.200}.") from None


def sizes(value: Any, axes: int, layer: str, name: str, smallest: int = 1) -> tuple[int, ...]:
    """One int per spatial axis, from that many or from one for all of them."""
    given = ints(value, layer, name)
    result = given * axes if len(given) == 1 and not isinstance(value, list | tuple) else given
    if len(result) != axes or min(result) < smallest or isinstance(value, bool):
        many = "an int" if axes == 1 else f"an int or {axes} ints"
        raise ValueError(f"[{layer}] {name}: expected {many} of {smallest} or more, received {value!r:.200}.")
    return result


def data_format(value: str | None, layer: str) -> str:
    """ "channels_last" or "channels_first"; None means `config.image_data_format()`."""
    if value is None:
        return config.image_data_format()
    if value not in ("channels_last", "channels_first"):
        raise ValueError(
            f"[{layer}] data_format: expected 'channels_last' or 'channels_first', received {value!r:.200}."
        )
    return value


def padding(value: Any, layer: str, allowed: tuple[str, ...] = ("valid", "same")) -> str:
    """One of the paddings by name, in lower case."""
    name = value.lower() if isinstance(value, str) else value
    if name not in allowed:
        listed = ", ".join(map(repr, allowed))
        raise ValueError(f"[{layer}] padding: expected one of {listed}, received {value!r:.200}.")
    return str(name)
