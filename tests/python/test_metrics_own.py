"""Metrics written by users, and the names under which `compile` finds metrics."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

from golden.metric_cases import data_for
from ranvier import metrics
from ranvier._registry import CustomObjectScope, register_keras_serializable
from ranvier.metrics import Metric


def close(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# --- functions and classes of one's own ------------------------------------------------------------------------------


def test_own_function_sees_equal_ranks() -> None:
    shapes = []

    def bias(y_true: Any, y_pred: Any) -> Any:
        shapes.append((y_true.shape, y_pred.shape))
        return np.mean(y_pred - y_true, axis=-1)

    true, pred = data_for("binary")
    expected = float((pred - true).mean())
    for y, p in ((true, pred), (true[:, 0], pred), (true, pred[:, 0]), (true[:, 0], pred[:, 0])):
        close(metrics.MeanMetricWrapper(bias)(y, p), expected, 1e-6)  # float32 differences
    assert set(shapes) == {((61, 1), (61, 1))}
    assert metrics.MeanMetricWrapper(bias).name == "bias"


def test_one_number_for_the_batch_counts_with_its_rows() -> None:
    metric = metrics.MeanMetricWrapper(lambda t, p: np.mean(p), name="m")
    metric.update_state(np.zeros(3), np.full(3, 1.0))
    metric.update_state(np.zeros(1), np.full(1, 5.0))
    close(metric.result(), 2.0)
    with pytest.raises(
        ValueError, match=r"\[m\] expected one value per row \(4 rows\), received values of shape \(2,\)"
    ):
        metrics.MeanMetricWrapper(lambda t, p: np.zeros(2), name="m").update_state(np.zeros(4), np.zeros(4))
    with pytest.raises(TypeError, match="fn: expected a function"):
        metrics.MeanMetricWrapper("mse")  # type: ignore[arg-type]


def test_wrapped_functions_are_saved_by_name() -> None:
    metric = metrics.MeanMetricWrapper(metrics.huber, name="h", delta=0.5)
    record = json.loads(json.dumps(metrics.serialize(metric)))
    assert record["config"] == {"name": "h", "dtype": None, "fn": "huber", "delta": 0.5}
    data = data_for("regression")
    close(metrics.deserialize(record)(*data), metric(*data), 0)

    def own(y_true: Any, y_pred: Any) -> Any:
        return y_pred[:, 0]

    record = metrics.serialize(metrics.MeanMetricWrapper(own))
    with pytest.raises(ValueError, match="unknown name 'own'"):
        metrics.deserialize(record)
    close(metrics.deserialize(record, custom_objects={"own": own})(*data), data[1][:, 0].mean(), 1e-6)


class OwnMetric(Metric):
    """Written as for Keras."""

    def __init__(self, factor: float = 2.0, name: str = "own", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.factor = factor
        self.total = self.add_variable(shape=(), initializer="zeros", name="total")
        self.seen = self.add_weight(name="seen", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.total.assign_add(self.factor * np.sum(y_pred))
        self.seen.assign(self.seen + len(y_pred))

    def result(self) -> Any:
        return self.total / self.seen

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


def test_own_class() -> None:
    metric = OwnMetric()
    assert [v.name for v in metric.variables] == ["total", "seen"]
    close(metric(np.zeros(4), np.full(4, 3.0)), 6.0)
    other = copy.deepcopy(metric)
    metric.merge_state([other])
    close([metric.total, metric.seen], [48.0, 8.0], 0)
    metric.reset_state()
    assert float(metric.total) == 0 and float(other.total) == 24
    with CustomObjectScope({"OwnMetric": OwnMetric}):
        again = metrics.deserialize(metrics.serialize(OwnMetric(3.0)))
    assert type(again) is OwnMetric and again.factor == 3.0
    registered = register_keras_serializable("tests")(type("Renamed", (OwnMetric,), {}))
    assert type(metrics.get("tests>Renamed")) is registered
    with pytest.raises(TypeError, match="merge_state: expected OwnMetric"):
        metric.merge_state([metrics.Mean()])
    with pytest.raises(NotImplementedError, match="Metric must define update_state"):
        Metric(name="m").update_state()


def test_metric_variables_behave_like_arrays() -> None:
    variable = OwnMetric().add_variable((2, 3), initializer="ones", name="v")
    variable.assign_sub(0.5)
    close(variable * 2 + np.ones((2, 3)), np.full((2, 3), 2.0), 0)
    close(np.ones((2, 3)) - variable, variable.numpy(), 0)
    assert variable.shape == (2, 3) and variable.dtype == "float64" and len(variable) == 2
    close(variable[0], [0.5] * 3, 0)
    with pytest.raises(ValueError, match=r"\[v\] assign: expected shape \(2, 3\), received \(3,\)"):
        variable.assign(np.zeros(3))
    with pytest.raises(ValueError, match="initializer"):
        OwnMetric().add_variable(initializer="twos")


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "target", "accuracy", "crossentropy"),
    [
        ((None, 1), (None,), "BinaryAccuracy", "BinaryCrossentropy"),
        ((None, 1), (None, 1), "BinaryAccuracy", "BinaryCrossentropy"),
        ((None, 10), (None,), "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"),
        ((None, 10), (None, 1), "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"),
        ((None, 10), (None, 10), "CategoricalAccuracy", "CategoricalCrossentropy"),
        ((None, 5, 10), (None, 5), "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"),
        ((None, 5, 10), (None, 5, 1), "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"),
        ((None, 5, 10), (None, 5, 10), "CategoricalAccuracy", "CategoricalCrossentropy"),
    ],
)
def test_accuracy_by_shapes(output: Any, target: Any, accuracy: str, crossentropy: str) -> None:
    for word, expected in (
        ("accuracy", accuracy),
        ("acc", accuracy),
        ("ce", crossentropy),
        ("crossentropy", crossentropy),
    ):
        made = metrics.resolve(word, "mean_squared_error", output, target)
        assert type(made).__name__ == expected and made.name == word


def test_accuracy_by_loss_when_targets_are_unknown() -> None:
    for loss, kind in (
        ("sparse_categorical_crossentropy", "SparseCategoricalAccuracy"),
        ("categorical_crossentropy", "CategoricalAccuracy"),
        ("binary_crossentropy", "BinaryAccuracy"),
        (None, "CategoricalAccuracy"),
    ):
        assert type(metrics.resolve("accuracy", loss, (None, 3))).__name__ == kind
    assert type(metrics.resolve("accuracy", None, (None, 1))).__name__ == "BinaryAccuracy"


def test_resolve_other_identifiers() -> None:
    assert type(metrics.resolve("mse")) is metrics.MeanSquaredError and metrics.resolve("mse").name == "mse"
    assert metrics.resolve("AUC").name == "AUC"
    instance = metrics.AUC(name="a")
    assert metrics.resolve(instance) is instance and instance.name == "a"
    assert type(metrics.resolve(metrics.MeanAbsoluteError)) is metrics.MeanAbsoluteError
    assert metrics.resolve({"class_name": "TopKCategoricalAccuracy", "config": {"k": 3}}).get_config()["k"] == 3
    wrapped = metrics.resolve(metrics.mean_absolute_error)
    assert type(wrapped) is metrics.MeanMetricWrapper and wrapped.name == "mean_absolute_error"
    assert metrics.resolve("huber").name == "huber"

    class Loss:
        name = "my_loss"

        def __call__(self, y_true: Any, y_pred: Any) -> float:
            return 2.5

    wrapped = metrics.resolve(Loss())
    assert wrapped.name == "my_loss" and wrapped([0.0], [0.0]) == 2.5
    with pytest.raises(ValueError, match=r"\[metric\] unknown name 'acuracy'; did you mean 'accuracy'\?"):
        metrics.resolve("acuracy")
    with pytest.raises(ValueError, match="received None"):
        metrics.resolve(None)
    with pytest.raises(TypeError, match=r"\[metric\] expected a name"):
        metrics.resolve(3)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("mse", "MeanSquaredError"),
        ("MAE", "MeanAbsoluteError"),
        ("mape", "MeanAbsolutePercentageError"),
        ("MSLE", "MeanSquaredLogarithmicError"),
        ("bce", "BinaryCrossentropy"),
        ("auc", "AUC"),
        ("r2_score", "R2Score"),
        ("kl_divergence", "KLDivergence"),
        ("sparse_top_k_categorical_accuracy", "SparseTopKCategoricalAccuracy"),
    ],
)
def test_short_names(alias: str, name: str) -> None:
    assert type(metrics.get(alias)).__name__ == name


def test_default_names_are_keras_s() -> None:
    from ranvier._registry import reset_auto_names

    reset_auto_names()
    assert [metrics.AUC().name, metrics.AUC().name, metrics.Precision().name] == ["auc", "auc_1", "precision"]
    assert metrics.LogCoshError().name == "logcosh" and metrics.FBetaScore().name == "fbeta_score"


def test_repr_shows_the_result() -> None:
    metric = metrics.AUC(name="auc")
    metric.update_state([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.8])
    assert repr(metric) == "<AUC name=auc result=0.75>"
    assert metric._repr_html_() == "<span><code>AUC</code> auc = <b>0.75</b></span>"
    assert repr(OwnMetric.__mro__[1](name="m")) == "<Metric name=m>"
    several = metrics.Recall(thresholds=[0.25, 0.75], name="r")
    several.update_state([1, 1], [0.5, 0.9])
    assert repr(several) == "<Recall name=r result=[1.  0.5]>"
