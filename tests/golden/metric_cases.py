"""Cases of the metric tests: what `make_metrics.py` runs through Keras and `test_metrics.py` through ranvier.

A case is (label, class name, constructor arguments, kind of data). The data are made from a seed by `data_for`, so the
golden file holds results only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ROWS, CLASSES = 61, 7

CASES: list[tuple[str, str, dict[str, Any], str]] = [
    ("Mean", "Mean", {}, "values"),
    ("Sum", "Sum", {}, "values"),
    ("Accuracy", "Accuracy", {}, "labels"),
    ("BinaryAccuracy", "BinaryAccuracy", {}, "binary"),
    ("BinaryAccuracy-0.3", "BinaryAccuracy", {"threshold": 0.3}, "binary_many"),
    ("CategoricalAccuracy", "CategoricalAccuracy", {}, "onehot"),
    ("CategoricalAccuracy-ties", "CategoricalAccuracy", {}, "onehot_ties"),
    ("SparseCategoricalAccuracy", "SparseCategoricalAccuracy", {}, "sparse"),
    ("SparseCategoricalAccuracy-ties", "SparseCategoricalAccuracy", {}, "sparse_ties"),
    ("SparseCategoricalAccuracy-3d", "SparseCategoricalAccuracy", {}, "sparse_3d"),
    ("TopK-2", "TopKCategoricalAccuracy", {"k": 2}, "onehot"),
    ("TopK-5-ties", "TopKCategoricalAccuracy", {}, "onehot_ties"),
    ("SparseTopK-3", "SparseTopKCategoricalAccuracy", {"k": 3}, "sparse"),
    ("SparseTopK-1-ties", "SparseTopKCategoricalAccuracy", {"k": 1}, "sparse_ties"),
    ("SparseTopK-ids", "SparseTopKCategoricalAccuracy", {"k": 3, "from_sorted_ids": True}, "sparse_ids"),
    ("MeanSquaredError", "MeanSquaredError", {}, "regression"),
    ("MeanSquaredError-3d", "MeanSquaredError", {}, "regression_3d"),
    ("MeanAbsoluteError", "MeanAbsoluteError", {}, "regression"),
    ("MeanAbsolutePercentageError", "MeanAbsolutePercentageError", {}, "positive"),
    ("MeanSquaredLogarithmicError", "MeanSquaredLogarithmicError", {}, "positive"),
    ("RootMeanSquaredError", "RootMeanSquaredError", {}, "regression"),
    ("CosineSimilarity", "CosineSimilarity", {}, "regression"),
    ("LogCoshError", "LogCoshError", {}, "regression"),
    ("R2Score", "R2Score", {}, "regression"),
    ("R2Score-none", "R2Score", {"class_aggregation": None}, "regression"),
    ("R2Score-variance", "R2Score", {"class_aggregation": "variance_weighted_average"}, "regression"),
    ("R2Score-adjusted", "R2Score", {"num_regressors": 4}, "regression"),
    ("Hinge", "Hinge", {}, "margin"),
    ("Hinge-01", "Hinge", {}, "binary_many"),
    ("SquaredHinge", "SquaredHinge", {}, "margin"),
    ("CategoricalHinge", "CategoricalHinge", {}, "onehot_logits"),
    ("BinaryCrossentropy", "BinaryCrossentropy", {}, "binary"),
    ("BinaryCrossentropy-saturated", "BinaryCrossentropy", {}, "binary_saturated"),
    ("BinaryCrossentropy-logits", "BinaryCrossentropy", {"from_logits": True}, "binary_logits"),
    ("BinaryCrossentropy-smooth", "BinaryCrossentropy", {"label_smoothing": 0.2}, "binary_many"),
    ("CategoricalCrossentropy", "CategoricalCrossentropy", {}, "onehot"),
    ("CategoricalCrossentropy-logits", "CategoricalCrossentropy", {"from_logits": True}, "onehot_logits"),
    ("CategoricalCrossentropy-smooth", "CategoricalCrossentropy", {"label_smoothing": 0.1}, "onehot"),
    ("CategoricalCrossentropy-axis", "CategoricalCrossentropy", {"axis": 1, "from_logits": True}, "onehot_axis1"),
    ("SparseCategoricalCrossentropy", "SparseCategoricalCrossentropy", {}, "sparse"),
    ("SparseCategoricalCrossentropy-logits", "SparseCategoricalCrossentropy", {"from_logits": True}, "sparse_logits"),
    ("SparseCategoricalCrossentropy-3d", "SparseCategoricalCrossentropy", {}, "sparse_3d"),
    ("KLDivergence", "KLDivergence", {}, "onehot"),
    ("Poisson", "Poisson", {}, "positive"),
    ("AUC", "AUC", {}, "binary"),
    ("AUC-edges", "AUC", {}, "binary_saturated"),
    ("AUC-pr", "AUC", {"curve": "PR"}, "binary"),
    ("AUC-prgain", "AUC", {"curve": "PRGAIN"}, "binary"),
    ("AUC-minoring", "AUC", {"summation_method": "minoring", "num_thresholds": 17}, "binary"),
    ("AUC-majoring-pr", "AUC", {"summation_method": "majoring", "curve": "PR", "num_thresholds": 17}, "binary"),
    ("AUC-2", "AUC", {"num_thresholds": 2}, "binary"),
    ("AUC-thresholds", "AUC", {"thresholds": [0.7, 0.1, 0.4]}, "binary_grid"),
    ("AUC-logits", "AUC", {"from_logits": True}, "binary_logits"),
    ("AUC-flat", "AUC", {}, "multilabel"),
    ("AUC-label-weights", "AUC", {"label_weights": [0.5, 2.0, 1.0]}, "multilabel"),
    ("AUC-multi", "AUC", {"multi_label": True}, "multilabel"),
    (
        "AUC-multi-pr",
        "AUC",
        {"multi_label": True, "num_labels": 3, "curve": "PR", "label_weights": [0.5, 2.0, 1.0]},
        "multilabel",
    ),
    ("Precision", "Precision", {}, "binary"),
    ("Precision-thresholds", "Precision", {"thresholds": [0.8, 0.2, 0.5]}, "binary_grid"),
    ("Precision-top2", "Precision", {"top_k": 2}, "multilabel_ties"),
    ("Precision-top2-class1", "Precision", {"top_k": 2, "class_id": 1}, "multilabel_ties"),
    ("Precision-class2", "Precision", {"class_id": 2, "thresholds": 0.4}, "multilabel"),
    ("Precision-logits", "Precision", {"thresholds": 0}, "binary_logits"),
    ("Recall", "Recall", {}, "binary"),
    ("Recall-thresholds", "Recall", {"thresholds": [0.0, 0.5, 1.0]}, "binary_saturated"),
    ("Recall-top1", "Recall", {"top_k": 1}, "multilabel"),
    ("TruePositives", "TruePositives", {}, "binary"),
    ("FalsePositives", "FalsePositives", {"thresholds": [0.25, 0.75]}, "binary"),
    ("TrueNegatives", "TrueNegatives", {}, "multilabel"),
    ("FalseNegatives", "FalseNegatives", {"thresholds": 0.9}, "binary"),
    ("F1Score", "F1Score", {}, "onehot"),
    ("F1Score-threshold", "F1Score", {"threshold": 0.5, "average": "macro"}, "multilabel"),
    ("F1Score-micro", "F1Score", {"average": "micro"}, "onehot"),
    ("FBetaScore-weighted", "FBetaScore", {"beta": 2.0, "average": "weighted"}, "onehot"),
    ("SensitivityAtSpecificity", "SensitivityAtSpecificity", {"specificity": 0.6}, "binary"),
    ("SpecificityAtSensitivity", "SpecificityAtSensitivity", {"sensitivity": 0.6, "num_thresholds": 1}, "binary"),
    ("PrecisionAtRecall", "PrecisionAtRecall", {"recall": 0.7}, "binary"),
    ("RecallAtPrecision", "RecallAtPrecision", {"precision": 0.5, "class_id": 1}, "multilabel"),
]


def data_for(kind: str, seed: int = 0, rows: int = ROWS) -> tuple[Any, ...]:
    """``(y_true, y_pred)``, or ``(values,)`` for Mean and Sum; float32 predictions, scores with and without ties."""
    rng = np.random.default_rng([seed, sum(map(ord, kind))])
    labels = rng.integers(0, CLASSES, rows)
    logits = (2 * rng.standard_normal((rows, CLASSES))).astype(np.float32)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    one_hot = np.eye(CLASSES, dtype=np.float32)[labels]
    binary = rng.integers(0, 2, (rows, 1))
    score = np.clip(0.35 * binary + 0.65 * rng.random((rows, 1)), 0, 1).astype(np.float32)
    several = rng.integers(0, 2, (rows, 3))
    scores = (0.3 * several + 0.7 * rng.random((rows, 3))).astype(np.float32)
    real = rng.standard_normal((2, rows, 3)).astype(np.float32)
    made: dict[str, Any] = {
        "values": lambda: (real[0],),
        "labels": lambda: (rng.integers(0, 3, (rows, 2)), rng.integers(0, 3, (rows, 2)).astype(np.float32)),
        "binary": lambda: (binary, score),
        "binary_many": lambda: (several, scores),
        "binary_grid": lambda: (binary, np.round(score, 1)),
        "binary_saturated": lambda: (binary, np.round(score * 2) / np.float32(2)),
        "binary_logits": lambda: (binary, (4 * score - 2).astype(np.float32)),
        "margin": lambda: (2 * several - 1, real[0]),
        "onehot": lambda: (one_hot, probabilities),
        "onehot_ties": lambda: (one_hot, np.round(probabilities, 1)),
        "onehot_logits": lambda: (one_hot, logits),
        "onehot_axis1": lambda: (one_hot.reshape(rows, CLASSES, 1), logits.reshape(rows, CLASSES, 1)),
        "sparse": lambda: (labels, probabilities),
        "sparse_ties": lambda: (labels, np.round(probabilities, 1)),
        "sparse_logits": lambda: (labels[:, None], logits),
        "sparse_ids": lambda: (labels, np.argsort(-logits, axis=1)),
        "sparse_3d": lambda: (
            rng.integers(0, CLASSES, (rows, 2)),
            np.stack([probabilities, probabilities[::-1]], axis=1),
        ),
        "regression": lambda: (real[0], real[0] + real[1] / 2),
        "regression_3d": lambda: (real[0].reshape(rows, 3, 1), real[1].reshape(rows, 3, 1)),
        "positive": lambda: (np.abs(real[0]) + 0.1, np.abs(real[1]) + 0.1),
        "multilabel": lambda: (several, scores),
        "multilabel_ties": lambda: (several, np.round(scores, 1)),
    }
    result: tuple[Any, ...] = made[kind]()
    return result


def weights_for(seed: int = 0, rows: int = ROWS) -> Any:
    """Weights per row, among them zeros; multiples of 1/4, so that sums are exact in float32."""
    return (np.random.default_rng([seed, 77]).integers(0, 9, rows) / 4).astype(np.float32)
