"""Arguments of several parts: lists by position and dicts by name, made into flat lists in the model's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ranvier._registry import suggestion
from ranvier.utils.arrays import describe

Shape = tuple[int | None, ...]


def flatten(
    value: Any,
    names: Sequence[str],
    argument: str,
    where: str,
    kind: str = "inputs",
    *,
    missing: bool = False,
    extra: bool = False,
) -> list[Any]:
    """The parts of `value` in the order of `names`.

    Args:
        value: for several names a list or tuple of as many parts, or a dict by name; for one name the part itself, or a
            dict that has the name.
        names: of the model's inputs or outputs.
        argument: name of the argument, for messages.
        where: the calling method, for messages.
        kind: what the names are names of, for messages.
        missing: whether a dict may lack names; their part is None then.
        extra: whether a dict may have other names, which are left out.

    Raises:
        ValueError: another number of parts, a name that is missing or unknown, or no structure at all.
    """
    if isinstance(value, Mapping):
        if len(names) == 1 and names[0] not in value and not missing:
            return [value]  # whoever expects an array says what is wrong with a dict
        unknown = [] if extra else [key for key in value if key not in names]
        lacking = [] if missing else [name for name in names if name not in value]
        if unknown or lacking:
            raise ValueError(_refusal(value, names, argument, where, kind, lacking))
        return [value.get(name) for name in names]
    if len(names) == 1:
        return [value]
    if isinstance(value, list | tuple) and len(value) == len(names):
        return list(value)
    raise ValueError(_refusal(value, names, argument, where, kind, []))


def _refusal(value: Any, names: Sequence[str], argument: str, where: str, kind: str, lacking: list[str]) -> str:
    form = f"dict or list of {len(names)}" if len(names) > 1 else "dict"
    expected = f"[{where}] {argument}: expected {kind} {listed(names)} ({form}), received"
    if isinstance(value, Mapping):
        fix = f"; add {listed(lacking)}."
        unknown = [key for key in value if key not in names]
        if unknown:
            near = suggestion(str(unknown[0]), [name for name in names if name not in value])
            fix = near or (fix if lacking else f"; take {listed(unknown)} out.")
        return f"{expected} dict with {listed(list(value)) or 'nothing'}{fix}"
    example = ", ".join(name if name.isidentifier() else "..." for name in names)
    fix = f"pass {argument.rpartition(' ')[2]}=[{example}] in this order"
    received = f"{type(value).__name__} of {len(value)}" if isinstance(value, list | tuple) else describe(value)
    return f"{expected} {received}; {fix}."


def listed(names: Sequence[Any]) -> str:
    """`'a', 'b' and 'c'`, for messages."""
    quoted = [repr(name) for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def label(argument: str, names: Sequence[str], index: int) -> str:
    """What messages call one part of an argument: ``x`` alone, ``x['image']`` among several."""
    return argument if len(names) == 1 else f"{argument}[{names[index]!r}]"


def is_by_name(value: Any) -> bool:
    """Whether a value given to `compile` is a dict by output, and not the config of one object."""
    return isinstance(value, Mapping) and "class_name" not in value


def output_keys(model: Any) -> tuple[list[str], bool]:
    """What losses, metrics and targets call the outputs, and whether these are a dict, whose keys they are then."""
    names = list(getattr(model, "output_names", None) or ["output"])
    pack = getattr(model, "_pack_outputs", None)
    packed = None if pack is None else pack(list(range(len(names))))
    if isinstance(packed, Mapping) and all(isinstance(item, int) for item in packed.values()):
        return [str(key) for key, _ in sorted(packed.items(), key=lambda pair: pair[1])], True
    return names, False


def pack_outputs(model: Any, values: Any) -> Any:
    """A list of values (or the only one) in the form of the model's outputs."""
    values = list(values) if isinstance(values, list | tuple) else [values]
    pack = getattr(model, "_pack_outputs", None)
    return (values[0] if len(values) == 1 else values) if pack is None else pack(values)


def input_keys(model: Any) -> list[str]:
    """Names of the inputs."""
    return list(getattr(model, "_input_names", None) or ["input"])


def input_shapes(model: Any) -> list[Shape | None]:
    """Shapes of the inputs with None for the rows; None for those of a model that is not built."""
    shapes = getattr(model, "_input_shapes", None)
    return [model._input_shape_or_none()] if shapes is None else list(shapes() or [None] * len(input_keys(model)))


def output_shapes(model: Any) -> list[Shape] | None:
    """Shapes of the outputs with None for the rows; None for a model that is not built."""
    shapes = getattr(model, "_output_shapes", None)
    if shapes is not None:
        return list(shapes()) or None
    shape = model._output_shape_or_none()
    return None if shape is None else [shape]


def fit_rank(x: np.ndarray, shape: Shape | None) -> np.ndarray:
    """`(rows,)` for an input of one feature becomes `(rows, 1)`, and a last axis of 1 too many goes, as in Keras."""
    if shape is None:
        return x[:, np.newaxis] if x.ndim == 1 else x
    if x.ndim == len(shape) - 1 and shape[-1] == 1:
        return x[..., np.newaxis]
    if x.ndim == len(shape) + 1 and x.shape[-1] == 1 and shape[-1] != 1:
        return x[..., 0]
    return x
