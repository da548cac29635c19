"""Metrics: values against Keras 3 and scikit-learn, and one contract for all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from golden.metric_cases import CASES, data_for, weights_for
from ranvier import metrics

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
    assert set(metrics.registry.classes()) - covered == {
        "MeanMetricWrapper",
        "Perplexity",
        "huber",
    }  # not in Keras, or tested as functions are


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
    *("Accuracy", "BinaryAccuracy", "MeanSquaredError", "MeanAbsoluteError", "RootMeanSquaredError", "LogCoshError"),
    *("R2Score", "Hinge", "BinaryCrossentropy", "AUC", "Recall", "TruePositives", "F1Score"),
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
