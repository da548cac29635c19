"""Files: round trips for every layer, exact resuming, weights between models, damaged and foreign files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from fit_helpers import X, Y, classifier, same
from ranvier import _core, layers, saving


def regularized_dense() -> Any:
    return layers.Dense(
        5,
        "gelu",
        kernel_initializer=keras.initializers.HeNormal(seed=3),
        kernel_regularizer="l2",
        bias_regularizer="l1",
    )


STACKS: dict[str, list[Any]] = {
    "Dense": [regularized_dense],
    "Dense without bias": [lambda: layers.Dense(5, use_bias=False, trainable=False)],
    "Activation": [lambda: layers.Activation("swish")],
    "activation layers": [
        lambda: layers.ReLU(max_value=3.0, negative_slope=0.1),
        lambda: layers.LeakyReLU(negative_slope=0.2),
        lambda: layers.PReLU(),
        lambda: layers.ELU(alpha=0.5),
        lambda: layers.Softmax(axis=-1),
    ],
    "noise": [
        lambda: layers.Dropout(0.4, seed=7),
        lambda: layers.GaussianDropout(0.2),
        lambda: layers.GaussianNoise(0.1),
        lambda: layers.AlphaDropout(0.1),
    ],
    "shapes": [
        lambda: layers.Reshape((2, 2)),
        lambda: layers.Permute((2, 1)),
        lambda: layers.Flatten(),
        lambda: layers.RepeatVector(3),
        lambda: layers.Identity(),
    ],
    "BatchNormalization": [lambda: layers.BatchNormalization(momentum=0.9, epsilon=0.01)],
    "LayerNormalization": [lambda: layers.LayerNormalization(epsilon=0.01)],
    "preprocessing": [lambda: layers.Rescaling(0.5, offset=0.1), lambda: layers.Normalization()],
    "nested": [lambda: keras.Sequential([layers.Dense(3), keras.Sequential([layers.Dense(2)])])],
}


@pytest.mark.parametrize("name", STACKS)
def test_every_layer_comes_back(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(4)
    stack = [make() for make in STACKS[name]]
    for layer in stack:
        if isinstance(layer, layers.Normalization):
            layer.adapt(X)
    model = keras.Sequential([keras.Input((4,)), *stack, layers.Flatten(), layers.Dense(2)], name="whole")
    model.compile("adam", "mse")
    model.fit(X, np.zeros((96, 2)), verbose=0)
    model.save(tmp_path / "m.rv")
    loaded = saving.load_model(tmp_path / "m.rv")
    assert json.loads(loaded.to_json()) == json.loads(model.to_json())
    assert [w.path for w in loaded.weights] == [w.path for w in model.weights]
    assert [w.trainable for w in loaded.weights] == [w.trainable for w in model.weights]
    assert same(loaded, model)
    assert np.array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    assert loaded.evaluate(X, np.zeros((96, 2)), verbose=0) == model.evaluate(X, np.zeros((96, 2)), verbose=0)
    _ = [m.fit(X, np.zeros((96, 2)), verbose=0, initial_epoch=1, epochs=2) for m in (model, loaded)]
    if name != "noise":  # the running model's generator went on between the two fits
        assert same(loaded, model)


# Resuming -------------------------------------------------------------------------------------------------------------


class Noise(layers.Layer):
    """Draws from the default generator."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        return keras.random.dropout(inputs, 0.25) if training else inputs


def trainee(optimizer: Any, custom: bool = False) -> Any:
    keras.utils.set_random_seed(11)
    noise = Noise() if custom else layers.Dropout(0.5)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(16, "relu"), layers.BatchNormalization(), noise, layers.Dense(2, "softmax")]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("custom", [False, True])
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd", "momentum", "adamw", "schedule"])
def test_resuming_is_exact(optimizer: str, custom: bool, tmp_path: Path) -> None:
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 20)
    made: dict[str, Any] = {
        "momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True, clipnorm=1.0),
        "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
        "schedule": lambda: keras.optimizers.Adam(schedule),
    }
    make = made.get(optimizer, lambda: optimizer)
    whole = trainee(make(), custom)
    history = whole.fit(X, Y, epochs=4, batch_size=10, validation_split=0.2, verbose=0).history
    first = trainee(make(), custom)
    first.fit(X, Y, epochs=2, batch_size=10, validation_split=0.2, verbose=0)
    first.save(tmp_path / "half.rv")
    keras.utils.set_random_seed(1234)  # another process has other random numbers
    resumed = saving.load_model(tmp_path / "half.rv", custom_objects={"Noise": Noise})
    assert resumed.optimizer.iterations == first.optimizer.iterations == 16
    rest = resumed.fit(X, Y, initial_epoch=2, epochs=4, batch_size=10, validation_split=0.2, verbose=0).history
    assert same(resumed, whole)
    assert {name: values[2:] for name, values in history.items()} == rest


def test_checkpoints_resume_with_their_callbacks(tmp_path: Path) -> None:
    def callbacks() -> list[Any]:
        checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.rv")
        stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
        slower = keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.5)
        return [checkpoint, stop, slower]

    whole = trainee(keras.optimizers.Adam(0.3))
    history = whole.fit(X, Y, epochs=12, validation_split=0.3, verbose=0, callbacks=callbacks())
    assert "callbacks.safetensors" in _core.io.read_archive(tmp_path / "3.rv")[1]
    done = len(history.epoch)
    assert 3 < done < 12, "the case is meant to stop early"
    for epoch in (1, done - 1):
        resumed = saving.load_model(tmp_path / f"{epoch}.rv")
        again = callbacks()
        rest = resumed.fit(X, Y, initial_epoch=epoch, epochs=12, validation_split=0.3, verbose=0, callbacks=again[1:])
        assert same(resumed, whole), f"from epoch {epoch}"
        assert rest.history == history.history
        assert rest.epoch == history.epoch


def test_loading_leaves_random_numbers_alone(tmp_path: Path) -> None:
    trainee("adam").save(tmp_path / "m.rv")
    keras.utils.set_random_seed(5)
    before = _core.get_random_state()
    model = saving.load_model(tmp_path / "m.rv")
    assert _core.get_random_state() == before
    model.evaluate(X, Y, verbose=0)
    assert _core.get_random_state() == before


def test_frozen_layers_learning_rate_and_excluded_decay_come_back(tmp_path: Path) -> None:
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model = trainee(optimizer)
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = False
    model.optimizer.learning_rate = 0.003
    model.save(tmp_path / "m.rv")
    loaded = saving.load_model(tmp_path / "m.rv")
    assert loaded.optimizer.learning_rate == pytest.approx(0.003)
    assert [w.decay for w in loaded.weights] == [w.decay for w in model.weights]
    assert not all(w.decay for w in loaded.weights)
    for one in (model, loaded):
        one.fit(X, Y, initial_epoch=1, epochs=2, verbose=0)
    assert same(model, loaded)


# Compile --------------------------------------------------------------------------------------------------------------


def test_compile_arguments_come_back(tmp_path: Path) -> None:
    model = classifier()
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.5),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top")],
        weighted_metrics=["accuracy"],
        stop_on_non_finite=False,
    )
    model.save(tmp_path / "m.rv")
    loaded = saving.load_model(tmp_path / "m.rv")
    assert loaded.loss.from_logits
    assert loaded.optimizer.momentum == 0.5
    assert not loaded._compiled.stop_on_non_finite
    assert loaded.evaluate(X, Y, verbose=0, return_dict=True) == model.evaluate(X, Y, verbose=0, return_dict=True)
    assert loaded.metrics_names == ["loss", "accuracy", "top", "weighted_accuracy"]
    plain = saving.load_model(tmp_path / "m.rv", compile=False)
    assert not plain.compiled
    model.save(tmp_path / "small.rv", include_optimizer=False)
    assert not saving.load_model(tmp_path / "small.rv").compiled


def test_a_loss_without_a_name_is_left_out_with_a_warning(tmp_path: Path) -> None:
    model = classifier()
    model.compile("sgd", lambda y, p: keras.ops.mean(p, axis=-1))
    with pytest.warns(UserWarning, match=r"arguments of compile\(\) cannot be written"):
        model.save(tmp_path / "m.rv")
    assert not saving.load_model(tmp_path / "m.rv").compiled


def my_loss(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean(keras.ops.square(y_pred), axis=-1)


class Scale(layers.Layer):
    def __init__(self, start: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start
        self.inner = layers.Dense(3)

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight(shape=(3,), initializer=keras.initializers.Constant(self.start), name="factor")

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs) * self.factor


def test_custom_layers_and_functions(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), Scale(2.0, name="scale"), layers.Dense(2)])
    model.compile("adam", my_loss, metrics=[my_loss])
    model.fit(X, Y, verbose=0)
    path = tmp_path / "m.rv"
    model.save(path)
    fix = r"pass custom_objects=\{'Scale': Scale\}"
    with pytest.raises(ValueError, match=r"unknown classes: Scale \(layer 'scale'\); " + fix):
        saving.load_model(path)
    with pytest.raises(ValueError, match=r"my_loss.*custom_objects, or compile=False"):
        saving.load_model(path, custom_objects={"Scale": Scale})
    loaded = saving.load_model(path, custom_objects={"Scale": Scale, "my_loss": my_loss})
    assert loaded.layers[0].start == 2.0
    assert "scale/dense" in " ".join(w.path for w in model.weights)
    for one in (model, loaded):
        one.fit(X, Y, initial_epoch=1, epochs=2, verbose=0)
    assert same(model, loaded)
    with saving.custom_object_scope({"Scale": Scale, "my_loss": my_loss}):
        assert saving.load_model(path).compiled


def test_lambda_layers_cannot_be_saved(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x * 2, name="twice")])
    with pytest.raises(ValueError, match=r"\[twice\] a Lambda layer cannot be saved"):
        model.save(tmp_path / "m.rv")
    assert os.listdir(tmp_path) == []


# Weights --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".weights.rv", ".rv", ".safetensors"])
def test_weights_round_trip(ending: str, tmp_path: Path) -> None:
    one, other = classifier(), classifier()
    other.set_weights([w + 1 for w in one.get_weights()])
    path = tmp_path / f"w{ending}"
    one.save_weights(path)
    other.load_weights(path)  # whose layers have other numbers in their names
    assert same(one, other)
    assert other.evaluate(X, Y, verbose=0) == one.evaluate(X, Y, verbose=0)


def test_weights_of_a_whole_model_file(tmp_path: Path) -> None:
    one, other = classifier(), classifier()
    one.fit(X, Y, verbose=0)
    one.save(tmp_path / "m.rv")
    other.load_weights(tmp_path / "m.rv")
    assert same(one, other)
    one.save_weights(tmp_path / "w.weights.rv")
    with pytest.raises(ValueError, match="holds weights only: build the model and call load_weights"):
        saving.load_model(tmp_path / "w.weights.rv")


def named(*units: int, features: int = 4) -> Any:
    stack = [layers.Dense(n, name=f"layer{i}") for i, n in enumerate(units)]
    return keras.Sequential([keras.Input((features,)), *stack])


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (lambda: named(8, 5), r"\[layer1\] expected kernel with shape \(8, 5\), received shape \(8, 2\)"),
        (lambda: named(8, 2, features=3), r"\[layer0\] expected kernel with shape \(3, 8\), received shape \(4, 8\)"),
        (lambda: named(8, 2, 2), r"\[layer2\] expected kernel with shape \(2, 2\), received no 'layer2/kernel' among"),
        (lambda: named(8), r"expected weights for layer0, received also 'layer1/kernel' of shape \(8, 2\)"),
    ],
)
def test_weights_of_another_model_change_nothing(other: Any, text: str, tmp_path: Path) -> None:
    named(8, 2).save_weights(tmp_path / "w.weights.rv")
    model = other()
    before = model.get_weights()
    with pytest.raises(ValueError, match=text):
        model.load_weights(tmp_path / "w.weights.rv")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.load_weights(tmp_path / "w.weights.rv", skip_mismatch=True)


# Names, foreign and damaged files -------------------------------------------------------------------------------------


def test_endings_are_named(tmp_path: Path) -> None:
    model = classifier()
    for call, path, wanted in [
        (model.save, "m.keras", "m.rv"),
        (model.save, "m.h5", "m.rv"),
        (model.save, "m", "m.rv"),
        (model.save_weights, "m.weights.h5", "m.weights.rv"),
    ]:
        with pytest.raises(ValueError, match=f"use '{wanted}'"):
            call(path)
    for path in ("m.keras", "m.weights.h5"):
        with pytest.raises(ValueError, match=r"expected a file of ranvier \(\.rv\)"):
            saving.load_model(path)
    model.save(tmp_path / "m.rv")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(tmp_path / "m.rv", overwrite=False)
    with pytest.raises(ValueError, match="has no weights yet"):
        keras.Sequential([layers.Dense(2)]).save(tmp_path / "n.rv")
    with pytest.raises(FileNotFoundError):
        saving.load_model(tmp_path / "missing.rv")
    with pytest.raises(FileNotFoundError):
        model.save(tmp_path / "no folder" / "m.rv")


def test_damaged_files_are_refused_and_change_nothing(tmp_path: Path) -> None:
    model = classifier()
    path = tmp_path / "m.rv"
    model.save(path)
    whole = path.read_bytes()
    before = model.get_weights()
    bad = tmp_path / "bad.rv"
    rng = np.random.default_rng(0)
    damaged = [b"", b"PK", b"nonsense" * 100, whole[: len(whole) // 2], whole[:-1], whole + b"x"]
    for position in rng.integers(0, len(whole), 60):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(flipped))
    refused = 0
    for content in damaged:
        bad.write_bytes(content)
        try:
            loaded = saving.load_model(bad)
        except ValueError as error:
            assert "bad.rv" in str(error)
            refused += 1
            with pytest.raises(ValueError, match=r"bad\.rv"):
                model.load_weights(bad)
        else:  # a flipped bit in a field that nobody reads, such as a date
            assert same(loaded, model)
    assert refused > 40
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_archives_with_wrong_contents(tmp_path: Path) -> None:
    model = classifier()
    path = str(tmp_path / "m.rv")
    model.save(path)
    texts, groups = _core.io.read_archive(path)
    config = json.loads(texts["config.json"])
    state = json.loads(texts["state.json"])
    fewer = {**config, "config": {**config["config"], "layers": config["config"]["layers"][:2]}}
    unknown = {**config, "class_name": "Nonsense"}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"config.json": "[]"}, "'class_name' and 'config' of a model"),
        ({"config.json": json.dumps(unknown)}, "unknown classes: Nonsense"),
        ({"config.json": json.dumps(fewer)}, "received also"),
        ({"state.json": json.dumps({**state, "order": 3})}, "state of training does not fit"),
        ({"state.json": json.dumps({**state, "optimizer": {"iterations": 1, "variables": ["x"]}})}, "does not fit"),
    ]
    for replaced, text in cases:
        _core.io.write_archive(path, {**texts, **replaced}, groups)
        with pytest.raises(ValueError, match=text):
            saving.load_model(path)
    _core.io.write_archive(path, texts, {})
    with pytest.raises(ValueError, match=r"expected config\.json and weights\.safetensors"):
        saving.load_model(path)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = classifier()
    model.save(tmp_path / "m.rv")
    before = (tmp_path / "m.rv").read_bytes()
    model.set_weights([w + 1 for w in model.get_weights()])
    model.add(layers.Lambda(lambda x: x))
    with pytest.raises(ValueError, match="Lambda"):
        model.save(tmp_path / "m.rv")
    assert (tmp_path / "m.rv").read_bytes() == before
    assert os.listdir(tmp_path) == ["m.rv"]
