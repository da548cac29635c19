"""Convolutions: plain, transposed, depthwise, separable, over one to three axes."""

from __future__ import annotations

from typing import Any

from families import Case, Family, Row, Shape


def first(**settings: Any) -> dict[str, Any]:
    return {**settings, "data_format": "channels_first"}


def case(label: str, arguments: dict[str, Any], inputs: Shape) -> tuple[str, Case]:
    return label, Case(label.split("-")[0], arguments, inputs)


def double_of_my_own(x: Any) -> Any:
    return x + x


CONV = {"filters": 5, "kernel_size": 3}
WIDE = {"kernel_size": 3, "depth_multiplier": 2}

FAMILY = Family(
    contract=[
        Row("Conv1D", CONV | {"padding": "causal", "dilation_rate": 2}, (4, 7, 3), (4, 7, 5)),
        Row("Conv2D", CONV | {"activation": "relu"}, (4, 7, 6, 3), (4, 5, 4, 5)),
        Row("Conv2D", CONV | {"activation": double_of_my_own, "strides": 2}, (4, 7, 6, 3), (4, 3, 2, 5)),
        Row("Conv2D", first(filters=4, kernel_size=(2, 3), groups=2, padding="same"), (4, 2, 6, 7), (4, 4, 6, 7)),
        Row("Conv3D", CONV | {"padding": "same", "strides": (1, 2, 1)}, (2, 4, 5, 3, 2), (2, 4, 3, 3, 5)),
        Row("Conv1DTranspose", CONV | {"strides": 2}, (4, 5, 3), (4, 11, 5)),
        Row("Conv2DTranspose", CONV | {"strides": 2, "padding": "same"}, (4, 3, 5, 3), (4, 6, 10, 5)),
        Row("Conv3DTranspose", CONV | {"activation": "tanh"}, (2, 3, 2, 3, 2), (2, 5, 4, 5, 5)),
        Row("DepthwiseConv1D", WIDE, (4, 7, 3), (4, 5, 6)),
        Row(
            "DepthwiseConv2D", {"kernel_size": 3, "activation": "relu6", "padding": "same"}, (4, 5, 6, 3), (4, 5, 6, 3)
        ),
        Row("SeparableConv1D", CONV | {"depth_multiplier": 2}, (4, 7, 3), (4, 5, 5)),
        Row("SeparableConv2D", CONV | {"activation": "gelu", "strides": 2}, (4, 7, 6, 3), (4, 3, 2, 5)),
    ],
    golden=dict(
        [
            case("Conv1D", CONV, (3, 8, 2)),
            case("Conv1D-same-strides", CONV | {"padding": "same", "strides": 3}, (3, 8, 2)),
            case("Conv1D-causal", CONV | {"padding": "causal"}, (3, 8, 2)),
            case("Conv1D-causal-dilation", CONV | {"padding": "causal", "dilation_rate": 3}, (3, 8, 2)),
            case("Conv1D-causal-strides", CONV | {"padding": "causal", "strides": 2}, (3, 8, 2)),
            case("Conv1D-first", first(filters=4, kernel_size=2, strides=2), (3, 2, 7)),
            case("Conv2D", CONV, (2, 6, 7, 3)),
            case("Conv2D-relu", CONV | {"activation": "relu"}, (2, 6, 7, 3)),
            case("Conv2D-gelu", CONV | {"activation": "gelu", "padding": "same"}, (2, 6, 7, 3)),
            case("Conv2D-sigmoid", CONV | {"activation": "sigmoid"}, (2, 5, 5, 1)),
            case("Conv2D-softmax", CONV | {"activation": "softmax"}, (2, 5, 5, 1)),
            case("Conv2D-no-bias", CONV | {"use_bias": False, "activation": "tanh"}, (2, 6, 7, 3)),
            case("Conv2D-same", CONV | {"padding": "same"}, (2, 6, 7, 3)),
            case("Conv2D-same-even", {"filters": 3, "kernel_size": (2, 4), "padding": "same"}, (2, 5, 6, 2)),
            case("Conv2D-same-strides-even", CONV | {"padding": "same", "strides": 2}, (2, 6, 8, 2)),
            case("Conv2D-same-strides-odd", CONV | {"padding": "same", "strides": (2, 3)}, (2, 7, 9, 2)),
            case(
                "Conv2D-same-wide-strides",
                {"filters": 2, "kernel_size": 2, "strides": 5, "padding": "same"},
                (2, 7, 9, 2),
            ),
            case("Conv2D-strides", {"filters": 3, "kernel_size": (3, 2), "strides": (2, 1)}, (2, 7, 6, 2)),
            case("Conv2D-dilation", CONV | {"dilation_rate": (2, 3)}, (2, 7, 9, 2)),
            case("Conv2D-same-dilation", CONV | {"dilation_rate": 2, "padding": "same"}, (2, 4, 6, 2)),
            case("Conv2D-groups", {"filters": 6, "kernel_size": 3, "groups": 3, "padding": "same"}, (2, 4, 5, 6)),
            case("Conv2D-groups-strides", {"filters": 4, "kernel_size": 2, "groups": 2, "strides": 2}, (2, 5, 4, 6)),
            case("Conv2D-one", {"filters": 4, "kernel_size": 1}, (2, 3, 4, 5)),
            case("Conv2D-one-strides", {"filters": 4, "kernel_size": 1, "strides": 2}, (2, 5, 4, 5)),
            case("Conv2D-first", first(filters=4, kernel_size=3, strides=2, padding="same"), (2, 3, 6, 5)),
            case("Conv2D-first-groups", first(filters=4, kernel_size=3, groups=2, activation="elu"), (2, 4, 6, 5)),
            case("Conv3D", {"filters": 3, "kernel_size": 2}, (2, 3, 4, 3, 2)),
            case(
                "Conv3D-same",
                {"filters": 2, "kernel_size": (3, 1, 2), "strides": (2, 1, 2), "padding": "same"},
                (2, 4, 3, 5, 2),
            ),
            case("Conv3D-first", first(filters=2, kernel_size=2, dilation_rate=2), (1, 2, 4, 3, 4)),
            case("Conv1DTranspose", CONV, (3, 4, 2)),
            case("Conv1DTranspose-strides", CONV | {"strides": 4}, (3, 4, 2)),
            case("Conv1DTranspose-same", CONV | {"strides": 2, "padding": "same"}, (3, 4, 2)),
            case(
                "Conv1DTranspose-same-even",
                {"filters": 2, "kernel_size": 4, "strides": 3, "padding": "same"},
                (3, 4, 2),
            ),
            case("Conv1DTranspose-dilation", CONV | {"dilation_rate": 2}, (3, 4, 2)),
            case("Conv2DTranspose", CONV | {"activation": "relu"}, (2, 3, 4, 2)),
            case("Conv2DTranspose-strides", CONV | {"strides": 2}, (2, 3, 4, 2)),
            case("Conv2DTranspose-same", CONV | {"strides": (2, 3), "padding": "same"}, (2, 3, 4, 2)),
            case(
                "Conv2DTranspose-same-2x2",
                {"filters": 3, "kernel_size": 2, "strides": 2, "padding": "same"},
                (2, 3, 4, 2),
            ),
            case(
                "Conv2DTranspose-same-short",
                {"filters": 3, "kernel_size": 2, "strides": 3, "padding": "same"},
                (2, 3, 4, 2),
            ),
            case("Conv2DTranspose-output", CONV | {"strides": 2, "output_padding": 1}, (2, 3, 4, 2)),
            case("Conv2DTranspose-output-0", CONV | {"strides": 3, "output_padding": (0, 2)}, (2, 3, 4, 2)),
            case(
                "Conv2DTranspose-same-output",
                CONV | {"strides": 2, "padding": "same", "output_padding": 1},
                (2, 3, 4, 2),
            ),
            case(
                "Conv2DTranspose-same-output-0",
                CONV | {"strides": 3, "padding": "same", "output_padding": (0, 1)},
                (2, 3, 4, 2),
            ),
            case(
                "Conv2DTranspose-first",
                first(filters=3, kernel_size=3, strides=2, padding="same", activation="gelu"),
                (2, 2, 3, 4),
            ),
            case("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "strides": (1, 2, 3)}, (2, 2, 3, 2, 2)),
            case(
                "Conv3DTranspose-same",
                {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"},
                (1, 2, 3, 2, 2),
            ),
            case("DepthwiseConv1D", WIDE, (3, 7, 2)),
            case("DepthwiseConv1D-same", WIDE | {"padding": "same", "strides": 2}, (3, 7, 2)),
            case("DepthwiseConv2D", {"kernel_size": 3}, (2, 5, 6, 3)),
            case("DepthwiseConv2D-same", {"kernel_size": 3, "padding": "same", "activation": "relu"}, (2, 5, 6, 17)),
            case("DepthwiseConv2D-strides", {"kernel_size": 3, "padding": "same", "strides": 2}, (2, 6, 7, 18)),
            case("DepthwiseConv2D-multiplier", WIDE | {"padding": "same", "activation": "silu"}, (2, 5, 6, 3)),
            case("DepthwiseConv2D-dilation", {"kernel_size": 3, "dilation_rate": 2, "use_bias": False}, (2, 7, 6, 3)),
            case("DepthwiseConv2D-first", first(**WIDE, strides=2), (2, 3, 7, 5)),
            case("SeparableConv1D", CONV, (3, 7, 2)),
            case("SeparableConv1D-same", CONV | {"padding": "same", "depth_multiplier": 3, "strides": 2}, (3, 7, 2)),
            case("SeparableConv2D", CONV | {"activation": "relu"}, (2, 5, 6, 3)),
            case("SeparableConv2D-dilation", CONV | {"dilation_rate": 2, "depth_multiplier": 2}, (2, 6, 7, 3)),
            case("SeparableConv2D-first", first(**CONV, strides=2, padding="same", activation="gelu"), (2, 3, 7, 5)),
        ]
    ),
    weights={
        **{f"Conv{n}D{t}": ["kernel", "bias"] for n in (1, 2, 3) for t in ("", "Transpose")},
        **{f"DepthwiseConv{n}D": ["kernel", "bias"] for n in (1, 2)},
        **{f"SeparableConv{n}D": ["depthwise_kernel", "pointwise_kernel", "bias"] for n in (1, 2)},
    },
)
