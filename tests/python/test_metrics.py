"""Metrics: values against Keras 3 and scikit-learn, one contract for all of them, and what is special to each."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from golden.metric_cases import CASES, data_for, weights_for
from ranvier import metrics
from ranvier._registry import CustomObjectScope, register_keras_serializable
from ranvier.metrics import Metric, _top

GOLDEN = Path(__file__).parents[1] / "golden"
LABELS = [case[0] for case in CASES]


def load_golden() -> dict[str, Any]:
    with np.load(GOLDEN / "metrics.npz") as file:
        return dict(zip(file["names"].tolist(), np.split(file["values"], np.cumsum(file["sizes"])[:-1]), strict=True))


GOLD = load_golden()


def make(case: tuple[str, str, dict[str, Any], str]) -> Any:
    return getattr(metrics, case[1])(**case[2])


def updated(case: tuple[str, str, dict[str, Any], str], data: Any, sample_weight: Any = None) -> Any:
    metric = make(case)
    metric.update_state(*data, sample_weight=sample_weight)
    return metric


def close(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=LABELS)
def test_values_of_keras(case: Any) -> None:
    # Keras sums in float32: 61 terms leave 2e-6 relative.
    data = data_for(case[3])
    close(np.ravel(updated(case, data).result()), GOLD[case[0]], 2e-6)
    close(np.ravel(updated(case, data, weights_for()).result()), GOLD[f"{case[0]}/w"], 2e-6)
    batched = make(case)
    for start in range(0, len(data[0]), 16):
        batched.update_state(*(a[start : start + 16] for a in data))
    close(np.ravel(batched.result()), GOLD[f"{case[0]}/batches"], 2e-6)


@pytest.mark.parametrize("name", [k.split("/")[1] for k in GOLD if k.startswith("function/")])
def test_functions_of_keras(name: str) -> None:
    kinds = {
        "regression": ["mean_squared_error", "mean_absolute_error", "log_cosh", "huber"],
        "positive": ["mean_absolute_percentage_error", "mean_squared_logarithmic_error", "poisson"],
        "onehot": ["kl_divergence", "categorical_crossentropy"],
        "margin": ["hinge", "squared_hinge"],
        "onehot_logits": ["categorical_hinge"],
        "binary_many": ["binary_crossentropy", "binary_accuracy"],
        "sparse": ["sparse_categorical_crossentropy"],
        "onehot_ties": ["categorical_accuracy", "top_k_categorical_accuracy"],
        "sparse_ties": ["sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy"],
    }
    (kind,) = [k for k, names in kinds.items() if name in names]
    data = data_for(kind)
    result = getattr(metrics, name)(*data)
    assert result.dtype == np.float64
    assert result.shape == (data[1].shape if name == "binary_accuracy" else data[1].shape[:-1])
    close(result.ravel(), GOLD[f"function/{name}"], 5e-6)  # single float32 values of Keras, not their mean


def test_values_of_scikit_learn() -> None:
    binary, one_hot, real = data_for("binary"), data_for("onehot"), data_for("regression")
    weights = weights_for()

    def value(metric: Any, data: Any, sample_weight: Any = None) -> Any:
        metric.update_state(*data, sample_weight=sample_weight)
        return metric.result()

    # 200 thresholds approximate the exact area; a threshold at every score makes it exact.
    exact = metrics.AUC(thresholds=np.unique(binary[1].astype(np.float64)))
    close(value(exact, binary), GOLD["sklearn/roc_auc"][0], 1e-12)
    close(value(metrics.AUC(), binary), GOLD["sklearn/roc_auc"][0], 5e-3)
    exact.reset_state()
    close(value(exact, binary, weights), GOLD["sklearn/roc_auc_w"][0], 1e-12)
    close(value(metrics.Precision(), binary), GOLD["sklearn/precision"][0])
    close(value(metrics.Recall(), binary), GOLD["sklearn/recall"][0])
    # float32 probabilities are clipped at 1e-7 here and divided by their float32 sum
    close(value(metrics.CategoricalCrossentropy(), one_hot), GOLD["sklearn/log_loss"][0], 1e-6)
    close(value(metrics.F1Score(), one_hot), GOLD["sklearn/f1"], 1e-6)  # epsilon in the denominators, as in Keras
    close(value(metrics.CategoricalAccuracy(), one_hot), GOLD["sklearn/accuracy"][0])
    close(value(metrics.TopKCategoricalAccuracy(k=2), one_hot), GOLD["sklearn/top2"][0])
    close(value(metrics.R2Score(), real), GOLD["sklearn/r2"][0], 1e-6)  # float32 sums in scikit-learn
    close(value(metrics.RootMeanSquaredError(), real), GOLD["sklearn/rmse"][0], 1e-6)


def test_every_registered_metric_has_a_case() -> None:
    covered = {case[1] for case in CASES}
    assert set(metrics.registry.classes()) - covered == {"MeanMetricWrapper", "huber"}  # tested as functions are


# --- the contract ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=LABELS)
def test_reset(case: Any) -> None:
    metric = make(case)
    empty = None if case[1] == "R2Score" else metric.result()  # R2 has no value, and no shape, before the first row
    if empty is not None:
        assert np.all(np.asarray(empty) == 0)
    metric.update_state(*data_for(case[3], 1))
    metric.reset_state()
    assert all((v.value == 0).all() for v in metric.variables)
    metric.update_state(*data_for(case[3]))
    close(metric.result(), updated(case, data_for(case[3])).result(), 0)


@pytest.mark.parametrize("case", CASES, ids=LABELS)
def test_cuts_do_not_matter(case: Any) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        data, weights = data_for(case[3], seed, rows=600), weights_for(seed, rows=600)
        cuts = np.sort(rng.integers(0, 601, 9))  # some parts are empty
        for sample_weight in (None, weights):
            whole = updated(case, data, sample_weight)
            parts, merged = make(case), make(case)
            others = []
            for rows in np.split(np.arange(600), cuts):
                part = [a[rows] for a in data]
                part_weight = None if sample_weight is None else sample_weight[rows]
                parts.update_state(*part, sample_weight=part_weight)
                others.append(updated(case, part, part_weight))
            merged.merge_state(others)
            close(parts.result(), whole.result())
            close(merged.result(), whole.result())


# Adjusted R² counts rows, not weights, in Keras too.
@pytest.mark.parametrize("case", [c for c in CASES if "num_regressors" not in c[2]], ids=lambda c: c[0])
def test_weights_are_repetitions_and_zero_is_absence(case: Any) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        data, times = data_for(case[3], seed), rng.integers(0, 4, 61)
        weighted = updated(case, data, times).result()
        close(weighted, updated(case, [np.repeat(a, times, axis=0) for a in data]).result())
        close(weighted, updated(case, data, times.astype(np.float32)[:, None]).result())
        if case[1] not in ("Sum", "TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives"):
            scaled = updated(case, data, times * 8.0).result()
            # F-scores keep Keras's epsilon beside the counts
            close(weighted, scaled, 1e-6 if "Score" in case[1] else 1e-12)


# Sorted class ids are integers and hold no NaN.
@pytest.mark.parametrize("case", [c for c in CASES if "from_sorted_ids" not in c[2]], ids=lambda c: c[0])
def test_rows_of_weight_zero_may_hold_nan(case: Any) -> None:
    data = [np.array(a) for a in data_for(case[3])]
    weights = np.ones(61)
    weights[[0, 7]] = 0
    expected = updated(case, data, weights).result()
    data[-1][[0, 7]] = np.nan
    close(updated(case, data, weights).result(), expected)


@pytest.mark.parametrize("case", CASES, ids=LABELS)
def test_config_round_trip(case: Any) -> None:
    metric = make(case)
    record = json.loads(json.dumps(metrics.serialize(metric)))
    again = metrics.deserialize(record)
    assert type(again) is type(metric) and again.get_config() == metric.get_config()
    data = data_for(case[3])
    metric.update_state(*data)
    again.update_state(*data)
    close(again.result(), metric.result(), 0)
    keras_form = {**record, "module": "keras.metrics", "registered_name": None}
    keras_form["config"] = {**record["config"], "dtype": "float32"}
    from_keras = metrics.get(keras_form)
    assert from_keras(*data).dtype == np.float32


@pytest.mark.parametrize("case", CASES, ids=LABELS)
def test_wrong_shapes_name_the_metric(case: Any) -> None:
    metric = make(case)
    data = data_for(case[3])
    named = rf"^\[({metric.name}|log_cosh|{getattr(getattr(metric, '_fn', None), '__name__', 'x')})\] .*received"
    with pytest.raises(ValueError, match=named):
        metric.update_state(*data, sample_weight=np.ones(60))
    if len(data) == 1:
        return
    before = [v.numpy() for v in metric.variables]
    for true, pred in ((data[0][:60], data[1]), (data[0], np.zeros((61, 11, 2, 2))), (1.0, 0.5)):
        with pytest.raises(ValueError, match=named):
            metric.update_state(true, pred)
    with pytest.raises(TypeError, match=r"y_pred: expected numbers"):
        metric.update_state(data[0], np.full(data[1].shape, "x"))
    assert all((v.value == b).all() for v, b in zip(metric.variables, before, strict=False)), "half-changed state"


SAME_SHAPES = [
    "Accuracy",
    "BinaryAccuracy",
    "MeanSquaredError",
    "MeanAbsoluteError",
    "RootMeanSquaredError",
    "LogCoshError",
    "R2Score",
    "Hinge",
    "BinaryCrossentropy",
    "AUC",
    "Recall",
    "TruePositives",
    "F1Score",
]


@pytest.mark.parametrize("name", SAME_SHAPES)
def test_n_and_n_by_1_are_the_same(name: str) -> None:
    true, pred = data_for("binary")
    weights = weights_for()
    expected = None
    for y in (true, true[:, 0]):
        for p in (pred, pred[:, 0]):
            for w in (weights, weights[:, None]):
                result = getattr(metrics, name)()(y, p, sample_weight=w)
                expected = result if expected is None else expected
                close(result, expected, 0)


@pytest.mark.parametrize("case", CASES, ids=LABELS)
def test_other_containers(case: Any) -> None:
    class Tensor:  # what the engine's tensors offer
        def __init__(self, value: Any) -> None:
            self.value = value

        def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
            return np.array(self.value, dtype=dtype)

    data = data_for(case[3])
    expected = updated(case, data).result()
    close(updated(case, [Tensor(a) for a in data]).result(), expected, 0)
    close(updated(case, [np.asfortranarray(np.repeat(a, 2, axis=0))[::2] for a in data]).result(), expected)
    lists = [a.tolist() for a in data]
    close(updated(case, lists).result(), updated(case, [np.asarray(a) for a in lists]).result(), 0)


def test_float64_state_keeps_what_float32_would_lose() -> None:
    metric = metrics.Mean()
    for _ in range(3):
        metric.update_state(np.full(10_000_000, 0.1, dtype=np.float32))
    close(metric.result(), np.float64(np.float32(0.1)))


# --- the largest score -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [1, 2, 3, 10, 32, 33, 100])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_argmax_rules_hold_in_the_fast_path(classes: int, dtype: str) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        rows = [1, 511, 512, 4096, 5000, 9001][seed]
        scores = rng.standard_normal((rows, classes)) * 100
        if seed % 2:
            scores = np.round(scores / 100)  # ties nearly everywhere
        scores = scores.astype(dtype)
        labels = rng.integers(-1, classes + 1, rows)
        assert (_top.argmax_is(scores, labels) == (scores.argmax(1) == labels)).all()
        assert (_top.argmax_is(scores, labels + 0.5) == np.zeros(rows)).all()
        assert (_top.argmax_is(scores, labels.astype(np.float32)) == (scores.argmax(1) == labels)).all()
        other = np.roll(scores, 1, axis=0)
        assert (_top.same_argmax(scores, other) == (scores.argmax(1) == other.argmax(1))).all()


def test_argmax_with_nan_and_infinity() -> None:
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((6000, 5)).astype(np.float32)
    for value in (np.nan, np.inf, -np.inf):
        scores[rng.integers(0, 6000, 900), rng.integers(0, 5, 900)] = value
        labels = rng.integers(0, 5, 6000)
        assert (_top.argmax_is(scores, labels) == (scores.argmax(1) == labels)).all()


def test_top_k_mask_takes_the_first_of_equal_scores() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        scores = np.round(rng.standard_normal((30, 8)))
        for k in (1, 3, 8):
            order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            expected = np.zeros(scores.shape, dtype=bool)
            np.put_along_axis(expected, order, True, axis=1)
            assert (_top.top_k_mask(scores, k) == expected).all()


def test_labels_outside_the_classes_are_misses() -> None:
    scores = np.eye(3, dtype=np.float32)
    close(metrics.sparse_categorical_accuracy([0, -1, 3], scores), [1, 0, 0], 0)
    close(metrics.sparse_top_k_categorical_accuracy([0, -1, 3], scores, k=3), [1, 0, 0], 0)
    with pytest.raises(ValueError, match=r"labels in 0\.\.2 \(3 classes in y_pred\), received 3 at row 2"):
        metrics.sparse_categorical_crossentropy([0, 1, 3], scores)


def test_kinds_of_labels_are_not_confused() -> None:
    scores = np.ones((4, 3))
    with pytest.raises(ValueError, match="for integer labels use sparse_categorical_accuracy"):
        metrics.categorical_accuracy([0, 1, 2, 0], scores)
    with pytest.raises(ValueError, match="for one-hot rows use the metric without 'sparse_'"):
        metrics.sparse_categorical_accuracy(np.ones((4, 3)), scores)
    with pytest.raises(ValueError, match="'sparse_' form"):
        metrics.categorical_crossentropy([0, 1, 2, 0], scores)
    with pytest.raises(ValueError, match="never broadcast"):
        metrics.mean_squared_error(np.ones((4, 2)), scores)


# --- thresholds ------------------------------------------------------------------------------------------------------


def brute_counts(true: Any, pred: Any, thresholds: Any, weights: Any) -> Any:
    positive = pred[None] > np.asarray(thresholds, dtype=pred.dtype)[:, None]
    label = true.astype(bool)
    return [(weights * (positive == p) * (label == t)).sum(axis=1) for p, t in ((1, 1), (1, 0), (0, 0), (0, 1))]


def test_counts_are_those_of_the_definition() -> None:
    names = ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
    for seed in range(30):
        rng = np.random.default_rng(seed)
        pred = np.round(rng.random(80) * 1.4 - 0.2, 1 + seed % 3).astype([np.float32, np.float64][seed % 2])
        true, weights = rng.integers(0, 2, 80), rng.integers(0, 5, 80) / 4
        thresholds = np.round(rng.random(1 + seed % 5), 1).tolist()
        for name, expected in zip(names, brute_counts(true, pred, thresholds, weights), strict=True):
            metric = getattr(metrics, name)(thresholds=thresholds)
            close(np.ravel(metric(true, pred, sample_weight=weights)), expected)


def test_auc_counts_are_those_of_the_definition() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        # scores beside the thresholds, not on them: on them rounding of score * 199 decides
        pred = (rng.integers(0, 50, 300) + 0.5) / 50
        pred[:3] = 0.0, 1.0, 0.0
        true, weights = rng.integers(0, 2, 300), rng.random(300)
        metric = metrics.AUC(num_thresholds=50 + 1)
        metric.update_state(true, pred, weights)
        for variable, expected in zip(
            metric.variables, brute_counts(true, pred, metric.thresholds, weights), strict=True
        ):
            close(variable.value, expected)


def test_auc_of_sorted_and_reversed_scores() -> None:
    true, pred = np.arange(100) >= 40, np.arange(100) / 99
    assert metrics.AUC()(true, pred) == pytest.approx(1.0)
    assert metrics.AUC()(true, 1 - pred) == pytest.approx(0.0)
    assert metrics.AUC()(true, np.full(100, 0.5)) == pytest.approx(0.5)
    assert metrics.AUC(curve="PR")(true, pred) == pytest.approx(1.0)


def test_nan_scores_give_nan() -> None:
    true, pred = data_for("multilabel")
    pred = pred.copy()
    pred[3, 1] = np.nan
    assert np.isnan(metrics.AUC()(true, pred))
    assert np.isnan(metrics.Precision()(true, pred))
    assert not np.isnan(metrics.Precision(class_id=0)(true, pred))
    metric = metrics.AUC(multi_label=True)
    assert np.isnan(metric(true, pred))
    metric.reset_state()
    assert not np.isnan(metric(*data_for("multilabel")))


def test_logits_given_to_auc_are_noticed_once() -> None:
    metric = metrics.AUC()
    with pytest.warns(UserWarning, match=r"\[auc.*from_logits=True"):
        metric.update_state([0, 1], [-2.0, 3.0])
    metric.update_state([0, 1], [-2.0, 3.0])
    assert metric.result() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("AUC", {"curve": "ROCK"}, "curve: expected 'ROC'"),
        ("AUC", {"summation_method": "middle"}, "summation_method"),
        ("AUC", {"num_thresholds": 1}, "num_thresholds: expected an integer > 1"),
        ("AUC", {"num_labels": 3}, "needs multi_label=True"),
        ("AUC", {"thresholds": [0.2, 1.5]}, r"thresholds: expected numbers in \[0, 1\]"),
        ("Precision", {"thresholds": -1}, r"thresholds: expected numbers in \[0, 1\]"),
        ("Precision", {"top_k": 0}, "top_k: expected None or an integer >= 1"),
        ("Recall", {"class_id": -1}, "class_id"),
        ("FBetaScore", {"beta": 0.0}, "beta: expected a number > 0"),
        ("F1Score", {"average": "mean"}, "average: expected None, 'micro'"),
        ("F1Score", {"threshold": 2.0}, "threshold: expected None or a number"),
        ("R2Score", {"class_aggregation": "sum"}, "class_aggregation"),
        ("R2Score", {"num_regressors": -1}, "num_regressors"),
        ("TopKCategoricalAccuracy", {"k": 0}, "k: expected a positive integer"),
        ("BinaryCrossentropy", {"label_smoothing": 2.0}, "label_smoothing"),
        ("SensitivityAtSpecificity", {"specificity": 1.2}, r"specificity: expected a number in \[0, 1\]"),
        ("PrecisionAtRecall", {"recall": 0.5, "num_thresholds": 0}, "num_thresholds"),
        ("Mean", {"dtype": "int32"}, "dtype: expected 'float16'"),
    ],
)
def test_constructors_refuse(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^\[\w+\] .*{message}"):
        getattr(metrics, name)(**arguments)


def test_updates_refuse() -> None:
    true, pred = data_for("multilabel")
    for metric, message in (
        (metrics.Precision(top_k=4), "top_k=4: expected at least 4 classes"),
        (metrics.Recall(class_id=3), "class_id=3"),
        (metrics.AUC(multi_label=True, num_labels=2), r"shape \(n, 2\), received \(61, 3\)"),
        (metrics.AUC(multi_label=True, label_weights=[1.0]), "label_weights"),
        (metrics.AUC(label_weights=[1.0]), "label_weights"),
    ):
        with pytest.raises(ValueError, match=message):
            metric.update_state(true, pred)
    f1, r2 = metrics.F1Score(), metrics.R2Score()
    f1.update_state(true, pred)
    r2.update_state(true, pred)
    for metric in (f1, r2):
        with pytest.raises(ValueError, match=r"shape \(n, 3\), received \(61, 2\)"):
            metric.update_state(true[:, :2], pred[:, :2])


# --- single metrics --------------------------------------------------------------------------------------------------


def test_ignored_class_does_not_count() -> None:
    labels, scores = data_for("sparse")
    kept = labels != 2
    expected = metrics.SparseCategoricalCrossentropy()(labels[kept], scores[kept])
    close(metrics.SparseCategoricalCrossentropy(ignore_class=2)(labels, scores), expected)
    outside = np.where(kept, labels, -1)
    close(metrics.SparseCategoricalCrossentropy(ignore_class=-1)(outside, scores), expected)
    weights = weights_for()
    expected = metrics.SparseCategoricalCrossentropy()(labels[kept], scores[kept], sample_weight=weights[kept])
    close(metrics.SparseCategoricalCrossentropy(ignore_class=2)(labels, scores, sample_weight=weights), expected)
    values = metrics.sparse_categorical_crossentropy(labels, scores, ignore_class=2)
    assert (values[~kept] == 0).all() and (values[kept] > 0).all()


def test_large_logits_stay_finite() -> None:
    for scale in (1e3, 1e30):
        logits = np.array([[scale], [-scale]], dtype=np.float32)
        close(metrics.binary_crossentropy([[1], [0]], logits, from_logits=True), [0, 0], 0)
        close(metrics.log_cosh([[0.0]], [[scale]]), [scale - np.log(2.0)], 1e-12)
        two = np.array([[scale, -scale]], dtype=np.float32)
        close(metrics.sparse_categorical_crossentropy([0], two, from_logits=True), [0], 0)
        close(metrics.categorical_crossentropy([[1.0, 0.0]], two, from_logits=True), [0], 0)
        assert metrics.AUC(from_logits=True)([1, 0], logits) == pytest.approx(1.0)


def test_adjusted_r2_with_too_few_rows_says_so() -> None:
    metric = metrics.R2Score(num_regressors=5)
    metric.update_state([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
    with pytest.warns(UserWarning, match=r"\[r2_score\] adjusted R²"):
        close(metric.result(), metrics.R2Score()([1.0, 2.0, 4.0], [1.0, 2.0, 3.0]))


def test_dtype_rounds_the_result_only() -> None:
    metric = metrics.Mean(dtype="float32")
    for _ in range(10):
        metric.update_state(0.1)
    assert metric.result().dtype == np.float32 and metric.total.value.dtype == np.float64
    assert isinstance(metrics.Mean()(1.0), np.float64)


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
