"""Lists by position and dicts by name, as arguments of models with several inputs and outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ranvier.models.structures import fit_rank, flatten, is_by_name, label, listed, output_keys

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


class Fake:
    """A model as far as names are concerned."""

    def __init__(self, names: list[str], keys: list[str] | None) -> None:
        self.output_names, self._keys = names, keys

    def _pack_outputs(self, values: list[Any]) -> Any:
        return values if self._keys is None else dict(sorted(zip(self._keys, values, strict=True)))


def test_a_dict_of_outputs_names_them_by_its_keys() -> None:
    assert output_keys(Fake(["dense", "dense_1"], None)) == (["dense", "dense_1"], False)
    assert output_keys(Fake(["dense", "dense_1"], ["z", "a"])) == (["z", "a"], True)
    assert output_keys(object()) == (["output"], False)


def test_a_last_axis_of_one_comes_and_goes() -> None:
    assert fit_rank(np.zeros(4), (None, 1)).shape == (4, 1)
    assert fit_rank(np.zeros((4, 28, 28, 1)), (None, 28, 28)).shape == (4, 28, 28)
    assert fit_rank(np.zeros((4, 28, 28)), (None, 28, 28, 1)).shape == (4, 28, 28, 1)
    assert fit_rank(np.zeros(4), None).shape == (4, 1)
    assert fit_rank(np.zeros((4, 3)), (None, 5)).shape == (4, 3), "errors come later"
