"""Attention: heads over projections, and plain scores; masks, causality, shared keys."""

from __future__ import annotations

from typing import Any

from families import Bits, Case, Family, Row

# Of the weights: larger ones make scores whose exponentials amplify the rounding of float32.
SPREAD = 0.5


def heads(arguments: dict[str, Any], query: Any = (3, 4, 5), **further: Any) -> Case:
    """MultiHeadAttention of a query to a value of 6 steps."""
    settings = {"num_heads": 2, "key_dim": 3, **arguments}
    case = {name: further.pop(name) for name in ("mask", "reference") if name in further}
    return Case("MultiHeadAttention", settings, query, call={"value": (3, 6, 5), **further}, spread=SPREAD, **case)


def groups(arguments: dict[str, Any], **further: Any) -> Case:
    settings = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, **arguments}
    return Case("GroupQueryAttention", settings, (3, 4, 5), call={"value": (3, 6, 5), **further}, spread=SPREAD)


SCORES = {"return_attention_scores": True}
CAUSAL = {"use_causal_mask": True}
HEADS = {"num_heads": 2, "key_dim": 3}
GROUPS = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
PARTS = [f"{part}/{kind}" for part in ("query", "key", "value", "attention_output") for kind in ("kernel", "bias")]

PAIR = [(4, 5, 3), (4, 7, 3)]


def scores(layer: str, label: str, arguments: dict[str, Any]) -> dict[str, Case]:
    """Attention of a query to a value of 7 steps, in all ways of being called."""
    keyed = [(4, 5, 3), (4, 7, 2), (4, 7, 3)]
    return {
        label: Case(layer, arguments, PAIR),
        f"{label}-key": Case(layer, arguments, keyed),
        f"{label}-masks": Case(layer, arguments, keyed, mask=True),
        f"{label}-causal": Case(layer, arguments, keyed, call=CAUSAL),
        f"{label}-scores": Case(layer, arguments, keyed, mask=True, call=SCORES),
        f"{label}-causal-scores": Case(layer, arguments, PAIR, call={**SCORES, **CAUSAL}),
    }


FAMILY = Family(
    contract=[
        Row("MultiHeadAttention", HEADS, (4, 5, 6), (4, 5, 6), call={"value": (4, 7, 6)}),
        Row(
            "MultiHeadAttention",
            {**HEADS, "value_dim": 4, "output_shape": 2},
            (4, 5, 6),
            [(4, 5, 2), (4, 2, 5, 7)],
            call={"value": (4, 7, 3), "key": (4, 7, 2), **SCORES},
        ),
        Row(
            "Attention",
            {"use_scale": True, "score_mode": "concat"},
            [(4, 5, 3), (4, 7, 2), (4, 7, 3)],
            (4, 5, 2),
            mask=True,
        ),
        Row("AdditiveAttention", {}, PAIR, (4, 5, 3), mask=True),
        Row("AdditiveAttention", {}, PAIR, [(4, 5, 3), (4, 5, 7)], call={**SCORES, **CAUSAL}),
        Row("GroupQueryAttention", GROUPS, (4, 5, 6), (4, 5, 6), call={"value": (4, 7, 6), **CAUSAL}),
    ],
    golden={
        "MultiHeadAttention": heads({}),
        "MultiHeadAttention-key": heads({}, key=(3, 6, 7)),
        "MultiHeadAttention-one-head": heads({"num_heads": 1, "key_dim": 1}),
        "MultiHeadAttention-value-dim": heads({"value_dim": 7, "key_dim": 1}),
        "MultiHeadAttention-no-bias": heads({"use_bias": False}),
        "MultiHeadAttention-output": heads({"output_shape": 7}),
        "MultiHeadAttention-outputs": heads({"output_shape": [2, 3]}),
        "MultiHeadAttention-gate": heads({"use_gate": True, "value_dim": 2}),
        "MultiHeadAttention-scores": heads({}, **SCORES),
        "MultiHeadAttention-causal": heads({}, **CAUSAL),
        "MultiHeadAttention-causal-scores": heads({"value_dim": 2}, **CAUSAL, **SCORES),
        "MultiHeadAttention-window": heads({"sliding_window": 4}),
        "MultiHeadAttention-window-causal": heads({"sliding_window": 2}, **CAUSAL),
        "MultiHeadAttention-mask-4": heads({}, attention_mask=Bits((3, 2, 4, 6))),
        "MultiHeadAttention-mask-3": heads({}, attention_mask=Bits((3, 4, 6))),
        "MultiHeadAttention-mask-2": heads({}, attention_mask=Bits((4, 6))),
        "MultiHeadAttention-mask-scores": heads({}, attention_mask=Bits((3, 4, 6)), **SCORES),
        "MultiHeadAttention-mask-one-query": heads({}, attention_mask=Bits((3, 1, 6))),
        "MultiHeadAttention-value-mask": heads({}, value_mask=Bits((3, 6))),
        "MultiHeadAttention-key-mask": heads({}, key=(3, 6, 5), key_mask=Bits((3, 6))),
        "MultiHeadAttention-all-masks": heads({}, value_mask=Bits((3, 6)), attention_mask=Bits((3, 4, 6)), **SCORES),
        "MultiHeadAttention-squares": Case(
            "MultiHeadAttention", HEADS, (3, 2, 4, 5), call={"value": (3, 3, 2, 5), **SCORES}
        ),
        **scores("Attention", "Attention", {}),
        **scores("Attention", "Attention-scale", {"use_scale": True}),
        **scores("Attention", "Attention-concat", {"score_mode": "concat"}),
        **scores("Attention", "Attention-concat-scale", {"score_mode": "concat", "use_scale": True}),
        **scores("AdditiveAttention", "AdditiveAttention", {}),
        **scores("AdditiveAttention", "AdditiveAttention-no-scale", {"use_scale": False}),
        "GroupQueryAttention": groups({}),
        "GroupQueryAttention-key": groups({}, key=(3, 6, 5)),
        "GroupQueryAttention-single": groups({"num_key_value_heads": 1, "use_bias": False}),
        "GroupQueryAttention-each": groups({"num_key_value_heads": 4}, **SCORES),
        "GroupQueryAttention-causal": groups({}, **CAUSAL),
        "GroupQueryAttention-mask": groups({}, attention_mask=Bits((3, 4, 6)), **SCORES),
        "GroupQueryAttention-value-mask": groups({}, value_mask=Bits((3, 6))),
        "GroupQueryAttention-window": groups({"sliding_window": 3}, **CAUSAL),
        "GroupQueryAttention-gate": groups({"use_gate": True}),
    },
    weights={
        "Attention": ["scale", "concat_score_weight"],
        "AdditiveAttention": ["scale"],
        "MultiHeadAttention": PARTS,
        "GroupQueryAttention": PARTS,
    },
)
