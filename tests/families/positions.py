"""Positions, and embeddings that go both ways."""

from __future__ import annotations

from families import Case, Family, Row

REVERSED = {"reverse": True}
TABLE = {"input_dim": 7, "output_dim": 3}
KERASHUB = "in KerasHub, not in Keras; compared with its formula in test_positions.py"

FAMILY = Family(
    contract=[
        Row("PositionEmbedding", {"sequence_length": 9}, (4, 5, 3), (4, 5, 3)),
        Row("PositionEmbedding", {"sequence_length": 9}, (4, 5, 3), (4, 5, 3), call={"start_index": 4}),
        Row("SinePositionEncoding", {}, (4, 5, 3), (4, 5, 3)),
        Row("RotaryEmbedding", {}, (4, 5, 2, 6), (4, 5, 2, 6), mask=True),
        Row("RotaryEmbedding", {"sequence_axis": 2, "feature_axis": 1}, (4, 6, 5), (4, 6, 5)),
        Row(
            "TokenAndPositionEmbedding",
            {"vocabulary_size": 7, "sequence_length": 9, "embedding_dim": 3},
            (4, 5),
            (4, 5, 3),
            integers=7,
        ),
        Row("ReversibleEmbedding", {**TABLE, "tie_weights": False}, (4, 5), (4, 5, 3), integers=7),
        Row(
            "ReversibleEmbedding",
            {**TABLE, "tie_weights": False, "logit_soft_cap": 2.0},
            (4, 5, 3),
            (4, 5, 7),
            call=REVERSED,
        ),
    ],
    golden={
        "ReversibleEmbedding": Case("ReversibleEmbedding", TABLE, (4, 5), integers=7),
        "ReversibleEmbedding-reverse": Case("ReversibleEmbedding", TABLE, (4, 5, 3), call=REVERSED),
        "ReversibleEmbedding-cap": Case(
            "ReversibleEmbedding", {**TABLE, "logit_soft_cap": 1.5}, (4, 5, 3), call=REVERSED
        ),
    },
    weights={
        "PositionEmbedding": ["embeddings"],
        "TokenAndPositionEmbedding": ["token_embedding/embeddings", "position_embedding/embeddings"],
        "ReversibleEmbedding": ["embeddings", "reverse_embeddings"],
    },
    without_golden={
        "PositionEmbedding": KERASHUB,
        "SinePositionEncoding": KERASHUB,
        "RotaryEmbedding": KERASHUB,
        "TokenAndPositionEmbedding": KERASHUB,
    },
)
