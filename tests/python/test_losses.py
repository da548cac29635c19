"""Losses: values and gradients against Keras 3, names, reductions, custom ones, bad input."""

from __future__ import annotations

import gc
import json
import weakref
from typing import Any

import numpy as np
import pytest

from golden.learning_cases import LOSSES, loss_data
from golden.store import load
from ranvier import losses, ops
from ranvier._registry import CustomObjectScope

GOLD = load("learning")
SHORT = {
    "mse": "MeanSquaredError",
    "MAE": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "huber": "Huber",
    "log_cosh": "LogCosh",
    "logcosh": "LogCosh",
    "bce": "BinaryCrossentropy",
    "binary_crossentropy": "BinaryCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "kld": "KLDivergence",
    "kl_divergence": "KLDivergence",
    "hinge": "Hinge",
    "squared_hinge": "SquaredHinge",
    "categorical_hinge": "CategoricalHinge",
    "poisson": "Poisson",
    "cosine_similarity": "CosineSimilarity",
}


@pytest.mark.parametrize("label", LOSSES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_and_gradients_are_those_of_keras(label: str, dtype: str) -> None:
    tolerance = 1e-10 if dtype == "float64" else 2e-5
    if "Crossentropy" in label and "logits" not in label:
        # Keras clips probabilities to [1e-7, 1 - 1e-7] and divides them by their sum, which is rounded
        tolerance = max(tolerance, 2e-7)
    class_name, arguments, kind = LOSSES[label]
    y_true, y_pred, weights = loss_data(kind)
    loss = getattr(losses, class_name)(**arguments)
    p = ops.convert_to_tensor(y_pred, dtype)
    p.requires_grad = True
    y = y_true if y_true.dtype.kind == "i" else y_true.astype(dtype)

    def check(value: Any, key: str) -> None:
        np.testing.assert_allclose(value, GOLD[f"loss/{label}/{key}"], rtol=tolerance, atol=tolerance, err_msg=key)

    each = getattr(losses, class_name)(**{**arguments, "reduction": None})
    check(each(y, p).numpy(), "each")
    check(loss(y, p).numpy(), "value")
    weighted = loss(y, p, sample_weight=weights)
    assert (weighted.shape, weighted.dtype) == ((), dtype)
    check(weighted.numpy(), "weighted")
    weighted.backward()
    check(p.grad.numpy(), "dy")


@pytest.mark.parametrize("name", SHORT)
def test_names(name: str) -> None:
    function = losses.get(name)
    y_true, y_pred, _ = loss_data("positive")
    instance = losses.as_loss(name)
    assert type(instance).__name__ == SHORT[name]
    assert type(losses.as_loss(function)).__name__ == SHORT[name]
    if not name.startswith("sparse"):
        assert function(y_true, y_pred).shape == (len(y_true),)
    assert losses.get(losses.serialize(function)) is function


@pytest.mark.parametrize("label", LOSSES)
def test_config_makes_an_equal_loss(label: str) -> None:
    class_name, arguments, kind = LOSSES[label]
    loss = getattr(losses, class_name)(**arguments)
    again = losses.deserialize(json.loads(json.dumps(losses.serialize(loss))))
    assert again.get_config() == loss.get_config()
    y_true, y_pred, _ = loss_data(kind)
    assert float(again(y_true, y_pred)) == float(loss(y_true, y_pred))


def test_columns_never_broadcast_against_rows() -> None:
    y, p = np.arange(4.0, dtype="float32"), np.zeros((4, 1), "float32")
    for loss in (losses.MeanSquaredError(), losses.LossFunctionWrapper(lambda t, q: ops.mean(ops.square(t - q), -1))):
        assert float(loss(y, p)) == 3.5
        assert float(loss(y[:, None], p)) == 3.5
        assert float(loss(y, p, sample_weight=np.array([0, 0, 0, 1.0]))) == pytest.approx(9 / 4)
        assert float(loss(y, p, sample_weight=np.array([[0], [0], [0], [1.0]]))) == pytest.approx(9 / 4)


def test_ignore_class() -> None:
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1, reduction=None)
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    each = loss(np.array([0, -1, 2, -1]), logits).numpy()
    assert each[1] == each[3] == 0 and each[0] > 0
    plain = losses.sparse_categorical_crossentropy(np.array([0, 2]), logits[[0, 2]], from_logits=True).numpy()
    np.testing.assert_allclose(each[[0, 2]], plain, rtol=1e-6)


def test_extreme_logits_stay_finite() -> None:
    big = np.array([[1e4, -1e4], [-1e4, 1e4]], "float32")
    right, wrong = np.array([0, 1]), np.array([1, 0])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(loss(right, big)) == 0.0
    assert float(loss(wrong, big)) == pytest.approx(2e4)
    binary = losses.BinaryCrossentropy(from_logits=True)
    assert float(binary(np.eye(2), big)) == 0.0
    assert float(binary(1 - np.eye(2), big)) == pytest.approx(1e4)


def test_probabilities_of_a_softmax_lose_nothing() -> None:
    logits = ops.convert_to_tensor(np.array([[0.0, 60.0]], "float32"))
    logits.requires_grad = True
    loss = losses.SparseCategoricalCrossentropy()(np.array([0]), ops.softmax(logits))
    assert float(loss) == pytest.approx(60.0)
    loss.backward()
    np.testing.assert_allclose(logits.grad.numpy(), [[-1, 1]], atol=1e-6)


class Quartic(losses.Loss):
    def __init__(self, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.power(y_true - y_pred, 4), -1) * self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


def test_losses_of_ones_own() -> None:
    y, p = np.zeros((3, 2)), np.full((3, 2), 2.0, "float32")
    weights = np.array([1.0, 0.0, 0.5])
    assert float(Quartic()(y, p)) == 16
    assert float(Quartic(0.5, reduction="sum")(y, p)) == 24
    assert float(Quartic(reduction="sum")(y, p, weights)) == 24
    np.testing.assert_allclose(Quartic(reduction=None)(y, p, weights).numpy(), [16, 0, 8])
    with CustomObjectScope({"Quartic": Quartic}):
        again = losses.deserialize(losses.serialize(Quartic(0.5)))
    assert float(again(y, p)) == 8

    def cubic(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.abs(ops.power(y_true - y_pred, 3)), -1)

    wrapped = losses.as_loss(cubic)
    assert wrapped.name == "cubic" and float(wrapped(y, p)) == 8
    total = losses.as_loss(lambda t, q: ops.sum(ops.square(t - q)))  # a number is as good as one value per sample
    assert float(total(y, p)) == 24
    t = ops.convert_to_tensor(p)
    t.requires_grad = True
    wrapped(y, t).backward()
    np.testing.assert_allclose(t.grad.numpy(), 12 / 6)


def test_subclasses_of_built_in_losses() -> None:
    class Named(losses.Huber):
        pass

    class Doubled(losses.MeanSquaredError):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return super().call(y_true, y_pred) * 2.0

    y, p = np.zeros((3, 1)), np.full((3, 1), 3.0, "float32")
    assert float(Named()(y, p)) == 2.5
    assert float(Doubled()(y, p)) == 18


def test_an_engine_loss_does_not_keep_its_python_loss_alive() -> None:
    loss = Quartic()
    handle = loss._handle()
    refer = weakref.ref(loss)
    del loss
    gc.collect()
    assert refer() is None
    with pytest.raises(RuntimeError, match="keep the Loss object"):
        handle(ops.zeros((2, 1)), ops.zeros((2, 1)))


BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: losses.get("msee"), ValueError, "did you mean 'mse'"),
    (lambda: losses.as_loss(None), ValueError, "received None"),
    (lambda: losses.get(3), TypeError, r"\[loss\] expected a name"),
    (lambda: losses.MeanSquaredError(reduction="avg"), ValueError, "reduction: expected one of"),
    (lambda: losses.Huber(delta=-1), ValueError, r"\[huber_loss\] delta"),
    (lambda: losses.BinaryCrossentropy(label_smoothing=2), ValueError, "label_smoothing: expected a number in"),
    (lambda: losses.CategoricalCrossentropy(axis=1), ValueError, "move the classes to the last axis"),
    (lambda: losses.SparseCategoricalCrossentropy(ignore_class=0.5), ValueError, "ignore_class: expected an int"),
    (lambda: losses.MeanSquaredError()(np.zeros((3, 2)), np.zeros((3, 4))), ValueError, r"\(3, 2\)"),
    (
        lambda: losses.SparseCategoricalCrossentropy()(np.array([0, 7]), np.ones((2, 3))),
        ValueError,
        "labels from 0 to 2, received 7; .*number the classes from 0",
    ),
    (lambda: losses.Loss()(np.zeros(2), np.zeros(2)), NotImplementedError, "must define call"),
]


@pytest.mark.parametrize(("action", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_named(action: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        action()
