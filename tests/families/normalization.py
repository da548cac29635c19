"""Normalisation by statistics of the batch or of each sample."""

from __future__ import annotations

from families import Case, Family, Row

FAMILY = Family(
    contract=[
        Row("BatchNormalization", {"momentum": 0.9}, (4, 3), (4, 3)),
        Row("LayerNormalization", {}, (4, 3), (4, 3)),
    ],
    golden={
        "BatchNormalization-training": Case("BatchNormalization", {}, (7, 4), True),
        "BatchNormalization-momentum": Case("BatchNormalization", {"momentum": 0.6, "epsilon": 0.01}, (5, 3, 4), True),
        "BatchNormalization-axis-1": Case("BatchNormalization", {"axis": 1}, (5, 3, 4), True),
        "BatchNormalization-bare": Case("BatchNormalization", {"center": False, "scale": False}, (7, 4), True),
        "BatchNormalization-inference": Case("BatchNormalization", {}, (7, 4)),
        "LayerNormalization": Case("LayerNormalization", {}, (5, 6)),
        "LayerNormalization-axes": Case("LayerNormalization", {"axis": [1, 2], "epsilon": 0.01}, (4, 3, 2)),
        "LayerNormalization-no-scale": Case("LayerNormalization", {"scale": False}, (4, 3, 2)),
    },
    weights={
        "BatchNormalization": ["gamma", "beta", "moving_mean", "moving_variance"],
        "LayerNormalization": ["gamma", "beta"],
    },
    state={"moving_mean", "moving_variance"},
    noisy={"BatchNormalization"},
)
