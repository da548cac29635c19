"""Targets against loss and output: the encoding, the range of the labels, and the shape."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ranvier._registry import to_snake_case

Shape = tuple[int | None, ...]

_ALIASES = {"bce": "binary_crossentropy", "kld": "kl_divergence"}
_SPARSE = {"sparse_categorical_crossentropy"}
_CATEGORICAL = {"categorical_crossentropy", "categorical_focal_crossentropy", "kl_divergence", "categorical_hinge"}
_BINARY = {"binary_crossentropy", "binary_focal_crossentropy"}
_HINGE = {"hinge", "squared_hinge"}
_REGRESSION = {
    "mse",
    "mean_squared_error",
    "mae",
    "mean_absolute_error",
    "mape",
    "mean_absolute_percentage_error",
    "msle",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "logcosh",
    "poisson",
    "cosine_similarity",
}


def check_targets(
    y: np.ndarray, loss: Any, output_shape: Shape, from_logits: bool = False, *, where: str = "fit", name: str = "y"
) -> np.ndarray:
    """`y` in the shape the loss expects, after checking encoding, label range and shape.

    `(rows,)` and `(rows, 1)` are the same thing: the result has the form that goes with the output, so nothing is ever
    broadcast. For `sparse_categorical_crossentropy` labels come back as integers without a trailing axis.

    Args:
        y: targets, a numeric array as `as_arrays` returns it.
        loss: name, class, function or object of the loss; unknown ones only get the trailing axis right.
        output_shape: the model's output with `None` for the rows, e.g. `(None, 10)`.
        from_logits: whether the loss expects logits; decides how fixes are worded.
        where: the calling method's name, for messages.
        name: the argument's name, for messages.

    Returns:
        A view of `y` (a copy only where whole floats become integers).

    Raises:
        ValueError: targets that do not fit, naming what was expected, what was received and the likely fix.
    """
    output = tuple(output_shape)
    key = loss_key(loss)
    check = _Check(key, output, from_logits, f"[{where}] {name}:")
    if key in _SPARSE:
        check.ignored = getattr(loss, "ignore_class", None)
        return check.sparse(y)
    if key == "ctc":
        return check.ctc(y)
    y = align(y, output)
    if key in _CATEGORICAL:
        check.categorical(y)
    elif key in _BINARY:
        check.binary(y)
    elif key in _HINGE:
        check.hinge(y)
    elif key in _REGRESSION:
        check.regression(y)
    return y


def loss_key(loss: Any) -> str:
    """The snake-case name of a loss given as name, class, function or object: `MeanSquaredError()` and so on."""
    if not isinstance(loss, str):
        loss = getattr(loss, "__name__", None) or type(loss).__name__
    key = to_snake_case(loss)
    return _ALIASES.get(key, key)


def align(y: np.ndarray, output_shape: Shape) -> np.ndarray:
    """`y` with a trailing axis of length 1 added or dropped so that it has as many axes as the output."""
    axes = len(output_shape)
    if y.ndim == axes - 1 and output_shape[-1] == 1:
        return y[..., np.newaxis]
    if y.ndim == axes + 1 and y.shape[-1] == 1:
        return y[..., 0]
    return y


class _Check:
    """One set of targets against one loss; every method returns quietly or raises."""

    def __init__(self, key: str, output: Shape, from_logits: bool, place: str) -> None:
        self.key, self.output, self.from_logits, self.place = key, output, from_logits, place
        self.units = output[-1] if len(output) > 1 else 1
        self.ignored: int | None = None  # a label that may be anything

    def fail(self, expected: str, received: str, fix: str) -> NoReturn:
        raise ValueError(f"{self.place} expected {expected}, received {received}; {fix}.")

    def dense(self, units: int | str, activation: str) -> str:
        return f"Dense({units})" if self.from_logits else f"Dense({units}, activation={activation!r})"

    def fits(self, y: np.ndarray, shape: Shape) -> bool:
        pairs = zip(y.shape[1:], shape[1:], strict=False)
        return y.ndim == len(shape) and all(want is None or have == want for have, want in pairs)

    def sparse(self, y: np.ndarray) -> np.ndarray:
        units, lead = self.units, self.output[:-1]
        expected = f"integer labels of shape {_rows(lead)} for loss {self.key!r} and output {self.output}"
        if units == 1:
            classes = "number_of_classes" if y.ndim > 1 and y.shape[-1] > 1 else int(y.max()) + 1
            self.fail(
                f"an output of at least 2 units for loss {self.key!r}",
                f"an output of shape {self.output} (the softmax of one unit is always 1)",
                f"end with {self.dense(classes, 'softmax')}, or for two classes use loss='binary_crossentropy'",
            )
        if y.ndim == len(self.output) and y.shape[-1] == 1:
            y = y[..., 0]
        if y.ndim == len(self.output) and y.shape[-1] == units:
            self.fail(
                expected,
                f"rows of {units} values, shape {y.shape} (one-hot)",
                "use loss='categorical_crossentropy', or pass y.argmax(axis=-1)",
            )
        if not self.fits(y, lead):
            fix = (
                "the output has more axes than the labels: add Flatten() or pooling before the last Dense"
                if y.ndim < len(lead)
                else "pass one label for each output row"
            )
            self.fail(expected, f"shape {y.shape}", fix)
        if y.dtype.kind == "f":
            whole = y.astype(np.int64)
            if not np.array_equal(whole, y):
                at = np.flatnonzero(whole.ravel() != y.ravel())[0]
                self.fail(
                    f"whole numbers as labels for loss {self.key!r}",
                    f"{y.ravel()[at]} (row {self.row(y, at)})",
                    "for continuous targets use loss='mse'; class labels must be 0, 1, 2, ...",
                )
            y = whole
        if units is not None and y.size:
            self.label_range(y if self.ignored is None else np.where(y == self.ignored, 0, y), units)
        return y

    def ctc(self, y: np.ndarray) -> np.ndarray:
        """Labels of sequences, as integers; 0 fills them up."""
        expected = f"integer labels of shape (rows, length) for loss 'ctc' and output {self.output}"
        if len(self.output) != 3:
            self.fail("an output of shape (None, time, classes) for loss 'ctc'", f"{self.output}", "end with Dense")
        if y.ndim != 2:
            self.fail(expected, f"shape {y.shape}", "give each row its labels, filled up with 0")
        if not _whole(y):
            self.fail(expected, f"values of dtype {y.dtype}", "number the labels from 1; 0 is the blank")
        if self.units is not None and y.size:
            self.label_range(y, self.units)
        return y.astype(np.int64, copy=False)

    def label_range(self, y: np.ndarray, units: int) -> None:
        low, high = int(y.min()), int(y.max())
        if low >= 0 and high < units:
            return
        wrong = low if low < 0 else high
        if low > 0 and high - low < units:
            fix = f"labels start at {low}: pass y - {low}"
        elif low < 0:
            fix = "number the classes from 0: classes, y = np.unique(y, return_inverse=True)"
        else:
            fix = f"end with {self.dense(high + 1, 'softmax')}, or number the classes from 0 to {units - 1}"
        at = np.flatnonzero(y.ravel() == wrong)[0]
        self.fail(
            f"labels from 0 to {units - 1} for an output of {units} units",
            f"labels from {low} to {high} ({wrong} first in row {self.row(y, at)})",
            fix,
        )

    def categorical(self, y: np.ndarray) -> None:
        units = self.units
        if units == 1:
            self.fail(
                f"an output of at least 2 units for loss {self.key!r}",
                f"an output of shape {self.output} (the softmax of one unit is always 1)",
                "for two classes use loss='binary_crossentropy'; else one unit per class",
            )
        if not self.fits(y, self.output):
            expected = f"one-hot rows of shape {_rows(self.output)} for loss {self.key!r}"
            if y.ndim == len(self.output) - 1 or (y.ndim == len(self.output) and y.shape[-1] == 1):
                fix = f"use loss='sparse_categorical_crossentropy', or pass to_categorical(y, {units})"
                self.fail(expected, f"{'integer' if _whole(y) else 'single'} values of shape {y.shape}", fix)
            fix = f"end with {self.dense(y.shape[-1], 'softmax')}" if y.ndim == len(self.output) else "reshape y"
            self.fail(expected, f"shape {y.shape}", fix)
        if self.key != "categorical_hinge":
            self.value_range(y, 0, 1, "probabilities from 0 to 1", "divide each row by its sum")

    def binary(self, y: np.ndarray) -> None:
        if not self.fits(y, self.output):
            expected = f"targets of shape {_rows(self.output)} for loss {self.key!r}"
            single = y.ndim == 1 or (y.ndim == len(self.output) and y.shape[-1] == 1)
            if single and self.units is not None and self.units > 1:
                other = f"{self.dense(1, 'sigmoid')}, or use loss='sparse_categorical_crossentropy'"
                self.fail(expected, f"shape {y.shape}", f"for one answer per row end with {other}")
            if self.units == 1 and y.ndim == len(self.output):
                several = f"end with {self.dense(y.shape[-1], 'sigmoid')}"
                self.fail(expected, f"shape {y.shape}", f"{several}; for one-hot pairs pass y[:, 1]")
            self.fail(expected, f"shape {y.shape}", "targets and output need the same shape")
        self.value_range(y, 0, 1, "labels 0 and 1 (or probabilities between)", "map the labels to 0 and 1")

    def hinge(self, y: np.ndarray) -> None:
        self.regression(y)
        self.value_range(y, -1, 1, "labels -1 and 1 (or 0 and 1)", "map the labels to -1 and 1")

    def regression(self, y: np.ndarray) -> None:
        if self.fits(y, self.output):
            return
        units = y.shape[-1] if y.ndim == len(self.output) else 1
        fix = f"end with Dense({units})" if y.ndim <= len(self.output) else "reshape y to the shape of the output"
        if y.ndim == 1 and len(self.output) == 2 and _whole(y):
            fix += ", or for class labels use loss='sparse_categorical_crossentropy'"
        if y.ndim < len(self.output) and len(self.output) > 2:
            fix = "the output has more axes than y: add Flatten() before the last Dense"
        self.fail(f"targets of shape {_rows(self.output)} as the output", f"shape {y.shape}", fix)

    def value_range(self, y: np.ndarray, low: float, high: float, expected: str, fix: str) -> None:
        if y.dtype.kind == "b" or y.size == 0:
            return
        least, most = float(y.min()), float(y.max())
        if least >= low and most <= high:
            return
        if low == 0 and (least, most) == (-1.0, 1.0):
            fix = "pass (y + 1) / 2"
        elif (least, most) == (1.0, 2.0):
            fix = "labels start at 1: pass y - 1"
        elif least >= 0 and 100 < most <= 255:
            fix = "divide y by 255"
        at = np.flatnonzero((y.ravel() < low) | (y.ravel() > high))[0]
        self.fail(
            f"{expected} for loss {self.key!r}",
            f"values from {least:g} to {most:g} ({float(y.ravel()[at]):g} first in row {self.row(y, at)})",
            fix,
        )

    @staticmethod
    def row(y: np.ndarray, position: int | np.integer) -> int:
        return int(position) // max(1, y.size // len(y))


def _rows(shape: Shape) -> str:
    """`(None, 10)` as `(rows, 10)`."""
    inner = ", ".join("any" if axis is None else str(axis) for axis in shape[1:])
    return f"(rows, {inner})" if inner else "(rows,)"


def _whole(y: np.ndarray) -> bool:
    return y.dtype.kind in "biu" or bool((y[:1000] == np.floor(y[:1000])).all())
