"""Writes training.json and training_multi.json: what Keras 3 gives for the fits of training_cases.py and
training_multi_cases.py. Run with Python where Keras is installed.

python tests/golden/make_training.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import training_cases
import training_multi_cases

if __name__ == "__main__":
    for file, cases in (("training.json", training_cases.CASES), ("training_multi.json", training_multi_cases.CASES)):
        found = {name: case(keras) for name, case in cases.items()}
        found["versions"] = {"keras": keras.__version__, "backend": keras.backend.backend()}
        text = json.dumps(found, indent=1, default=lambda value: np.asarray(value).tolist())
        Path(__file__).with_name(file).write_text(text + "\n")
