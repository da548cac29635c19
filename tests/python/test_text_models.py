"""Models that begin with text or categories: strings in fit, evaluate, predict and calls, files, nesting, mistakes."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier
from ranvier import DataLoader, Input, Model, Sequential, layers
from ranvier.models import front_rows

TEXTS = np.array(["good film", "bad film", "a very good day", "what a bad day", "good", "bad"])
LABELS = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0])


def vectorizer(**arguments: Any) -> Any:
    layer = layers.TextVectorization(**{"output_sequence_length": 4, **arguments})
    layer.adapt(TEXTS)
    return layer


def numbers_behind(vectorize: Any) -> Any:
    return Sequential(
        [
            layers.Embedding(vectorize.vocabulary_size(), 4),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def classifier(vectorize: Any) -> Any:
    model = Sequential([Input((1,), dtype="string"), vectorize, *numbers_behind(vectorize).layers])
    model.compile(ranvier.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    return model


def test_a_stack_learns_from_strings() -> None:
    ranvier.utils.set_random_seed(1)
    vectorize = vectorizer()
    model = classifier(vectorize)
    assert model.input_shape == (None, 1)
    assert model.output_shape == (None, 1)
    history = model.fit(TEXTS, LABELS, epochs=30, batch_size=3, verbose=0)
    assert history.history["accuracy"][-1] == 1.0
    found = model.predict(TEXTS, verbose=0)
    assert found.shape == (6, 1)
    np.testing.assert_array_equal(found[:, 0] > 0.5, LABELS > 0.5)
    assert model.evaluate(TEXTS, LABELS, verbose=0)[1] == 1.0
    for form in (TEXTS.tolist(), TEXTS[:, None], TEXTS.astype(object), np.char.encode(TEXTS)):
        np.testing.assert_array_equal(model.predict(form, verbose=0), found)
    np.testing.assert_allclose(model(TEXTS).numpy(), found, rtol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(TEXTS), found, rtol=1e-6)


def test_training_on_strings_is_training_on_their_indices() -> None:
    """Losses and weights are the same as where the layer is applied before."""
    vectorize = vectorizer()
    results = []
    for with_text in (True, False):
        ranvier.utils.set_random_seed(7)
        behind = numbers_behind(vectorize)
        behind.build((None, 4))
        model = Sequential([vectorize, *behind.layers]) if with_text else behind
        model.compile("adam", "binary_crossentropy")
        x = TEXTS if with_text else vectorize(TEXTS).numpy()
        history = model.fit(x, LABELS, epochs=4, batch_size=4, validation_split=0.3, verbose=0)
        results.append((history.history, model.get_weights()))
    assert results[0][0] == results[1][0]
    for first, second in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(first, second)


def test_loaders_and_generators_of_strings() -> None:
    ranvier.utils.set_random_seed(1)
    model = classifier(vectorizer())
    loader = DataLoader(TEXTS, LABELS, batch_size=4, shuffle=True, seed=0)
    model.fit(loader, epochs=2, validation_data=(TEXTS, LABELS), verbose=0)
    whole = model.predict(TEXTS, verbose=0)
    np.testing.assert_allclose(model.predict(DataLoader(TEXTS, batch_size=4), verbose=0), whole, rtol=1e-6)
    found = model.evaluate(((TEXTS[i : i + 2], LABELS[i : i + 2]) for i in (0, 2, 4)), verbose=0)
    np.testing.assert_allclose(found, model.evaluate(TEXTS, LABELS, verbose=0), rtol=1e-5)
    model.train_on_batch(TEXTS, LABELS)


def test_files_and_copies(tmp_path: Path) -> None:
    model = classifier(vectorizer(ngrams=2, max_tokens=12))
    model.fit(TEXTS, LABELS, verbose=0)
    wanted = model.predict(TEXTS, verbose=0)
    model.save(tmp_path / "model.rv")
    again = ranvier.saving.load_model(tmp_path / "model.rv")
    for other in (again, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(TEXTS, verbose=0), wanted)
        assert other.layers[0].get_vocabulary() == model.layers[0].get_vocabulary()
    again.fit(TEXTS, LABELS, verbose=0)
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "text_vectorization" in "\n".join(lines)


def test_functional_with_text_and_numbers() -> None:
    ranvier.utils.set_random_seed(0)
    vectorize = vectorizer()
    colours = layers.StringLookup(vocabulary=["red", "green"], output_mode="one_hot")
    text = Input((1,), dtype="string", name="text")
    colour = Input((1,), dtype="string", name="colour")
    size = Input((2,), name="size")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(vectorize.vocabulary_size(), 4)(vectorize(text)))
    y = layers.Dense(1)(layers.Concatenate()([x, colours(colour), size]))
    model = Model([text, colour, size], y)
    assert [tensor.dtype for tensor in model.inputs] == ["string", "string", "float32"]
    model.compile("adam", "mse")
    data = {
        "text": TEXTS,
        "colour": np.array(["red", "green", "blue"] * 2),
        "size": np.arange(12, dtype="float32").reshape(6, 2),
    }
    model.fit(data, LABELS, epochs=2, verbose=0)
    found = model.predict(data, verbose=0)
    assert found.shape == (6, 1)
    np.testing.assert_allclose(model(data).numpy(), found, rtol=1e-5)
    kernel, bias = model.layers[-1].get_weights()
    hot = np.eye(3)[[1, 2, 0, 1, 2, 0]]
    table = next(layer for layer in model.layers if isinstance(layer, layers.Embedding)).get_weights()[0]
    rows = table[vectorize(TEXTS).numpy()].mean(axis=1)
    by_hand = np.concatenate([rows, hot, data["size"]], axis=1) @ kernel + bias
    np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-5)


def test_the_parts_of_an_end_to_end_model() -> None:
    """Train on indices, then put the text in front: as in Keras's examples."""
    vectorize = vectorizer()
    trained = numbers_behind(vectorize)
    trained.build((None, 4))
    wanted = trained.predict(vectorize(TEXTS).numpy(), verbose=0)
    whole = Sequential([Input((1,), dtype="string"), vectorize, trained])
    np.testing.assert_array_equal(whole.predict(TEXTS, verbose=0), wanted)
    text = Input((1,), dtype="string")
    functional = Model(text, trained(vectorize(text)))
    np.testing.assert_array_equal(functional.predict(TEXTS, verbose=0), wanted)
    outer = Sequential([whole, layers.Rescaling(2.0)])
    np.testing.assert_allclose(outer.predict(TEXTS, verbose=0), 2 * wanted, rtol=1e-6)
    np.testing.assert_allclose(outer(TEXTS).numpy(), 2 * wanted, rtol=1e-6)
    again = Input((1,), dtype="string")
    nested = Model(again, layers.Rescaling(3.0)(functional(again)))
    np.testing.assert_allclose(nested.predict(TEXTS, verbose=0), 3 * wanted, rtol=1e-6)
    np.testing.assert_allclose(nested(TEXTS).numpy(), 3 * wanted, rtol=1e-6)


def test_numbers_as_categories() -> None:
    lookup = layers.IntegerLookup(vocabulary=[10, 20, 2**40])
    ages = layers.Discretization(bin_boundaries=[20.0, 40.0], output_mode="one_hot")
    ids, age = Input((1,), dtype="int64"), Input((1,))
    x = layers.Flatten()(layers.Embedding(4, 2)(lookup(ids)))
    model = Model([ids, age], layers.Concatenate()([x, ages(age)]))
    assert model.output_shape == (None, 5)
    found = model.predict([np.array([[20], [2**40], [5]]), np.array([[19.0], [40.0], [25.0]])], verbose=0)
    np.testing.assert_array_equal(found[:, 2:], np.eye(3)[[0, 2, 1]])
    table = next(layer for layer in model.layers if isinstance(layer, layers.Embedding)).get_weights()[0]
    np.testing.assert_array_equal(found[:, :2], table[[2, 3, 0]])


def test_layers_that_are_not_in_front_run_as_python_layers() -> None:
    model = Sequential([Input((3,)), layers.Rescaling(2.0), layers.Discretization([0.5, 1.5], output_mode="count")])
    found = model.predict(np.array([[0.0, 0.5, 1.0]]), verbose=0)
    np.testing.assert_array_equal(found, [[1, 1, 1]])
    x = Input((2,))
    graph = Model(x, layers.CategoryEncoding(num_tokens=4, output_mode="one_hot")(layers.Rescaling(1.0)(x)))
    np.testing.assert_array_equal(graph.predict(np.array([[1, 3]]), verbose=0), np.eye(4)[[[1, 3]]])


def test_models_of_data_layers_alone() -> None:
    model = Sequential([Input((1,), dtype="string"), layers.TextVectorization(vocabulary=["a", "b"])])
    found = model.predict(np.array(["a b", "b"]), verbose=0)
    assert found.dtype == np.int64
    assert found.tolist() == [[2, 3], [3, 0]]
    assert model(np.array(["b a"])).numpy().tolist() == [[3, 2]]
    x = Input((1,), dtype="string")
    graph = Model(x, {"bins": layers.Hashing(3)(x), "hot": layers.Hashing(3, output_mode="one_hot")(x)})
    made = graph.predict(np.array([["A"], ["E"]]), verbose=0)
    assert made["bins"].tolist() == [[1], [2]]
    assert made["hot"].tolist() == [[0, 1, 0], [0, 0, 1]]
    back = Sequential([Input((2,), dtype="int64"), layers.StringLookup(vocabulary=["a", "b"], invert=True)])
    assert back.predict(np.array([[1, 2]]), verbose=0).tolist() == [["a", "b"]]


def test_graph_files_keep_string_inputs(tmp_path: Path) -> None:
    vectorize = vectorizer()
    x = Input((1,), dtype="string", name="text")
    model = Model(x, layers.Dense(2)(layers.Flatten()(layers.Embedding(20, 3)(vectorize(x)))))
    model.save(tmp_path / "graph.rv")
    again = ranvier.saving.load_model(tmp_path / "graph.rv")
    assert again.inputs[0].dtype == "string"
    np.testing.assert_array_equal(again.predict(TEXTS, verbose=0), model.predict(TEXTS, verbose=0))


@pytest.mark.parametrize("mode", ["int", "count"])
def test_large_results_are_made_row_by_row(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same numbers whether all rows are looked up at once or those of a few steps at a time."""
    layer = vectorizer(output_mode=mode, output_sequence_length=4 if mode == "int" else None)
    results = []
    for at_once in (front_rows.AT_ONCE, 0):
        monkeypatch.setattr(front_rows, "AT_ONCE", at_once)
        ranvier.utils.set_random_seed(3)
        text, size = Input((1,), dtype="string", name="text"), Input((1,), name="size")
        y = layers.Dense(1)(layers.Concatenate()([layers.Rescaling(0.1)(layer(text)), size]))
        model = Model([text, size], y)
        model.compile("adam", "mse")
        data = [TEXTS, np.arange(6.0)]
        history = model.fit(data, LABELS, epochs=3, batch_size=2, validation_split=0.34, verbose=0).history
        results.append((history, model.predict(data, batch_size=4, verbose=0), model.evaluate(data, LABELS, verbose=0)))
        with pytest.raises(ranvier.NonFiniteLossError, match="the encoded x ranges from 0 to"):
            model.compile(ranvier.optimizers.SGD(1e30), "mse")
            model.fit(data, LABELS * 1e6, epochs=50, verbose=0)
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert results[0][2] == results[1][2]
    rows = front_rows.encoded_inputs(model._front, [TEXTS[:, None], np.arange(6.0)[:, None]])
    assert type(rows[0]) is front_rows.EncodedRows
    assert rows[0][2:4].shape == (2, *rows[0].shape[1:])


def test_crossing_in_a_graph() -> None:
    first, second = Input((1,), dtype="string"), Input((1,), dtype="int64")
    crossed = layers.HashedCrossing(num_bins=5, output_mode="one_hot")([first, second])
    assert crossed.shape == (None, 5)
    model = Model([first, second], layers.Rescaling(2.0)(crossed))
    data = [np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])]
    wanted = 2 * np.eye(5)[[1, 4, 1, 1, 3]]
    np.testing.assert_array_equal(model.predict(data, verbose=0), wanted)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), ranvier.models.clone_model(model)):
        np.testing.assert_array_equal(other(data).numpy(), wanted)


def test_padding_is_masked() -> None:
    """Steps behind the end of a text do not count where the embedding says so."""
    vectorize = vectorizer(output_sequence_length=6)
    embedding = layers.Embedding(vectorize.vocabulary_size(), 3, mask_zero=True)
    model = Sequential([Input((1,), dtype="string"), vectorize, embedding, layers.GlobalAveragePooling1D()])
    table = embedding.get_weights()[0]
    wanted = table[vectorize(["a bad day"]).numpy()[0, :3]].mean(axis=0)
    np.testing.assert_allclose(model.predict(np.array(["a bad day"]), verbose=0), [wanted], rtol=1e-5)


def test_inputs_that_nobody_reads_and_single_strings() -> None:
    text, size = Input((1,), dtype="string"), Input((2,))
    model = Model([text, size], layers.Rescaling(2.0)(size))
    np.testing.assert_array_equal(model.predict([TEXTS, np.ones((6, 2))], verbose=0), np.full((6, 2), 2.0))
    same = Model(text, text)
    assert same.predict(TEXTS, verbose=0)[:, 0].tolist() == TEXTS.tolist()
    whole = classifier(vectorizer())
    assert whole.predict("good film", verbose=0).shape == (1, 1)
    assert whole(np.array([], dtype=str)).shape == (0, 1)


def test_structured_data_as_in_keras_examples() -> None:
    """Columns by name, each with its own layer learned from a loader; then one model for raw rows."""
    draw = np.random.default_rng(0)
    rows = 200
    table = {
        "age": draw.integers(20, 70, rows).astype("float32"),
        "job": draw.choice(["cook", "pilot", "nurse"], rows),
        "kind": draw.integers(0, 4, rows),
    }
    labels = ((table["age"] > 45) ^ (table["job"] == "cook")).astype("float32")
    loader = DataLoader(table, labels, batch_size=32, shuffle=True, seed=1)

    inputs, encoded = {}, []
    for name, dtype in (("age", "float32"), ("job", "string"), ("kind", "int64")):
        inputs[name] = Input((1,), name=name, dtype=dtype)
        column = loader.map(lambda x, y, name=name: x[name]).map(lambda x: x[:, None])
        if name == "age":
            layer = layers.Normalization()
        else:
            layer = (layers.StringLookup if dtype == "string" else layers.IntegerLookup)(output_mode="binary")
        layer.adapt(column)
        encoded.append(layer(inputs[name]))
    ages = table["age"].astype(np.float64)
    np.testing.assert_allclose(
        [encoded[0]._node.operation.mean.numpy().item(), encoded[0]._node.operation.variance.numpy().item()],
        [ages.mean(), ages.var()],
        rtol=1e-6,
    )
    ranvier.utils.set_random_seed(0)
    x = layers.Dense(16, activation="relu")(layers.Concatenate()(encoded))
    model = Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    model.compile(ranvier.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(loader, epochs=25, verbose=0).history
    assert history["accuracy"][-1] > 0.95
    one = {"age": np.array([60.0]), "job": np.array(["cook"]), "kind": np.array([1])}
    assert model.predict(one, verbose=0)[0, 0] < 0.5


def test_configurations_written_by_keras() -> None:
    """Keras's keys and dtype policies, as in its files."""
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
    whole = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "int64"}, "registered_name": None}
    base = {"trainable": True, "dtype": policy}
    words = {"idf_weights": None, "sparse": False, "pad_to_max_tokens": False, "vocabulary_size": 4, "max_tokens": None}
    lookup = {
        "invert": False,
        "num_oov_indices": 1,
        "output_mode": "int",
        "salt": None,
        "oov_method": "floormod",
        **words,
    }
    records: list[tuple[str, dict[str, Any], Any, list[Any]]] = [
        (
            "TextVectorization",
            {"standardize": "lower", "split": "whitespace", "ngrams": [1, 2], "output_mode": "int", "ragged": False}
            | {"output_sequence_length": 3, "vocabulary": ["a", "b"], "encoding": "utf-8", **words},
            ["b a"],
            [[3, 2, 1]],
        ),
        (
            "StringLookup",
            {"vocabulary": ["a", "b"], "oov_token": "[UNK]", "mask_token": None, "encoding": "utf-8", **lookup},
            ["b", "c"],
            [2, 0],
        ),
        (
            "IntegerLookup",
            {"vocabulary": [5, 7], "oov_token": -1, "mask_token": None, "vocabulary_dtype": "int64", **lookup},
            [7, 8],
            [2, 0],
        ),
        (
            "Hashing",
            {"num_bins": 3, "dtype": whole, "salt": None, "mask_value": None, "output_mode": "int"},
            ["A"],
            [1],
        ),
        ("HashedCrossing", {"num_bins": 5, "output_mode": "int", "dtype": "int64"}, [["A"], [101]], [1]),
        ("CategoryEncoding", {"num_tokens": 3, "output_mode": "count"}, [0, 0], [2, 0, 0]),
        (
            "Discretization",
            {"bin_boundaries": [0.5], "num_bins": 2, "epsilon": 0.01, "output_mode": "int", "sparse": False},
            [0.0, 1.0],
            [0, 1],
        ),
    ]
    for name, config, data, wanted in records:
        record = {"module": "keras.layers", "class_name": name, "config": {**base, "name": "mine", **config}}
        layer = layers.deserialize(record)
        assert layer.name == "mine"
        assert layer(data).numpy().tolist() == wanted, name


# -- mistakes ----------------------------------------------------------------------------------------------------------


def test_text_where_numbers_are_wanted() -> None:
    text = Input((1,), dtype="string")
    with pytest.raises(TypeError, match=r"\[dense.*\] expected numbers.*which holds strings; put TextVectorization"):
        layers.Dense(2)(text)
    with pytest.raises(TypeError, match=r"expected strings, received .*Input\(..., dtype='string'\)"):
        layers.TextVectorization()(Input((1,)))
    with pytest.raises(TypeError, match="expected numbers, received strings"):
        layers.IntegerLookup(vocabulary=[1])(text)
    plain = Sequential([Input((1,)), layers.Dense(1)])
    plain.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"\[fit\] x: expected numbers, received strings.*TextVectorization"):
        plain.fit(TEXTS, LABELS)


def test_mistakes_in_models_of_text() -> None:
    vectorize = vectorizer()
    model = classifier(vectorize)
    before = model.get_weights()
    with pytest.raises(
        TypeError, match=r"\[text_vectorization.*\] x: expected strings, received .*labels in this order"
    ):
        model.fit(LABELS, LABELS, verbose=0)
    with pytest.raises(TypeError, match=r"\[fit\] y: expected numbers, received strings"):
        model.fit(TEXTS, TEXTS, verbose=0)
    with pytest.raises(TypeError, match=r"\[predict\] x\[1\]: expected a string, received None"):
        model.predict(np.array(["a", None], dtype=object), verbose=0)
    with pytest.raises(ValueError, match="6 rows|rows"):
        model.fit(TEXTS, LABELS[:3], verbose=0)
    with pytest.raises(ValueError, match=r"expected input of shape \(None, 1\)|\(None, 2\)"):
        model.predict(np.array([["a", "b"]]), verbose=0)
    for ours, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, kept)
    unready = Sequential([layers.TextVectorization(name="words"), layers.Embedding(3, 2)])
    with pytest.raises(ValueError, match=r"\[words\] has no vocabulary yet"):
        unready.predict(TEXTS, verbose=0)
    with pytest.raises(
        ValueError, match=r"\[string_lookup.*\] expected text layers right behind the inputs of a model"
    ):
        Sequential([Input((2,)), layers.Rescaling(1.0), layers.StringLookup(vocabulary=["a"], invert=True)])
    text = Input((1,), dtype="string")
    with pytest.raises(ValueError, match="expected numbers as outputs, received strings next to them"):
        Model(text, [text, layers.Dense(1)(layers.Hashing(3, output_mode="one_hot")(text))])
    with pytest.raises(TypeError, match="StringLookup, TextVectorization"):
        ranvier.ops.convert_to_tensor(TEXTS)
