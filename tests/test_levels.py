"""Every SIMD level that is built and that this processor supports computes the same network: golden values, training,
bits that do not depend on the number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ranvier import _simd

HERE = Path(__file__).resolve().parent
BUILT = _simd.built_levels()
LEVELS = [level for level in _simd.supported_levels(_simd.cpu_flags()) if level in BUILT]
# The test run itself takes the best level, so only the others need their golden values compared here.
OTHERS = [level for level in LEVELS if level != _simd.choose_level()]

TRAIN = """
import hashlib, json, sys
import numpy as np
import ranvier as keras
from ranvier import layers

dtype, threads = sys.argv[1], int(sys.argv[2])
keras.set_num_threads(threads)
keras.config.set_floatx(dtype)
keras.utils.set_random_seed(1)
(x, y), (x_test, _) = keras.datasets.digits.load_data()
model = keras.Sequential([
    keras.Input((8, 8)), layers.Flatten(), layers.Rescaling(1 / 16), layers.Dense(130, activation="gelu"),
    layers.BatchNormalization(), layers.Dropout(0.1), layers.Dense(67, activation="tanh"), layers.LayerNormalization(),
    layers.Dense(10, activation="softmax"),
])
optimizer = keras.optimizers.AdamW(1e-3, global_clipnorm=1.0)
model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, batch_size=300, epochs=4, verbose=0).history
predictions = model.predict(x_test, verbose=0)
digest = hashlib.sha256(b"".join(w.tobytes() for w in [*model.get_weights(), predictions])).hexdigest()
print(json.dumps({"level": keras._core.build_info()["simd"], "loss": history["loss"], "bits": digest,
                  "predictions": predictions[:20].tolist()}))
"""


def environment(level: str) -> dict[str, str]:
    return {**os.environ, "RANVIER_SIMD": level}


def train(level: str, dtype: str, threads: int) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, dtype, str(threads)],
        env=environment(level),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    assert result["level"] == level
    return result


def test_there_is_a_level() -> None:
    assert LEVELS


@pytest.mark.parametrize("level", OTHERS)
def test_golden_values(level: str) -> None:
    names = ("test_golden_ops", "test_keras_golden_fit", "test_layers", "test_losses", "test_optimizers", "test_ops")
    names += ("test_convolution",)
    files = [str(HERE / "python" / f"{name}.py") for name in names]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=HERE.parent,
        env=environment(level),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("level", LEVELS)
def test_same_bits_with_any_number_of_threads(level: str, dtype: str) -> None:
    one = train(level, dtype, 1)
    assert train(level, dtype, 2) == one
    assert train(level, dtype, 5) == one


# Levels order their sums differently (vectors of 2 to 16 lanes, with and without fused multiply-add). Measured after 20
# steps: 1e-15 in float64 and 3e-7 in float32; a wrong lane or tail would show in the first digits.
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-6)])
@pytest.mark.parametrize("level", LEVELS[1:])
def test_a_training_agrees_with_the_best_level(level: str, dtype: str, tolerance: float) -> None:
    best, other = train(LEVELS[0], dtype, 2), train(level, dtype, 2)
    np.testing.assert_allclose(other["loss"], best["loss"], rtol=tolerance)
    np.testing.assert_allclose(other["predictions"], best["predictions"], rtol=10 * tolerance, atol=tolerance)
