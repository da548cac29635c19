"""fit and evaluate: results, weights of samples, order of the rows, chunks of steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ranvier as keras
from fit_helpers import Listener, X, Y, classifier, close, fit, regressor, same
from ranvier import layers
from ranvier.models.pace import Pace

# Results --------------------------------------------------------------------------------------------------------------


def test_history_has_loss_and_metrics_per_epoch() -> None:
    model = classifier(["accuracy"])
    history = model.fit(X, Y, epochs=3, batch_size=16, validation_split=0.25, verbose=0)
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert all(len(values) == 3 and type(values[0]) is float for values in history.history.values())
    assert history.epoch == [0, 1, 2]
    assert history.params == {"epochs": 3, "steps": 5, "verbose": 0}
    assert model.history is history
    assert model.metrics_names == ["loss", "accuracy"]


def test_loss_is_the_mean_over_samples_and_metrics_see_all_rows() -> None:
    model = classifier(["accuracy"])
    model.optimizer.learning_rate = 0.0
    history = model.fit(X[:50], Y[:50], batch_size=16, verbose=0).history  # the last batch has 2 rows
    p = model.predict(X[:50], verbose=0)
    assert history["loss"][0] == pytest.approx(-np.log(p[np.arange(50), Y[:50]]).mean(), rel=1e-5)
    assert history["accuracy"][0] == pytest.approx((p.argmax(1) == Y[:50]).mean())
    assert model.evaluate(X[:50], Y[:50], verbose=0) == pytest.approx([history["loss"][0], history["accuracy"][0]])


def test_train_metrics_survive_validation() -> None:
    model = classifier(["accuracy"])
    seen: list[float] = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: seen.append(model.metrics[0].result()))
    history = model.fit(X, Y, epochs=2, validation_split=0.5, verbose=0, callbacks=[watch]).history
    assert seen == pytest.approx(history["loss"])


def test_evaluate_returns_a_number_or_a_list_or_a_dict() -> None:
    model = classifier()
    assert type(model.evaluate(X, Y, verbose=0)) is float
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    values = model.evaluate(X, Y, verbose=0)
    assert len(values) == 2
    assert model.evaluate(X, Y, verbose=0, return_dict=True) == {"accuracy": values[1], "loss": values[0]}


def test_regularizer_counts_in_training_and_evaluation() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, kernel_regularizer=keras.regularizers.L1L2(0.1, 0.2))])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    w = model.get_weights()[0]
    y = np.zeros(96)
    expected = (model.predict(X, verbose=0) ** 2).mean() + 0.1 * np.abs(w).sum() + 0.2 * (w**2).sum()
    assert model.evaluate(X, y, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert model.fit(X, y, verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-5)


# Weights of samples ---------------------------------------------------------------------------------------------------


def test_class_weights_are_sample_weights() -> None:
    one, other = classifier(), classifier()
    fit(one, X, Y, class_weight={0: 1.0, 1: 3.0})
    fit(other, X, Y, sample_weight=np.where(Y == 1, 3.0, 1.0))
    assert same(one, other)


def test_weight_zero_removes_rows_from_the_gradient() -> None:
    weight = np.zeros(96)
    weight[:10] = 1
    one, other = regressor(), regressor()
    y = X[:, 1]
    one.fit(X[:, :1], y, sample_weight=weight, batch_size=96, verbose=0)
    other.compile(keras.optimizers.SGD(0.1 * 10 / 96), "mse")
    other.fit(X[:10, :1], y[:10], batch_size=10, verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


# Order of the rows ----------------------------------------------------------------------------------------------------


def orders(model: Any, x: np.ndarray, **kwargs: Any) -> list[list[int]]:
    """The rows of each batch, told by a metric that sees the targets."""
    seen: list[list[int]] = []

    def spy(y_true: Any, y_pred: Any) -> Any:
        seen.append([int(v) for v in np.asarray(y_true).ravel()])
        return np.zeros(len(y_true))

    model.compile("sgd", "mse", metrics=[spy])
    model.optimizer.learning_rate = 0.0
    seen.clear()
    model.fit(x, np.arange(len(x)), verbose=0, callbacks=[Listener()], **kwargs)
    return seen


def test_every_epoch_has_all_rows_in_a_new_order() -> None:
    seen = orders(regressor(), X[:10, :1], epochs=3, batch_size=4)
    assert [len(batch) for batch in seen] == [4, 4, 2] * 3
    epochs = [sum(seen[i : i + 3], []) for i in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert orders(regressor(), X[:10, :1], epochs=3, batch_size=4) == seen, "the seed decides"
    keras.utils.set_random_seed(99)
    assert orders(regressor(), X[:10, :1], batch_size=4, shuffle=False) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_steps_per_epoch_goes_on_where_the_last_epoch_ended() -> None:
    seen = orders(regressor(), X[:10, :1], epochs=3, batch_size=4, steps_per_epoch=2, shuffle=False)
    assert seen == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    shuffled = orders(regressor(), X[:10, :1], epochs=3, batch_size=4, steps_per_epoch=1)
    assert sorted(sum(shuffled, [])) == list(range(10))


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, single, stepped = classifier(["accuracy"]), classifier(["accuracy"]), classifier(["accuracy"])
    history = fit(plain, X, Y, epochs=3, batch_size=5)
    assert close(fit(single, X, Y, epochs=3, batch_size=5, callbacks=[Listener()]), history)
    monkeypatch.setattr(Pace, "steps", lambda self, remaining: min(remaining, 3))
    assert close(fit(stepped, np.asfortranarray(X), Y, epochs=3, batch_size=5), history)
    assert same(plain, single)
    assert same(plain, stepped)


def test_pace_grows_to_a_tenth_of_a_second() -> None:
    pace = Pace()
    first = pace.steps(10**9)
    assert 1 <= first <= 20
    pace.note(first, first * 1e-6)
    sizes = []
    for _ in range(6):
        steps = pace.steps(10**9)
        sizes.append(steps)
        pace.note(steps, steps * 1e-6)
    assert sizes == sorted(sizes)
    assert 90_000 <= sizes[-1] <= 110_000
    pace.note(sizes[-1], 10.0)  # the machine has become slow
    assert pace.steps(10**9) <= 1100
    assert pace.steps(3) == 3
