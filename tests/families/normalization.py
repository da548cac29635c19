"""Normalisation by statistics of the batch or of each sample."""

from __future__ import annotations

from typing import Any

from families import Case, Family, Row


def over_inner_axes(layer: Any, x: Any) -> Any:
    """Keras on PyTorch takes any run of axes for the last ones; this is its documentation's formula."""
    axes = sorted(axis % x.ndim for axis in (layer.axis if isinstance(layer.axis, list) else [layer.axis]))
    sizes = [size if i in axes else 1 for i, size in enumerate(x.shape)]
    centred = x - x.mean(axes, keepdim=True)
    scaled = centred * ((centred**2).mean(axes, keepdim=True) + layer.epsilon).rsqrt()
    return scaled * layer.gamma.value.reshape(sizes) + layer.beta.value.reshape(sizes)


FAMILY = Family(
    contract=[
        Row("BatchNormalization", {"momentum": 0.9}, (4, 3), (4, 3)),
        Row("LayerNormalization", {}, (4, 3), (4, 3)),
        Row("LayerNormalization", {"axis": [1, 2]}, (4, 3, 2, 2), (4, 3, 2, 2)),
        Row("RMSNormalization", {}, (4, 3), (4, 3)),
        Row("RMSNormalization", {"axis": [1, -1], "epsilon": 0.01}, (4, 3, 2), (4, 3, 2)),
        Row("UnitNormalization", {}, (4, 3), (4, 3)),
        Row("UnitNormalization", {"axis": [1]}, (4, 3, 2), (4, 3, 2)),
        Row("GroupNormalization", {"groups": 2}, (4, 3, 4), (4, 3, 4)),
        Row("GroupNormalization", {"groups": -1, "axis": 1}, (4, 3, 5), (4, 3, 5)),
    ],
    golden={
        "BatchNormalization-mask": Case("BatchNormalization", {}, (5, 6, 4), True, mask=True),
        "BatchNormalization-mask-axis-1": Case(
            "BatchNormalization", {"axis": 1, "scale": False}, (5, 6, 4), True, mask=True
        ),
        "BatchNormalization-mask-inference": Case("BatchNormalization", {}, (5, 6, 4), mask=True),
        "RMSNormalization-mask": Case("RMSNormalization", {}, (5, 6, 4), mask=True),
        "LayerNormalization-mask": Case("LayerNormalization", {}, (5, 6, 4), mask=True),
        "BatchNormalization-training": Case("BatchNormalization", {}, (7, 4), True),
        "BatchNormalization-momentum": Case("BatchNormalization", {"momentum": 0.6, "epsilon": 0.01}, (5, 3, 4), True),
        "BatchNormalization-axis-1": Case("BatchNormalization", {"axis": 1}, (5, 3, 4), True),
        "BatchNormalization-bare": Case("BatchNormalization", {"center": False, "scale": False}, (7, 4), True),
        "BatchNormalization-inference": Case("BatchNormalization", {}, (7, 4)),
        "LayerNormalization": Case("LayerNormalization", {}, (5, 6)),
        "LayerNormalization-axes": Case("LayerNormalization", {"axis": [1, 2], "epsilon": 0.01}, (4, 3, 2)),
        "LayerNormalization-axis-1": Case("LayerNormalization", {"axis": 1}, (4, 3, 2), reference=over_inner_axes),
        "LayerNormalization-apart": Case(
            "LayerNormalization", {"axis": [3, 1]}, (4, 3, 2, 5), reference=over_inner_axes
        ),
        "LayerNormalization-no-scale": Case("LayerNormalization", {"scale": False}, (4, 3, 2)),
        "RMSNormalization": Case("RMSNormalization", {}, (5, 6)),
        "RMSNormalization-wide": Case("RMSNormalization", {"epsilon": 0.1}, (3, 4, 37)),
        "RMSNormalization-axes": Case("RMSNormalization", {"axis": [-2, -1]}, (4, 3, 5)),
        "UnitNormalization": Case("UnitNormalization", {}, (5, 6)),
        "UnitNormalization-axis-1": Case("UnitNormalization", {"axis": 1}, (4, 3, 2)),
        "UnitNormalization-axes": Case("UnitNormalization", {"axis": [1, 2]}, (4, 3, 2)),
        "GroupNormalization": Case("GroupNormalization", {"groups": 2}, (3, 5, 4, 6)),
        "GroupNormalization-rows": Case("GroupNormalization", {"groups": 3}, (5, 6)),
        "GroupNormalization-one": Case("GroupNormalization", {"groups": 1, "epsilon": 0.1}, (3, 5, 4)),
        "GroupNormalization-each": Case("GroupNormalization", {"groups": -1}, (3, 5, 4)),
        "GroupNormalization-axis-1": Case("GroupNormalization", {"groups": 2, "axis": 1}, (3, 4, 5, 2)),
        "GroupNormalization-middle": Case("GroupNormalization", {"groups": 2, "axis": 2}, (3, 5, 4, 19)),
        "GroupNormalization-bare": Case(
            "GroupNormalization", {"groups": 2, "center": False, "scale": False}, (3, 5, 4)
        ),
    },
    weights={
        "BatchNormalization": ["gamma", "beta", "moving_mean", "moving_variance"],
        "LayerNormalization": ["gamma", "beta"],
        "RMSNormalization": ["scale"],
        "GroupNormalization": ["gamma", "beta"],
    },
    state={"moving_mean", "moving_variance"},
    noisy={"BatchNormalization"},
)
