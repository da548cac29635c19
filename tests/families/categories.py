"""Layers that make categories into indices and vectors; tests/python/test_text_*.py has the rest about them."""

from __future__ import annotations

from families import Case, Family, Row

BORDERS = [-1.0, 0.0, 0.5]

FAMILY = Family(
    contract=[
        Row("CategoryEncoding", {"num_tokens": 5}, (4, 3), (4, 5), integers=5),
        Row("CategoryEncoding", {"num_tokens": 5, "output_mode": "count"}, (4, 2, 3), (4, 2, 5), integers=5),
        Row("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}, (4, 3), (4, 3, 5), integers=5),
        Row("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}, (4, 1), (4, 5), integers=5),
        Row("Discretization", {"bin_boundaries": BORDERS, "output_mode": "one_hot"}, (4, 3), (4, 3, 4)),
        Row("Discretization", {"bin_boundaries": BORDERS, "output_mode": "count"}, (4, 3), (4, 4)),
    ],
    golden={
        "CategoryEncoding": Case("CategoryEncoding", {"num_tokens": 6}, (4, 3), integers=6),
        "CategoryEncoding-count": Case(
            "CategoryEncoding", {"num_tokens": 6, "output_mode": "count"}, (4, 7), integers=6
        ),
        "CategoryEncoding-one_hot": Case(
            "CategoryEncoding", {"num_tokens": 6, "output_mode": "one_hot"}, (4, 3), integers=6
        ),
        "CategoryEncoding-one_hot-column": Case(
            "CategoryEncoding", {"num_tokens": 6, "output_mode": "one_hot"}, (4, 1), integers=6
        ),
    },
    without_golden={
        "Discretization": "its result has no history; tests/python/test_text_categories.py has Keras's values",
        "Hashing": "Keras needs TensorFlow for it; test_text_hashing.py has its documented values",
        "HashedCrossing": "Keras needs TensorFlow for it; test_text_hashing.py has its documented values",
        "IntegerLookup": "Keras needs TensorFlow for it; test_text_lookup.py has its documented values",
        "StringLookup": "Keras needs TensorFlow for it; test_text_lookup.py has its documented values",
        "TextVectorization": "Keras needs TensorFlow for it; test_text_layers.py has its documented values",
    },
    without_contract={
        "Hashing": "gives integers",
        "HashedCrossing": "gives integers",
        "IntegerLookup": "gives integers, and nothing before it has a vocabulary",
        "StringLookup": "takes strings",
        "TextVectorization": "takes strings",
    },
)
