"""Writes sequences.npz: Keras 3's losses and metrics of `sequence_cases` in float64, and what a model learns from them.

Run with an environment that has keras and torch: python tests/golden/make_sequences.py

Names: ``<loss>/<reduction>/<variant>``, ``metric/<metric>/<variant>``, ``<mask|none>/evaluate``, ``/losses`` and
``/logs`` of two epochs, ``/w<i>`` afterwards.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
import numpy as np
import torch
from keras.src.backend.common import dtypes
from keras.src.backend.common.masking import set_keras_mask

from golden.sequence_cases import (
    LOSSES,
    METRICS,
    REDUCTIONS,
    VARIANTS,
    chosen,
    loss_data,
    tagger,
    tagger_weights,
    training_data,
)
from golden.store import save

dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def main() -> None:
    """Writes the file."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    golden: dict[str, np.ndarray] = {}
    for variant in VARIANTS:
        mask, weight = chosen(variant)

        def prediction(values: np.ndarray, mask: np.ndarray | None = mask) -> torch.Tensor:
            y = torch.tensor(values)
            if mask is not None:
                set_keras_mask(y, torch.tensor(mask))
            return y

        for loss, (name, arguments) in LOSSES.items():
            for reduction in REDUCTIONS:
                function = getattr(keras.losses, name)(reduction=reduction, **arguments)
                target, predicted = loss_data(loss)
                value = function(torch.tensor(target), prediction(predicted), sample_weight=weight)
                golden[f"{loss}/{reduction}/{variant}"] = value.numpy()
        for label, (name, arguments) in METRICS.items():
            metric = getattr(keras.metrics, name)(**arguments)
            target, predicted = loss_data("scce")
            metric.update_state(torch.tensor(target), prediction(predicted), sample_weight=weight)
            golden[f"metric/{label}/{variant}"] = np.asarray(metric.result())
    x, y, weight = training_data()
    for masked in (True, False):
        label = "mask" if masked else "none"
        model = tagger(keras, masked)
        model.set_weights(tagger_weights())
        model.compile(
            keras.optimizers.SGD(0.3),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            weighted_metrics=["accuracy", "sparse_categorical_crossentropy"],
        )
        values = model.evaluate(x, y, sample_weight=weight, batch_size=20, verbose=0, return_dict=True)
        golden[f"{label}/evaluate"] = np.array([values[key] for key in sorted(values)])
        history = model.fit(x, y, sample_weight=weight, batch_size=20, epochs=2, shuffle=False, verbose=0).history
        golden[f"{label}/logs"] = np.array([history[key] for key in sorted(history)])
        golden |= {f"{label}/w{i}": w for i, w in enumerate(model.get_weights())}
    save("sequences", golden)


if __name__ == "__main__":
    main()
