"""EinsumDense: products over named axes."""

from __future__ import annotations

from families import Case, Family, Row


def case(equation: str, output_shape: object, inputs: tuple[int, ...], **arguments: object) -> Case:
    return Case("EinsumDense", {"equation": equation, "output_shape": output_shape, **arguments}, inputs)


FAMILY = Family(
    contract=[
        Row("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 6, "bias_axes": "c"}, (4, 3), (4, 6)),
        Row(
            "EinsumDense",
            {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de", "activation": "tanh"},
            (4, 5, 3),
            (4, 5, 2, 3),
        ),
        Row("EinsumDense", {"equation": "...x,yx->...y", "output_shape": 2, "bias_axes": "y"}, (4, 5, 3), (4, 5, 2)),
    ],
    golden={
        "EinsumDense": case("ab,bc->ac", 6, (5, 3), bias_axes="c"),
        "EinsumDense-activation": case("ab,bc->ac", 6, (5, 3), bias_axes="c", activation="gelu"),
        "EinsumDense-softmax": case("abc,cd->abd", [None, 4], (5, 2, 3), bias_axes="d", activation="softmax"),
        "EinsumDense-heads": case("abc,cde->abde", [None, 2, 4], (3, 5, 6), bias_axes="de"),
        "EinsumDense-heads-sigmoid": case("abc,cde->abde", [5, 2, 4], (3, 5, 6), bias_axes="de", activation="sigmoid"),
        "EinsumDense-joined": case("abcd,cde->abe", [None, 7], (3, 5, 2, 4), bias_axes="e"),
        "EinsumDense-ellipsis": case("...x,xy->...y", 4, (3, 2, 5, 6), bias_axes="y"),
        "EinsumDense-ellipsis-two": case("...xy,xyz->...z", 4, (3, 2, 5, 6), bias_axes="z"),
        "EinsumDense-behind": case("ab...,bc->ac...", 4, (3, 6, 5, 2), bias_axes="c"),
        "EinsumDense-turned": case("abc,dc->abd", [None, 4], (3, 5, 6)),
        "EinsumDense-middle": case("abc,bd->adc", [4, 6], (3, 5, 6), bias_axes="d"),
        "EinsumDense-first": case("abc,cd->adb", [4, 5], (3, 5, 6), bias_axes="db"),
        "EinsumDense-batched": case("abc,bcd->abd", [5, 4], (3, 5, 6), bias_axes="bd"),
        "EinsumDense-some-bias": case("abc,cde->abde", [None, 2, 4], (3, 5, 6), bias_axes="d"),
        "EinsumDense-scaled": case("abc,c->abc", [None, 6], (3, 5, 6)),
        "EinsumDense-summed": case("abc,d->ad", 4, (3, 5, 6)),
    },
    weights={"EinsumDense": ["kernel", "bias"]},
)
