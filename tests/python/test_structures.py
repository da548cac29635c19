"""Lists by position and dicts by name, as arguments of models with several inputs and outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import layers
from ranvier.models.structures import Outputs, fit_rank, flatten, is_by_name, label, listed, outputs_of

NAMES = ["image", "age"]


def test_lists_tuples_and_dicts_come_in_the_order_of_the_names() -> None:
    assert flatten([1, 2], NAMES, "x", "fit") == [1, 2]
    assert flatten((1, 2), NAMES, "x", "fit") == [1, 2]
    assert flatten({"age": 2, "image": 1}, NAMES, "x", "fit") == [1, 2]
    assert flatten({"age": 2}, NAMES, "y", "fit", missing=True) == [None, 2]
    assert flatten({"age": 2, "image": 1, "name": 3}, NAMES, "x", "fit", extra=True) == [1, 2]


def test_one_part_stands_for_itself() -> None:
    rows = np.zeros((3, 2))
    assert flatten(rows, ["image"], "x", "fit")[0] is rows
    assert flatten([[1, 2], [3, 4]], ["image"], "x", "fit") == [[[1, 2], [3, 4]]]
    assert flatten({"image": rows}, ["image"], "x", "fit")[0] is rows
    assert flatten({"x": rows}, ["image"], "x", "fit") == [{"x": rows}], "no structure of this model"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"img": 1, "age": 2}, "[fit] x: expected inputs 'image' and 'age' (dict or list of 2), received dict with "),
        ({"img": 1, "age": 2}, "dict with 'img' and 'age'; did you mean 'image'?"),
        ({"image": 1}, "dict with 'image'; add 'age'."),
        ({"image": 1, "age": 2, "name": 3}, "take 'name' out."),
        ({}, "dict with nothing; add 'image' and 'age'."),
        ([1, 2, 3], "list of 3; pass x=[image, age] in this order."),
        (np.zeros((4, 2)), "received ndarray of shape (4, 2) and dtype float64; pass x=[image, age]"),
        (None, "received NoneType"),
    ],
)
def test_what_does_not_fit_is_named(value: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        flatten(value, NAMES, "x", "fit")
    assert message in str(caught.value)


def test_words_for_messages() -> None:
    assert listed(["a"]) == "'a'"
    assert listed(["a", "b", "c"]) == "'a', 'b' and 'c'"
    assert label("x", NAMES, 1) == "x['age']"
    assert label("x", ["image"], 0) == "x"
    assert is_by_name({"a": "mse"})
    assert not is_by_name({"class_name": "MeanSquaredError", "config": {}})
    assert not is_by_name("mse")


def test_what_outputs_are_called() -> None:
    x = keras.Input((3,))
    first, second = layers.Dense(1, name="first")(x), layers.Dense(2, name="second")(x)
    assert outputs_of(keras.Model(x, [first, second])) == Outputs(["first", "second"])
    assert outputs_of(keras.Model(x, second)) == Outputs(["second"], plain=True)
    assert outputs_of(keras.Model(x, {"z": first, "a": second})) == Outputs(["a", "z"], by_key=True)
    assert outputs_of(keras.Sequential([layers.Dense(4, name="last")])) == Outputs(["last"], plain=True)
    assert outputs_of(keras.Sequential()) == Outputs(["output"], plain=True)


def test_outputs_of_a_model_of_ones_own_are_known_once_it_is_built() -> None:
    class Own(keras.Model):
        def __init__(self, form: Any) -> None:
            super().__init__()
            self.form, self.a, self.b = form, layers.Dense(1), layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.form(self.a(x), self.b(x))

    for form, expected in (
        (lambda a, b: (a, b), Outputs(["output_0", "output_1"], named=False)),
        (lambda a, b: {"v": b, "u": a}, Outputs(["u", "v"], by_key=True)),
        (lambda a, b: a, Outputs(["output"], named=False, plain=True)),
        (lambda a, b: [a], Outputs(["output"], named=False)),
    ):
        model = Own(form)
        assert outputs_of(model) is None
        model.build((None, 3))
        assert outputs_of(model) == expected


def test_a_last_axis_of_one_comes_and_goes() -> None:
    assert fit_rank(np.zeros(4), (None, 1)).shape == (4, 1)
    assert fit_rank(np.zeros((4, 28, 28, 1)), (None, 28, 28)).shape == (4, 28, 28)
    assert fit_rank(np.zeros((4, 28, 28)), (None, 28, 28, 1)).shape == (4, 28, 28, 1)
    assert fit_rank(np.zeros(4), None).shape == (4, 1)
    assert fit_rank(np.zeros((4, 3)), (None, 5)).shape == (4, 3), "errors come later"
