"""Layers of several inputs."""

from __future__ import annotations

from families import Case, Family, Row

SAME = [(4, 3, 2), (4, 3, 2)]
BROADCAST = [(4, 3, 2), (4, 1, 2), (4, 2)]  # Keras puts missing axes behind the rows
THREE = [(3, 4), (3, 4), (3, 4)]

FAMILY = Family(
    contract=[
        Row("Add", {}, SAME, (4, 3, 2)),
        Row("Add", {}, BROADCAST, (4, 3, 2)),
        Row("Subtract", {}, SAME, (4, 3, 2)),
        Row("Multiply", {}, SAME, (4, 3, 2)),
        Row("Average", {}, THREE, (3, 4)),
        Row("Maximum", {}, SAME, (4, 3, 2)),
        Row("Minimum", {}, SAME, (4, 3, 2)),
        Row("Concatenate", {}, [(4, 3, 2), (4, 3, 5)], (4, 3, 7)),
        Row("Concatenate", {"axis": 1}, [(4, 3, 2), (4, 1, 2)], (4, 4, 2)),
        Row("Dot", {"axes": 1}, [(4, 3), (4, 3)], (4, 1)),
        Row("Dot", {"axes": (2, 1), "normalize": True}, [(4, 2, 3), (4, 3, 5)], (4, 2, 5), tolerance=1e-5),
    ],
    golden={
        **{
            f"{name}-mask": Case(name, {}, [(6, 5, 4)] * inputs, mask=True)
            for name, inputs in (
                *(("Add", 2), ("Multiply", 3), ("Average", 2), ("Maximum", 3), ("Minimum", 2), ("Subtract", 2)),
                ("Concatenate", 3),
            )
        },
        "Concatenate-mask-time": Case("Concatenate", {"axis": 1}, [(6, 5, 4), (6, 2, 4)], mask=True),
        "Dot-mask": Case("Dot", {"axes": 2}, [(6, 5, 4), (6, 2, 4)], mask=True),
        **{
            f"{name}-{label}": Case(name, {}, shapes)
            for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")
            for label, shapes in {"three": THREE, "broadcast": BROADCAST, "one": [(3, 4)]}.items()
        },
        "Subtract": Case("Subtract", {}, SAME),
        "Subtract-broadcast": Case("Subtract", {}, [(4, 3, 2), (4, 2)]),
        "Concatenate": Case("Concatenate", {}, [(4, 3, 2), (4, 3, 5), (4, 3, 1)]),
        "Concatenate-1": Case("Concatenate", {"axis": 1}, [(4, 3, 2), (4, 1, 2)]),
        "Concatenate--2": Case("Concatenate", {"axis": -2}, [(4, 3, 2), (4, 1, 2)]),
        "Concatenate-images": Case("Concatenate", {}, [(2, 3, 3, 2), (2, 3, 3, 5)]),
        "Dot-vectors": Case("Dot", {"axes": -1}, [(4, 3), (4, 3)]),
        "Dot-1": Case("Dot", {"axes": 1}, [(4, 3, 2), (4, 3, 5)]),
        "Dot-axes": Case("Dot", {"axes": [2, 1]}, [(4, 2, 3), (4, 3, 5)]),
        "Dot-normalize": Case("Dot", {"axes": [2, 2], "normalize": True}, [(4, 2, 3), (4, 5, 3)]),
        "Dot-matrix-vector": Case("Dot", {"axes": [2, 1]}, [(4, 2, 3), (4, 3)]),
        "Dot-vector-matrix": Case("Dot", {"axes": [1, 2]}, [(4, 3), (4, 2, 3)]),
        "Dot-four-axes": Case("Dot", {"axes": [3, 1]}, [(2, 3, 2, 4), (2, 4, 3, 2)]),
    },
)
