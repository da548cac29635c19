"""What is special to single metrics: ties, NaN and foreign labels, thresholds, extreme values, refused arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from golden.metric_cases import data_for, weights_for
from ranvier import metrics
from ranvier.metrics import _top


def close(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


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


def test_nan_does_not_hide_a_tie() -> None:
    scores = np.random.default_rng(0).random((600, 4))
    scores[3] = [0.1, np.nan, 0.2, 0.3]  # no maximum ...
    scores[9] = [0.5, 2.0, 2.0, 0.1]  # ... and two of them: the counts of maxima cancel
    labels = scores.argmax(1)
    labels[9] = 2
    assert np.flatnonzero(_top.argmax_is(scores, labels) == 0).tolist() == [9]


def test_nan_is_the_lowest_score_of_top_k() -> None:
    scores = [[np.nan, 1.0, 2.0], [np.nan, 1.0, 2.0]]
    close(metrics.sparse_top_k_categorical_accuracy([0, 1], scores, k=2), [0, 1], 0)
    close(metrics.top_k_categorical_accuracy([[1, 0, 0], [0, 1, 0]], scores, k=2), [0, 1], 0)


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


def test_probabilities_are_clipped_in_their_own_dtype() -> None:
    # -log of what is left of 1 after clipping: 2^-23 in float32 (Keras's 15.94), 1e-7 in float64
    for dtype, expected in ((np.float32, 23 * np.log(2.0)), (np.float64, -np.log(1e-7))):
        close(metrics.binary_crossentropy([[0]], np.ones((1, 1), dtype)), [expected], 1e-8)
        close(metrics.sparse_categorical_crossentropy([1], np.eye(2, dtype=dtype)[:1]), [-np.log(1e-7)], 1e-8)


def test_labels_equal_across_float_dtypes() -> None:
    close(metrics.accuracy([0.1, 0.3], np.array([0.1, 0.2], dtype=np.float32)), [1, 0], 0)


def test_a_row_of_zeros_predicts_no_class() -> None:
    close(metrics.F1Score()([[1, 0], [0, 1]], [[0.9, 0.1], [0.0, 0.0]]), [1.0, 0.0], 1e-6)


def test_r2_of_a_constant_target_is_zero() -> None:
    close(metrics.R2Score()([2.0, 2.0], [1.0, 2.0]), 0.0, 0)


def test_a_constraint_is_met_by_equality() -> None:
    true, pred = [0, 0, 1, 1], [0.1, 0.6, 0.4, 0.8]
    close(metrics.SensitivityAtSpecificity(0.5)(true, pred), 1.0)
    close(metrics.SensitivityAtSpecificity(0.51)(true, pred), 0.5)


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
