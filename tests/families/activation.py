"""Activations that are layers."""

from __future__ import annotations

from families import Case, Family, Row

FAMILY = Family(
    contract=[
        Row("ReLU", {"max_value": 1.0}, (4, 3), (4, 3)),
        Row("LeakyReLU", {}, (4, 3), (4, 3)),
        Row("PReLU", {"shared_axes": [1]}, (4, 3, 2), (4, 3, 2)),
        Row("ELU", {"alpha": 0.5}, (4, 3), (4, 3)),
        Row("Softmax", {}, (4, 3), (4, 3)),
        Row("Softmax", {"axis": [1, 2]}, (4, 3, 2), (4, 3, 2)),
    ],
    golden={
        "ReLU-mask": Case("ReLU", {}, (4, 5, 3), mask=True),
        "PReLU-mask": Case("PReLU", {}, (4, 5, 3), mask=True),
        "Softmax-mask": Case("Softmax", {}, (6, 5), mask=True),  # of the elements
        "ReLU": Case("ReLU", {}, (4, 3)),
        "ReLU-all": Case("ReLU", {"max_value": 1.5, "negative_slope": 0.2, "threshold": 0.3}, (6, 5)),
        "ReLU-max": Case("ReLU", {"max_value": 1.0}, (6, 5)),
        "ReLU-slope": Case("ReLU", {"negative_slope": 0.1}, (6, 5)),
        "LeakyReLU": Case("LeakyReLU", {}, (4, 3)),
        "PReLU": Case("PReLU", {}, (4, 3, 2)),
        "PReLU-shared": Case("PReLU", {"shared_axes": [1]}, (4, 3, 2)),
        "ELU": Case("ELU", {"alpha": 0.5}, (4, 3)),
        "Softmax": Case("Softmax", {}, (4, 3)),
        "Softmax-axis": Case("Softmax", {"axis": 1}, (4, 3, 2)),
        "Softmax-axes": Case("Softmax", {"axis": [1, 2]}, (4, 3, 2)),
    },
    weights={"PReLU": ["alpha"]},
)
