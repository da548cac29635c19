"""Embedding and Masking."""

from __future__ import annotations

from families import Case, Family, Row

FAMILY = Family(
    contract=[
        Row("Embedding", {"input_dim": 7, "output_dim": 5}, (4, 3), (4, 3, 5), integers=7),
        Row("Embedding", {"input_dim": 7, "output_dim": 5, "mask_zero": True}, (4, 2, 3), (4, 2, 3, 5), integers=7),
        Row("Embedding", {"input_dim": 7, "output_dim": 5}, (4,), (4, 5), integers=7),
        Row("Masking", {"mask_value": 1.5}, (4, 3, 2), (4, 3, 2)),
    ],
    golden={
        "Embedding": Case("Embedding", {"input_dim": 9, "output_dim": 4}, (5, 6), integers=9),
        "Embedding-rows": Case("Embedding", {"input_dim": 9, "output_dim": 4}, (5,), integers=9),
        "Embedding-3d": Case("Embedding", {"input_dim": 30, "output_dim": 3}, (2, 3, 4), integers=30),
        "Embedding-mask": Case("Embedding", {"input_dim": 5, "output_dim": 17, "mask_zero": True}, (5, 6), integers=5),
        "Masking": Case("Masking", {}, (4, 3, 2)),
        "Masking-mask": Case("Masking", {}, (4, 3, 2), mask=True),
        "Masking-integers": Case("Masking", {"mask_value": 1.0}, (6, 4, 1), integers=3),
    },
    weights={"Embedding": ["embeddings"]},
)
