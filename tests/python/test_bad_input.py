"""Mistakes with models: each costs a sentence that names the place and the fix, and nothing has changed after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ranvier as keras
from ranvier import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype("float32")
LABELS = np.arange(40) % 3
NAN = X.copy()
NAN[7, 2] = np.nan


def classes(last: str | None = "softmax", units: int = 3, loss: Any = "sparse_categorical_crossentropy") -> Any:
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, "relu"), layers.Dense(units, activation=last)])
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def images() -> Any:
    keras.backend.clear_session()
    model = keras.Sequential([keras.Input((784,)), layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def one_unit() -> Any:
    return classes("sigmoid", 1, "binary_crossentropy")


def one_hot() -> Any:
    return classes(loss="categorical_crossentropy")


def numbers() -> Any:
    return classes(None, 1, "mse")


Case = tuple[Callable[[], Any], Callable[[Any], Any], type[Exception], list[str]]

# situation: (model, what is done with it, error, parts of its text)
CASES: dict[str, Case] = {
    # shapes of x
    "images without Flatten": (
        images,
        lambda m: m.fit(np.zeros((32, 28, 28), "float32"), np.zeros(32)),
        ValueError,
        ["[dense]", "784", "(32, 28, 28)", "Flatten()"],
    ),
    "images without Flatten, predict": (
        images,
        lambda m: m.predict(np.zeros((32, 28, 28), "float32"), verbose=0),
        ValueError,
        ["[dense]", "784", "(32, 28, 28)", "Flatten()"],
    ),
    "images without Flatten, call": (
        images,
        lambda m: m(np.zeros((32, 28, 28), "float32")),
        ValueError,
        ["[dense]", "784", "(32, 28, 28)", "Flatten()"],
    ),
    "too few features": (classes, lambda m: m.fit(X[:, :5], LABELS), ValueError, ["[dense]", "6", "(40, 5)"]),
    "too few features, predict": (classes, lambda m: m.predict(X[:, :5], verbose=0), ValueError, ["6", "(40, 5)"]),
    "one row without its axis": (
        classes,
        lambda m: m.predict(X[0], verbose=0),
        ValueError,
        ["(rows, 6)", "(6,)", "x[None, :]"],
    ),
    "no rows": (classes, lambda m: m.fit(X[:0], LABELS[:0]), ValueError, ["x", "at least one row", "(0, 6)"]),
    "no rows, predict": (classes, lambda m: m.predict(X[:0], verbose=0), ValueError, ["at least one row"]),
    "no rows, evaluate": (classes, lambda m: m.evaluate(X[:0], LABELS[:0]), ValueError, ["[evaluate]", "one row"]),
    # x and y against each other
    "other number of targets": (classes, lambda m: m.fit(X, LABELS[:30]), ValueError, ["y", "40 rows", "(30,)"]),
    "no targets": (classes, lambda m: m.fit(X), ValueError, ["y", "received None", "fit(x, y)"]),
    "other number of weights": (
        classes,
        lambda m: m.fit(X, LABELS, sample_weight=np.ones(7)),
        ValueError,
        ["sample_weight", "40", "(7,)"],
    ),
    # values
    "NaN in x": (classes, lambda m: m.fit(NAN, LABELS), ValueError, ["x", "nan", "row 7", "column 2"]),
    "infinite y": (numbers, lambda m: m.fit(X, np.full(40, np.inf)), ValueError, ["y", "inf", "row 0"]),
    "too large for float32": (classes, lambda m: m.fit(X.astype(float) * 1e300, LABELS), ValueError, ["x", "finite"]),
    "strings": (classes, lambda m: m.fit(X.astype(str), LABELS), TypeError, ["x", "strings"]),
    "string labels": (
        classes,
        lambda m: m.fit(X, np.array(["cat", "dog"] * 20)),
        TypeError,
        ["y", "strings", "np.unique"],
    ),
    "complex": (classes, lambda m: m.fit(X * 1j, LABELS), TypeError, ["x", "complex"]),
    "objects": (classes, lambda m: m.fit(np.array([[None] * 6] * 40), LABELS), TypeError, ["x", "objects"]),
    "text column": (
        classes,
        lambda m: m.fit(pd.DataFrame({"a": [1.0] * 40, "b": ["u"] * 40}), LABELS),
        TypeError,
        ["column 'b'"],
    ),
    "ragged list": (classes, lambda m: m.fit([[1.0, 2.0], [3.0]], [0, 1]), ValueError, ["x", "different lengths"]),
    "a dict": (classes, lambda m: m.fit({"x": X}, LABELS), TypeError, ["x", "dict", "np.stack"]),
    "nothing at all": (classes, lambda m: m.fit(), ValueError, ["[fit]"]),
    # labels against loss and output
    "labels from 1": (classes, lambda m: m.fit(X, LABELS + 1), ValueError, ["0 to 2", "1 to 3", "y - 1"]),
    "label too large": (classes, lambda m: m.fit(X, LABELS * 5), ValueError, ["0 to 2", "10", "Dense(11"]),
    "negative label": (classes, lambda m: m.fit(X, LABELS - 1), ValueError, ["0 to 2", "-1"]),
    "fractions as labels": (classes, lambda m: m.fit(X, LABELS + 0.5), ValueError, ["whole numbers", "0.5", "mse"]),
    "one-hot for sparse": (
        classes,
        lambda m: m.fit(X, np.eye(3)[LABELS]),
        ValueError,
        ["one-hot", "loss='categorical_crossentropy'"],
    ),
    "labels for one-hot": (
        one_hot,
        lambda m: m.fit(X, LABELS),
        ValueError,
        ["loss='sparse_categorical_crossentropy'", "to_categorical"],
    ),
    "three labels for a sigmoid": (one_unit, lambda m: m.fit(X, LABELS), ValueError, ["labels 0 and 1", "2"]),
    "one unit for sparse": (
        lambda: classes("softmax", 1),
        lambda m: m.fit(X, LABELS),
        ValueError,
        ["at least 2 units", "Dense(3"],
    ),
    "targets of another width": (
        numbers,
        lambda m: m.fit(X, X[:, :2]),
        ValueError,
        ["(rows, 1)", "(40, 2)", "Dense(2)"],
    ),
    "bad validation labels": (
        classes,
        lambda m: m.fit(X, LABELS, validation_data=(X, LABELS + 9)),
        ValueError,
        ["validation y", "0 to 2", "9 to 11"],
    ),
    "bad label in a later batch": (
        classes,
        lambda m: m.fit(iter([(X, LABELS), (X, LABELS + 7)][1:]), verbose=0),
        ValueError,
        ["0 to 2", "7 to 9"],
    ),
    # arguments
    "batch size of 0": (
        classes,
        lambda m: m.fit(X, LABELS, batch_size=0),
        ValueError,
        ["batch_size", "at least 1", "0"],
    ),
    "batch size as text": (classes, lambda m: m.fit(X, LABELS, batch_size="32"), TypeError, ["batch_size", "'32'"]),
    "no epochs": (classes, lambda m: m.fit(X, LABELS, epochs=0), ValueError, ["epochs", "at least 1"]),
    "split beyond 1": (
        classes,
        lambda m: m.fit(X, LABELS, validation_split=20),
        ValueError,
        ["validation_split", "0.2"],
    ),
    "split without rows": (
        classes,
        lambda m: m.fit(X[:2], LABELS[:2], validation_split=0.99),
        ValueError,
        ["validation_split", "2 rows"],
    ),
    "validation data as array": (
        classes,
        lambda m: m.fit(X, LABELS, validation_data=X),
        TypeError,
        ["validation_data", "(x_val, y_val)"],
    ),
    "validation data without targets": (
        classes,
        lambda m: m.fit(X, LABELS, validation_data=(X,)),
        ValueError,
        ["validation_data", "(x, y)"],
    ),
    "verbose": (classes, lambda m: m.fit(X, LABELS, verbose="loud"), ValueError, ["verbose", "'loud'"]),
    "validation frequency": (classes, lambda m: m.fit(X, LABELS, validation_freq=0), ValueError, ["validation_freq"]),
    "class weights of other labels": (
        classes,
        lambda m: m.fit(X, LABELS, class_weight={7: 1.0, 8: 2.0}),
        ValueError,
        ["class_weight", "7, 8 only"],
    ),
    "both kinds of weights": (
        classes,
        lambda m: m.fit(X, LABELS, class_weight={0: 1, 1: 1, 2: 1}, sample_weight=np.ones(40)),
        ValueError,
        ["class_weight and sample_weight cannot be given together"],
    ),
    "callback class": (
        classes,
        lambda m: m.fit(X, LABELS, callbacks=[keras.callbacks.EarlyStopping]),
        TypeError,
        ["EarlyStopping()"],
    ),
    "loader and y": (
        classes,
        lambda m: m.fit(keras.DataLoader(X, LABELS), LABELS),
        ValueError,
        ["y", "gives batches by itself"],
    ),
    "loader and batch_size": (
        classes,
        lambda m: m.fit(keras.DataLoader(X, LABELS), batch_size=8),
        ValueError,
        ["batch_size", "have their size already"],
    ),
    "loader and validation_split": (
        classes,
        lambda m: m.fit(keras.DataLoader(X, LABELS), validation_split=0.1),
        ValueError,
        ["validation_split", "validation_data"],
    ),
    "loader without targets": (
        classes,
        lambda m: m.fit(keras.DataLoader(X), verbose=0),
        ValueError,
        ["without targets"],
    ),
    "evaluate's unknown argument": (classes, lambda m: m.evaluate(X, LABELS, foo=1), TypeError, ["foo"]),
    # compile
    "unknown loss": (classes, lambda m: m.compile("adam", "cross_entropy"), ValueError, ["[loss]", "'cross_entropy'"]),
    "unknown optimizer": (
        classes,
        lambda m: m.compile("adm", "mse"),
        ValueError,
        ["[optimizer]", "did you mean 'adam'"],
    ),
    "unknown metric": (
        classes,
        lambda m: m.compile("adam", "mse", metrics=["acuracy"]),
        ValueError,
        ["[metric]", "did you mean 'accuracy'"],
    ),
    "metrics of two outputs": (
        classes,
        lambda m: m.compile("adam", "mse", metrics={"a": "mse", "b": "mse"}),
        ValueError,
        ["metrics", "one output"],
    ),
    "two losses": (classes, lambda m: m.compile("adam", ["mse", "mae"]), ValueError, ["loss", "one output"]),
    "two loss weights": (
        classes,
        lambda m: m.compile("adam", "mse", loss_weights=[0.3, 0.7]),
        ValueError,
        ["loss_weights", "one output"],
    ),
    "loss weight as text": (
        classes,
        lambda m: m.compile("adam", "mse", loss_weights="0.3"),
        TypeError,
        ["loss_weights", "numbers", "'0.3'"],
    ),
    "infinite loss weight": (
        classes,
        lambda m: m.compile("adam", "mse", loss_weights=[np.inf]),
        ValueError,
        ["loss_weights", "finite", "inf"],
    ),
    "loss of another kind": (classes, lambda m: m.compile("adam", 3), TypeError, ["[loss]", "3"]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_costs_a_sentence_and_changes_nothing(name: str) -> None:
    make, act, error, parts = CASES[name]
    model = make()
    before, optimizer = model.get_weights(), model.optimizer
    with pytest.raises(error) as caught:
        act(model)
    text = str(caught.value)
    assert type(caught.value) is error
    for part in parts:
        assert part in text, text
    assert text.startswith("["), text
    assert len(text) < 1000
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.optimizer is optimizer
    assert model.optimizer.iterations == 0
    good = np.zeros((40, *model.input_shape[1:]), "float32")
    units = model.output_shape[-1]
    if name == "one unit for sparse":
        return  # this model cannot be trained
    y = np.eye(3)[LABELS] if make is one_hot else LABELS if units > 1 else good[:, 0]
    assert np.isfinite(model.fit(good, y, verbose=0).history["loss"][0])


def test_before_compile_and_before_build() -> None:
    model = keras.Sequential([layers.Dense(2)], name="m")
    for act in (
        lambda: model.fit(X, LABELS),
        lambda: model.evaluate(X, LABELS),
        lambda: model.train_on_batch(X, LABELS),
    ):
        with pytest.raises(ValueError, match=r"\[m\] \w+: the model is not compiled; call compile\(optimizer='adam'"):
            act()
    model.compile("adam")
    with pytest.raises(ValueError, match=r"compiled without a loss; pass compile\(loss='mse'\)"):
        model.fit(X, LABELS)
    with pytest.raises(ValueError, match="before it is built"):
        model.count_params()
    with pytest.raises(ValueError, match="at least one row"):
        model.predict(X[:0])
    with pytest.raises(ValueError, match="cannot be built without layers"):
        keras.Sequential().predict(X, verbose=0)


def test_a_model_without_trainable_weights() -> None:
    frozen, empty = classes(), keras.Sequential([keras.Input((6,)), layers.Dropout(0.1)])
    frozen.trainable = False
    empty.compile("sgd", "mse")
    for model, y in ((frozen, LABELS), (empty, X)):
        with pytest.raises(ValueError, match="expected trainable weights, received none"):
            model.fit(X, y, verbose=0)
        assert np.isfinite(np.ravel(model.evaluate(X, y, verbose=0))).all()


def test_an_optimizer_serves_one_model() -> None:
    optimizer = keras.optimizers.Adam()
    first, second = classes(), classes()
    first.compile(optimizer, "sparse_categorical_crossentropy")
    second.compile(optimizer, "sparse_categorical_crossentropy")
    first.fit(X, LABELS, verbose=0)
    before = first.get_weights()
    with pytest.raises(ValueError, match="already updates weights of another model"):
        second.fit(X, LABELS, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, first.get_weights(), strict=True))


def test_an_error_inside_a_callback_or_layer_reaches_the_caller_and_training_can_go_on() -> None:
    class Fails(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise KeyError("from the callback")

    model = classes()
    with pytest.raises(KeyError, match="from the callback"):
        model.fit(X, LABELS, verbose=0, callbacks=[Fails()])
    assert np.isfinite(model.fit(X, LABELS, verbose=0).history["loss"][0])

    class Breaks(layers.Layer):
        broken = False

        def call(self, inputs: Any) -> Any:
            if self.broken:
                raise ZeroDivisionError("from the layer")
            return inputs

    breaks = Breaks()
    model = keras.Sequential([keras.Input((6,)), breaks, layers.Dense(1)])
    model.compile("sgd", "mse")
    breaks.broken = True
    with pytest.raises(ZeroDivisionError, match="from the layer"):
        model.fit(X, LABELS, verbose=0)
    breaks.broken = False
    assert np.isfinite(model.fit(X, LABELS, verbose=0).history["loss"][0])


def test_wrong_loss_of_ones_own_is_named() -> None:
    model = classes(None, 3, lambda y, p: "nothing")
    with pytest.raises((TypeError, ValueError)):
        model.fit(X, LABELS, verbose=0)
