"""Layers that change images: values against Keras for given factors, gradients, draws, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from golden.image_cases import IMAGES, image_cotangent, image_input
from golden.store import load
from ranvier import layers, ops

GOLD = load("images")


@pytest.mark.parametrize("label", IMAGES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_and_gradients_are_those_of_keras(label: str, dtype: str) -> None:
    case = IMAGES[label]
    # Keras takes float64 images through float32 here and there (hues, zooms): 24 bits of 255. In float32 coordinates
    # are rounded, too: some 1e-6 of a pixel times the step to the next one.
    tolerance = {"rtol": 1e-6, "atol": (1e-4 if dtype == "float64" else 2e-3) * case.scale}
    x = image_input(label, case).astype(dtype)
    found = []
    for seed in range(12):  # until each sign has been drawn
        layer = getattr(layers, case.layer)(**case.arguments, **_seed(case.layer, seed))
        layer = type(layer).from_config({**layer.get_config(), "dtype": dtype})
        tensor = ops.convert_to_tensor(x)
        tensor.requires_grad = case.gradient
        y = layer(tensor, training=case.layer != "RandomCrop")
        assert y.dtype == dtype
        results = {"y": y.numpy()}
        if case.gradient:
            (y * ops.convert_to_tensor(image_cotangent(label, y.shape), dtype)).sum().backward()
            results["dx"] = tensor.grad.numpy()
        found.append(results)
    signs = max(1, len(case.transforms))
    seen = set()
    for results in found:
        for image in range(len(x)):
            golden = [GOLD[f"{label}/y{sign}"][image] for sign in range(signs)]
            sign = int(np.argmin([np.abs(results["y"][image] - y).max() for y in golden]))
            np.testing.assert_allclose(results["y"][image], golden[sign], **tolerance)
            seen.add(sign)
            if case.gradient:
                np.testing.assert_allclose(results["dx"][image], GOLD[f"{label}/dx{sign}"][image], rtol=1e-4, atol=1e-4)
    assert seen == set(range(signs))


def _seed(layer: str, seed: int) -> dict[str, Any]:
    return {"seed": seed} if "seed" in getattr(layers, layer)._arguments else {}


# -- against NumPy -----------------------------------------------------------------------------------------------------


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, shape).astype("float32")


def test_a_quarter_turn_is_counter_clockwise() -> None:
    x = pixels(2, 6, 6, 3)
    turned = layers.RandomRotation((0.25, 0.25))(x).numpy()
    np.testing.assert_allclose(turned, np.rot90(x, axes=(1, 2)), atol=1e-3)  # float32 coordinates


@pytest.mark.parametrize(
    ("mode", "axes"),
    [("horizontal", [(), (2,)]), ("vertical", [(), (1,)]), ("horizontal_and_vertical", [(), (2,), (1,), (1, 2)])],
)
def test_flips(mode: str, axes: list[tuple[int, ...]]) -> None:
    x = pixels(200, 3, 4, 2)
    y = layers.RandomFlip(mode, seed=1)(x).numpy()
    which = [(y == np.flip(x, a)).all(axis=(1, 2, 3)) for a in axes]
    np.testing.assert_array_equal(sum(w.astype(int) for w in which), 1)  # random pixels: no two flips look the same
    for w in which:
        assert abs(w.mean() - 1 / len(axes)) < 0.15  # 200 draws: four standard deviations


def test_crops_are_windows_at_any_place() -> None:
    x = np.broadcast_to(np.arange(6 * 5).reshape(1, 6, 5, 1), (400, 6, 5, 1)).astype("float32")
    y = layers.RandomCrop(4, 2, seed=1)(x).numpy()
    corners = {(int(c) // 5, int(c) % 5) for c in y[:, 0, 0, 0]}
    assert corners == {(top, left) for top in range(3) for left in range(4)}
    np.testing.assert_array_equal(y - y[:, :1, :1], np.broadcast_to(x[:, :4, :2] - x[:, :1, :1], y.shape))
    np.testing.assert_array_equal(layers.RandomCrop(6, 5, seed=1)(x).numpy(), x)


def test_perspective_maps_are_projective() -> None:
    # An image whose pixels say where they are shows the map itself.
    size = 24
    rows, columns = np.mgrid[:size, :size].astype("float64")
    x = np.broadcast_to(np.stack([columns, rows, np.ones_like(rows)], -1), (6, size, size, 3))
    y = layers.RandomPerspective((1, 1), 0.5, fill_value=-1000.0, seed=2, dtype="float64")(x).numpy()
    for image in y:
        inside = image[..., 2] > 1 - 1e-9  # nothing of the fill value
        assert inside.sum() > 100
        u, v, _ = image[inside].T
        a, b, one = columns[inside], rows[inside], np.ones(inside.sum())
        zero = 0 * one
        # u (g a + h b + 1) = c a + d b + e, and so on: linear in the eight numbers of the map.
        system = np.concatenate(
            [
                np.stack([a, b, one, zero, zero, zero, -u * a, -u * b], 1),
                np.stack([zero, zero, zero, a, b, one, -v * a, -v * b], 1),
            ]
        )
        _, residual, rank, _ = np.linalg.lstsq(system, np.concatenate([u, v]), rcond=None)
        assert rank == 8
        assert residual[0] < 1e-18 * len(system)
        np.testing.assert_allclose(image[0, 0, :2], 0, atol=1e-12)  # the upper left corner stays
    untouched = layers.RandomPerspective((1, 1), 0.0, seed=2, dtype="float64")(x).numpy()
    np.testing.assert_allclose(untouched, x, atol=1e-12)


def test_contrast_keeps_the_mean_of_each_channel() -> None:
    x = pixels(300, 4, 4, 3)
    y = layers.RandomContrast((0.3, 0.8), value_range=(-1e4, 1e4), seed=1)(x).numpy()
    mean = x.mean(axis=(1, 2), keepdims=True)
    factor = ((y - mean) * (x - mean)).sum(axis=(1, 2, 3), keepdims=True) / ((x - mean) ** 2).sum(
        axis=(1, 2, 3), keepdims=True
    )
    np.testing.assert_allclose(y, (x - mean) * factor + mean, atol=1e-3)
    assert 0.7 <= factor.min() < 0.72
    assert 1.78 < factor.max() <= 1.8


def test_posterization_keeps_upper_bits() -> None:
    x = np.arange(256.0).reshape(1, 16, 16, 1)
    for bits in range(1, 9):
        kept = (x.astype(int) >> (8 - bits) << (8 - bits)).astype("float32")
        np.testing.assert_array_equal(layers.Posterization(bits)(x, training=False).numpy(), kept)
        unit = layers.Posterization(bits, value_range=(0, 1))((x / 255).astype("float32")).numpy()
        np.testing.assert_allclose(unit, kept / 255, atol=1e-7)
    many = layers.RandomPosterization((2, 4), seed=1)(np.broadcast_to(x, (60, 16, 16, 1))).numpy()
    assert {len(np.unique(image)) for image in many} == {4, 8, 16}


def test_grayscale_has_one_channel_or_three() -> None:
    x = pixels(2, 4, 5, 3)
    grey = x @ np.array([0.2989, 0.587, 0.114], "float32")
    np.testing.assert_allclose(layers.Grayscale()(x).numpy(), grey[..., None], rtol=1e-5)
    np.testing.assert_allclose(layers.Grayscale(3)(x).numpy(), np.stack([grey] * 3, -1), rtol=1e-5)
    one = layers.Grayscale(3)(x[..., :1]).numpy()
    np.testing.assert_array_equal(one, np.repeat(x[..., :1], 3, -1))


def test_equalization_looks_at_each_image_alone() -> None:
    x = pixels(3, 9, 8, 2) // 4
    together = layers.Equalization()(x).numpy()
    for image, alone in zip(together, x, strict=True):
        np.testing.assert_array_equal(image, layers.Equalization()(alone).numpy())
    flat = np.full((1, 3, 3, 1), 7.0, "float32")
    np.testing.assert_array_equal(layers.Equalization()(flat).numpy(), flat)
    np.testing.assert_array_equal(layers.AutoContrast()(flat).numpy(), flat)


# -- mixing ------------------------------------------------------------------------------------------------------------


def partners(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share that each row of mixed one-hot labels (one class an image) keeps, and its partner."""
    own = labels.diagonal().copy()
    rest = labels - np.diag(own)
    partner = np.where(rest.max(1) > 0, rest.argmax(1), np.arange(len(labels)))
    return own, partner


def test_mix_up_averages_images_and_labels_alike() -> None:
    n = 300
    x, y = pixels(n, 3, 4, 2), np.eye(n, dtype="float32")
    mixed = layers.MixUp(alpha=0.5, seed=1)({"images": x, "labels": y})
    share, partner = partners(mixed["labels"].numpy())
    expected = share[:, None, None, None] * x + (1 - share)[:, None, None, None] * x[partner]
    np.testing.assert_allclose(mixed["images"].numpy(), expected, atol=1e-3)
    np.testing.assert_allclose(mixed["labels"].numpy().sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(mixed["labels"].numpy().sum(), n, rtol=1e-6)
    # Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)); four standard errors
    assert abs(share.mean() - 0.5) < 4 * np.sqrt(1 / 8 / n)
    assert abs(share.var() - 1 / 8) < 0.03


def test_cut_mix_counts_the_pixels_it_replaces() -> None:
    n = 100
    x = np.broadcast_to(np.arange(n, dtype="float32")[:, None, None, None], (n, 8, 6, 2))
    mixed = layers.CutMix(seed=1)({"images": x, "labels": np.eye(n)})
    images = mixed["images"].numpy()
    share, partner = partners(mixed["labels"].numpy())
    for i, image in enumerate(images):
        own = image == i
        assert np.isin(image, [i, partner[i]]).all()
        if partner[i] != i:
            assert own[..., 0].mean() == pytest.approx(share[i], abs=1e-6)
            rows, columns = np.nonzero(~own[..., 0])
            if len(rows):  # a box
                assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    assert 0.3 < share.mean() < 0.7


@pytest.mark.parametrize("layer", [layers.MixUp(alpha=1.0, seed=1), layers.CutMix(seed=1)])
def test_mixing_leaves_single_images_and_inference_alone(layer: Any) -> None:
    x, y = pixels(4, 5, 5, 1), np.eye(4, dtype="float32")
    for data, training in (((x, y), False), ((x[0], y[0]), True)):
        same = layer({"images": data[0], "labels": data[1]}, training=training)
        np.testing.assert_array_equal(same["images"].numpy(), data[0])
        np.testing.assert_array_equal(same["labels"].numpy(), data[1])
    assert layer(x).shape == x.shape  # images alone


def test_dicts_come_back_with_the_images_changed() -> None:
    x, y = pixels(3, 4, 4, 3).astype("uint8"), np.array([1, 2, 3])
    data = {"images": x, "labels": y}
    result = layers.RandomInvert((1, 1))(data)
    np.testing.assert_array_equal(result["images"].numpy(), 255 - x.astype("float32"))
    assert result["labels"] is y
    assert data["images"] is x
    for wrong in ({"labels": y}, {"images": x, "bounding_boxes": y}):
        with pytest.raises(ValueError, match=r"\[random_invert\w*\] expected a dict with the keys 'images'"):
            layers.RandomInvert()(wrong)
