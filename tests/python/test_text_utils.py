"""pad_sequences, windows over a series, texts in folders."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier
from golden.store import load
from golden.text_cases import PADDING, sequences
from ranvier import DataLoader, Sequential, layers
from ranvier.utils import pad_sequences, split_dataset, text_dataset_from_directory, timeseries_dataset_from_array

# -- pad_sequences -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", PADDING)
def test_padding_is_that_of_keras(label: str) -> None:
    found = pad_sequences(sequences(), **PADDING[label])
    np.testing.assert_array_equal(found, load("text")[f"padding/{label}"])
    assert found.dtype == np.dtype(PADDING[label].get("dtype", "int32"))


def test_padding_of_vectors_and_strings() -> None:
    steps = [np.ones((2, 3)), np.zeros((0, 3)), 2 * np.ones((1, 3))]
    found = pad_sequences(steps, dtype="float32", padding="post")
    assert found.shape == (3, 2, 3)
    np.testing.assert_array_equal(found[:, :, 0], [[1, 1], [0, 0], [2, 0]])
    assert pad_sequences([["a"], ["b", "c"]], dtype=object, value="").tolist() == [["", "a"], ["b", "c"]]
    assert pad_sequences([]).shape == (0, 0)
    assert pad_sequences([[1, 2]], maxlen=0).shape == (1, 0)
    assert ranvier.preprocessing.sequence.pad_sequences is pad_sequences


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequences": iter([[1]])}, "sequences: expected a list of sequences"),
        ({"sequences": [[1], 2]}, r"sequences\[1\]: expected a sequence, received 2"),
        ({"sequences": [[1]], "padding": "left"}, "padding: expected 'pre' or 'post', received 'left'"),
        ({"sequences": [[1]], "truncating": None}, "truncating: expected 'pre' or 'post', received None"),
        ({"sequences": [[1]], "maxlen": -1}, "maxlen: expected an int of 0 or more"),
        ({"sequences": [[1]], "value": "x"}, "value: expected a number for dtype int32, received 'x'"),
        ({"sequences": [[1], ["a"]]}, r"sequences\[1\]: expected values of dtype int32, received \['a'\]"),
        ({"sequences": [np.ones((1, 2)), np.ones((1, 3))]}, r"sequences\[1\]: expected steps of shape \(2,\).*\(3,\)"),
    ],
)
def test_padding_complains_by_name(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"\[pad_sequences\] {message}"):
        pad_sequences(**arguments)


# -- windows -----------------------------------------------------------------------------------------------------------


def test_windows_of_the_documentation() -> None:
    data = np.arange(99)
    loader = timeseries_dataset_from_array(data, None, 10, sequence_stride=3, sampling_rate=2, batch_size=5)
    windows = np.concatenate(list(loader))
    assert isinstance(loader, DataLoader)
    assert windows[0].tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert windows[1, 0] == 3
    assert windows[-1].tolist() == [78, 80, 82, 84, 86, 88, 90, 92, 94, 96]
    assert len(loader) == 6


def test_targets_belong_to_the_beginnings_of_windows() -> None:
    data = np.arange(100.0)
    loader = timeseries_dataset_from_array(data[:-10], data[10:], sequence_length=10, batch_size=32)
    x, y = next(iter(loader))
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x[0], data[:10])
    np.testing.assert_array_equal(y, data[10:42])
    found = [(x, y) for x, y in loader]
    assert sum(len(x) for x, _ in found) == 81
    part = timeseries_dataset_from_array(data, data, 4, sequence_stride=5, start_index=20, end_index=40, batch_size=99)
    x, y = next(iter(part))
    assert x[:, 0].tolist() == y.tolist() == [20, 25, 30, 35]
    short = timeseries_dataset_from_array(data, data[:7], 4)
    assert sum(len(x) for x, _ in short) == 7


def test_windows_one_by_one_and_of_vectors() -> None:
    data = np.arange(20).reshape(10, 2)
    alone = list(timeseries_dataset_from_array(data, np.arange(10), 3, batch_size=None))
    assert len(alone) == 8
    np.testing.assert_array_equal(alone[1][0], data[1:4])
    assert int(alone[1][1]) == 1
    batch = next(iter(timeseries_dataset_from_array(data, None, 3, batch_size=4)))
    assert batch.shape == (4, 3, 2)
    np.testing.assert_array_equal(batch[2], data[2:5])


def test_windows_are_shuffled_by_seed_and_never_copied_as_a_whole() -> None:
    data = np.arange(50)

    def epoch(seed: int) -> list[int]:
        loader = timeseries_dataset_from_array(data, data, 5, shuffle=True, seed=seed, batch_size=7)
        return [int(i) for _, y in loader for i in y]

    assert epoch(3) == epoch(3) != epoch(4)
    assert sorted(epoch(3)) == list(range(46))
    loader = timeseries_dataset_from_array(data, None, 40)
    assert np.shares_memory(loader._x.arrays[0], data)


def test_a_model_is_trained_on_windows() -> None:
    series = np.sin(np.arange(400) * 0.1).astype("float32")
    loader = timeseries_dataset_from_array(series[:-8], series[8:], 8, batch_size=32, shuffle=True, seed=0)
    ranvier.utils.set_random_seed(0)
    model = Sequential([layers.Dense(1)])
    model.compile(ranvier.optimizers.Adam(0.05), "mse")
    losses = model.fit(loader, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 1e-3
    assert model.predict(loader, verbose=0).shape == (385, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequence_length": 0}, "sequence_length: expected an int of 1 or more, received 0"),
        ({"sequence_length": 11}, "sequence_length: expected windows of at most 10 steps, received 11 values"),
        ({"sequence_length": 6, "sampling_rate": 2}, "at sampling_rate=2, which are 11 steps"),
        ({"sequence_length": 2**62, "sampling_rate": 2**62}, "expected windows of at most 10 steps"),
        ({"sequence_length": 2, "start_index": 5, "end_index": 5}, "start_index < end_index <= 10"),
        ({"sequence_length": 2, "end_index": 11}, "start_index < end_index <= 10"),
        ({"sequence_length": 2, "sequence_stride": 0}, "sequence_stride: expected an int of 1 or more"),
        ({"sequence_length": 2, "targets": np.zeros(0)}, "targets: expected one for each beginning"),
    ],
)
def test_windows_complain_by_name(arguments: dict[str, Any], message: str) -> None:
    given = {"data": np.arange(10), "targets": None, **arguments}
    with pytest.raises(ValueError, match=rf"\[timeseries_dataset_from_array\] .*{message}"):
        timeseries_dataset_from_array(**given)


# -- texts in folders --------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label, word in (("bad", "schlecht"), ("good", "schön")):
        (tmp_path / label).mkdir()
        for i in range(5):
            (tmp_path / label / f"{i}.txt").write_text(f"{word} {i}\nEnde", encoding="utf-8")
    (tmp_path / "good" / "notes.md").write_text("no text")
    return tmp_path


def test_texts_in_folders(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = text_dataset_from_directory(folder, shuffle=False, batch_size=4)
    assert capsys.readouterr().out == "Found 10 files belonging to 2 classes.\n"
    assert found.class_names == ["bad", "good"]
    batches = list(found)
    assert [len(texts) for texts, _ in batches] == [4, 4, 2] and len(found) == 3
    texts = np.concatenate([texts for texts, _ in batches])
    assert texts[0] == "schlecht 0\nEnde" and texts[-1] == "schön 4\nEnde"
    assert np.concatenate([labels for _, labels in batches]).tolist() == [0] * 5 + [1] * 5
    alone = text_dataset_from_directory(
        folder, labels=None, shuffle=False, batch_size=None, max_length=6, verbose=False
    )
    assert list(alone)[9] == "schön "
    one_hot = text_dataset_from_directory(folder, label_mode="categorical", verbose=False, batch_size=10)
    assert next(iter(one_hot))[1].shape == (10, 2)


def test_texts_are_split_and_learned_from(folder: Path) -> None:
    train, held = text_dataset_from_directory(
        folder, label_mode="binary", validation_split=0.4, subset="both", seed=3, batch_size=2, verbose=False
    )
    assert len(train.file_paths) == 6 and len(held.file_paths) == 4
    assert not set(train.file_paths) & set(held.file_paths)
    vectorize = layers.TextVectorization(output_sequence_length=4)
    vectorize.adapt(train.map(lambda texts, labels: texts))
    again = layers.TextVectorization(output_sequence_length=4)
    again.adapt(train)  # labels are left out
    assert vectorize.get_vocabulary() == again.get_vocabulary()
    ranvier.utils.set_random_seed(0)
    behind = [layers.Embedding(vectorize.vocabulary_size(), 4), layers.Flatten(), layers.Dense(1, "sigmoid")]
    model = Sequential([vectorize, *behind])
    model.compile(ranvier.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(train, validation_data=held, epochs=15, verbose=0).history
    assert history["accuracy"][-1] == 1.0
    mapped = held.map(lambda texts, labels: (vectorize(texts), labels))
    trained = Sequential(behind)
    trained.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    np.testing.assert_allclose(trained.evaluate(mapped, verbose=0), model.evaluate(held, verbose=0), rtol=1e-6)


def test_texts_in_folders_complain_by_name(folder: Path) -> None:
    with pytest.raises(NotADirectoryError, match=r"\[text_dataset_from_directory\] directory: expected a folder"):
        text_dataset_from_directory(folder / "none")
    with pytest.raises(ValueError, match="max_length: expected a positive int or None, received 0"):
        text_dataset_from_directory(folder, max_length=0)
    with pytest.raises(ValueError, match="label_mode: expected one of 'int'"):
        text_dataset_from_directory(folder, label_mode="text")
    with pytest.raises(ValueError, match="seed: expected an int"):
        text_dataset_from_directory(folder, validation_split=0.5, subset="both")
    (folder / "bad" / "9.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ValueError, match=r"9\.txt'?: expected text in UTF-8"):
        list(text_dataset_from_directory(folder, verbose=False))
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match=r"expected text files \(\.txt\) below .*empty.*, found none"):
        text_dataset_from_directory(folder / "empty", labels=None)


# -- split_dataset -----------------------------------------------------------------------------------------------------


def rows_of(loader: DataLoader) -> list[int]:
    return [int(i) for batch in loader for i in np.asarray(batch.inputs).ravel()]


def test_data_is_split_in_two() -> None:
    x = np.arange(10)
    left, right = split_dataset((x, -x), left_size=0.75)
    assert rows_of(left) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert [int(i) for _, y in right for i in y] == [-8, -9]
    left, right = split_dataset(x, left_size=2, right_size=0.3)
    assert (rows_of(left), rows_of(right)) == ([0, 1], [7, 8, 9])
    left, right = split_dataset(x, right_size=4, batch_size=3)
    assert [len(batch) for batch in left] == [3, 3]
    left, right = split_dataset(list(x), left_size=0.5, shuffle=True, seed=1)
    order = list(range(10))
    random.Random(1).shuffle(order)
    assert rows_of(left) + rows_of(right) == order
    words = {"word": np.array(list("abcd")), "size": np.arange(4)}
    left, right = split_dataset((words, np.arange(4)), left_size=1)
    assert next(iter(right)).inputs["word"].tolist() == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "expected left_size or right_size, received neither"),
        ({"left_size": 10}, "left_size: expected an int from 1 to 9 or a share between 0 and 1, received 10"),
        ({"right_size": 1.5}, "right_size: expected an int from 1 to 9"),
        ({"left_size": "half"}, "left_size: .*received 'half'"),
        ({"left_size": 0.01}, "at least one row each, received 0 and 10"),
        ({"left_size": 6, "right_size": 6}, "expected two parts of 10 rows .*, received 6 and 6"),
        ({"dataset": (np.zeros(3), np.zeros(2)), "left_size": 1}, r"equally many rows, received \[3, 2\]"),
        ({"dataset": [np.zeros(3)] * 4, "left_size": 1}, "received 4 parts"),
    ],
)
def test_splitting_complains_by_name(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"\[split_dataset\] .*{message}"):
        split_dataset(**{"dataset": np.arange(10), **arguments})
