"""The data of fit and evaluate: coerced and checked once, split, weighted, and put in order."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ranvier.models import checks
from ranvier.models.feeding import ArrayFeed, StreamFeed, engine_reads, is_stream, pick, refuse_arguments, unpack_batch
from ranvier.models.front import front_of, takes_text
from ranvier.models.part_data import Data, input_arrays, refuse_class_weight, target_arrays, weight_arrays
from ranvier.models.structures import fit_rank, flatten, label, outputs_of, unnested

Array = np.ndarray


def positive_int(value: Any, where: str, name: str) -> int:
    """A whole number of 1 or more."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"[{where}] {name}: expected an integer, received {value!r}.") from None
    if not 1 <= number < 2**63 or isinstance(value, bool):
        raise ValueError(f"[{where}] {name}: expected an integer of at least 1 and below 2**63, received {value!r}.")
    return number


def batch_rows(batch_size: Any, rows: int, steps: int | None, where: str, name: str = "batch_size") -> int:
    """Rows per batch: as given; else all rows in so many steps, as in Keras; else 32."""
    if batch_size is None:
        return 32 if steps is None else -(-rows // steps)
    return positive_int(batch_size, where, name)


def optional_steps(value: Any, where: str, name: str) -> int | None:
    """`steps_per_epoch` and its like: None or 1 and more."""
    return None if value is None else positive_int(value, where, name)


def checked_data(
    model: Any, x: Any, y: Any, sample_weight: Any, where: str, prefix: str = "", finite: bool = True
) -> Data:
    """Arrays checked against each other, the model and its losses; the model is built after this.

    Raises:
        TypeError, ValueError: what is wrong with the data, before anything of the model has changed.
    """
    if y is None:
        raise ValueError(
            f"[{where}] {prefix}y: expected targets, received None; pass {where}(x, y), or batches (x, y) as x."
        )
    compiled = model._compiled
    x = unnested(model, x)
    inputs = model._names_for(x, y)
    text = takes_text(model)
    if not compiled.parts:  # what the model returns is known once it is built
        built_inputs(model, input_arrays(x, inputs, where, prefix, finite, text), where, prefix, x)
        compiled.bind(outputs_of(model))
    keys = [part.key for part in compiled.parts]
    if len(inputs) == 1 and len(keys) == 1:
        given_x = flatten(x, inputs, f"{prefix}x", where)[0]
        given_y = flatten(y, keys, f"{prefix}y", where)[0]
        given_weight = flatten(sample_weight, keys, f"{prefix}sample_weight", where)[0]
        arrays = checks.as_arrays(
            given_x, given_y, given_weight, where=where, finite=finite, prefix=prefix, text=any(text)
        )
        data = Data([arrays[0]], [arrays[1]], None if arrays[2] is None else [arrays[2]])
    else:
        arrays_x = input_arrays(x, inputs, where, prefix, finite, text)
        rows = len(arrays_x[0])
        targets = target_arrays(y, compiled.parts, rows, where, prefix, finite)
        data = Data(arrays_x, targets, weight_arrays(sample_weight, targets, keys, rows, where, prefix))
    ready = built_inputs(model, data.x, where, prefix, x)
    return Data(ready, _checked_targets(model, data.y, where, prefix), data.weight)


def built_inputs(model: Any, arrays: Sequence[Array], where: str, prefix: str = "", x: Any = None) -> list[Array]:
    """The engine's inputs: with the ranks the model wants, behind the front it may have.

    The model is built for their shapes, or they are checked against its own.

    Args:
        model: the model.
        arrays: the inputs in order.
        where: the calling method, for messages.
        prefix: of the argument, for messages.
        x: as it was given, which tells a model of one's own whether its inputs are a list or a dict.
    """
    if len(arrays) == 1:
        array = model._adjust_input(arrays[0])
        model._build_for(array.shape, f"{prefix}x")
        return _encoded(model, [array])
    if not model.built:
        shapes = [(None, *array.shape[1:]) for array in arrays]
        model.build(dict(zip(x, shapes, strict=True)) if isinstance(x, Mapping) else shapes)
        return list(arrays)
    names, wanted = model._input_names, model._input_shapes()
    found = [fit_rank(array, shape) for array, shape in zip(arrays, wanted, strict=True)]
    for i, (array, shape) in enumerate(zip(found, wanted, strict=True)):
        if not _fits(array.shape, shape):
            raise ValueError(
                f"[{where}] {label(f'{prefix}x', names, i)}: expected shape {('rows', *shape[1:])}, received "
                f"{array.shape}; are the inputs in the order {', '.join(names)}?".replace("'rows'", "rows")
            )
    return _encoded(model, found)


def _encoded(model: Any, arrays: list[Array]) -> list[Array]:
    front = front_of(model)
    if front is None:
        return arrays
    from ranvier.models.front_rows import encoded_inputs

    return encoded_inputs(front, arrays)


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    pairs = zip(shape[1:], wanted[1:], strict=False)
    return len(shape) == len(wanted) and all(want is None or have == want for have, want in pairs)


def _checked_targets(model: Any, y: list[Array | None], where: str, prefix: str = "") -> list[Array | None]:
    compiled = model._compiled
    shapes = model._output_shapes()
    if not shapes:
        return y
    keys = [part.key for part in compiled.parts]
    found: list[Array | None] = []
    for i, (part, target, shape) in enumerate(zip(compiled.parts, y, shapes, strict=True)):
        if target is not None:
            name = label(f"{prefix}y", keys, i)
            part.choose_loss(shape, target.shape)
            from_logits = getattr(part.loss, "from_logits", False)
            target = checks.check_targets(target, part.loss_function, shape, from_logits, where=where, name=name)
        found.append(target)
    compiled.resolve(shapes, [None if target is None else target.shape for target in found])
    return found


def array_feed(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any,
    batch_size: Any,
    steps: int | None,
    where: str,
    prefix: str = "",
) -> ArrayFeed:
    """A feed of checked arrays for evaluation."""
    data = checked_data(model, x, y, sample_weight, where, prefix)
    return ArrayFeed(data, batch_rows(batch_size, data.rows, steps, where, f"{prefix}batch_size"))


def training_feeds(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    batch_size: Any,
    validation_split: float,
    validation_batch_size: Any,
    steps: int | None,
    validation_steps: int | None,
) -> tuple[ArrayFeed, ArrayFeed | None]:
    """Feeds for training and, with a split, for validation. Class weights act on training only, as in Keras."""
    refuse_class_weight(class_weight, [part.key for part in model._compiled.parts], "fit")
    data = checked_data(model, x, y, sample_weight, "fit")
    validation = None
    if validation_split:
        cut = checks.split_validation(data.rows, validation_split)
        data, held_out = data.part(slice(0, cut)), data.part(slice(cut, data.rows))
        given = batch_size if validation_batch_size is None else validation_batch_size
        size = batch_rows(given, held_out.rows, validation_steps, "fit", "validation_batch_size")
        validation = ArrayFeed(held_out, size)
    data = _class_weighted(data, class_weight, model, "fit")
    return ArrayFeed(data, batch_rows(batch_size, data.rows, steps, "fit")), validation


def _class_weighted(data: Data, class_weight: Any, model: Any, where: str) -> Data:
    if class_weight is None:
        return data
    refuse_class_weight(class_weight, [part.key for part in model._compiled.parts], where)
    weight = None if data.weight is None else data.weight[0]
    return Data(data.x, data.y, [checks.class_weight_to_rows(class_weight, data.y[0], weight)])


def validation_feed(
    model: Any, validation_data: Any, batch_size: Any, steps: int | None
) -> ArrayFeed | StreamFeed | None:
    """The feed of `validation_data`: a tuple of arrays, or a stream of batches."""
    if validation_data is None:
        return None
    if is_stream(validation_data):
        return StreamFeed(validation_data, steps)
    x, y, weight = checks.unpack_validation_data(validation_data)
    return array_feed(model, x, y, weight, batch_size, steps, "fit", "validation ")


def stream_feed(where: str, x: Any, steps: int | None, **refused: Any) -> StreamFeed:
    """A feed of batches; arguments that go with arrays are refused."""
    refuse_arguments(where, **refused)
    return StreamFeed(x, steps)


def batch_preparer(model: Any, class_weight: Any, where: str) -> Callable[[Any], Data]:
    """What is done with each batch of a stream: the same checks as with whole arrays, but for non-finite values."""
    refuse_class_weight(class_weight, [part.key for part in model._compiled.parts], where)

    def ready(arrays: Sequence[Array | None]) -> list[Any]:
        return [a if a is None or engine_reads(a) else pick(a, slice(None)) for a in arrays]

    def prepare(batch: Any) -> Data:
        data = checked_data(model, *unpack_batch(batch, where), where, finite=False)
        data = _class_weighted(data, class_weight, model, where)
        return Data(ready(data.x), ready(data.y), None if data.weight is None else ready(data.weight))

    return prepare
