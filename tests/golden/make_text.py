"""Writes text.npz: borders that Keras's Discretization finds, and Keras's padding of sequences.

Run with an environment that has keras and torch:
    python tests/golden/make_text.py
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
import numpy as np

from golden.store import save
from golden.text_cases import DISCRETIZATION, PADDING, batches_for, sequences


def main() -> None:
    """Writes the file."""
    golden: dict[str, np.ndarray] = {}
    for label, arguments in DISCRETIZATION.items():
        layer = keras.layers.Discretization(**arguments)
        for batch in batches_for(label):  # adapt would look for TensorFlow's data sets
            layer.update_state(batch)
        layer.finalize_state()
        golden[f"discretization/{label}"] = np.array(layer.bin_boundaries, dtype=np.float64)
    for label, arguments in PADDING.items():
        golden[f"padding/{label}"] = keras.utils.pad_sequences(sequences(), **arguments)
    save("text", golden)


if __name__ == "__main__":
    main()
