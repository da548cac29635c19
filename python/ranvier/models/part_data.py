"""The data of models with several inputs or outputs: every array under the name of its input or output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ranvier.models import checks
from ranvier.models.compiled_outputs import OutputPart
from ranvier.models.structures import flatten, label, listed
from ranvier.utils.arrays import as_array, column_names

Array = np.ndarray


class Data(NamedTuple):
    """Arrays with equally many rows: one for each input, one (or None) for each output, and the same for weights."""

    x: list[Array]
    y: list[Array | None]
    weight: list[Array | None] | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.x[0])

    def part(self, rows: slice) -> Data:
        """Views of some rows."""

        def cut(arrays: list[Array | None]) -> list[Array | None]:
            return [None if array is None else array[rows] for array in arrays]

        weight = None if self.weight is None else cut(self.weight)
        return Data([array[rows] for array in self.x], cut(self.y), weight)


def input_arrays(
    x: Any, names: Sequence[str], where: str, prefix: str = "", finite: bool = False, text: Sequence[bool] = ()
) -> list[Array]:
    """The inputs as arrays with equally many rows, in the order of `names`; errors as in `checks.as_arrays`.

    `text` tells which of them may hold strings.
    """
    argument = f"{prefix}x"
    parts = flatten(x, names, argument, where, "inputs", extra=True)
    strings = [*text, *[False] * (len(parts) - len(text))]
    arrays = [checks.input_array(part, label(argument, names, i), where, strings[i]) for i, part in enumerate(parts)]
    rows = [len(array) for array in arrays]
    if len(set(rows)) > 1:
        other = next(i for i, count in enumerate(rows) if count != rows[0])
        raise ValueError(
            f"[{where}] {argument}: expected equally many rows in all inputs, received {rows[0]} in {names[0]!r} and "
            f"{rows[other]} in {names[other]!r}; row i of each belongs to the same sample."
        )
    if finite:
        for i, (part, array) in enumerate(zip(parts, arrays, strict=True)):
            checks.check_finite(array, label(argument, names, i), where=where, columns=column_names(part))
    return arrays


def target_arrays(
    y: Any, parts: Sequence[OutputPart], rows: int, where: str, prefix: str = "", finite: bool = True
) -> list[Array | None]:
    """The targets as arrays in the order of the outputs; None where neither loss nor metrics need any.

    Raises:
        TypeError, ValueError: missing or unknown names, another number of rows, values that are not finite.
    """
    keys = [part.key for part in parts]
    argument = f"{prefix}y"
    found: list[Array | None] = []
    for i, (part, target) in enumerate(zip(parts, _targets_by_output(y, parts, rows, argument, where), strict=True)):
        name = label(argument, keys, i)
        if target is None:
            if part.trains or part.has_metrics:
                reason = "loss" if part.trains else "metrics"
                raise ValueError(
                    f"[{where}] {name}: expected targets for the {reason} of output {part.key!r}, received None; pass "
                    f"them, or leave the {reason} of {part.key!r} out in compile."
                )
            found.append(None)
            continue
        array = as_array(target, name, where)
        if len(array) != rows:
            raise ValueError(
                f"[{where}] {name}: expected {rows} rows as in {prefix}x, received shape {array.shape}; "
                "each row of x needs one row of y."
            )
        if finite:
            checks.check_finite(array, name, where=where, columns=column_names(target))
        found.append(array)
    return found


def _targets_by_output(y: Any, parts: Sequence[OutputPart], rows: int, argument: str, where: str) -> list[Any]:
    keys = [part.key for part in parts]
    trained = [i for i, part in enumerate(parts) if part.trains]
    if isinstance(y, Mapping):
        found = flatten(y, keys, argument, where, "outputs", missing=True)
        lacking = [keys[i] for i in trained if keys[i] not in y]
        if lacking:
            flatten(y, keys, argument, where, "outputs")  # says which names are missing
        return found
    several = isinstance(y, list | tuple)
    if len(keys) == 1 and several and len(y) == 1 and len(getattr(y[0], "shape", ())) > 0 and len(y[0]) == rows:
        return [y[0]]
    if len(trained) < len(keys) and not (several and len(y) == len(keys)):  # only those of outputs with a loss
        given = list(y) if several and len(trained) > 1 else [y]
        if several and len(trained) == 1 and len(y) == 1 and getattr(y[0], "ndim", 0) > 0:
            given = list(y)
        if len(given) == len(trained):
            placed: dict[int, Any] = dict(zip(trained, given, strict=True))
            return [placed.get(i) for i in range(len(keys))]
    return flatten(y, keys, argument, where, "outputs")


def weight_arrays(
    sample_weight: Any, y: Sequence[Array | None], keys: Sequence[str], rows: int, where: str, prefix: str = ""
) -> list[Array | None] | None:
    """The sample weights in the order of the outputs; one weight per row stands for all outputs.

    Raises:
        TypeError, ValueError: unknown names, another number of weights, weights that are not finite numbers.
    """
    if sample_weight is None:
        return None
    argument = f"{prefix}sample_weight"
    shared = not isinstance(sample_weight, list | tuple | Mapping)
    if shared:
        one = checks.check_sample_weight(sample_weight, rows, where=where, prefix=prefix)
        return [one] * len(keys)
    given = flatten(sample_weight, keys, argument, where, "outputs", missing=True)
    found = [
        checks.check_sample_weight(part, rows, target, where=where, name=label(argument, keys, i))
        for i, (part, target) in enumerate(zip(given, y, strict=True))
    ]
    return found if any(weight is not None for weight in found) else None


def refuse_class_weight(class_weight: Any, keys: Sequence[str], where: str) -> None:
    """ValueError for class weights with several outputs, as in Keras."""
    if class_weight is not None and len(keys) > 1:
        raise ValueError(
            f"[{where}] class_weight: expected None for a model with outputs {listed(keys)}, received "
            f"{class_weight!r}; pass sample_weight={{{keys[0]!r}: one weight per row}} instead."
        )
