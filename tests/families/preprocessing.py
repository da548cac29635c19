"""Layers that prepare data."""

from __future__ import annotations

from families import Case, Family, Row

GIVEN = {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 1.0, 0.0]}
INVERTED = {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 1.0, 9.0], "invert": True}
ONE = {"axis": None, "mean": 0.5, "variance": 2.0}

FAMILY = Family(
    contract=[
        Row("Normalization", {"mean": [0.0, 1.0, 2.0], "variance": [1.0, 1.0, 4.0]}, (4, 3), (4, 3)),
        Row("Normalization", {}, (4, 3), (4, 3)),
        Row("Rescaling", {"scale": 0.5, "offset": 1.0}, (4, 3), (4, 3)),
        Row("Rescaling", {"scale": [1.0, 2.0, 3.0]}, (4, 3), (4, 3)),
    ],
    golden={
        "Normalization": Case("Normalization", GIVEN, (4, 3), sets_weights=False),
        "Normalization-one": Case("Normalization", ONE, (4, 3), sets_weights=False),
        "Normalization-invert": Case("Normalization", INVERTED, (4, 3), sets_weights=False),
        "Rescaling": Case("Rescaling", {"scale": 0.25, "offset": -1.0}, (4, 3)),
        "Rescaling-array": Case("Rescaling", {"scale": [1.0, 2.0, 3.0], "offset": [0.0, 1.0, 2.0]}, (4, 3)),
    },
    weights={"Normalization": ["mean", "variance"]},
    state={"mean", "variance"},
)
