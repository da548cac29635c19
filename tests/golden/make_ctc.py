"""Writes ctc.npz: Keras 3's CTC loss with PyTorch's gradient, and Keras's decodings, in float64.

Run with an environment that has keras and torch: python tests/golden/make_ctc.py

Names: ``<case>/loss``, ``/gradient``, ``/greedy``, ``/greedy_scores``, ``/repeated``, ``/paths``, ``/scores``.
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

from golden.ctc_cases import CASES, ctc_data
from golden.store import save

dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def main() -> None:
    """Writes the file."""
    keras.config.set_floatx("float64")
    golden: dict[str, np.ndarray] = {}
    for case, sizes in CASES.items():
        logits, labels, lengths, steps = ctc_data(case)
        blank = sizes["blank"]
        x = torch.tensor(logits, requires_grad=True)
        loss = keras.ops.ctc_loss(labels, x, lengths, steps, mask_index=blank)
        dy = torch.arange(1.0, len(logits) + 1, dtype=torch.float64)
        (loss * dy).sum().backward()
        golden[f"{case}/loss"] = loss.detach().numpy()
        golden[f"{case}/gradient"] = x.grad.numpy()
        greedy, scores = keras.ops.ctc_decode(logits, steps, mask_index=blank)
        golden[f"{case}/greedy"], golden[f"{case}/greedy_scores"] = greedy.numpy(), scores.numpy()
        repeated, _ = keras.ops.ctc_decode(logits, steps, merge_repeated=False, mask_index=blank)
        golden[f"{case}/repeated"] = repeated.numpy()
        paths, scores = keras.ops.ctc_decode(
            logits, steps, "beam_search", beam_width=sizes["width"], top_paths=3, mask_index=blank
        )
        golden[f"{case}/paths"], golden[f"{case}/scores"] = paths.numpy(), scores.numpy()
    save("ctc", golden)


if __name__ == "__main__":
    main()
