"""Explanations of convolutional networks: the layer that is chosen, kernels of every kind, and while training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ranvier
from explain_models import RNG
from ranvier import explain, layers

IMAGES = RNG.random((3, 8, 6, 2)).astype("float32")


def convnet() -> ranvier.Sequential:
    ranvier.utils.set_random_seed(5)
    return ranvier.Sequential(
        [
            ranvier.Input((8, 6, 2)),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="one"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Conv2D(5, 3, padding="same", activation="relu", name="two"),
            layers.GlobalAveragePooling2D(name="mean"),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax", name="out"),
        ]
    )


def test_grad_cam_takes_the_last_convolution() -> None:
    model = convnet()
    np.testing.assert_array_equal(explain.grad_cam(model, IMAGES, target=1), explain.grad_cam(model, IMAGES, "two", 1))
    # Behind it lies only a mean: the weights of the maps are those of the last layer, over the 12 places.
    maps = explain.feature_maps(model, IMAGES, "two").astype(float)
    expected = np.maximum(maps @ model.get_layer("out").kernel.numpy()[:, 1] / 12, 0)
    np.testing.assert_allclose(explain.grad_cam(model, IMAGES, target=1, resize=False), expected, atol=1e-6)
    assert explain.grad_cam(model, IMAGES).shape == (3, 8, 6)


def test_grad_cam_of_an_early_layer_against_differences() -> None:
    """The slope of each map, from what a small change of all its values does to the score."""
    model = convnet()
    maps = explain.feature_maps(model, IMAGES, "one").astype("float32")
    rest = ranvier.Sequential([ranvier.Input(maps.shape[1:]), *model.layers[1:]])
    step, weights = 2e-3, []
    for channel in range(4):
        moved = [maps.copy(), maps.copy()]
        moved[0][..., channel] += step
        moved[1][..., channel] -= step
        up, down = (np.log(rest.predict(m, verbose=0).astype(float)) for m in moved)
        # A difference of logits is one of log-probabilities: the normalisation of the softmax cancels.
        weights.append(((up[:, 0] - up[:, 2]) - (down[:, 0] - down[:, 2])) / (2 * step) / 48)
    expected = np.maximum(np.einsum("rhwc,cr->rhw", maps, np.array(weights)), 0)

    first = explain.running.find_layer(model, "one", "t")
    found = explain.grad_cam(model, IMAGES, first, lambda y: ranvier.ops.log(y[:, 0]) - ranvier.ops.log(y[:, 2]))
    np.testing.assert_allclose(found, expected, atol=0.05 * expected.max())  # float32 differences across kinks
    assert expected.max() > 1e-4


def test_attributions_of_a_convnet_add_up() -> None:
    model = convnet()
    found = explain.integrated_gradients(model, IMAGES, 2, steps=300)
    y, y0 = (model.predict(x, verbose=0)[:, 2].astype(float) for x in (IMAGES, np.zeros_like(IMAGES)))
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), y - y0, atol=1e-4)  # kinks of relu and max


@pytest.mark.parametrize(
    ("layer", "moved"),
    [
        (lambda: layers.Conv2D(4, (3, 2)), (3, 0, 1, 2)),
        (lambda: layers.Conv2DTranspose(4, (3, 2)), (2, 0, 1, 3)),
        (lambda: layers.Dense(5), (1, 0)),
    ],
)
def test_filters_come_first(layer: Any, moved: tuple[int, ...]) -> None:
    made = layer()
    model = ranvier.Sequential([ranvier.Input((8, 6, 2)), made])
    np.testing.assert_array_equal(explain.filters(model), made.kernel.numpy().transpose(moved))


def test_filters_of_depthwise_and_separable_convolutions() -> None:
    depthwise = layers.DepthwiseConv2D(3, depth_multiplier=2)
    model = ranvier.Sequential([ranvier.Input((8, 6, 2)), depthwise, layers.SeparableConv2D(4, 3, name="separable")])
    kernel = depthwise.weights[0].numpy()
    found = explain.filters(model)
    assert found.shape == (4, 3, 3, 1)
    for channel in range(2):
        for multiple in range(2):
            np.testing.assert_array_equal(found[2 * channel + multiple, ..., 0], kernel[..., channel, multiple])
    assert explain.filters(model, "separable").shape == (4, 3, 3, 1)


def test_explaining_while_training_changes_nothing() -> None:
    x, y = RNG.random((64, 8, 6, 2)).astype("float32"), RNG.integers(0, 3, 64)

    def trained(callbacks: list[Any]) -> list[np.ndarray]:
        model = convnet()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, batch_size=16, epochs=3, verbose=0, callbacks=callbacks)
        return model.get_weights()

    class Look(ranvier.callbacks.Callback):
        maps: list[np.ndarray] = []

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.maps.append(explain.grad_cam(self.model, IMAGES))
            explain.smooth_grad(self.model, IMAGES, samples=2)

    for plain, watched in zip(trained([]), trained([Look()]), strict=True):
        np.testing.assert_array_equal(plain, watched)
    assert len(Look.maps) == 12


def test_the_same_bits_on_one_thread_and_two() -> None:
    model = convnet()
    threads = ranvier.get_num_threads()
    found = []
    try:
        for count in (1, 2):
            ranvier.set_num_threads(count)
            found.append(explain.integrated_gradients(model, IMAGES, 0, steps=5))
    finally:
        ranvier.set_num_threads(threads)
    np.testing.assert_array_equal(*found)


def test_a_block_of_convolutions_of_ones_own() -> None:
    class Block(layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="block")
            self.inner = layers.Conv2D(4, 3, padding="same", name="inner")

        def call(self, x: Any) -> Any:
            return self.inner(x)

    x = ranvier.Input((8, 6, 2))
    model = ranvier.Model(x, layers.Dense(3)(layers.GlobalAveragePooling2D()(Block()(x))))
    inner = explain.feature_maps(model, IMAGES, "inner")
    np.testing.assert_array_equal(inner, explain.feature_maps(model, IMAGES, "block"))
    assert explain.grad_cam(model, IMAGES, target=0).shape == (3, 8, 6)
