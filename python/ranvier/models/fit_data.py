"""The data of fit and evaluate: coerced and checked once, split, weighted, and put in order."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ranvier.models import checks
from ranvier.models.feeding import ArrayFeed, StreamFeed, is_stream, refuse_arguments

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


def checked_arrays(
    model: Any, x: Any, y: Any, sample_weight: Any, where: str, prefix: str = ""
) -> tuple[Array, Array, Array | None]:
    """Arrays checked against each other, the model and the loss; the model is built after this.

    Raises:
        TypeError, ValueError: what is wrong with the data, before anything of the model has changed.
    """
    if y is None:
        raise ValueError(
            f"[{where}] {prefix}y: expected targets, received None; pass {where}(x, y), or batches (x, y) as x."
        )
    x_array, y_array, weight = checks.as_arrays(x, y, sample_weight, where=where, prefix=prefix)
    assert y_array is not None
    x_array = model._adjust_input(x_array)
    model._build_for(x_array.shape, f"{prefix}x")
    compiled = model._compiled
    output = model._output_shape_or_none()
    if output is not None:
        y_array = checks.check_targets(
            y_array,
            compiled.loss if getattr(compiled.loss, "fn", None) is None else compiled.loss.fn,
            output,
            getattr(compiled.loss, "from_logits", False),
            where=where,
            name=f"{prefix}y",
        )
        compiled.resolve(output, y_array.shape)
    return x_array, y_array, weight


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
    arrays = checked_arrays(model, x, y, sample_weight, where, prefix)
    return ArrayFeed(*arrays, batch_rows(batch_size, len(arrays[0]), steps, where, f"{prefix}batch_size"))


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
    arrays = checked_arrays(model, x, y, sample_weight, "fit")
    validation = None
    if validation_split:
        arrays, held_out = checks.split_validation(*arrays, validation_split)  # type: ignore[assignment]
        given = batch_size if validation_batch_size is None else validation_batch_size
        size = batch_rows(given, len(held_out[0]), validation_steps, "fit", "validation_batch_size")
        validation = ArrayFeed(held_out[0], held_out[1], held_out[2], size)  # type: ignore[arg-type]
    x_array, y_array, weight = arrays
    if class_weight is not None:
        weight = checks.class_weight_to_rows(class_weight, y_array, weight)
    return ArrayFeed(x_array, y_array, weight, batch_rows(batch_size, len(x_array), steps, "fit")), validation


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


def class_weights_of(class_weight: Any) -> Callable[[Array, Array | None], Array | None]:
    """For streams: the weight of each row of a batch."""

    def weigh(y: Array, weight: Array | None) -> Array | None:
        return weight if class_weight is None else checks.class_weight_to_rows(class_weight, y, weight)

    return weigh


def batch_preparer(model: Any, class_weight: Any, where: str) -> Callable[..., tuple[Array, Array, Array | None]]:
    """What is done with each batch of a stream: the same checks as with whole arrays, but for non-finite values."""
    weigh = class_weights_of(class_weight)

    def prepare(x: Array, y: Array, weight: Array | None) -> tuple[Array, Array, Array | None]:
        compiled = model._compiled
        x = model._adjust_input(x)
        model._build_for(x.shape, "x")
        output = model._output_shape_or_none()
        if output is not None:
            function = getattr(compiled.loss, "fn", None)
            from_logits = getattr(compiled.loss, "from_logits", False)
            y = checks.check_targets(y, function or compiled.loss, output, from_logits, where=where)
            compiled.resolve(output, y.shape)
        return x, np.ascontiguousarray(y), weigh(y, weight)

    return prepare
