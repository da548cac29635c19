"""The same numbers in another shape."""

from __future__ import annotations

from families import Case, Family, Row

FAMILY = Family(
    contract=[
        Row("Flatten", {}, (4, 3, 2), (4, 6)),
        Row("Reshape", {"target_shape": (3, 2)}, (4, 6), (4, 3, 2)),
        Row("Permute", {"dims": (2, 1)}, (4, 3, 2), (4, 2, 3)),
        Row("RepeatVector", {"n": 2}, (4, 3), (4, 2, 3)),
    ],
    golden={
        "Flatten": Case("Flatten", {}, (3, 2, 4)),
        "Flatten-1d": Case("Flatten", {}, (3,)),
        "Flatten-channels-first": Case("Flatten", {"data_format": "channels_first"}, (3, 2, 4, 2)),
        "Reshape": Case("Reshape", {"target_shape": [3, -1]}, (2, 12)),
        "Permute": Case("Permute", {"dims": [3, 1, 2]}, (2, 3, 4, 5)),
        "RepeatVector": Case("RepeatVector", {"n": 3}, (2, 4)),
    },
)
