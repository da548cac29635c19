"""Fits of models with several inputs and outputs, for `training_multi.json`: the same code runs with either library."""

from __future__ import annotations

from typing import Any

import numpy as np

Record = dict[str, Any]

_rng = np.random.default_rng(3)
IMAGE = _rng.normal(size=(90, 6)).astype("float32")
AGE = _rng.normal(size=(90, 2)).astype("float32")
_MIX = _rng.normal(size=(8, 3))
LABELS = (np.hstack([IMAGE, AGE]) @ _MIX).argmax(1)
ONE_HOT = np.eye(3)[LABELS]
HEIGHTS = (IMAGE[:, :1] - AGE[:, 1:]).astype("float32")
WEIGHTS = _rng.uniform(0.5, 2, 90).astype("float32")
_START = {
    name: [_rng.normal(size=shape).astype("float32") * 0.4 for shape in shapes]
    for name, shapes in {
        "left": [(6, 8), (8,)],
        "right": [(2, 4), (4,)],
        "kind": [(12, 3), (3,)],
        "height": [(12, 1), (1,)],
    }.items()
}
X = {"image": IMAGE, "age": AGE}
SPARSE = "sparse_categorical_crossentropy"
OPTIONS = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}


def _model(keras: Any, outputs: Any = ("kind", "height"), regularizer: Any = None) -> Any:
    image, age = keras.Input((6,), name="image"), keras.Input((2,), name="age")
    left = keras.layers.Dense(8, activation="tanh", name="left", kernel_regularizer=regularizer)(image)
    right = keras.layers.Dense(4, activation="relu", name="right")(age)
    both = keras.layers.Concatenate(name="both")([left, right])
    ends = {
        "kind": keras.layers.Dense(3, activation="softmax", name="kind")(both),
        "height": keras.layers.Dense(1, name="height")(both),
    }
    made = {key: ends[end] for key, end in outputs.items()} if isinstance(outputs, dict) else [ends[e] for e in outputs]
    model = keras.Model([image, age], made)
    for name, weights in _START.items():
        if name in [layer.name for layer in model.layers]:
            model.get_layer(name).set_weights(weights)
    return model


def _record(model: Any, history: Any, x: Any, y: Any, **weights: Any) -> Record:
    layers = [layer.name for layer in model.layers]
    record = {
        "history": history.history,
        "weights": [np.abs(w).sum() for name in _START if name in layers for w in model.get_layer(name).get_weights()],
        "evaluate": model.evaluate(x, y, verbose=0, **weights),
        "evaluate_dict": model.evaluate(x, y, verbose=0, batch_size=7, return_dict=True, **weights),
    }
    record["test_on_batch"] = [float(v) for v in np.ravel(model.test_on_batch(x, y, **weights))]
    record["train_on_batch"] = _plain(model.train_on_batch(x, y, return_dict=True, **weights))
    predictions = model.predict(x, verbose=0)
    record["predict"] = _sums(predictions)
    record["predict_on_batch"] = _sums(model.predict_on_batch(x))
    return record


def _sums(predictions: Any) -> Any:
    if isinstance(predictions, dict):
        return {name: float(np.abs(part).sum()) for name, part in sorted(predictions.items())}
    if isinstance(predictions, np.ndarray):
        return float(np.abs(predictions).sum())
    return [float(np.abs(part).sum()) for part in predictions]


def _plain(logs: Any) -> Any:
    return {name: float(value) for name, value in logs.items()}


def dicts(keras: Any) -> Record:
    """Losses, weights and metrics by name; the dict of losses in another order than the outputs."""
    model = _model(keras, regularizer=keras.regularizers.L2(0.01))
    top = keras.metrics.SparseTopKCategoricalAccuracy(2, "top2")
    model.compile(
        keras.optimizers.Adam(0.01),
        loss={"height": "mse", "kind": SPARSE},
        loss_weights={"height": 0.3, "kind": 1.5},
        metrics={
            "height": ["mae", "mse"],
            "kind": ["accuracy", top],
        },
    )
    y = {"kind": LABELS, "height": HEIGHTS}
    return _record(model, model.fit(X, y, validation_split=0.2, **OPTIONS), X, y)


def lists_and_weights(keras: Any) -> Record:
    """Everything as lists, with sample weights of each output and metrics that use them."""
    model = _model(keras)
    model.compile(
        "sgd",
        loss=[keras.losses.SparseCategoricalCrossentropy(), "mse"],
        loss_weights=[0.7, 0.2],
        metrics=[["accuracy"], ["mae", "mae"]],
        weighted_metrics=[["accuracy"], ["mae", "mse"]],
    )
    x, y, weights = [IMAGE, AGE], [LABELS, HEIGHTS], [WEIGHTS, WEIGHTS[::-1].copy()]
    history = model.fit(
        x, y, sample_weight=weights, validation_data=(x, y, [WEIGHTS, np.ones(90, "float32")]), **OPTIONS
    )
    return _record(model, history, x, y, sample_weight=weights)


def one_weight_for_all(keras: Any) -> Record:
    """One array of sample weights stands for all outputs; metrics as one for each output."""
    model = _model(keras)
    model.compile("rmsprop", loss=[SPARSE, "mae"], metrics=["acc", "mse"], weighted_metrics=["acc", "mse"])
    x, y = [IMAGE, AGE], [LABELS, HEIGHTS]
    return _record(model, model.fit(x, y, sample_weight=WEIGHTS, **OPTIONS), x, y, sample_weight=WEIGHTS)


def an_output_without_loss(keras: Any) -> Record:
    """Its metrics are computed, but nothing is learnt from it."""
    model = _model(keras)
    model.compile("adam", loss=[SPARSE, None], metrics=[["accuracy"], ["mae"]])
    x, y = X, [LABELS, HEIGHTS]
    return _record(model, model.fit(x, y, validation_split=0.3, **OPTIONS), x, y)


def targets_of_one_output(keras: Any) -> Record:
    """The output without loss needs no targets."""
    model = _model(keras)
    model.compile("adam", loss=[None, "mse"])
    return _record(model, model.fit(X, HEIGHTS, **OPTIONS), X, HEIGHTS)


def one_loss_for_all(keras: Any) -> Record:
    """A single loss is that of every output."""
    model = _model(keras)
    model.compile("adam", loss="mse", metrics=[["mae"], None])
    y = (ONE_HOT, HEIGHTS)
    return _record(model, model.fit(X, y, validation_data=(X, y), **OPTIONS), X, y)


def outputs_in_a_dict(keras: Any) -> Record:
    """The keys of the dict name everything; the losses' order is that of their dict."""
    model = _model(keras, {"zoo": "kind", "arc": "height"})
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        loss={"zoo": SPARSE, "arc": "mse"},
        loss_weights={"zoo": 0.5, "arc": 2.0},
        metrics={"zoo": ["accuracy"], "arc": ["mae"]},
    )
    y = {"zoo": LABELS, "arc": HEIGHTS}
    return _record(model, model.fit(X, y, **OPTIONS), X, y)


def a_weight_for_one_loss(keras: Any) -> Record:
    """One output with a weight of its loss: the history shows the weighted loss."""
    model = _model(keras, ["height"])
    model.compile("sgd", loss="mse", loss_weights=0.25, metrics=["mse"])
    return _record(model, model.fit(X, HEIGHTS, **OPTIONS), X, HEIGHTS)


def generators(keras: Any) -> Record:
    """Batches with dicts of inputs and tuples of targets and weights."""

    def batches() -> Any:
        while True:
            for start in range(0, 90, 15):
                rows = slice(start, start + 15)
                y, w = (LABELS[rows], HEIGHTS[rows]), (WEIGHTS[rows], WEIGHTS[rows])
                yield {"image": IMAGE[rows], "age": AGE[rows]}, y, w

    model = _model(keras)
    model.compile("adam", loss=[SPARSE, "mse"], metrics=[["accuracy"], []])
    validation = ((IMAGE, AGE), (LABELS, HEIGHTS))
    history = model.fit(batches(), steps_per_epoch=4, epochs=3, verbose=0, validation_data=validation)
    return _record(model, history, X, (LABELS, HEIGHTS))


CASES = {
    case.__name__: case
    for case in (
        dicts,
        lists_and_weights,
        one_weight_for_all,
        an_output_without_loss,
        targets_of_one_output,
        one_loss_for_all,
        outputs_in_a_dict,
        a_weight_for_one_loss,
        generators,
    )
}
