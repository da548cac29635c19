"""The pre-flight checks: what they accept, what they refuse, and that a message names place and fix."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranvier import config
from ranvier.models.checks import (
    as_arrays,
    check_finite,
    check_sample_weight,
    check_targets,
    class_weight_to_rows,
    non_finite_loss_message,
    observed_range,
    split_validation,
    unpack_validation_data,
)
from ranvier.models.part_data import Data

X = np.linspace(-1, 1, 40, dtype=np.float32).reshape(10, 4)


# --- as_arrays -------------------------------------------------------------------------------------------------------


def test_arrays_are_viewed_and_not_copied() -> None:
    y, w = np.arange(10), np.ones((10, 1))
    for x in (X, np.asfortranarray(X), X[::2][:5].repeat(2, 0)[:, ::-1], X.astype(np.float64), X.astype(np.uint8)):
        x_out, y_out, w_out = as_arrays(x, y, w)
        assert x_out is x and y_out is y
        assert w_out is not None and w_out.shape == (10,) and np.shares_memory(w_out, w)
    assert as_arrays(X)[1:] == (None, None)


def test_lists_pandas_and_memmaps_are_accepted(tmp_path: Path) -> None:
    x, y, _ = as_arrays([[1, 2], [3, 4]], [0, 1])
    assert x.shape == (2, 2) and y is not None and y.dtype == np.int64
    mapped = np.memmap(tmp_path / "x", dtype=np.float32, mode="w+", shape=(10, 4))
    assert as_arrays(mapped)[0] is mapped
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    x, y, w = as_arrays(frame, frame["a"], frame["b"])
    np.testing.assert_array_equal(x, X)
    assert np.shares_memory(x, frame.to_numpy())
    np.testing.assert_array_equal(w, X[:, 1])


def test_a_single_input_in_a_list_is_the_input_itself() -> None:
    assert as_arrays([X], np.arange(10))[0] is X
    assert as_arrays([X[0]], [1.0])[0].shape == (1, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((0, 4)),), r"\[fit\] x: expected at least one row, received shape \(0, 4\)"),
        (([],), r"x: expected at least one row, received shape \(0,\)"),
        ((np.zeros((3, 0)),), r"x: expected at least one feature, received shape \(3, 0\)"),
        ((X, np.arange(9)), r"y: expected 10 rows as in x of shape \(10, 4\), received shape \(9,\); each row"),
        ((X, np.arange(4)), r"received shape \(4,\); rows come first, move axis 1 of x there: np.moveaxis\(x, 1, 0\)"),
        (([X, X], np.arange(10)), r"x is a list of 2 arrays, join them: np.concatenate\(x, axis=-1\)"),
        (
            (X, None, np.ones(9)),
            r"sample_weight: expected one weight for each of the 10 rows of x, received shape \(9,\)",
        ),
        ((X, np.arange(10), np.ones((10, 4))), r"sample_weight: expected shape \(10,\), received \(10, 4\)"),
        ((X, None, np.array([1.0] * 9 + [np.nan])), r"sample_weight: expected finite numbers, received nan at row 9"),
    ],
)
def test_as_arrays_refusals(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_arrays(*arguments)


def test_messages_name_method_argument_and_column() -> None:
    with pytest.raises(ValueError, match=r"\[evaluate\] validation y: expected 10 rows as in validation x"):
        as_arrays(X, np.arange(9), where="evaluate", prefix="validation ")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"age": [1.0, np.nan], "sex": [0.0, 1.0]})
    with pytest.raises(ValueError, match=r"x: expected finite numbers, received nan at row 1, column 0 \('age'\)"):
        as_arrays(frame)
    with pytest.raises(TypeError, match=r"received column 'sex' of dtype (object|str).*get_dummies"):
        as_arrays(frame.assign(sex=["f", "m"]))


def test_weights_may_have_the_leading_axes_of_y() -> None:
    y = np.zeros((10, 5, 3))
    weight = np.ones((10, 5))
    assert check_sample_weight(weight, 10, y) is weight
    assert check_sample_weight(None, 10, y) is None
    with pytest.raises(ValueError, match=r"expected shape \(10,\) or \(10, 5\), received \(10, 4\)"):
        check_sample_weight(np.ones((10, 4)), 10, y)


# --- finite ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F", "strided"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_bad_value_is_found_in_any_layout(order: str, bad: float) -> None:
    x = np.zeros((3000, 400), dtype=np.float32)  # several blocks
    x[2000, 17] = bad
    x[2900, 3] = bad
    if order == "F":
        x = np.asfortranarray(x)
    elif order == "strided":
        x = np.repeat(x, 2, axis=1)[:, ::2]
    what = "NaN" if np.isnan(bad) else "infinite"
    with pytest.raises(ValueError, match=rf"received {bad} at row 2000, column 17 \(2 {what} in all\)"):
        check_finite(x, "x")


def test_places_in_one_and_many_axes() -> None:
    y = np.ones(5)
    y[3] = np.nan
    with pytest.raises(ValueError, match=r"\[fit\] y: expected finite numbers, received nan at row 3 \(1 NaN in all\)"):
        check_finite(y, "y")
    images = np.zeros((6, 4, 4, 1), np.float32)
    images[5, 2, 1, 0] = np.inf
    with pytest.raises(ValueError, match=r"received inf at row 5, index \(2, 1, 0\)"):
        check_finite(images, "x")


def test_values_too_large_for_floatx_are_found_before_they_become_infinite() -> None:
    with pytest.raises(ValueError, match=r"received -1e\+300 at row 1, column 0 \(1 too large for float32.*scale"):
        check_finite(np.array([[0.0], [-1e300]]), "x")
    check_finite(np.array([np.finfo(np.float32).max, -np.finfo(np.float32).max]), "x")
    check_finite(np.array([65504.0], dtype=np.float16), "x")
    before = config.floatx()
    try:
        config.set_floatx("float64")
        check_finite(np.array([1e300]), "x")
    finally:
        config.set_floatx(before)


def test_checking_makes_no_temporary_of_the_size_of_the_data() -> None:
    x = np.zeros((2000, 1000), np.float32)
    bad = x.copy()
    bad[1999, 999] = np.nan
    for array in (x, x[:, ::2], np.asfortranarray(x)):
        tracemalloc.start()
        check_finite(array, "x")
        assert observed_range(array) == (0, 0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 3_000_000
    tracemalloc.start()
    with pytest.raises(ValueError, match="row 1999, column 999"):
        check_finite(bad, "x")
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()


def test_integers_and_booleans_are_skipped() -> None:
    check_finite(np.array([2**40]), "x")
    check_finite(np.array([True]), "x")
    check_finite(np.zeros((0, 3)), "x")
    assert as_arrays(np.array([[np.nan]]), finite=False)[0].size == 1


# --- targets ---------------------------------------------------------------------------------------------------------

LABELS = np.array([0, 1, 2, 1])
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
BITS = np.array([0, 1, 1, 0])


@pytest.mark.parametrize(
    ("y", "loss", "output", "shape"),
    [
        (LABELS, "sparse_categorical_crossentropy", (None, 3), (4,)),
        (LABELS[:, None], "sparse_categorical_crossentropy", (None, 3), (4,)),
        (LABELS.astype(np.uint8), "SparseCategoricalCrossentropy", (None, 3), (4,)),
        (np.array([[0, 1], [2, 2]]), "sparse_categorical_crossentropy", (None, 2, 3), (2, 2)),
        (np.array([[[0], [1]]]), "sparse_categorical_crossentropy", (None, None, 3), (1, 2)),
        (ONE_HOT, "categorical_crossentropy", (None, 3), (4, 3)),
        (BITS, "binary_crossentropy", (None, 1), (4, 1)),
        (BITS[:, None].astype(bool), "bce", (None, 1), (4, 1)),
        (BITS * 0.9 + 0.05, "binary_crossentropy", (None, 1), (4, 1)),
        (ONE_HOT, "binary_crossentropy", (None, 3), (4, 3)),
        (BITS * 2 - 1, "hinge", (None, 1), (4, 1)),
        (BITS, "squared_hinge", (None, 1), (4, 1)),
        (LABELS, "mse", (None, 1), (4, 1)),
        (LABELS[:, None], "mse", (None, 1), (4, 1)),
        (LABELS[:, None], "mse", (None,), (4,)),
        (ONE_HOT, "mean_absolute_error", (None, 3), (4, 3)),
        (np.zeros((4, 5)), "mse", (None, 5, 1), (4, 5, 1)),
        (LABELS, lambda t, p: p, (None, 1), (4, 1)),
        (LABELS, "my_own_loss", (None, 7), (4,)),
    ],
)
def test_fitting_targets_pass_in_the_shape_of_the_loss(y: np.ndarray, loss: Any, output: tuple, shape: tuple) -> None:
    out = check_targets(y, loss, output)
    assert out.shape == shape and np.shares_memory(out, y)
    np.testing.assert_array_equal(out.ravel(), y.ravel())


def test_loss_objects_and_functions_are_known_by_their_names() -> None:
    class SparseCategoricalCrossentropy:
        pass

    def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
        return y_true

    with pytest.raises(ValueError, match="one-hot"):
        check_targets(ONE_HOT, SparseCategoricalCrossentropy(), (None, 3))
    with pytest.raises(ValueError, match="one-hot"):
        check_targets(ONE_HOT, SparseCategoricalCrossentropy, (None, 3))
    with pytest.raises(ValueError, match="targets of shape"):
        check_targets(ONE_HOT, mean_squared_error, (None, 1))


def test_whole_floats_become_integer_labels() -> None:
    out = check_targets(LABELS.astype(np.float64), "sparse_categorical_crossentropy", (None, 3))
    assert out.dtype == np.int64
    np.testing.assert_array_equal(out, LABELS)


SPARSE, CATEGORICAL, BINARY = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"


@pytest.mark.parametrize(
    ("y", "loss", "output", "expected", "received", "fix"),
    [
        (ONE_HOT, SPARSE, (None, 3), "integer labels of shape (rows,)", "one-hot", "loss='categorical_crossentropy'"),
        (LABELS + 1, SPARSE, (None, 3), "labels from 0 to 2", "labels from 1 to 3 (3 first in row 2)", "pass y - 1"),
        (LABELS, SPARSE, (None, 2), "labels from 0 to 1", "labels from 0 to 2", "Dense(3, activation='softmax')"),
        (LABELS - 1, SPARSE, (None, 3), "labels from 0 to 2", "-1 first in row 0", "np.unique"),
        (LABELS + 0.5, SPARSE, (None, 3), "whole numbers as labels", "0.5 (row 0)", "loss='mse'"),
        (BITS, SPARSE, (None, 1), "at least 2 units", "shape (None, 1)", "Dense(2, activation='softmax')"),
        (LABELS, SPARSE, (None, 4, 3), "shape (rows, 4)", "shape (4,)", "Flatten()"),
        (np.zeros((4, 7)), SPARSE, (None, 3), "shape (rows,)", "shape (4, 7)", "one label for each output row"),
        (
            LABELS,
            CATEGORICAL,
            (None, 3),
            "one-hot rows of shape (rows, 3)",
            "integer values of shape (4,)",
            "to_categorical(y, 3)",
        ),
        (LABELS[:, None], CATEGORICAL, (None, 3), "one-hot rows", "integer values of shape (4, 1)", "loss='sparse_cat"),
        (ONE_HOT, CATEGORICAL, (None, 4), "shape (rows, 4)", "shape (4, 3)", "Dense(3, activation='softmax')"),
        (ONE_HOT * 255, CATEGORICAL, (None, 3), "probabilities from 0 to 1", "from 0 to 255", "divide y by 255"),
        (ONE_HOT[:, :1], CATEGORICAL, (None, 1), "at least 2 units", "shape (None, 1)", "binary_crossentropy"),
        (BITS * 2 - 1, BINARY, (None, 1), "labels 0 and 1", "values from -1 to 1 (-1 first in row 0)", "(y + 1) / 2"),
        (BITS + 1, BINARY, (None, 1), "labels 0 and 1", "values from 1 to 2 (2 first in row 1)", "pass y - 1"),
        (BITS * 255, BINARY, (None, 1), "labels 0 and 1", "from 0 to 255", "divide y by 255"),
        (BITS, BINARY, (None, 2), "shape (rows, 2)", "shape (4,)", "Dense(1, activation='sigmoid')"),
        (BITS[:, None], BINARY, (None, 2), "shape (rows, 2)", "shape (4, 1)", "sparse_categorical_crossentropy"),
        (ONE_HOT[:, :2], BINARY, (None, 1), "shape (rows, 1)", "shape (4, 2)", "pass y[:, 1]"),
        (BITS + 1, "hinge", (None, 1), "labels -1 and 1", "from 1 to 2", "pass y - 1"),
        (ONE_HOT, "mse", (None, 1), "targets of shape (rows, 1)", "shape (4, 3)", "Dense(3)"),
        (LABELS, "mse", (None, 3), "targets of shape (rows, 3)", "shape (4,)", "Dense(1)"),
        (BITS * 0.5, "mse", (None, 8, 1), "targets of shape (rows, 8, 1)", "shape (4,)", "Flatten()"),
    ],
)
def test_misfits_name_expected_received_and_fix(
    y: np.ndarray, loss: str, output: tuple, expected: str, received: str, fix: str
) -> None:
    with pytest.raises(ValueError, match=re.escape("[fit] y: expected ")) as caught:
        check_targets(y, loss, output)
    before, _, after = str(caught.value).partition(", received ")
    assert expected in before
    assert received in after and fix in after


def test_fixes_leave_out_the_activation_when_the_loss_takes_logits() -> None:
    with pytest.raises(ValueError, match=r"end with Dense\(3\), or"):
        check_targets(LABELS, SPARSE, (None, 2), from_logits=True)


# --- class weights ---------------------------------------------------------------------------------------------------


def test_class_weights_become_row_weights() -> None:
    table = {2: 4.0, 0: 1, 1: 0.5}
    expected = np.array([1, 0.5, 4, 0.5], dtype=config.floatx())
    for y in (LABELS, LABELS[:, None], LABELS.astype(np.float32), LABELS.astype(np.uint8), ONE_HOT, LABELS.tolist()):
        rows = class_weight_to_rows(table, y)
        assert rows.dtype == np.dtype(config.floatx())
        np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(class_weight_to_rows({-1: 2, 1: 3}, np.array([1, -1])), [3, 2])
    np.testing.assert_array_equal(class_weight_to_rows({np.int64(0): 1, 1.0: 3}, np.array([0, 1])), [1, 3])
    np.testing.assert_array_equal(class_weight_to_rows({1: 3}, np.array([0, 1, 2])), [1, 3, 1])


@pytest.mark.parametrize(
    ("weights", "y", "error", "message"),
    [
        ({}, LABELS, ValueError, r"expected weights for labels in y \(0, 1, 2\), received"),
        ({9: 1.0}, LABELS, ValueError, r"expected weights for labels in y \(0, 1, 2\), received them for 9 only"),
        ("balanced", LABELS, TypeError, r"expected a dict such as .*received str.*len\(y\)"),
        ({"0": 1.0}, LABELS, TypeError, r"expected integer labels"),
        ({0: "a"}, LABELS, TypeError, r"expected integer labels and numbers"),
        ({0: np.nan, 1: 1, 2: 1}, LABELS, ValueError, r"expected finite weights"),
        ({0: 1}, np.array([0.5]), ValueError, r"whole numbers as labels in y, received 0.5"),
        ({0: 1}, np.zeros((2, 3, 4)), ValueError, r"one label per row in y, received shape \(2, 3, 4\)"),
    ],
)
def test_class_weight_refusals(weights: Any, y: np.ndarray, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        class_weight_to_rows(weights, y)


def test_class_weight_and_sample_weight_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="cannot be given together"):
        class_weight_to_rows({0: 1}, LABELS, np.ones(4))


# --- validation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fraction", "kept"), [(0.2, 8), (0.25, 7), (0.5, 5)])
def test_validation_split_takes_the_last_fraction(fraction: float, kept: int) -> None:
    assert split_validation(10, fraction) == kept
    data = Data([X], [np.arange(10), None], [None, np.arange(10.0)])
    training, held_out = data.part(slice(0, kept)), data.part(slice(kept, 10))
    assert (training.rows, held_out.rows) == (kept, 10 - kept)
    np.testing.assert_array_equal(training.y[0], np.arange(kept))
    np.testing.assert_array_equal(held_out.y[0], np.arange(kept, 10))
    np.testing.assert_array_equal(held_out.x[0], X[kept:])
    assert held_out.weight is not None and held_out.weight[1][0] == kept  # type: ignore[index]
    assert np.shares_memory(training.x[0], X)
    assert held_out.y[1] is None and held_out.weight[0] is None
    assert Data([X], [None]).part(slice(0, 1)).weight is None


def test_a_validation_split_leaves_rows_on_both_sides() -> None:
    with pytest.raises(ValueError, match=r"received 0.99 of 10 rows, which leaves 0 for training and 10"):
        split_validation(10, 0.99)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, True, 1e-18])
def test_validation_split_refusals(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"\[fit\] validation_split: expected"):
        split_validation(10, fraction)


def test_validation_data_forms() -> None:
    x, y, w = X, np.arange(10), np.ones(10)
    assert all(a is b for a, b in zip(unpack_validation_data((x, y)), (x, y, None), strict=True))
    assert unpack_validation_data([x, y, w])[2] is w
    with pytest.raises(
        TypeError, match=r"received ndarray of shape \(10, 4\) and dtype float32; pass validation_data=\(x"
    ):
        unpack_validation_data(x)
    for wrong in ((x,), (x, None), (x, y, w, 1), ()):
        with pytest.raises(ValueError, match=rf"received {len(wrong)} items"):
            unpack_validation_data(wrong)


# --- the loss that is no number --------------------------------------------------------------------------------------


def test_observed_range_ignores_what_is_not_finite() -> None:
    assert observed_range(np.array([1.0, np.nan, -3.0, np.inf])) == (-3, 1)
    assert observed_range(np.array([[3, 9]], np.uint8)[:, ::-1]) == (3, 9)
    assert observed_range(np.array([np.nan])) is None and observed_range(np.zeros((0, 2))) is None
    big = np.zeros((3000, 400))
    big[1234, 5], big[2999, 399] = -7, 8
    assert observed_range(np.asfortranarray(big)) == (-7, 8)


def test_the_message_orders_the_causes_by_what_was_observed() -> None:
    message = non_finite_loss_message(17, 2, float("nan"), 0.001, (0.0, 255.0), (0.0, 9.0), "mean_squared_error")
    lines = message.splitlines()
    assert lines[0] == "[fit] the loss (mean_squared_error) became nan at step 17 of epoch 2. Likely causes:"
    assert lines[1] == "  1. inputs are not scaled: x ranges from 0 to 255; divide by 255."
    assert lines[2] == "  2. the learning rate (0.001) is too high; divide it by 10."
    assert "targets" not in message and "custom loss" not in message

    lines = non_finite_loss_message(1, 1, float("inf"), 5.0, (-1.0, 1.0), (-2e6, 3e6), built_in_loss=False).splitlines()
    assert lines[1].startswith("  1. the learning rate (5) is too high")
    assert lines[2].startswith("  2. the custom loss takes log")
    assert lines[3].startswith("  3. targets are large: y ranges from -2e+06 to 3e+06")
    assert lines[-1] == "The inputs are of a usual size (x ranges from -1 to 1)."
    assert "clipnorm" not in non_finite_loss_message(1, 1, float("nan"), clipped=True)
