"""fit, evaluate and predict of models with several inputs and outputs: forms of data, results, files, callbacks."""

from __future__ import annotations

import copy
import csv
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from fit_helpers import close, same
from multi_helpers import AGE, HEIGHT, IMAGE, KIND, LOSS, RNG, X, Y, two_by_two
from ranvier import layers
from ranvier.data import DataLoader

WEIGHTS = RNG.uniform(0.5, 2, 60)


def trained(x: Any, y: Any, **kwargs: Any) -> tuple[Any, dict[str, list[float]]]:
    """A model after two epochs without shuffling, and their history."""
    model = two_by_two()
    options = {} if y is None else {"batch_size": 20, "shuffle": False}
    keras.utils.set_random_seed(2)
    history: dict[str, list[float]] = model.fit(x, y, epochs=2, verbose=0, **options, **kwargs).history
    return model, history


# Forms of data --------------------------------------------------------------------------------------------------------


def test_lists_dicts_and_streams_are_the_same() -> None:
    expected, history = trained(X, Y)
    assert list(history) == ["height_loss", "height_mae", "kind_accuracy", "kind_loss", "loss"]

    def generator() -> Any:
        while True:
            for start in (0, 20, 40):
                rows = slice(start, start + 20)
                yield {"age": AGE[rows], "image": IMAGE[rows]}, [KIND[rows], HEIGHT[rows]]

    for name, x, y, more in [
        ("lists", [IMAGE, AGE], [KIND, HEIGHT], {}),
        ("tuples", (IMAGE, AGE), (KIND, HEIGHT), {}),
        ("other order", {"age": AGE, "image": IMAGE}, {"height": HEIGHT, "kind": KIND}, {}),
        ("more columns", {**X, "name": np.arange(60)}, Y, {}),
        ("columns and lists", [IMAGE, AGE.tolist()], [KIND[:, None], HEIGHT[:, 0]], {}),
        ("layouts", [np.asfortranarray(IMAGE), AGE.astype(">f8")], [KIND.astype("uint8"), HEIGHT.astype("f8")], {}),
        ("loader of dicts", DataLoader(X, Y, batch_size=20), None, {}),
        ("loader of lists", DataLoader([IMAGE, AGE], (KIND, HEIGHT), batch_size=20), None, {}),
        ("generator", generator(), None, {"steps_per_epoch": 3}),
    ]:
        model, found = trained(x, y, **more)
        assert close(found, history), name
        assert same(model, expected), name


def test_validation_in_every_form() -> None:
    _, split = trained(X, Y, validation_split=0.25)
    data = ({name: part[45:] for name, part in X.items()}, [KIND[45:], HEIGHT[45:]])
    for validation in (data, (list(data[0].values()), data[1]), DataLoader(*data, batch_size=20)):
        model = two_by_two()
        keras.utils.set_random_seed(2)
        x, y = [IMAGE[:45], AGE[:45]], [KIND[:45], HEIGHT[:45]]
        found = model.fit(x, y, epochs=2, batch_size=20, shuffle=False, verbose=0, validation_data=validation)
        assert close(found.history, split)
    assert [name for name in split if name.startswith("val_")] == [
        "val_height_loss",
        "val_height_mae",
        "val_kind_accuracy",
        "val_kind_loss",
        "val_loss",
    ]


def test_sample_weights_in_every_form() -> None:
    expected, history = trained(X, Y, sample_weight={"kind": WEIGHTS, "height": WEIGHTS})
    for weights in (WEIGHTS, WEIGHTS[:, None], [WEIGHTS, WEIGHTS], (WEIGHTS, WEIGHTS)):
        model, found = trained(X, Y, sample_weight=weights)
        assert found == history
        assert same(model, expected)
    one, _ = trained(X, Y, sample_weight={"kind": WEIGHTS})
    other, _ = trained(X, Y, sample_weight=[WEIGHTS, np.ones(60)])
    assert same(one, other), "an output without weights counts each row once"
    assert not same(one, expected)


def test_the_loss_is_the_weighted_sum_and_the_penalties() -> None:
    model = two_by_two(loss_weights={"height": 0.25})
    total, kind, height, mae, accuracy = model.evaluate(X, Y, verbose=0)
    assert total == pytest.approx(kind + 0.25 * height, rel=1e-5)
    p, h = model.predict(X, verbose=0)
    assert kind == pytest.approx(-np.log(p[np.arange(60), KIND]).mean(), rel=1e-5)
    assert height == pytest.approx(((h - HEIGHT) ** 2).mean(), rel=1e-5)
    assert mae == pytest.approx(np.abs(h - HEIGHT).mean(), rel=1e-5)
    assert accuracy == pytest.approx((p.argmax(1) == KIND).mean())
    assert model.metrics_names == ["loss", "kind_loss", "height_loss", "kind_accuracy", "height_mae"]
    image = keras.Input((5,))
    hidden = layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.1), activity_regularizer="l1", name="h")(image)
    penalised = keras.Model(image, [layers.Dense(1, name="a")(hidden), layers.Dense(1, name="b")(hidden)])
    penalised.compile("sgd", "mse", loss_weights=[2, 3])
    found = penalised.evaluate(IMAGE, [HEIGHT, HEIGHT], verbose=0, return_dict=True, batch_size=60)
    kernel, bias = penalised.get_layer("h").get_weights()
    penalty = 0.1 * (kernel**2).sum() + 0.01 * np.abs(IMAGE @ kernel + bias).sum() / 60
    assert found["loss"] == pytest.approx(2 * found["a_loss"] + 3 * found["b_loss"] + penalty, rel=1e-5)


def test_an_output_without_loss_is_left_alone() -> None:
    model = two_by_two(loss=[LOSS["kind"], None], metrics=None)
    before = model.get_layer("height").get_weights()
    history = model.fit(X, {"kind": KIND}, epochs=2, verbose=0).history
    assert list(history) == ["loss"]
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_layer("height").get_weights(), strict=True))
    model.fit(X, KIND, verbose=0)
    model.fit(X, [KIND], verbose=0)
    model.fit(X, [KIND, None], verbose=0)
    model.fit(X, [KIND, HEIGHT], verbose=0)
    assert model.evaluate(X, [KIND, None], verbose=0) == model.evaluate(X, KIND, verbose=0)


def test_losses_and_metrics_of_ones_own() -> None:
    def cubed(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** 3, axis=-1)

    model = two_by_two(loss=[keras.losses.SparseCategoricalCrossentropy(), cubed], metrics=[None, [cubed]])
    history = model.fit(X, Y, epochs=3, verbose=0).history
    assert list(history) == ["height_cubed", "height_loss", "kind_loss", "loss"]
    assert history["height_cubed"] == pytest.approx(history["height_loss"], rel=1e-5)
    assert history["loss"][-1] < history["loss"][0]


# predict --------------------------------------------------------------------------------------------------------------


def test_predictions_have_the_form_of_the_outputs() -> None:
    model, by_name = two_by_two(), two_by_two(outputs=dict)
    kind, height = model.predict(X, verbose=0)
    assert (kind.shape, height.shape) == ((60, 2), (60, 1))
    found = by_name.predict([IMAGE, AGE], verbose=0, batch_size=7)
    assert set(found) == {"kind", "height"}
    np.testing.assert_allclose(found["kind"], kind, rtol=1e-6)  # other sizes of batches, other sums
    outputs: list[Any] = []
    watch = keras.callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: outputs.append(logs["outputs"]))
    again = model.predict(X, verbose=0, batch_size=40, callbacks=[watch])
    np.testing.assert_array_equal(again[1], height)
    assert [[len(part) for part in parts] for parts in outputs] == [[40, 40], [20, 20]]
    streamed = model.predict(DataLoader(X, Y, batch_size=25), verbose=0)
    np.testing.assert_array_equal(streamed[0], kind)
    assert [part.shape for part in model.predict_on_batch([IMAGE[:3], AGE[:3]])] == [(3, 2), (3, 1)]
    np.testing.assert_array_equal(model.predict(X, verbose=0, steps=2, batch_size=10)[1], height[:20])
    np.testing.assert_array_equal(model.predict([np.asfortranarray(IMAGE), AGE], verbose=0)[0], kind)


def test_one_input_and_several_outputs() -> None:
    x = keras.Input((5,))
    model = keras.Model(x, {"a": layers.Dense(2)(x), "b": layers.Dense(3)(x)})
    found = model.predict(IMAGE, verbose=0)
    assert {name: part.shape for name, part in found.items()} == {"a": (60, 2), "b": (60, 3)}
    alone = keras.Model(x, {"only": layers.Dense(2)(x)})
    assert alone.predict(IMAGE, verbose=0)["only"].shape == (60, 2)
    assert alone.predict(IMAGE[:1], verbose=0)["only"].shape == (1, 2)


def test_several_inputs_and_one_output() -> None:
    def model(inputs: Any) -> Any:
        keras.utils.set_random_seed(1)
        a, b = keras.Input((5,), name="a"), keras.Input((2,), name="b")
        y = layers.Dense(1, name="y")(layers.Concatenate()([a, b]))
        made = keras.Model(inputs(a, b), y)
        made.compile("sgd", "mse", loss_weights={"y": 0.5})
        return made

    flat = lambda a, b: [a, b]  # noqa: E731
    expected = model(flat)
    history = expected.fit([IMAGE, AGE], HEIGHT, verbose=0, shuffle=False).history
    for inputs, x, y in (
        (flat, (IMAGE, AGE), [HEIGHT]),
        (flat, {"b": AGE, "a": IMAGE}, {"y": HEIGHT}),
        (lambda a, b: {"b": b, "a": a}, {"b": AGE, "a": IMAGE}, HEIGHT[:, 0]),
        (lambda a, b: [a, [b]], [IMAGE, [AGE]], HEIGHT),
        (lambda a, b: {"both": (a, b)}, {"both": (IMAGE, AGE)}, HEIGHT),
    ):
        other = model(inputs)
        assert other.fit(x, y, verbose=0, shuffle=False).history == history
        assert same(other, expected)
        np.testing.assert_array_equal(other.predict(x, verbose=0), expected.predict([IMAGE, AGE], verbose=0))
    one, other = model(flat), model(flat)
    one.fit([IMAGE, AGE], KIND, class_weight={0: 1.0, 1: 3.0}, verbose=0, shuffle=False)
    other.fit([IMAGE, AGE], KIND, sample_weight=np.where(KIND == 1, 3.0, 1.0), verbose=0, shuffle=False)
    assert same(one, other)


# Files and copies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs", [list, dict])
def test_what_compile_was_given_is_saved(outputs: Any, tmp_path: Path) -> None:
    model = two_by_two(
        outputs=outputs,
        loss={"kind": LOSS["kind"], "height": keras.losses.Huber(0.5)},
        loss_weights={"kind": 0.5, "height": 2},
        metrics={"kind": ["accuracy"], "height": [keras.metrics.MeanAbsoluteError(name="off")]},
        weighted_metrics={"height": "mse"},
    )
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "two.rv")
    expected = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert set(expected) == {"loss", "kind_loss", "height_loss", "kind_accuracy", "height_off", "height_mse"}
    twins = [keras.saving.load_model(tmp_path / "two.rv"), copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for twin in twins:
        assert twin.evaluate(X, Y, verbose=0, return_dict=True) == expected
        assert twin._compiled.get_config() == model._compiled.get_config()
    options = {"epochs": 3, "initial_epoch": 1, "verbose": 0}
    rest = twins[0].fit(X, Y, **options)
    assert rest.history == model.fit(X, Y, **options).history
    assert same(twins[0], model)


# Callbacks ------------------------------------------------------------------------------------------------------------


def test_callbacks_know_the_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = two_by_two(optimizer=keras.optimizers.Adam(0.05))
    batches: list[dict[str, float]] = []
    history = model.fit(
        X,
        Y,
        epochs=4,
        validation_split=0.3,
        verbose=2,
        callbacks=[
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}-{val_kind_loss:.2f}.rv"),
            keras.callbacks.EarlyStopping("val_kind_accuracy", patience=3),
            keras.callbacks.ReduceLROnPlateau("height_mae", patience=2),
            keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(dict(logs))),
        ],
    ).history
    with open(tmp_path / "log.csv", newline="") as file:
        header = next(csv.reader(file))
    names = ["height_loss", "height_mae", "kind_accuracy", "kind_loss", "loss"]
    assert header == ["epoch", *names, *[f"val_{name}" for name in names]] or "learning_rate" in header
    assert list(batches[0]) == names
    assert len(list(tmp_path.glob("1-*.rv"))) == 1
    assert "kind_accuracy: " in capsys.readouterr().out
    assert len(history["val_height_mae"]) >= 2


def test_a_loss_that_is_not_finite_names_its_output() -> None:
    def infinite(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(y_pred, axis=-1) / keras.ops.zeros_like(y_true[..., 0])

    model = two_by_two(loss=[LOSS["kind"], infinite], metrics=None)
    before = model.get_weights()
    with pytest.raises(keras.models.NonFiniteLossError, match=r"the loss of output 'height' \(infinite\) became") as e:
        model.fit(X, Y, verbose=0)
    assert e.value.output == "height"
    assert (e.value.epoch, e.value.step) == (0, 0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model = two_by_two()
    with pytest.raises(keras.models.NonFiniteLossError, match=r"x\['age'\] ranges from .*standardise"):
        model.fit([IMAGE, AGE * 1e30], Y, verbose=0)


def test_single_batches() -> None:
    model = two_by_two(optimizer="sgd")
    first = model.test_on_batch(X, Y)
    assert first == model.evaluate(X, Y, verbose=0, batch_size=60)
    assert model.train_on_batch([IMAGE, AGE], [KIND, HEIGHT]) == first
    named = model.train_on_batch(X, Y, sample_weight={"kind": WEIGHTS}, return_dict=True)
    assert list(named) == ["height_loss", "height_mae", "kind_accuracy", "kind_loss", "loss"]
    assert named["loss"] < first[0] * 3


# Models of one's own --------------------------------------------------------------------------------------------------


@keras.saving.register_keras_serializable("test")
class Own(keras.Model):
    """Two inputs in any form, two outputs in the form asked for."""

    def __init__(self, form: str = "list", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.form = form
        self.kind, self.height = layers.Dense(2, "softmax"), layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        image, age = inputs.values() if isinstance(inputs, dict) else inputs
        kind, height = self.kind(image), self.height(keras.ops.concatenate([image, age], axis=-1))
        return {"kind": kind, "height": height} if self.form == "dict" else (kind, height)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "form": self.form}


def own(form: str = "list", **kwargs: Any) -> Any:
    keras.utils.set_random_seed(1)
    model = Own(form)
    model.compile("adam", **kwargs)
    return model


def test_a_model_of_ones_own_goes_by_the_names_of_losses_and_metrics(tmp_path: Path) -> None:
    losses = ["sparse_categorical_crossentropy", "mse"]
    model = own(loss=losses, metrics=[["accuracy"], ["mae"]])
    assert model.metrics_names == ["loss"], "before the first data nobody knows the outputs"
    history = model.fit([IMAGE, AGE], [KIND, HEIGHT], epochs=2, verbose=0).history
    assert list(history) == ["accuracy", "loss", "mae", "mse_loss", "sparse_categorical_crossentropy_loss"]
    values = model.evaluate((IMAGE, AGE), (KIND, HEIGHT), verbose=0)
    named = model.evaluate((IMAGE, AGE), (KIND, HEIGHT), verbose=0, return_dict=True)
    order = ["loss", "accuracy", "mae", "sparse_categorical_crossentropy_loss", "mse_loss"]  # as in Keras
    assert values == [named[name] for name in order]
    predictions = model.predict((IMAGE, AGE), verbose=0)
    assert type(predictions) is tuple
    assert [part.shape for part in predictions] == [(60, 2), (60, 1)]
    model.save(tmp_path / "own.rv")
    twin = keras.saving.load_model(tmp_path / "own.rv")
    assert twin.evaluate([IMAGE, AGE], [KIND, HEIGHT], verbose=0) == values
    options = {"epochs": 3, "initial_epoch": 2, "verbose": 0}
    assert twin.fit([IMAGE, AGE], [KIND, HEIGHT], **options).history == (
        model.fit([IMAGE, AGE], [KIND, HEIGHT], **options).history
    )


def test_a_model_of_ones_own_with_dicts(tmp_path: Path) -> None:
    model = own("dict", loss=LOSS, metrics={"kind": ["accuracy"]}, loss_weights={"height": 0.5})
    history = model.fit(X, Y, epochs=2, verbose=0, validation_split=0.2).history
    assert [name for name in history if "val_" not in name] == ["height_loss", "kind_accuracy", "kind_loss", "loss"]
    found = model.predict(X, verbose=0)
    assert {name: part.shape for name, part in found.items()} == {"kind": (60, 2), "height": (60, 1)}
    np.testing.assert_allclose(model(X)["height"], found["height"], rtol=1e-5)
    model.save(tmp_path / "own.rv")
    np.testing.assert_array_equal(
        keras.saving.load_model(tmp_path / "own.rv").predict(X, verbose=0)["kind"], found["kind"]
    )
    with pytest.raises(ValueError, match=r"\[fit\] x: expected inputs 'image' and 'age'.*received dict with 'img'"):
        model.fit({"img": IMAGE, "age": AGE}, Y, verbose=0)


def test_losses_that_do_not_fit_the_outputs_are_found_with_the_first_data() -> None:
    model = own(loss=["mse"] * 3)
    with pytest.raises(ValueError, match=r"\[compile\] loss: expected outputs 'output_0' and 'output_1'.*list of 3"):
        model.fit([IMAGE, AGE], [KIND, HEIGHT], verbose=0)
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"])
    with pytest.raises(ValueError, match=r"\[fit\] y: expected outputs 'output_0' and 'output_1'.*list of 1"):
        model.fit([IMAGE, AGE], [KIND], verbose=0)
    assert np.isfinite(model.fit([IMAGE, AGE], [KIND, HEIGHT], verbose=0).history["loss"][0])
