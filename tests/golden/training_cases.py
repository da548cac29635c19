"""Fits whose results ranvier and Keras 3 must agree on: the same code runs with either as `keras`."""

from __future__ import annotations

from typing import Any

import numpy as np

Record = dict[str, Any]

_rng = np.random.default_rng(0)
X = _rng.normal(size=(203, 6)).astype("float32")
_MIX = _rng.normal(size=(6, 3))
LABELS = (X @ _MIX).argmax(1)
TARGETS = (X @ _MIX).astype("float32")
WEIGHTS = _rng.uniform(0.5, 2, 203).astype("float32")
_START = [_rng.normal(size=shape).astype("float32") * 0.3 for shape in [(6, 16), (16,), (16, 3), (3,)]]
_NORM = [np.ones(16, "float32"), np.zeros(16, "float32"), np.zeros(16, "float32"), np.ones(16, "float32")]


def _model(keras: Any, last: str | None, normalize: bool = False, regularizer: Any = None) -> Any:
    layers = [keras.Input((6,)), keras.layers.Dense(16, activation="relu", kernel_regularizer=regularizer)]
    if normalize:
        layers.append(keras.layers.BatchNormalization())
    model = keras.Sequential([*layers, keras.layers.Dense(3, activation=last)])
    model.set_weights([*_START[:2], *(_NORM if normalize else []), *_START[2:]])
    return model


def _record(model: Any, history: Any) -> Record:
    return {"history": history.history, "weights": [np.abs(w).sum() for w in model.get_weights()]}


def plain(keras: Any) -> Record:
    model = _model(keras, "softmax")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    result = _record(
        model, model.fit(X, LABELS, epochs=3, batch_size=16, shuffle=False, verbose=0, validation_split=0.2)
    )
    result["evaluate"] = model.evaluate(X, LABELS, verbose=0)
    result["evaluate_dict"] = model.evaluate(X, LABELS, verbose=0, return_dict=True, batch_size=7)
    result["evaluate_steps"] = model.evaluate(X, LABELS, verbose=0, steps=2)
    result["predict"] = np.abs(model.predict(X, verbose=0)).sum()
    return result


def batch_norm_and_sample_weights(keras: Any) -> Record:
    model = _model(keras, "softmax", normalize=True)
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=2)],
        weighted_metrics=["accuracy"],
    )
    return _record(
        model,
        model.fit(X, LABELS, epochs=3, batch_size=16, shuffle=False, verbose=0, sample_weight=WEIGHTS),
    )


def regularizer_and_class_weights(keras: Any) -> Record:
    model = _model(keras, "softmax", regularizer=keras.regularizers.L2(0.01))
    model.compile("rmsprop", "sparse_categorical_crossentropy", weighted_metrics=["acc"])
    history = model.fit(
        X,
        LABELS,
        epochs=2,
        batch_size=50,
        shuffle=False,
        verbose=0,
        class_weight={0: 1.0, 1: 2.0, 2: 0.5},
        validation_data=(X[:50], LABELS[:50], WEIGHTS[:50]),
        validation_freq=2,
    )
    return _record(model, history)


def steps_and_single_batches(keras: Any) -> Record:
    model = _model(keras, None)
    model.compile(keras.optimizers.AdamW(0.01, clipnorm=1.0), "mse", metrics=["mae", "mse"])
    result = _record(model, model.fit(X, TARGETS, epochs=2, shuffle=False, verbose=0, steps_per_epoch=3))
    result["train_on_batch"] = [model.train_on_batch(X[:9], TARGETS[:9]) for _ in range(2)]
    result["test_on_batch"] = model.test_on_batch(X[:9], TARGETS[:9], return_dict=True)
    result["predict_on_batch"] = model.predict_on_batch(X[:2])
    return result


def schedule_and_function_loss(keras: Any) -> Record:
    model = _model(keras, None)
    losses: list[float] = []

    def cubed(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** 3, axis=-1)

    class Listen(keras.callbacks.Callback):  # type: ignore[misc,name-defined]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            losses.append(float(logs["loss"]))

    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    model.compile(keras.optimizers.SGD(schedule), cubed)
    result = _record(model, model.fit(X, TARGETS, epochs=2, shuffle=False, verbose=0, callbacks=[Listen()]))
    result["batch_losses"] = losses
    return result


def binary_with_auc(keras: Any) -> Record:
    model = _model(keras, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
    one_hot = np.eye(3)[LABELS]
    return _record(model, model.fit(X, one_hot, epochs=2, shuffle=False, verbose=0, validation_data=(X, one_hot)))


def generator(keras: Any) -> Record:
    def batches() -> Any:
        while True:
            for start in range(0, 200, 20):
                yield X[start : start + 20], LABELS[start : start + 20]

    model = _model(keras, "softmax")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return _record(model, model.fit(batches(), epochs=3, steps_per_epoch=7, verbose=0))


CASES = {
    case.__name__: case
    for case in (
        plain,
        batch_norm_and_sample_weights,
        regularizer_and_class_weights,
        steps_and_single_batches,
        schedule_and_function_loss,
        binary_with_auc,
        generator,
    )
}
