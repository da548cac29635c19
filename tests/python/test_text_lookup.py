"""StringLookup and IntegerLookup: Keras's documented examples, vocabularies, mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranvier import DataLoader, layers

VOCABULARY = ["a", "b", "c", "d"]
NUMBERS = [12, 36, 1138, 42]
TEXTS = [["a", "c", "d", "d"], ["d", "z", "b", "z"]]
INTEGERS = np.array([[12, 1138, 42, 42], [42, 7, 36, 7]])


def copied(layer: Any) -> Any:
    return layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))


@pytest.mark.parametrize("of_text", [True, False])
@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({}, [[1, 3, 4, 4], [4, 0, 2, 0]]),
        ({"output_mode": "multi_hot"}, [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
        ({"output_mode": "binary"}, [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
        ({"output_mode": "count"}, [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]]),
        (
            {"output_mode": "tf_idf", "idf_weights": [0.25, 0.75, 0.6, 0.4]},
            [[0, 0.25, 0, 0.6, 0.8], [1, 0, 0.75, 0, 0.4]],
        ),
        (
            {"output_mode": "count", "max_tokens": 7, "pad_to_max_tokens": True},
            [[0, 1, 0, 1, 2, 0, 0], [2, 0, 1, 0, 1, 0, 0]],
        ),
    ],
)
def test_values_of_the_documentation(of_text: bool, arguments: dict[str, Any], wanted: list[list[float]]) -> None:
    cls, words, data = (
        (layers.StringLookup, VOCABULARY, TEXTS) if of_text else (layers.IntegerLookup, NUMBERS, INTEGERS)
    )
    layer = cls(vocabulary=words, **arguments)
    for one in (layer, copied(layer)):
        found = one(data)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6)
        assert found.dtype == ("int64" if layer.output_mode == "int" else "float32")
        assert one.compute_output_shape((None, 4)) == (None, len(wanted[0]))


def test_one_hot() -> None:
    layer = layers.StringLookup(vocabulary=VOCABULARY, output_mode="one_hot")
    np.testing.assert_array_equal(layer(["a", "b", "c", "d", "z"]).numpy(), np.eye(5)[[1, 2, 3, 4, 0]])
    np.testing.assert_array_equal(layer([["a"], ["z"]]).numpy(), np.eye(5)[[1, 0]])
    assert layer([["a", "b"]]).shape == (1, 2, 5)
    assert layer.compute_output_shape((None, 1)) == (None, 5)
    assert layer.compute_output_shape((None, 2)) == (None, 2, 5)


def test_several_unknown_indices_go_by_hash() -> None:
    layer = layers.StringLookup(vocabulary=VOCABULARY, num_oov_indices=2)
    assert layer([["a", "c", "d"], ["m", "z", "b"]]).numpy().tolist() == [[2, 4, 5], [0, 1, 3]]
    numbers = layers.IntegerLookup(vocabulary=NUMBERS, num_oov_indices=2)
    assert numbers([[12, 1138, 42], [37, 1000, 36]]).numpy().tolist() == [[2, 4, 5], [1, 0, 3]]
    hashed = layers.IntegerLookup(vocabulary=NUMBERS, num_oov_indices=3, oov_method="farmhash")
    assert hashed([0, 1, 2, 3, 4]).numpy().tolist() == [1, 0, 1, 0, 2]  # the bins of Hashing(3)
    salted = layers.StringLookup(vocabulary=["x"], num_oov_indices=3, salt=[133, 137])
    assert salted(["A", "B", "C", "D", "E"]).numpy().tolist() == [1, 2, 1, 0, 2]
    assert copied(salted)(["A", "B"]).numpy().tolist() == [1, 2]


def test_masks() -> None:
    layer = layers.StringLookup(vocabulary=VOCABULARY, mask_token="")
    assert layer.get_vocabulary() == ["", "[UNK]", *VOCABULARY]
    assert layer.get_vocabulary(include_special_tokens=False) == VOCABULARY
    assert layer.vocabulary_size() == 6
    assert layer(["", "a", "?"]).numpy().tolist() == [0, 2, 1]
    counted = layers.StringLookup(vocabulary=VOCABULARY, mask_token="", output_mode="count")
    assert counted.get_vocabulary() == ["[UNK]", *VOCABULARY]
    assert counted([["", "a", "a", "?"]]).numpy().tolist() == [[1, 2, 0, 0, 0]]  # masked tokens leave no trace
    numbers = layers.IntegerLookup(vocabulary=NUMBERS, mask_token=0)
    assert numbers([0, 12, 5]).numpy().tolist() == [0, 2, 1]


def test_inverse() -> None:
    back = layers.StringLookup(vocabulary=VOCABULARY, invert=True)
    assert back([[1, 3, 4], [4, 0, 2]]).tolist() == [["a", "c", "d"], ["d", "[UNK]", "b"]]
    assert back(np.array([99, -1])).tolist() == ["[UNK]", "[UNK]"]
    forth = layers.StringLookup(vocabulary=VOCABULARY, mask_token="")
    back = layers.StringLookup(vocabulary=forth.get_vocabulary(), mask_token="", invert=True)
    assert back(forth([["a", "", "z"]])).tolist() == [["a", "", "[UNK]"]]
    numbers = layers.IntegerLookup(vocabulary=NUMBERS, invert=True)
    assert numbers([[1, 3, 4], [4, 0, 2]]).numpy().tolist() == [[12, 1138, 42], [42, -1, 36]]


def test_adapt_orders_by_frequency_then_from_high_to_low() -> None:
    layer = layers.StringLookup()
    layer.adapt([["a", "c", "d"], ["d", "z", "b"]])
    assert layer.get_vocabulary() == ["[UNK]", "d", "z", "c", "b", "a"]
    assert layer([["a", "c", "d"], ["d", "z", "b"]]).numpy().tolist() == [[5, 3, 1], [1, 2, 4]]
    few = layers.StringLookup(max_tokens=3)
    few.adapt(np.array(["a", "b", "b", "[UNK]", "c", "c", "c"]))
    assert few.get_vocabulary() == ["[UNK]", "c", "b"]
    numbers = layers.IntegerLookup()
    numbers.adapt(np.array([[12, 1138, 42], [42, 1000, 36]]))
    assert numbers.get_vocabulary() == [-1, 42, 1138, 1000, 36, 12]


def test_adapt_on_batches() -> None:
    words = np.array(["x", "y", "y", "z", "z", "z"] * 10)
    whole = layers.StringLookup()
    whole.adapt(words)
    for data in (DataLoader(words, batch_size=7), (words[i : i + 7] for i in range(0, 60, 7)), [list(words)]):
        layer = layers.StringLookup()
        layer.adapt(data)
        assert layer.get_vocabulary() == whole.get_vocabulary() == ["[UNK]", "z", "y", "x"]
    first = layers.StringLookup()
    first.adapt(DataLoader(words, np.arange(60), batch_size=2), steps=1)  # labels are left out
    assert first.get_vocabulary() == ["[UNK]", "y", "x"]


def test_inverse_document_frequencies_are_learned() -> None:
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.adapt([["a", "a", "b"], ["a", "c", "c"], ["a", "a", "a"]])
    assert layer.get_vocabulary() == ["[UNK]", "a", "c", "b"]
    idf = np.log(1 + 3 / (1 + np.array([3, 1, 1])))
    np.testing.assert_allclose(layer.idf_weights, [idf.mean(), *idf])
    np.testing.assert_allclose(layer([["a", "a", "?"]]).numpy(), [[idf.mean(), 2 * idf[0], 0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(copied(layer)([["a", "c", "?"]]).numpy(), layer([["a", "c", "?"]]).numpy())


def test_tokens_in_a_list_are_documents_of_their_own() -> None:
    layer = layers.StringLookup(output_mode="tf_idf", mask_token="", max_tokens=7)
    layer.adapt(["one", "one", "one", "two", "two", "three"])
    np.testing.assert_allclose(layer(["one", "two", "four"]).numpy(), [1.1337324, 0.91629076, 1.0986123, 0], rtol=1e-6)
    layer.adapt([["one", "one"], ["one", "two"], ["two", "three"]])
    found = layer([["two", "three"], ["two", "four"]]).numpy()
    np.testing.assert_allclose(np.sort(found[0])[2:], [np.log(2), np.log(2.5)], rtol=1e-6)
    np.testing.assert_allclose(found[1, 0], 0.76752836, rtol=1e-6)


def test_a_copy_of_a_learned_layer_may_learn_again() -> None:
    layer = layers.StringLookup()
    layer.adapt(["a", "b"])
    again = copied(layer)
    again.adapt(["c"])
    assert again.get_vocabulary() == ["[UNK]", "c"]
    with pytest.raises(ValueError, match="the vocabulary was given to the constructor"):
        copied(layers.StringLookup(vocabulary=VOCABULARY)).adapt(["a"])


def test_vocabulary_files(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("eins\nzwei\nfünf\n", encoding="utf-8")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", "eins", "zwei", "fünf"]
    (tmp_path / "numbers.txt").write_text("5\n7")
    assert layers.IntegerLookup(vocabulary=tmp_path / "numbers.txt").get_vocabulary() == [-1, 5, 7]
    with pytest.raises(ValueError, match="there is no file"):
        layers.StringLookup(vocabulary=str(tmp_path / "none.txt"))
    with pytest.raises(ValueError, match="expected one integer on each line"):
        layers.IntegerLookup(vocabulary=str(path))


@pytest.mark.parametrize(
    "data", [np.array(["a", "d"]), np.array([b"a", b"d"]), ["a", "d"], np.array(["a", "d"], object)]
)
def test_kinds_of_strings(data: Any) -> None:
    assert layers.StringLookup(vocabulary=VOCABULARY)(data).numpy().tolist() == [1, 4]
    scalar = layers.StringLookup(vocabulary=VOCABULARY)("d")
    assert scalar.shape == () and int(scalar.numpy()) == 4


def test_integers_far_apart_and_close_together() -> None:
    draw = np.random.default_rng(0)
    for vocabulary in (draw.permutation(50) - 20, np.array([2**62, -(2**62), 0, 7])):
        layer = layers.IntegerLookup(vocabulary=vocabulary)
        values = np.array([*vocabulary, 8, 99, -(2**63), 2**63 - 1, vocabulary.min() - 1])
        place = {int(value): i + 1 for i, value in enumerate(vocabulary)}
        assert layer(values).numpy().tolist() == [place.get(int(value), 0) for value in values]


# -- mistakes ----------------------------------------------------------------------------------------------------------


def test_unknown_values_without_an_index_for_them() -> None:
    layer = layers.StringLookup(vocabulary=VOCABULARY, num_oov_indices=0, name="words")
    assert layer(["a", "d"]).numpy().tolist() == [0, 3]
    with pytest.raises(ValueError, match=r"\[words\] expected values of the vocabulary, received 'z' at \[1, 1\] \(2 "):
        layer(TEXTS)
    numbers = layers.IntegerLookup(vocabulary=NUMBERS, num_oov_indices=0)
    with pytest.raises(ValueError, match=r"received 7 at \[1, 1\].*num_oov_indices=1"):
        numbers(INTEGERS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output_mode": "hot"}, "output_mode: expected one of 'int', 'one_hot'.*received 'hot'"),
        ({"max_tokens": 1}, "max_tokens: expected an int above 1, or None, received 1"),
        ({"max_tokens": 2, "mask_token": ""}, "max_tokens: expected more than the 2 special tokens, received 2"),
        ({"num_oov_indices": -1}, "num_oov_indices: expected an int of 0 or more.*, received -1"),
        ({"pad_to_max_tokens": True}, "pad_to_max_tokens: expected max_tokens with it"),
        ({"invert": True, "output_mode": "count"}, "output_mode: expected 'int' with invert=True"),
        ({"mask_token": 3}, "mask_token: expected a string or None, received 3"),
        ({"idf_weights": [1.0]}, "idf_weights: expected vocabulary with them"),
        ({"vocabulary": ["a", "b", "a"]}, "expected every token once, received 'a' more than once"),
        ({"vocabulary": ["a", "", "b"], "mask_token": ""}, r"other than mask_token='', received it at \[1\]"),
        ({"vocabulary": ["a", "[UNK]"], "invert": True}, r"other than oov_token='\[UNK\]', received it at \[1\]"),
        (
            {"vocabulary": VOCABULARY, "max_tokens": 4},
            "at most max_tokens=4 tokens, 1 special ones among them, received 5",
        ),
        ({"vocabulary": []}, "expected at least one token"),
        ({"vocabulary": ["a", 3]}, r"expected strings, received 3 at \[1\]"),
        ({"vocabulary": VOCABULARY, "output_mode": "tf_idf"}, "expected one weight for each token"),
        (
            {"vocabulary": VOCABULARY, "output_mode": "tf_idf", "idf_weights": [1.0]},
            r"expected 4 numbers.*shape \(1,\)",
        ),
        ({"sparse": True, "output_mode": "count"}, "sparse: expected False"),
        ({"salt": [1, 2, 3]}, "salt: expected an int or a pair of ints"),
        ({"encoding": "utf-99"}, "encoding: expected one such as 'utf-8', received 'utf-99'"),
        ({"pad_to_max_tokens": np.ones(2)}, "pad_to_max_tokens: expected True or False"),
        ({"num_oov_indices": 10**20}, "num_oov_indices: expected an int of 0 or more, and below"),
        ({"vocabulary": 5}, "vocabulary: expected a list of tokens or a file of them, received 5"),
    ],
)
def test_arguments_that_contradict(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"\[words\] .*{message}"):
        layers.StringLookup(name="words", **arguments)


def test_calls_that_cannot_be() -> None:
    layer = layers.StringLookup(name="words")
    with pytest.raises(ValueError, match=r"\[words\] has no vocabulary yet; call adapt"):
        layer(["a"])
    with pytest.raises(ValueError, match=r"\[words\] adapt: expected data with at least one token"):
        layer.adapt(np.array([], dtype=str))
    layer.adapt(["a"])
    with pytest.raises(TypeError, match=r"\[words\] x: expected strings, received ndarray of shape \(2,\)"):
        layer(np.array([1, 2]))
    with pytest.raises(TypeError, match=r"\[words\] x\[1\]: expected a string, received None of type NoneType"):
        layer(["a", None])
    with pytest.raises(ValueError, match=r"\[words\] x: expected rows of one length"):
        layer([["a"], ["a", "b"]])
    before = layer.get_vocabulary()
    with pytest.raises(ValueError, match="more than once"):
        layer.set_vocabulary(["x", "x"])
    assert layer.get_vocabulary() == before
    numbers = layers.IntegerLookup(vocabulary=NUMBERS, name="numbers")
    with pytest.raises(ValueError, match=r"\[numbers\] x: expected whole numbers, received 0.5 at \[1\]"):
        numbers(np.array([12.0, 0.5]))
    with pytest.raises(TypeError, match=r"\[numbers\] expected numbers, received strings"):
        numbers(["a"])
    with pytest.raises(ValueError, match="expected rows of one length.*pad_sequences"):
        numbers([[1], [1, 2]])
