"""TextVectorization: Keras's documented examples, all options, mistakes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranvier import DataLoader, layers, saving
from ranvier.layers import TextVectorization
from ranvier.layers._data_layer import LateProgress

TEXTS = ["foo bar", "bar baz", "baz bada boom"]


def copied(layer: Any, **custom_objects: Any) -> Any:
    return layers.deserialize(json.loads(json.dumps(layers.serialize(layer))), custom_objects)


def test_the_example_of_the_documentation() -> None:
    layer = TextVectorization(max_tokens=5000, output_mode="int", output_sequence_length=4)
    layer.adapt(TEXTS)
    assert layer.get_vocabulary() == ["", "[UNK]", "baz", "bar", "foo", "boom", "bada"]
    assert layer.get_vocabulary(include_special_tokens=False) == ["baz", "bar", "foo", "boom", "bada"]
    assert layer.vocabulary_size() == 7
    data = [["foo qux bar"], ["qux baz"]]
    for one in (layer, copied(layer)):
        found = one(data)
        assert found.dtype == "int64"
        assert found.numpy().tolist() == [[4, 1, 3, 0], [1, 2, 0, 0]]
    assert layer.compute_output_shape((None, 1)) == layer.compute_output_shape((None,)) == (None, 4)


def test_a_given_vocabulary() -> None:
    layer = TextVectorization(vocabulary=["earth", "wind", "and", "fire"], output_sequence_length=4)
    assert layer.get_vocabulary() == ["", "[UNK]", "earth", "wind", "and", "fire"]
    again = TextVectorization()
    again.set_vocabulary(layer.get_vocabulary())
    assert again("fire and ice").numpy().tolist() == [5, 4, 1]
    with pytest.raises(ValueError, match="the vocabulary was given to the constructor"):
        layer.adapt(TEXTS)


@pytest.mark.parametrize(
    ("arguments", "data", "wanted"),
    [
        ({"output_mode": "multi_hot"}, [["foo bar"], ["baz foo foo"]], [[0, 1, 1, 0], [0, 1, 0, 1]]),
        ({"output_mode": "count"}, ["foo bar", "baz foo foo"], [[0, 1, 1, 0], [0, 2, 0, 1]]),
        (
            {"output_mode": "tf_idf", "idf_weights": [0.3, 0.5, 0.2]},
            ["foo bar", "baz foo foo"],
            [[0, 0.3, 0.5, 0], [0, 0.6, 0, 0.2]],
        ),
        ({"output_mode": "count", "max_tokens": 6, "pad_to_max_tokens": True}, ["foo"], [[0, 1, 0, 0, 0, 0]]),
    ],
)
def test_vectors(arguments: dict[str, Any], data: Any, wanted: Any) -> None:
    layer = TextVectorization(vocabulary=["foo", "bar", "baz"], **arguments)
    for one in (layer, copied(layer)):
        np.testing.assert_allclose(one(data).numpy(), wanted, rtol=1e-6)
        assert one(data).dtype == "float32"
        assert one.compute_output_shape((None,)) == (None, len(wanted[0]))


@pytest.mark.parametrize(
    ("standardize", "wanted"),
    [
        ("lower_and_strip_punctuation", ["dont", "stop", "Ärger-".lower().replace("ä", "Ä").strip("-")]),
        ("lower", ["don't", "stop!", "Ärger-"]),
        ("strip_punctuation", ["DonT", "Stop", "Ärger"]),
        (None, ["Don'T", "Stop!", "Ärger-"]),
    ],
)
def test_standardize(standardize: Any, wanted: list[str]) -> None:
    """Lower case is that of ASCII, as in Keras."""
    layer = TextVectorization(standardize=standardize)
    layer.adapt(["Don'T  Stop!\n\tÄrger-"])
    assert sorted(layer.get_vocabulary()[2:]) == sorted(wanted)


def test_white_space_is_that_of_ascii() -> None:
    layer = TextVectorization(standardize=None)
    layer.adapt(["a\x0bb\x0cc\r\nd\u00a0e\u2003f\x1cg"])
    assert sorted(layer.get_vocabulary()[2:]) == ["a", "b", "c", "d\u00a0e\u2003f\x1cg"]


def test_characters() -> None:
    layer = TextVectorization(split="character", standardize="lower")
    layer.adapt(["Abba", "Äb \U0001f600"])
    assert layer.get_vocabulary() == ["", "[UNK]", "b", "a", "\U0001f600", "Ä", " "]
    assert layer(["bÄc\U0001f600", "\U0010ffff", ""]).numpy().tolist() == [[2, 5, 1, 4], [1, 0, 0, 0], [0, 0, 0, 0]]
    short = TextVectorization(split="character", vocabulary=["a", "b"], output_sequence_length=2)
    assert short(["abba", "b"]).numpy().tolist() == [[2, 3], [3, 0]]
    counted = TextVectorization(split="character", vocabulary=["a", "b"], output_mode="count")
    assert counted(["abba!", "xb"]).numpy().tolist() == [[0, 2, 2], [1, 0, 1]]


def test_ngrams() -> None:
    layer = TextVectorization(ngrams=(1, 2))
    layer.adapt(TEXTS)
    assert layer.get_vocabulary()[2:4] == ["baz", "bar"]
    assert set(layer.get_vocabulary()[4:]) == {"foo", "boom", "bada", "foo bar", "baz bada", "bar baz", "bada boom"}
    names = np.array(layer.get_vocabulary())
    assert names[layer(["baz bada boom"]).numpy()[0]].tolist() == ["baz", "bada", "boom", "baz bada", "bada boom"]
    np.testing.assert_array_equal(copied(layer)(TEXTS).numpy(), layer(TEXTS).numpy())
    pairs = TextVectorization(ngrams=(2,), vocabulary=["foo bar"])
    assert pairs(["foo bar foo", "foo"]).numpy().tolist() == [[2, 1], [0, 0]]
    assert TextVectorization(ngrams=2, split="character", vocabulary=["a b"])(["ab"]).numpy().tolist() == [[1, 1, 2]]


def test_without_splitting() -> None:
    layer = TextVectorization(split=None, vocabulary=["baz", "bar", "foo"], output_sequence_length=4)
    assert layer([["Foo!"], ["qux"]]).numpy().tolist() == [[4, 0, 0, 0], [1, 0, 0, 0]]
    assert layer([["foo", "bar"]]).numpy().tolist() == [[4, 3, 0, 0]]
    plain = TextVectorization(split=None, vocabulary=["baz", "bar", "foo"])
    assert plain(["foo", "bar"]).numpy().tolist() == [4, 3]
    counted = TextVectorization(split=None, vocabulary=["baz", "bar"], output_mode="count")
    assert counted([["bar", "bar", "x"]]).numpy().tolist() == [[1, 0, 2]]
    assert counted(["bar", "x"]).numpy().tolist() == [[0, 0, 1], [1, 0, 0]]
    pairs = TextVectorization(split=None, ngrams=(2,), vocabulary=["new york"])
    assert pairs([["new", "york", "city"]]).numpy().tolist() == [[2, 1]]


@saving.register_keras_serializable("tests")
def without_digits(texts: np.ndarray) -> Any:
    return np.char.replace(np.char.lower(texts), "1", "")


@saving.register_keras_serializable("tests")
def at_commas(texts: np.ndarray) -> Any:
    return [text.split(",") for text in texts]


def test_functions_of_ones_own() -> None:
    layer = TextVectorization(standardize=without_digits, split=at_commas)
    layer.adapt(np.array(["A1,b", "a,C c"]))
    assert layer.get_vocabulary() == ["", "[UNK]", "a", "c c", "b"]
    assert layer(["B,A", "x,y,c1 c"]).numpy().tolist() == [[4, 2, 0], [1, 1, 3]]
    assert copied(layer)(["B,A"]).numpy().tolist() == [[4, 2]]
    with pytest.raises(ValueError, match=r"standardize: expected texts of shape \(2,\) as a result, received \(1,\)"):
        TextVectorization(standardize=lambda texts: texts[:1]).adapt(["a", "b"])
    with pytest.raises(ValueError, match="split: expected a function from 2 texts to as many lists"):
        TextVectorization(split=lambda texts: [["a"]]).adapt(["a", "b"])
    with pytest.raises(TypeError, match="cannot serialize"):
        layers.serialize(TextVectorization(split=lambda texts: [["a"]] * len(texts), vocabulary=["a"]))


def test_inverse_document_frequencies() -> None:
    layer = TextVectorization(output_mode="tf_idf")
    layer.adapt(["a a b", "a c", "a"])
    idf = np.log(1 + 3 / (1 + np.array([3, 1, 1])))
    assert layer.get_vocabulary() == ["[UNK]", "a", "c", "b"]
    np.testing.assert_allclose(
        layer(["a a c", "z"]).numpy(), [[0, 2 * idf[0], idf[1], 0], [idf.mean(), 0, 0, 0]], rtol=1e-6
    )
    np.testing.assert_array_equal(copied(layer)(["a c z"]).numpy(), layer(["a c z"]).numpy())


def test_adapt_on_all_kinds_of_data() -> None:
    texts = [f"word{i % 7} word{i % 3}" for i in range(100)]
    whole = TextVectorization()
    whole.adapt(texts)
    labels = np.arange(100)
    kinds = [
        np.array(texts),
        np.array(texts)[:, None],
        np.array([t.encode() for t in texts]),
        DataLoader(texts, labels, batch_size=7),
        DataLoader(texts, labels, batch_size=7).map(lambda x, y: x),
        (texts[i : i + 9] for i in range(0, 100, 9)),
        ((np.array(texts[i : i + 9]), labels[i : i + 9]) for i in range(0, 100, 9)),
    ]
    for data in kinds:
        layer = TextVectorization()
        layer.adapt(data)
        assert layer.get_vocabulary() == whole.get_vocabulary()

    def endless() -> Any:
        while True:
            yield ["hello world", "foo bar"]

    layer = TextVectorization(max_tokens=4)
    layer.adapt(endless(), steps=3)
    assert layer.get_vocabulary() == ["", "[UNK]", "world", "hello"]


def test_long_work_shows_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setattr("ranvier.utils.terminal.can_redraw", lambda file: True)
    quick = LateProgress(10, "batch")
    quick.update(5)
    quick.close()
    assert screen.getvalue() == ""  # what is done in a moment says nothing
    slow = LateProgress(10, "batch", patience=0.0)
    slow.update(5)
    slow.close()
    assert "5/10" in screen.getvalue()


def test_maps_batches_of_a_loader() -> None:
    layer = TextVectorization(vocabulary=["baz", "bar", "foo"], output_sequence_length=3)
    loader = DataLoader(["foo bar", "baz", "bar"], [0, 1, 2], batch_size=2).map(lambda x, y: (layer(x), y))
    batches = [(x.tolist(), y.tolist()) for x, y in loader]
    assert batches == [([[4, 3, 0], [2, 0, 0]], [0, 1]), ([[3, 0, 0]], [2])]


def test_vocabulary_files(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("foo\nbar\n")
    layer = TextVectorization(vocabulary=str(path))
    assert layer(["bar foo"]).numpy().tolist() == [[3, 2]]
    path.unlink()
    assert copied(layer)(["bar foo"]).numpy().tolist() == [[3, 2]]  # the words are in the configuration


def test_empty_texts_and_batches() -> None:
    layer = TextVectorization(vocabulary=["a"])
    assert layer(["", " "]).shape == (2, 0)
    assert layer(np.array([], dtype=str)).shape == (0, 0)
    assert layer(np.array([], dtype=object)).shape == (0, 0)
    assert TextVectorization(vocabulary=["a"], output_mode="count")(["", "a"]).numpy().tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"standardize": "upper"}, "standardize: expected one of .*, None or a function, received 'upper'"),
        ({"split": "comma"}, "split: expected one of 'whitespace', 'character', None or a function, received 'comma'"),
        ({"output_mode": "vector"}, "output_mode: expected one of .*, received 'vector'"),
        ({"ngrams": 0}, "ngrams: expected None, a positive int or a tuple of them, received 0"),
        ({"ngrams": 10**20}, "ngrams: expected None, a positive int or a tuple of them, received 1000"),
        ({"ngrams": "2"}, "ngrams: expected None, a positive int or a tuple of them, received '2'"),
        ({"output_sequence_length": 0}, "output_sequence_length: expected a positive int, received 0"),
        ({"output_sequence_length": 3, "output_mode": "count"}, "output_sequence_length: expected None in output_mode"),
        ({"ragged": True}, "ragged: expected False, received True"),
        ({"sparse": True, "output_mode": "count"}, "sparse: expected False, received True"),
        ({"pad_to_max_tokens": True}, "pad_to_max_tokens: expected max_tokens with it"),
        ({"vocabulary": ["a", "a"]}, "vocabulary: expected every token once, received 'a'"),
        ({"vocabulary": ["a", ""]}, r"other than mask_token='', received it at \[1\]"),
        (
            {"max_tokens": 3, "vocabulary": ["a", "b"]},
            "at most max_tokens=3 tokens, 2 special ones among them, received 4",
        ),
    ],
)
def test_arguments_that_contradict(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"\[text\] .*{message}"):
        TextVectorization(name="text", **arguments)


def test_calls_that_cannot_be() -> None:
    layer = TextVectorization(name="text")
    with pytest.raises(ValueError, match=r"\[text\] has no vocabulary yet; call adapt"):
        layer(["a"])
    with pytest.raises(ValueError, match=r"\[text\] adapt: expected data with at least one token"):
        layer.adapt(["", "..."])
    with pytest.raises(TypeError, match=r"\[text\] data: expected strings, received ndarray.*texts and labels in this"):
        layer.adapt(np.arange(3))
    layer.adapt(TEXTS)
    with pytest.raises(TypeError, match=r"\[text\] x: expected strings"):
        layer(np.array([[1.0, 2.0]]))
    with pytest.raises(
        TypeError, match=r"\[text\] x\[1\]: expected a string, received nan of type float; replace missing"
    ):
        layer(np.array(["a", np.nan], dtype=object))
    with pytest.raises(
        ValueError, match=r"\[text\] expected texts of shape \(batch,\) or \(batch, 1\), received \(1, 2\)"
    ):
        layer([["a", "b"]])
    with pytest.raises(ValueError, match=r"\[text\] x\[0\]: expected text in utf-8"):
        layer(np.array([b"\xff\xfe"], dtype=object))
