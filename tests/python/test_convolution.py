"""Convolutions beyond the contract of all layers: random shapes against the definition, names and order of arguments,
what stays in Python, training, files."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import initializers, layers, ops, regularizers

CONVOLUTIONS = [
    *("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv1D"),
    *("DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
]


def data(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=shape)


# -- the definition ----------------------------------------------------------------------------------------------------


def margins(size: int, window: int, stride: int, dilation: int, padding: Any) -> tuple[int, int]:
    reach = (window - 1) * dilation + 1
    if padding == "same":
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
        return total // 2, total - total // 2
    if padding == "causal":
        return reach - 1, 0
    return (0, 0) if padding == "valid" else padding


def naive_conv(x: np.ndarray, w: np.ndarray, strides: Any, dilation: Any, paddings: Any) -> np.ndarray:
    """x (batch, ..., channels), w (window..., channels / groups, filters), one entry of the others per axis."""
    axes = range(1, x.ndim - 1)
    groups = x.shape[-1] // w.shape[-2]
    widths = [margins(x.shape[a], w.shape[a - 1], strides[a - 1], dilation[a - 1], paddings[a - 1]) for a in axes]
    x = np.pad(x, [(0, 0), *widths, (0, 0)])
    reach = [(w.shape[a - 1] - 1) * dilation[a - 1] + 1 for a in axes]
    out = [(x.shape[a] - reach[a - 1]) // strides[a - 1] + 1 for a in axes]
    y = np.zeros((x.shape[0], *out, w.shape[-1]))
    parts, filters = np.split(x, groups, -1), np.split(w, groups, -1)
    for place in np.ndindex(*out):
        cut = tuple(slice(p * s, p * s + r, d) for p, s, r, d in zip(place, strides, reach, dilation, strict=True))
        results = [
            np.tensordot(part[(slice(None), *cut)], f, axes=f.ndim - 1) for part, f in zip(parts, filters, strict=True)
        ]
        y[(slice(None), *place)] = np.concatenate(results, -1)
    return y


def first_channels(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, -1, 1)


@pytest.mark.parametrize("seed", range(150))
def test_random_convolutions_are_those_of_the_definition(seed: int) -> None:
    draw = np.random.default_rng(seed)
    axes = int(draw.integers(1, 4))
    window = [int(k) for k in draw.integers(1, 4, axes)]
    strides = [int(k) for k in draw.integers(1, 4, axes)]
    dilation = [int(k) for k in draw.integers(1, 3, axes)]
    sizes = [int(draw.integers((k - 1) * d + 1, 9)) for k, d in zip(window, dilation, strict=True)]
    groups, each, more = (int(n) for n in draw.integers(1, 4, 3))
    padding = ["valid", "same", "causal", [tuple(map(int, p)) for p in draw.integers(0, 3, (axes, 2))]][seed % 4]
    paddings = padding if isinstance(padding, list) else [padding] * axes
    x = draw.normal(size=(2, *sizes, groups * each))
    w = draw.normal(size=(*window, each, groups * more))
    expected = naive_conv(x, w, strides, dilation, paddings)
    found = ops.conv(x, w, strides, padding, dilation_rate=dilation)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10, atol=1e-10)
    found = ops.conv(first_channels(x), w, strides, padding, "channels_first", dilation)
    np.testing.assert_allclose(found.numpy(), first_channels(expected), rtol=1e-10, atol=1e-10)

    # Depthwise: groups of one channel, in another layout of the same kernel.
    w = draw.normal(size=(*window, x.shape[-1], more))
    expected = naive_conv(x, w.reshape(*window, 1, -1), strides, dilation, paddings)
    found = ops.depthwise_conv(x, w, strides, padding, dilation_rate=dilation)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10, atol=1e-10)
    mix = draw.normal(size=(*[1] * axes, expected.shape[-1], 3))
    found = ops.separable_conv(x, w, mix, strides, padding, dilation_rate=dilation)
    np.testing.assert_allclose(found.numpy(), expected @ mix.reshape(-1, 3), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("seed", range(60))
def test_a_transposed_convolution_is_the_adjoint(seed: int) -> None:
    draw = np.random.default_rng(seed)
    axes = int(draw.integers(1, 4))
    window, strides = draw.integers(1, 5, axes).tolist(), draw.integers(1, 4, axes).tolist()
    small = draw.integers(1, 5, axes).tolist()
    x = draw.normal(size=(2, *small, 3))
    w = draw.normal(size=(*window, 2, 3))
    for padding in ("same", "valid"):
        y = ops.conv_transpose(x, w, strides, padding).numpy()
        if padding == "same":
            assert list(y.shape[1:-1]) == [n * s for n, s in zip(small, strides, strict=True)]
        else:
            assert list(y.shape[1:-1]) == [
                (n - 1) * s + max(k, s) for n, s, k in zip(small, strides, window, strict=True)
            ]
        other = draw.normal(size=y.shape)
        back = naive_conv(other, w, strides, [1] * axes, [padding] * axes)
        np.testing.assert_allclose((y * other).sum(), (x * back).sum(), rtol=1e-9, atol=1e-9)


def test_ops_take_arrays_lists_and_integers() -> None:
    x = np.arange(12).reshape(1, 6, 2)
    w = [[[1.0], [0.0]], [[0.0], [1.0]]]
    y = ops.conv(x, w)
    assert y.dtype == keras.config.floatx()
    np.testing.assert_array_equal(y.numpy()[0, :, 0], [0 + 3, 2 + 5, 4 + 7, 6 + 9, 8 + 11])
    assert ops.conv(x.astype("float32"), np.asarray(w)).dtype == "float64"  # the kernel decides
    assert ops.conv(np.zeros((0, 6, 2)), w).shape == (0, 5, 1)


def test_an_empty_batch_gives_empty_gradients() -> None:
    for name in CONVOLUTIONS:
        layer = make(name)
        x = ops.convert_to_tensor(np.zeros((0, *[5] * axes_of(name), 2), "float32"))
        x.requires_grad = True
        y = layer(x)
        assert y.shape[0] == 0
        ops.sum(y).backward()
        assert x.grad.shape == x.shape
        assert all((w.grad.numpy() == 0).all() for w in layer.trainable_weights)


# -- names, order, defaults --------------------------------------------------------------------------------------------


def axes_of(name: str) -> int:
    return int(name[name.index("D", 1 if name.startswith("D") else 0) - 1])


def make(name: str, **settings: Any) -> Any:
    if not name.startswith("Depthwise"):
        settings.setdefault("filters", 3)
    return getattr(layers, name)(**{"kernel_size": 3, **settings})


SHARED = ["strides", "padding"]
KERNEL = ["kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "activity_regularizer"]
ORDER = {
    "Conv2D": ["filters", "kernel_size", *SHARED, "data_format", "dilation_rate", "groups", "activation", "use_bias"]
    + KERNEL,
    "Conv2DTranspose": ["filters", "kernel_size", *SHARED, "output_padding", "data_format", "dilation_rate"]
    + ["activation", "use_bias", *KERNEL],
    "DepthwiseConv2D": ["kernel_size", *SHARED, "depth_multiplier", "data_format", "dilation_rate", "activation"]
    + ["use_bias", "depthwise_initializer", "bias_initializer", "depthwise_regularizer", "bias_regularizer"]
    + ["activity_regularizer"],
    "SeparableConv2D": ["filters", "kernel_size", *SHARED, "data_format", "dilation_rate", "depth_multiplier"]
    + ["activation", "use_bias", "depthwise_initializer", "pointwise_initializer", "bias_initializer"]
    + ["depthwise_regularizer", "pointwise_regularizer", "bias_regularizer", "activity_regularizer"],
}


@pytest.mark.parametrize("name", ORDER)
def test_arguments_have_the_order_of_keras(name: str) -> None:
    parameters = inspect.signature(getattr(layers, name).__init__).parameters
    assert [p for p in parameters if p not in ("self", "kwargs")] == ORDER[name]


def test_arguments_by_place() -> None:
    layer = layers.Conv3DTranspose(2, 3, 2, "same", "channels_first", 1)
    assert (layer.data_format, layer.output_padding) == ("channels_first", (1, 1, 1))
    layer = layers.Conv2D(4, (3, 5), 2, "SAME")
    config = layer.get_config()
    assert (config["kernel_size"], config["strides"], config["padding"]) == ((3, 5), (2, 2), "same")
    assert (config["dilation_rate"], config["groups"], config["data_format"]) == ((1, 1), 1, "channels_last")
    assert config["activation"] == "linear"
    assert layers.Conv2D.from_config({**config, "kernel_constraint": None}).strides == (2, 2)


def test_other_names() -> None:
    for n in (1, 2, 3):
        assert getattr(layers, f"Convolution{n}D") is getattr(layers, f"Conv{n}D")
        assert getattr(layers, f"Convolution{n}DTranspose") is getattr(layers, f"Conv{n}DTranspose")
    assert layers.SeparableConvolution1D is layers.SeparableConv1D
    assert layers.SeparableConvolution2D is layers.SeparableConv2D
    assert layers.Conv2D(1, 1, name=None).name.startswith("conv2d")


def test_kernels_are_drawn_by_their_fans() -> None:
    keras.utils.set_random_seed(3)
    layer = layers.Conv2D(64, 3)
    layer.build((None, 8, 8, 32))
    limit = np.sqrt(6 / (9 * 32 + 9 * 64))
    kernel = layer.kernel.numpy()
    assert 0.98 * limit < np.abs(kernel).max() <= limit
    np.testing.assert_allclose(kernel.std(), limit / np.sqrt(3), rtol=0.02)
    assert (layer.bias.numpy() == 0).all()
    layer = layers.SeparableConv2D(64, 3, depthwise_initializer="he_normal", pointwise_initializer="ones")
    layer.build((None, 8, 8, 400))
    np.testing.assert_allclose(layer.depthwise_kernel.numpy().std(), np.sqrt(2 / (9 * 400)), rtol=0.05)
    assert (layer.pointwise_kernel.numpy() == 1).all()


# -- what stays in Python ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_functions_of_ones_own(name: str) -> None:
    def all_halves(shape: Any, dtype: Any = None) -> np.ndarray:
        return np.full(shape, 0.5)

    def twice(w: Any) -> Any:
        return 2 * ops.sum(w)

    kinds = ["depthwise", "pointwise"] if name.startswith("S") else ["depthwise" if name.startswith("D") else "kernel"]
    settings = {f"{kind}_initializer": all_halves for kind in kinds} | {f"{kind}_regularizer": twice for kind in kinds}
    layer = make(name, activation=lambda x: -x, **settings)
    plain = make(name, **{f"{kind}_initializer": initializers.Constant(0.5) for kind in kinds})
    x = data(2, *[5] * axes_of(name), 2).astype("float32")
    np.testing.assert_array_equal(layer(x).numpy(), -plain(x).numpy())
    kernels = [w for w in layer.weights if w.name != "bias"]
    assert all((w.numpy() == 0.5).all() for w in kernels)
    np.testing.assert_allclose(sum(loss.numpy() for loss in layer.losses), sum(w.numpy().size for w in kernels))


def test_penalties_reach_the_right_weights() -> None:
    layer = layers.SeparableConv2D(
        3, 3, depthwise_regularizer="l1", pointwise_regularizer=regularizers.L2(0.5), bias_regularizer="l2"
    )
    layer.build((None, 6, 6, 2))
    assert [(w.name, w.l1 > 0, w.l2) for w in layer.weights] == [
        ("depthwise_kernel", True, 0.0),
        ("pointwise_kernel", False, 0.5),
        ("bias", False, pytest.approx(0.01)),
    ]
    layer = layers.DepthwiseConv2D(3, depthwise_regularizer="l2")
    layer.build((None, 6, 6, 2))
    assert [w.l2 for w in layer.weights] == [pytest.approx(0.01), 0.0]


# -- training, files ---------------------------------------------------------------------------------------------------


def small_network(*more: Any) -> Any:
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            keras.Input((9, 8, 2)),
            layers.Conv2D(6, 3, activation="relu", padding="same", kernel_regularizer="l2"),
            layers.SeparableConv2D(5, 3, strides=2, activation="gelu"),
            layers.DepthwiseConv2D(2, depth_multiplier=2, activation="tanh"),
            layers.Conv2DTranspose(4, 3, strides=2, activation="sigmoid"),
            *more,
            layers.Reshape((-1, 4)),
            layers.Conv1D(3, 3, padding="causal", dilation_rate=2, groups=1),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


def fit(model: Any) -> list[np.ndarray]:
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = data(70, 9, 8, 2).astype("float32")
    model.fit(x, np.arange(70) % 3, batch_size=16, epochs=3, verbose=0)
    return [*model.get_weights(), model.predict(x, verbose=0)]


def test_a_replayed_step_has_the_bits_of_an_eager_one() -> None:
    results = []
    for more in ([], [layers.Lambda(lambda x: x)]):  # with Python in it, a model is not recorded
        model = small_network(*more)
        results.append(fit(model))
        assert model._engine_model().replayable == (not more)
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    before = keras.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5):
            keras.set_num_threads(threads)
            results.append(fit(small_network()))
    finally:
        keras.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("first", [False, True])
def test_files_bring_every_convolution_back(first: bool, tmp_path: Path) -> None:
    settings = {"data_format": "channels_first"} if first else {}
    stacks = [
        [layers.Conv1D(4, 3, activation="elu", **settings), layers.Conv1DTranspose(3, 2, strides=2, **settings)],
        [layers.DepthwiseConv1D(2, **settings), layers.SeparableConv1D(3, 2, padding="same", **settings)],
        [layers.Conv2D(4, 3, groups=2, padding="same", **settings), layers.DepthwiseConv2D(3, **settings)],
        [layers.SeparableConv2D(3, 3, strides=2, **settings)],
        [layers.Conv2DTranspose(3, 3, strides=2, padding="same", output_padding=1, **settings)],
        [layers.Conv3D(2, 2, activation="softmax", **settings), layers.Conv3DTranspose(2, 2, **settings)],
    ]
    for i, stack in enumerate(stacks):
        axes = 1 if i < 2 else 3 if i == 5 else 2
        shape = (2, *[6] * axes) if first else (*[6] * axes, 2)
        model = keras.Sequential([keras.Input(shape), *stack])
        x = data(3, *shape).astype("float32")
        expected = model.predict(x, verbose=0)
        path = tmp_path / f"{i}.rv"
        model.save(path)
        again = keras.models.load_model(path)
        np.testing.assert_array_equal(again.predict(x, verbose=0), expected)
        assert [layer.get_config() for layer in again.layers] == [layer.get_config() for layer in model.layers]
