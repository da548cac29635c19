"""What convolutions say about wrong arguments and inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ranvier import _core, layers, ops

IMAGES = np.zeros((4, 28, 28), "float32")
COLOURED = np.zeros((4, 9, 9, 3), "float32")
MESSAGES: list[tuple[Any, str]] = [
    (lambda: layers.Conv2D(8, 3, name="c")(IMAGES), r"\[c\] expected .* rank 4 \(batch, height, width, channels\)"),
    (lambda: layers.Conv2D(8, 3)(IMAGES), r"shape \(None, 28, 28\); add a channel axis: x\[..., None\]\."),
    (lambda: layers.Conv2D(8, 3)(COLOURED[0]), r"a single sample needs a batch axis: x\[None\]\."),
    (lambda: layers.Conv2D(8, 3, data_format="channels_first")(IMAGES), r"add a channel axis: x\[:, None\]\."),
    (lambda: layers.Conv1D(8, 3)(IMAGES[0]), r"rank 3 \(batch, steps, channels\)"),
    (lambda: layers.Conv3D(8, 3)(COLOURED), r"rank 5 \(batch, depth, height, width, channels\)"),
    (lambda: layers.Conv2D(8, 3)(IMAGES[0, 0]), r"rank 4 .* received x with shape \(28,\)\."),
    (lambda: layers.Conv2D(8, 10, name="c")(COLOURED), r"\[c\] expected at least 10 along axis 1 .* window of 10"),
    (lambda: layers.Conv2D(8, 10)(COLOURED), "use padding='same' or a smaller kernel"),
    (lambda: layers.Conv2D(8, (1, 4), dilation_rate=3)(COLOURED), "at least 10 along axis 2 .* 4 with dilation 3"),
    (lambda: layers.Conv2D(8, 3, groups=2, name="c")(COLOURED), r"\[c\] .*divisible by groups=2, received 3 channels"),
    (lambda: layers.Conv2D(8, 3, groups=3), "filters divisible by groups, received filters=8, groups=3"),
    (lambda: layers.Conv2D(8, 3, strides=2, dilation_rate=2), r"strides=\(2, 2\), dilation_rate=\(2, 2\)"),
    (lambda: layers.Conv2DTranspose(8, 3, strides=2, dilation_rate=2), "strides or dilation_rate above 1"),
    (lambda: layers.Conv2DTranspose(8, 3, strides=2, output_padding=2), r"less than the strides \(2, 2\)"),
    (lambda: layers.Conv2D(0, 3), "filters: expected a positive int, received 0"),
    (lambda: layers.Conv2D(8, (3, 3, 3)), r"kernel_size: expected .* received \(3, 3, 3\)"),
    (lambda: layers.Conv2D(8, 3, strides=0), "strides: expected .* received 0"),
    (lambda: layers.Conv2D(8, 3, padding="full"), "padding: expected .* received 'full'"),
    (lambda: layers.Conv2D(8, 3, padding="causal"), "padding: expected .* received 'causal'"),
    (lambda: layers.Conv2D(8, 3, data_format="NCHW"), "data_format: expected 'channels_last' or 'channels_first'"),
    (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "depth_multiplier: expected a positive int"),
    (
        lambda: layers.Conv2D(8, 3).build((None, 9, 9, None)),
        r"known number of channels on axis 3, .*\(None, 9, 9, None\)",
    ),
    (lambda: layers.Conv2D(8, 2**31).build((None, 9, 9, 3)), "kernel size from 1 to 2.*30, received 2147483648"),
    (lambda: layers.Conv2DTranspose(8, 3, strides=2**30)(COLOURED), "address|memory|large"),
    (lambda: layers.DepthwiseConv2D(1, depth_multiplier=2**62).build((None, 9, 9, 3)), "below 2.*63"),
    (lambda: layers.Conv2D(8, 3).compute_output_shape((None, 2, 2, 3)), "at least 3 along axis 1"),
    (lambda: ops.conv(COLOURED, np.zeros((3, 3, 2, 4))), "conv: expected a multiple of 2 channels"),
    (lambda: ops.conv(COLOURED, np.zeros((3, 3, 1, 4))), "conv: expected filters divisible by the 3 groups"),
    (lambda: ops.conv(COLOURED, np.zeros((3, 3, 4))), r"conv: expected x of rank 3 .* received shape \(4, 9, 9, 3\)"),
    (lambda: ops.conv(COLOURED, np.zeros((9, 4))), "conv: expected a kernel of rank 3 to 5"),
    (lambda: ops.conv(COLOURED, np.zeros((3, 3, 3, 0))), "kernel with elements"),
    (lambda: ops.conv(COLOURED, np.zeros((3, 3, 3, 4)), strides=(1, 2, 3)), "conv: expected 2 numbers in strides"),
    (lambda: ops.conv(COLOURED, np.zeros((3, 3, 3, 4)), padding="full"), "padding: expected 'valid'"),
    (lambda: ops.conv(COLOURED, np.zeros((3, 3, 3, 4)), padding=[(1, 1)]), "conv: expected 2 pairs"),
    (lambda: ops.conv(COLOURED, np.zeros((3, 3, 3, 4)), padding=[(-1, 1)] * 2), "conv: expected padding from 0"),
    (
        lambda: ops.conv(np.zeros((2, 0, 9, 3)), np.zeros((3, 3, 3, 4)), padding="same"),
        "spatial axes of size 1 or more",
    ),
    (lambda: ops.depthwise_conv(COLOURED, np.zeros((3, 3, 2, 1))), "depthwise_conv: expected 2 channels"),
    (lambda: ops.separable_conv(COLOURED, np.zeros((3, 3, 3, 2)), np.zeros((1, 1, 5, 2))), "with 6 input channels"),
    (lambda: ops.separable_conv(COLOURED, np.zeros((3, 3, 3, 2)), np.zeros((2, 1, 6, 2))), r"pointwise kernel \(1"),
    (lambda: ops.conv_transpose(COLOURED, np.zeros((3, 3, 4, 2))), "conv_transpose: expected 2 channels"),
    (lambda: ops.conv_transpose(COLOURED, np.zeros((3, 3, 4, 3)), padding="causal"), "padding 'valid' or 'same'"),
    (
        lambda: ops.conv_transpose(COLOURED, np.zeros((3, 3, 4, 3)), 2, output_padding=2),
        "output_padding from 0 to below",
    ),
]


@pytest.mark.parametrize(("call", "message"), MESSAGES, ids=range(len(MESSAGES)))
def test_mistakes_are_named(call: Any, message: str) -> None:
    with pytest.raises((ValueError, MemoryError), match=message):
        call()


def test_a_built_layer_says_what_it_was_built_for() -> None:
    layer = layers.Conv2D(4, 3, name="c")
    layer(COLOURED)
    for x, message in [
        (COLOURED[..., :2], r"\[c\] expected 3 channels \(axis 3\), received x with shape \(4, 9, 9, 2\)\."),
        (np.zeros((4, 3, 9, 9), "float32"), "with channels first use data_format='channels_first'"),
        (np.zeros((9, 9, 3), "float32"), "a single sample needs a batch axis"),
        (np.zeros((9, 9, 4), "float32"), "add a channel axis"),
        (np.zeros((4, 9, 2, 3), "float32"), r"\[c\] conv: expected at least 3 along axis 2"),
    ]:
        with pytest.raises(ValueError, match=message):
            layer(x)
    with pytest.raises(AttributeError, match=r"\[c\] strides is fixed once the layer has been used"):
        layer.strides = (2, 2)


def test_the_engine_reads_configs_with_one_number_for_all_axes() -> None:
    layer = _core.Layer("Conv2D", {"name": "c", "filters": 4, "kernel_size": 3, "strides": 2})
    assert layer.output_shape((None, 9, 8, 3)) == (None, 4, 3, 4)
    with pytest.raises(ValueError, match=r"\[c\] expected filters divisible by groups"):
        _core.Layer("Conv2D", {"name": "c", "filters": 4, "kernel_size": 3, "groups": 3})
    with pytest.raises(ValueError, match="kernel_size"):
        _core.Layer("Conv2D", {"name": "c", "filters": 4})
    with pytest.raises(ValueError, match="padding"):
        _core.Layer("Conv2D", {"name": "c", "filters": 4, "kernel_size": 3, "padding": "full"})
