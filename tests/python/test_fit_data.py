"""fit takes data of all kinds: layouts, dtypes, streams of batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ranvier as keras
from fit_helpers import RNG, X, Y, classifier, close, fit, regressor, same
from ranvier.data import DataLoader

# Data of all kinds ----------------------------------------------------------------------------------------------------


def layouts(tmp_path: Path) -> dict[str, Any]:
    wide = np.zeros((96, 8), "float32")
    wide[:, :4] = X
    spread = np.zeros((192, 4), "float32")
    spread[::2] = X
    memmap = np.memmap(tmp_path / "x.dat", dtype="float32", mode="w+", shape=X.shape)
    memmap[:] = X
    unaligned = np.frombuffer(b"\0" + X.tobytes(), dtype="float32", offset=1).reshape(X.shape)
    return {
        "float64": X.astype("float64"),
        "fortran": np.asfortranarray(X),
        "columns of a wider array": wide[:, :4],
        "every second row": spread[::2],
        "reversed rows": X[::-1].copy()[::-1],
        "big endian": X.astype(">f4"),
        "big endian float64": X.astype(">f8"),
        "memmap": memmap,
        "read-only": np.frombuffer(X.tobytes(), dtype="float32").reshape(X.shape),
        "unaligned": unaligned,
        "list": X.tolist(),
        "pandas": pd.DataFrame(X, columns=list("abcd")),
        "tensor": keras.ops.convert_to_tensor(X),
        "long double": X.astype(np.longdouble),
    }


def test_layout_and_dtype_make_no_difference(tmp_path: Path) -> None:
    expected = classifier(["accuracy"])
    history = expected.fit(X, Y, epochs=2, verbose=0, validation_split=0.2).history
    predictions = expected.predict(X, verbose=0)
    for name, x in layouts(tmp_path).items():
        model = classifier(["accuracy"])
        y = pd.Series(Y) if name == "pandas" else Y[:, None].astype("uint8") if name == "list" else Y
        assert model.fit(x, y, epochs=2, verbose=0, validation_split=0.2).history == history, name
        assert same(model, expected), name
        assert np.array_equal(model.predict(x, verbose=0), predictions), name
        assert model.evaluate(x, y, verbose=0) == expected.evaluate(X, Y, verbose=0), name


@pytest.mark.parametrize("dtype", ["float16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "bool"])
def test_numeric_dtypes(dtype: str) -> None:
    x = (np.abs(X) * 3).astype(dtype)
    plain, given = classifier(), classifier()
    fit(plain, x.astype("float32"), Y)
    fit(given, x, Y.astype("int8"))
    assert same(plain, given)


def test_one_column_of_targets_and_a_vector_are_the_same() -> None:
    x, y = X[:, :1], X[:, 1]
    first, second, third = regressor(), regressor(), regressor()
    fit(first, x, y, epochs=2)
    fit(second, x, y[:, None], epochs=2)
    fit(third, x[:, 0], y, epochs=2)
    assert same(first, second)
    assert same(first, third)
    assert np.array_equal(third.predict(x[:, 0], verbose=0), first.predict(x, verbose=0))


def test_streams_train_as_arrays_do() -> None:
    expected = classifier(["accuracy"])
    history = expected.fit(X, Y, epochs=3, batch_size=32, shuffle=False, verbose=0).history

    def endless() -> Any:
        while True:
            yield from batches

    batches = [(X[i : i + 32], Y[i : i + 32]) for i in (0, 32, 64)]
    for name, stream, steps in [
        ("loader", DataLoader(X, Y, batch_size=32), None),
        ("endless generator", endless(), 3),
        ("iterable", _Again(batches), None),
    ]:
        model = classifier(["accuracy"])
        assert close(fit(model, stream, epochs=3, steps_per_epoch=steps), history), name
        assert same(model, expected), name
        result = model.evaluate(_Again(batches), verbose=0)
        assert result == pytest.approx(expected.evaluate(X, Y, verbose=0)), name
        np.testing.assert_array_equal(model.predict(_Again(batches), verbose=0), expected.predict(X, verbose=0))


class _Again:
    """Something to loop over that is no list."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __iter__(self) -> Any:
        return iter(self.items)


def test_stream_with_weights_and_validation() -> None:
    weights = RNG.uniform(0.5, 2, 96).astype("float32")
    batches = [(X[i : i + 32], Y[i : i + 32], weights[i : i + 32]) for i in (0, 32, 64)]
    one, other = classifier(), classifier()
    first = one.fit(_Again(batches), verbose=0, validation_data=_Again(batches)).history
    second = other.fit(X, Y, sample_weight=weights, shuffle=False, verbose=0, validation_data=(X, Y, weights)).history
    assert close(first, second)
    assert same(one, other)


def test_a_generator_that_ends_ends_training(capsys: pytest.CaptureFixture[str]) -> None:
    model = classifier()
    history = model.fit(iter([(X, Y), (X, Y)]), epochs=5, steps_per_epoch=1, verbose=0)
    assert history.epoch == [0, 1]
    assert "data ended before epoch 3" in capsys.readouterr().out
    with pytest.raises(ValueError, match="at least one batch, received none"):
        model.fit(iter([]), verbose=0)


def test_the_single_input_may_come_in_a_list() -> None:
    model = classifier()
    expected = model.predict(X, verbose=0)
    assert np.array_equal(model.predict([X], verbose=0), expected)
    assert np.array_equal(model.predict([X[0]], verbose=0), model.predict(X[:1], verbose=0)), "a list of one row"
    assert np.isfinite(model.fit([X], [Y], verbose=0).history["loss"][0])


@pytest.mark.parametrize("word", ["crossentropy", "ce"])
def test_the_word_crossentropy_stands_for_the_form_that_fits_the_targets(word: str) -> None:
    one_hot = np.eye(2)[Y]
    for y, units, loss in (
        (Y, 2, "sparse_categorical_crossentropy"),
        (one_hot, 2, "categorical_crossentropy"),
        (Y, 1, "binary_crossentropy"),
    ):
        found = []
        for given in (word, loss):
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, "sigmoid")])
            model.compile("sgd", given)
            found.append(fit(model, X, y))
        assert found[0] == found[1], loss
