"""Sequential: stacking, building, calling, weights, configuration, summary."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import layers
from ranvier.models import clone_model, model_from_json


@pytest.fixture(autouse=True)
def fresh_names() -> None:
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)


def small(**kwargs: Any) -> Any:
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, activation="tanh"), layers.Dense(3, activation="softmax")], **kwargs
    )


def rows(n: int = 5, features: int = 4) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, features)).astype("float32")


# Stacking -------------------------------------------------------------------------------------------------------------


def test_input_builds_at_once() -> None:
    model = small()
    assert model.built
    assert model.input_shape == (None, 4)
    assert model.output_shape == (None, 3)
    assert [layer.name for layer in model.layers] == ["dense", "dense_1"]
    assert [w.path for w in model.weights] == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    assert model.count_params() == 4 * 8 + 8 + 8 * 3 + 3


@pytest.mark.parametrize("kwargs", [{"input_shape": (4,)}, {"input_dim": 4}])
def test_input_shape_on_the_first_layer(kwargs: dict[str, Any]) -> None:
    model = keras.Sequential([layers.Dense(8, **kwargs), layers.Dense(3)])
    assert model.built
    assert model.input_shape == (None, 4)
    assert [layer.name for layer in model.layers] == ["dense", "dense_1"]


def test_deferred_build_by_data_or_shape() -> None:
    by_call, by_shape = keras.Sequential([layers.Dense(3)]), keras.Sequential([layers.Dense(3)])
    assert not by_call.built
    with pytest.raises(AttributeError, match="input_shape before it is built"):
        _ = by_call.input_shape
    assert by_call(rows()).shape == (5, 3)
    by_shape.build((None, 4))
    assert by_call.input_shape == by_shape.input_shape == (None, 4)
    assert by_shape.weights[0].shape == (4, 3)


def test_add_and_pop() -> None:
    model = keras.Sequential()
    model.add(keras.Input(shape=(4,)))
    model.add(layers.Dense(8))
    model.add(layers.Dense(3))
    kept = model.get_weights()
    top = model.pop()
    assert top.name == "dense_1"
    assert model.output_shape == (None, 8)
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)
    assert model(rows()).shape == (5, 2)
    assert all(np.array_equal(a, b) for a, b in zip(kept[:2], model.get_weights()[:2], strict=True))
    for _ in range(2):
        model.pop()
    with pytest.raises(ValueError, match="no layers"):
        model.pop()


def test_add_that_fails_leaves_the_stack_as_it_was() -> None:
    model = small()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"\[reshape\]"):
        model.add(layers.Reshape((5,)))
    assert len(model.layers) == 2
    assert model.built
    assert model(rows()).shape == (5, 3)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("stack", "error", "text"),
    [
        ([3], TypeError, "expected a layer such as Dense"),
        ([layers.Dense], TypeError, r"received the class Dense; write Dense\(\.\.\.\)"),
        ([layers.Dense(2, name="a"), layers.Dense(2, name="a")], ValueError, "layer named 'a' is there already"),
        ([layers.Dense(2), keras.Input((3,))], ValueError, "Input must come first"),
        ([keras.Input((3,)), keras.Input((3,))], ValueError, "Input must come first"),
    ],
)
def test_stacks_that_cannot_be(stack: list[Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        keras.Sequential(stack)


def test_building_without_a_shape_or_layers() -> None:
    with pytest.raises(ValueError, match="cannot be built without layers"):
        keras.Sequential().build((None, 3))
    with pytest.raises(ValueError, match=r"build: expected the shape of the input; begin with Input"):
        keras.Sequential([layers.Dense(2)]).build()
    with pytest.raises(ValueError, match=r"expected input of shape \(None, 4\)"):
        small().build((None, 7))


def test_get_layer() -> None:
    model = small()
    assert model.get_layer("dense_1") is model.get_layer(index=1) is model.layers[1]
    for kwargs in ({}, {"name": "dense", "index": 0}, {"name": "nope"}, {"index": 2}):
        with pytest.raises(ValueError, match=r"\[get_layer\]"):
            model.get_layer(**kwargs)


# Calling --------------------------------------------------------------------------------------------------------------


def test_call_equals_the_layers_one_after_the_other() -> None:
    model = small()
    x = rows()
    expected = model.layers[1](model.layers[0](x)).numpy()
    for given in (x, x.tolist(), keras.ops.convert_to_tensor(x), x.astype("float64"), np.asfortranarray(x)):
        np.testing.assert_allclose(model(given).numpy(), expected, rtol=1e-6)
    assert model(x).dtype == "float32"


def test_training_reaches_dropout() -> None:
    model = keras.Sequential([keras.Input((100,)), layers.Dropout(0.5)])
    x = np.ones((4, 100), "float32")
    assert np.array_equal(model(x).numpy(), x)
    assert np.array_equal(model(x, training=False).numpy(), x)
    assert set(np.unique(model(x, training=True).numpy())) == {0.0, 2.0}


def test_wrong_shape_names_the_layer_and_the_fix() -> None:
    model = keras.Sequential([keras.Input((784,)), layers.Dense(10)])
    with pytest.raises(ValueError, match=r"\[dense\] expected 784 features .*\(32, 28, 28\); add Flatten\(\)"):
        model(np.zeros((32, 28, 28), "float32"))


def test_float64_model() -> None:
    keras.config.set_floatx("float64")
    try:
        model = small()
        assert {w.dtype for w in model.weights} == {"float64"}
        assert model(rows().astype("float64")).dtype == "float64"
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(rows(40), np.arange(40) % 3, verbose=0)
        assert model.predict(rows(), verbose=0).dtype == np.float64
    finally:
        keras.config.set_floatx("float32")


def test_nested_models_are_layers() -> None:
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(6), layers.BatchNormalization()], name="block")
    model = keras.Sequential([inner, layers.Dense(2)])
    assert model.built, "the inner model knows its input"
    assert [w.path for w in model.weights][:2] == ["block/dense/kernel", "block/dense/bias"]
    assert len(model.weights) == 8
    assert len(model.trainable_weights) == 6
    x = rows(40)
    np.testing.assert_allclose(model(x).numpy(), model.layers[1](inner(x)).numpy(), rtol=1e-6)
    before = inner.get_weights()
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((40, 2)), verbose=0)
    assert not np.array_equal(before[0], inner.get_weights()[0])
    assert model._engine_model().replayable


# Weights --------------------------------------------------------------------------------------------------------------


def test_set_weights_is_checked_before_anything_changes() -> None:
    model = small()
    before = model.get_weights()
    wrong = [w + 1 for w in before]
    wrong[3] = np.zeros(7)
    with pytest.raises(ValueError, match=r"\(3,\).*'dense_1/bias'.*\(7,\)"):
        model.set_weights(wrong)
    with pytest.raises(ValueError, match="expected 4 arrays"):
        model.set_weights(before[:2])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.set_weights([w + 1 for w in before])
    assert np.array_equal(model.get_weights()[0], before[0] + 1)


def test_trainable_follows_changes_after_compile() -> None:
    model = small()
    x, y = rows(40), np.arange(40) % 3
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    model.layers[0].trainable = False
    assert [w.path for w in model.trainable_weights] == ["dense_1/kernel", "dense_1/bias"]
    assert [w.path for w in model.non_trainable_weights] == ["dense/kernel", "dense/bias"]
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    after = model.get_weights()
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])
    model.layers[0].trainable = True
    model.fit(x, y, verbose=0)
    assert not np.array_equal(after[0], model.get_weights()[0])
    model.trainable = False
    assert model.trainable_variables == []
    assert len(model.non_trainable_variables) == 4


def test_parameters_are_the_trainable_weights() -> None:
    model = small()
    assert [p.path for p in model.parameters()] == [w.path for w in model.trainable_weights]
    optimizer = keras.optimizers.SGD(0.1, parameters=model.parameters())
    keras.ops.sum(model(rows())).backward()
    optimizer.step()
    assert optimizer.iterations == 1


# Configuration --------------------------------------------------------------------------------------------------------


def test_config_round_trip() -> None:
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L2(0.1), name="first"),
            layers.Dropout(0.25),
            keras.Sequential([layers.Dense(2)], name="inner"),
        ],
        name="whole",
    )
    config = model.get_config()
    assert config["name"] == "whole"
    assert config["build_input_shape"] == (None, 4)
    assert [record["class_name"] for record in config["layers"]] == ["InputLayer", "Dense", "Dropout", "Sequential"]
    for twin in (keras.Sequential.from_config(config), model_from_json(model.to_json()), clone_model(model)):
        assert twin.name == "whole"
        assert [w.path for w in twin.weights] == [w.path for w in model.weights]
        assert twin.get_layer("first").kernel_regularizer.l2 == pytest.approx(0.1)
        assert not np.array_equal(twin.get_weights()[0], model.get_weights()[0]), "new weights"
        twin.set_weights(model.get_weights())
        assert np.array_equal(twin(rows()).numpy(), model(rows()).numpy())
    assert json.loads(model.to_json())["build_input_shape"] == [None, 4]


def test_clone_with_a_function() -> None:
    model = small()

    def wider(layer: Any) -> Any:
        config = layer.get_config()
        return type(layer).from_config({**config, "units": config["units"] + 1})

    assert clone_model(model, clone_function=wider).output_shape == (None, 4)
    for bad in (layers.Dense(2), "model"):
        with pytest.raises(ValueError, match="expected a model"):
            clone_model(bad)


def test_json_that_is_no_model() -> None:
    for text in ("nonsense", "[]", '{"class_name": "Sequential"}'):
        with pytest.raises(ValueError, match=r"\[model_from_json\]"):
            model_from_json(text)
    with pytest.raises(ValueError, match="expected a model, received a layer"):
        model_from_json('{"class_name": "Dense", "config": {"units": 2}}')


# Summary --------------------------------------------------------------------------------------------------------------


def test_summary(capsys: pytest.CaptureFixture[str]) -> None:
    model = small()
    model.summary(show_trainable=True)
    text = capsys.readouterr().out
    assert 'Model: "sequential"' in text
    for part in ("dense_1 (Dense)", "(None, 8)", "40", "67 (268.00 B)", "Trainable"):
        assert part in text
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "Trainable params: 67" in "\n".join(lines)
    assert "<table>" in model._repr_html_()
    deferred = keras.Sequential([layers.Dense(2)])
    deferred.summary(print_fn=lines.append)
    assert "unbuilt" in lines[-1]


def test_summary_counts_the_optimizer_and_shows_nested_layers() -> None:
    model = keras.Sequential([keras.Sequential([keras.Input((4,)), layers.Dense(2)], name="block"), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(rows(8), np.zeros(8), verbose=0)
    lines: list[str] = []
    model.summary(print_fn=lines.append, expand_nested=True)
    assert "block (Sequential)" in lines[0]
    assert "  dense (Dense)" in lines[0]
    assert "Optimizer params: 28" in lines[0]  # two slots for each of 13 weights, learning rate, step count


# Models of one's own ------------------------------------------------------------------------------


class Residual(keras.Model):
    def __init__(self, units: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.first = layers.Dense(units, activation="relu")
        self.drop = layers.Dropout(0.5)
        self.second = layers.Dense(4)

    def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs + self.second(self.drop(self.first(inputs), training=training))


def test_a_model_of_ones_own_trains_saves_and_loads(tmp_path: Any) -> None:
    model = Residual(name="own")
    model.compile("adam", "mse", metrics=["mae"])
    x = rows(64)
    history = model.fit(x, x * 2, epochs=30, verbose=0, validation_split=0.25).history
    assert history["loss"][-1] < history["loss"][0]
    assert [w.path for w in model.weights][:2] == ["dense/kernel", "dense/bias"]
    assert model.output_shape == (None, 4)
    np.testing.assert_allclose(model.predict(x, verbose=0)[:3], model(x[:3]).numpy(), rtol=1e-5)
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "dense_1 (Dense)" in lines[0]
    model.save(tmp_path / "own.rv")
    loaded = keras.saving.load_model(tmp_path / "own.rv", custom_objects={"Residual": Residual})
    assert np.array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert loaded.optimizer.iterations == model.optimizer.iterations
    with pytest.raises(ValueError, match="unknown classes: Residual"):
        keras.saving.load_model(tmp_path / "own.rv")


# Copies ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_are_equal_and_independent(make: Any) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dropout(0.5), layers.Dense(3, "softmax")])
    x, y = rows(64), np.arange(64) % 3
    loss = keras.losses.SparseCategoricalCrossentropy()
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 100)
    metrics = ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2)]
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=metrics)
    model.fit(x, y, verbose=0)
    twin = make(model)
    assert twin.optimizer is not model.optimizer
    assert twin.optimizer.iterations == model.optimizer.iterations == 2
    for one in (model, twin):
        one.fit(x, y, epochs=2, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), twin.get_weights(), strict=True))
    twin.set_weights([w * 0 for w in twin.get_weights()])
    assert np.abs(model.get_weights()[0]).sum() > 0
    own = make(Residual(units=3))
    assert own.units == 3
    assert not own.built
