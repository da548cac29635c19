"""Pooling, resampling, padding and cropping: what the contract and the golden values do not show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ranvier import Sequential, layers, ops
from ranvier.layers import Input

IMAGES = np.arange(2 * 8 * 6 * 3, dtype="float32").reshape(2, 8, 6, 3)


@pytest.mark.parametrize("kind", ["Max", "GlobalMax"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_short_names(kind: str, axes: int) -> None:
    assert getattr(layers, f"{kind}Pool{axes}D") is getattr(layers, f"{kind}Pooling{axes}D")
    average = kind.replace("Max", "Average")
    short = average.replace("Average", "Avg")
    assert getattr(layers, f"{short}Pool{axes}D") is getattr(layers, f"{average}Pooling{axes}D")


@pytest.mark.parametrize(
    ("make", "x", "message"),
    [
        (lambda: layers.MaxPooling2D(7), IMAGES, r"\[mine\].*window that fits.*size 7 on axis 2"),
        (lambda: layers.MaxPooling2D(), IMAGES[0], r"\[mine\] expected 4 axes.*\(8, 6, 3\).*batch axis \(x\[None\]\)"),
        (lambda: layers.MaxPooling2D(), IMAGES[..., 0], r"\[mine\].*add a channel axis \(x\[..., None\]\)"),
        (lambda: layers.MaxPooling2D(), IMAGES[:, :0], r"\[mine\].*\(2, 0, 6, 3\)"),
        (lambda: layers.MaxPooling2D(2**62, padding="same"), IMAGES, r"\[mine\].*window sizes and strides"),
        (lambda: layers.MaxPooling2D(2**20, padding="same"), IMAGES, r"\[mine\].*less than 2\^31 elements"),
        (lambda: layers.GlobalMaxPooling2D(), IMAGES[:, :0], r"\[mine\].*at least one element"),
        (lambda: layers.GlobalAveragePooling1D(), IMAGES, r"\[mine\] expected 3 axes"),
        (lambda: layers.AdaptiveMaxPooling2D(2**40), IMAGES, r"\[mine\].*output sizes"),
        (lambda: layers.AdaptiveAveragePooling2D(2), IMAGES[:, :, :0], r"\[mine\].*at least one element on axis 2"),
        (lambda: layers.UpSampling2D(2**40), IMAGES, r"\[mine\].*memory can address"),
        (lambda: layers.UpSampling2D(2**62), IMAGES, r"\[mine\].*memory can address"),
        (lambda: layers.UpSampling2D(2**40, interpolation="bicubic"), IMAGES, r"\[mine\].*sizes from 1 to 2\^31"),
        (lambda: layers.ZeroPadding2D(2**61), IMAGES, r"padding: expected numbers from 0 to 2\^60"),
        (lambda: layers.ZeroPadding2D(2**50), IMAGES, r"\[mine\].*memory can address"),
        (lambda: layers.Cropping2D(4), IMAGES, r"\[mine\] cropping:.*axis 1.*\(4, 4\)"),
        (lambda: layers.Cropping2D(2**62), IMAGES, r"\[mine\] cropping:"),
        (lambda: layers.Resizing(2**30, 2**30), IMAGES, r"\[mine\].*memory can address"),
        (lambda: layers.Resizing(2**40, 2), IMAGES, r"expected less than 2\^31"),
        (lambda: layers.Resizing(3, 3), IMAGES[:, :0], r"\[mine\].*at least one pixel"),
        (lambda: layers.Resizing(3, 3), IMAGES[0, 0], r"\[mine\] expected 4 axes"),
        (lambda: layers.CenterCrop(3, 3), IMAGES[:, :, :0], r"\[mine\].*at least one pixel"),
    ],
)
def test_inputs_that_do_not_fit(make: Any, x: np.ndarray, message: str) -> None:
    layer = make()
    layer._name = "mine"
    with pytest.raises(ValueError, match=message):
        layer(x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.MaxPooling2D(0), "pool_size: expected an int or 2 ints of 1 or more, received 0"),
        (lambda: layers.MaxPooling2D((2, 2, 2)), r"pool_size.*received \(2, 2, 2\)"),
        (lambda: layers.MaxPooling2D(True), "pool_size"),
        (lambda: layers.MaxPooling2D(2, strides=-1), "strides"),
        (lambda: layers.MaxPooling2D(2, padding="full"), "padding: expected one of 'valid', 'same', received 'full'"),
        (lambda: layers.MaxPooling2D(2, data_format="last"), "data_format.*received 'last'"),
        (lambda: layers.AdaptiveMaxPooling1D((1, 2)), "output_size"),
        (lambda: layers.UpSampling1D(0), "size"),
        (lambda: layers.UpSampling2D(interpolation="area"), "interpolation.*received 'area'"),
        (lambda: layers.ZeroPadding2D(-1), "padding"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), r"padding.*received \(1, 2, 3\)"),
        (lambda: layers.ZeroPadding1D((1, 2, 3)), "padding"),
        (lambda: layers.Cropping3D(((1, 1), (1, 1))), "cropping"),
        (lambda: layers.Resizing(0, 3), "height"),
        (lambda: layers.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "received both"),
        (lambda: layers.Resizing(3, 3, fill_mode="reflect"), "fill_mode"),
    ],
)
def test_arguments_out_of_range(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_model_that_shrinks_to_nothing_names_the_layer() -> None:
    model = [Input((3, 3, 1)), layers.MaxPooling2D(), layers.MaxPooling2D(name="second")]
    with pytest.raises(ValueError, match=r"\[second\].*\(None, 1, 1, 1\)"):
        Sequential(model)


@pytest.mark.parametrize("layer", [layers.MaxPooling2D(), layers.Resizing(3, 5), layers.ZeroPadding2D()])
def test_an_empty_batch(layer: Any) -> None:
    assert layer(IMAGES[:0]).shape == (0, *layer.compute_output_shape((None, 8, 6, 3))[1:])


def test_unknown_sizes_stay_unknown() -> None:
    shape = (None, None, 6, 3)
    assert layers.MaxPooling2D(3, 2).compute_output_shape(shape) == (None, None, 2, 3)
    assert layers.UpSampling2D().compute_output_shape(shape) == (None, None, 12, 3)
    assert layers.Cropping2D(1).compute_output_shape(shape) == (None, None, 4, 3)
    assert layers.Resizing(4, 5).compute_output_shape(shape) == (None, 4, 5, 3)


def test_a_nan_is_not_lost() -> None:
    x = IMAGES.copy()
    x[0, 2, 3, 1] = np.nan
    y = ops.max_pool(x, 2).numpy()
    assert np.isnan(y[0, 1, 1, 1])
    assert np.isnan(y).sum() == 1


def test_a_single_image() -> None:
    for layer in (layers.Resizing(3, 5, "bicubic"), layers.CenterCrop(3, 5), layers.CenterCrop(20, 5)):
        np.testing.assert_array_equal(layer(IMAGES[0]).numpy(), layer(IMAGES).numpy()[0])


def test_ops_take_both_formats_and_one_size_for_all() -> None:
    first = np.moveaxis(IMAGES, -1, 1)
    for pool in (ops.max_pool, ops.average_pool):
        last = pool(IMAGES, (3, 2), strides=1, padding="SAME").numpy()
        np.testing.assert_array_equal(
            np.moveaxis(pool(first, [3, 2], 1, "same", "channels_first").numpy(), 1, -1), last
        )
    for pool in (ops.adaptive_max_pool, ops.adaptive_average_pool):
        np.testing.assert_array_equal(
            np.moveaxis(pool(first, 3, "channels_first").numpy(), 1, -1), pool(IMAGES, (3, 3)).numpy()
        )
    np.testing.assert_array_equal(ops.max_pool(IMAGES, 2).numpy(), IMAGES.reshape(2, 4, 2, 3, 2, 3).max(axis=(2, 4)))
    with pytest.raises(ValueError, match=r"\[max_pool\] pool_size: expected an int or 2 ints"):
        ops.max_pool(IMAGES, (2,))
    with pytest.raises(ValueError, match=r"\[average_pool\] padding"):
        ops.average_pool(IMAGES, 2, padding="full")
    with pytest.raises(ValueError, match=r"\[max_pool\] expected 3 to 5 axes"):
        ops.max_pool(IMAGES[0, 0], 2)


def test_resizing_integers_rounds_and_keeps_them() -> None:
    x = ops.convert_to_tensor(np.array([[0, 2**30 + 1], [1, 2**30]]).reshape(1, 2, 2, 1), "int64")
    nearest = ops.image.resize(x, (4, 4), "nearest")
    assert nearest.dtype == "int64"
    np.testing.assert_array_equal(nearest.numpy(), x.numpy().repeat(2, 1).repeat(2, 2))
    smooth = ops.image.resize(ops.convert_to_tensor([[[0], [5]]], "int32"), (1, 4))
    np.testing.assert_array_equal(smooth.numpy()[0, :, 0], [0, 1, 4, 5])  # 0, 1.25, 3.75, 5


@pytest.mark.parametrize("keep", ["crop_to_aspect_ratio", "pad_to_aspect_ratio"])
def test_the_op_resizes_as_the_layer(keep: str) -> None:
    arguments: dict[str, Any] = {"interpolation": "bicubic", keep: True, "fill_value": 3.0, "antialias": True}
    y = layers.Resizing(3, 9, **arguments)(IMAGES).numpy()
    np.testing.assert_array_equal(ops.image.resize(IMAGES, (3, 9), **arguments).numpy(), y)
    first = np.moveaxis(IMAGES[0], -1, 0)
    np.testing.assert_array_equal(
        ops.image.resize(first, (3, 9), data_format="channels_first", **arguments).numpy(), np.moveaxis(y[0], -1, 0)
    )


@pytest.mark.parametrize(
    ("size", "arguments", "message"),
    [
        ((3,), {}, "size: expected"),
        ((0, 3), {}, "size: expected height and width of 1 or more"),
        ((3, 3), {"interpolation": "area"}, "interpolation: expected nearest"),
        ((3, 3), {"fill_mode": "wrap"}, "fill_mode"),
        ((3, 3), {"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "received both"),
    ],
)
def test_resize_refuses(size: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ops.image.resize(IMAGES, size, **arguments)
    with pytest.raises(ValueError, match="rank 3 or 4"):
        ops.image.resize(IMAGES[0, 0], (3, 3))
    with pytest.raises(ValueError, match="at least one pixel"):
        ops.image.resize(IMAGES[:, :0], (3, 3))
