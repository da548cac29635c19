"""Noise in training."""

from __future__ import annotations

from families import Case, Family, Row

FAMILY = Family(
    contract=[
        Row("Dropout", {"rate": 0.5, "seed": 3}, (4, 3), (4, 3)),
        Row("AlphaDropout", {"rate": 0.3, "seed": 3}, (4, 3), (4, 3)),
        Row("GaussianDropout", {"rate": 0.3, "seed": 3}, (4, 3), (4, 3)),
        Row("GaussianNoise", {"stddev": 0.5, "seed": 3}, (4, 3), (4, 3)),
    ],
    golden={  # in training the numbers drawn differ from Keras's
        "Dropout-inference": Case("Dropout", {"rate": 0.5}, (4, 3)),
        "AlphaDropout-inference": Case("AlphaDropout", {"rate": 0.5}, (4, 3)),
        "GaussianDropout-inference": Case("GaussianDropout", {"rate": 0.5}, (4, 3)),
        "GaussianNoise-inference": Case("GaussianNoise", {"stddev": 0.5}, (4, 3)),
    },
    noisy={"Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise"},
)
