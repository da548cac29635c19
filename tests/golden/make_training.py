"""Writes training.json: what Keras 3 gives for the fits of training_cases.py. Run with Python where Keras is installed.

python tests/golden/make_training.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
from training_cases import CASES

if __name__ == "__main__":
    found = {name: case(keras) for name, case in CASES.items()}
    found["versions"] = {"keras": keras.__version__, "backend": keras.backend.backend()}
    text = json.dumps(found, indent=1, default=lambda value: np.asarray(value).tolist())
    Path(__file__).with_name("training.json").write_text(text + "\n")
