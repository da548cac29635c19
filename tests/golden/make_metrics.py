"""Writes metrics.npz: Keras 3's results for `metric_cases.CASES`, and scikit-learn's where definitions coincide.

Run with an environment that has keras, jax and scikit-learn:
    KERAS_BACKEND=jax python tests/golden/make_metrics.py

Results are flattened into one array. Their names: ``<label>`` without weights, ``<label>/w`` with one weight per row,
``<label>/batches`` updated in batches of 16, ``function/<name>`` what the function of that name returns,
``sklearn/<name>``.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(Path(__file__).parent))

import keras
import numpy as np
import sklearn.metrics as sk
from metric_cases import CASES, data_for, weights_for

FUNCTIONS = {
    "mean_squared_error": "regression",
    "mean_absolute_error": "regression",
    "mean_absolute_percentage_error": "positive",
    "mean_squared_logarithmic_error": "positive",
    "log_cosh": "regression",
    "huber": "regression",
    "poisson": "positive",
    "kl_divergence": "onehot",
    "hinge": "margin",
    "squared_hinge": "margin",
    "categorical_hinge": "onehot_logits",
    "binary_crossentropy": "binary_many",
    "categorical_crossentropy": "onehot",
    "sparse_categorical_crossentropy": "sparse",
    "binary_accuracy": "binary_many",
    "categorical_accuracy": "onehot_ties",
    "sparse_categorical_accuracy": "sparse_ties",
    "top_k_categorical_accuracy": "onehot_ties",
    "sparse_top_k_categorical_accuracy": "sparse_ties",
}


def main() -> None:
    """Runs everything and saves it beside this file."""
    warnings.simplefilter("ignore")  # Keras doubts a class axis other than the last; scikit-learn float32 sums
    golden: dict[str, np.ndarray] = {}
    weights = weights_for()
    for label, name, arguments, kind in CASES:
        data = data_for(kind)
        cls = getattr(keras.metrics, name)
        metric = cls(**arguments)
        metric.update_state(*data)
        golden[label] = np.asarray(metric.result())
        batched = cls(**arguments)
        for start in range(0, len(data[0]), 16):
            batched.update_state(*(a[start : start + 16] for a in data))
        golden[f"{label}/batches"] = np.asarray(batched.result())
        weighted = cls(**arguments)
        weighted.update_state(*data, sample_weight=weights)
        golden[f"{label}/w"] = np.asarray(weighted.result())
    for name, kind in FUNCTIONS.items():
        golden[f"function/{name}"] = np.asarray(getattr(keras.metrics, name)(*data_for(kind)))

    true, score = (a.ravel() for a in data_for("binary"))
    golden["sklearn/roc_auc"] = np.asarray(sk.roc_auc_score(true, score))
    golden["sklearn/roc_auc_w"] = np.asarray(sk.roc_auc_score(true, score, sample_weight=weights))
    golden["sklearn/precision"] = np.asarray(sk.precision_score(true, score > 0.5))
    golden["sklearn/recall"] = np.asarray(sk.recall_score(true, score > 0.5))
    one_hot, probabilities = data_for("onehot")
    golden["sklearn/log_loss"] = np.asarray(sk.log_loss(one_hot.argmax(1), probabilities.astype(np.float64)))
    golden["sklearn/f1"] = np.asarray(sk.f1_score(one_hot.argmax(1), probabilities.argmax(1), average=None))
    golden["sklearn/accuracy"] = np.asarray(sk.accuracy_score(one_hot.argmax(1), probabilities.argmax(1)))
    golden["sklearn/top2"] = np.asarray(sk.top_k_accuracy_score(one_hot.argmax(1), probabilities, k=2))
    real, predicted = data_for("regression")
    golden["sklearn/r2"] = np.asarray(sk.r2_score(real, predicted))
    golden["sklearn/rmse"] = np.asarray(np.sqrt(sk.mean_squared_error(real, predicted)))
    # One array for all: an archive entry per result would be mostly headers.
    np.savez_compressed(
        Path(__file__).with_name("metrics.npz"),
        names=np.array(list(golden)),
        sizes=np.array([v.size for v in golden.values()]),
        values=np.concatenate([v.ravel().astype(np.float64) for v in golden.values()]),
    )
    print(f"{len(golden)} results, Keras {keras.__version__} on {keras.backend.backend()}")


if __name__ == "__main__":
    main()
