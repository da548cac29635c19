"""Arguments of several parts: lists by position and dicts by name, made into flat lists in the model's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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


class Outputs(NamedTuple):
    """What the outputs of a model are called.

    Attributes:
        keys: their names.
        by_key: they are a dict, and these are its keys.
        named: the names are of use outside; else losses and metrics go by their own names, as in Keras.
        plain: there is one, and it is in no list or dict.
    """

    keys: list[str]
    by_key: bool = False
    named: bool = True
    plain: bool = False


def outputs_of(model: Any) -> Outputs | None:
    """What losses, metrics and targets call the outputs; None for a model that has to see data first."""
    if not model._outputs_known:
        return None
    named = not model._takes_any_form
    names = list(model.output_names) if named else []
    count = max(len(names) if named else len(model._output_shapes()), 1)
    packed = model._pack_outputs(list(range(count)))
    if isinstance(packed, Mapping) and all(isinstance(item, int) for item in packed.values()):
        return Outputs([str(key) for key, _ in sorted(packed.items(), key=lambda pair: pair[1])], by_key=True)
    if not names:
        names = [f"output_{i}" for i in range(count)] if count > 1 else ["output"]
    return Outputs(names, named=named, plain=isinstance(packed, int))


def unnested(model: Any, x: Any) -> Any:
    """Inputs of a model whose inputs are lists inside of lists or dicts, as a flat list; others as they are."""
    form = getattr(model, "_inputs_struct", None)
    items = form.values() if isinstance(form, Mapping) else form if isinstance(form, list | tuple) else ()
    return model._flatten_inputs(x) if any(isinstance(item, list | tuple | Mapping) for item in items) else x


def fit_rank(x: np.ndarray, shape: Shape | None) -> np.ndarray:
    """`(rows,)` for an input of one feature becomes `(rows, 1)`, and a last axis of 1 too many goes, as in Keras."""
    if shape is None:
        return x[:, np.newaxis] if x.ndim == 1 else x
    if x.ndim == len(shape) - 1 and shape[-1] == 1:
        return x[..., np.newaxis]
    if x.ndim == len(shape) + 1 and x.shape[-1] == 1 and shape[-1] != 1:
        return x[..., 0]
    return x
