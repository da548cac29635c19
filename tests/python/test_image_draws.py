"""What image layers draw: repeatable, one for each image, the same on any number of threads and in a recorded step."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from families import FAMILIES, Row
from ranvier import layers, ops

RANDOM = [row for row in FAMILIES["images"].contract if row.layer in FAMILIES["images"].noisy]
MIXING = ("MixUp", "CutMix")  # an image with others of its batch
CERTAIN = ("RandomGrayscale", "RandomInvert")  # their only draw is whether, and the rows say always
NO_GRADIENT = {
    *("AugMix", "RandAugment", "RandomColorJitter", "RandomHue", "RandomPosterization", "RandomSaturation"),
    "Solarization",
}


def each(rows: list[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=[f"{row.layer}-{i}" for i, row in enumerate(rows)])


each_layer = each(RANDOM)


def make(row: Row, **changes: Any) -> Any:
    return getattr(layers, row.layer)(**{**row.arguments, **changes})


def batch(row: Row, n: int = 16, dtype: str = "float32") -> np.ndarray:
    shape = row.inputs[1:]
    assert isinstance(shape, tuple)
    return np.random.default_rng(5).uniform(-3, 3, (n, *shape)).astype(dtype)


def run(layer: Any, x: Any) -> np.ndarray:
    return np.array(layer(x, training=True).numpy())


@each_layer
def test_the_same_seed_gives_the_same_images(row: Row) -> None:
    x = batch(row)
    first = make(row)
    once, twice = run(first, x), run(first, x)
    assert np.array_equal(once, twice) == (row.layer in CERTAIN)
    again = make(row)
    np.testing.assert_array_equal(run(again, x), once)
    np.testing.assert_array_equal(run(again, x), twice)
    if row.layer not in CERTAIN:
        assert not np.array_equal(run(make(row, seed=8), x), once)
        assert not np.array_equal(run(make(row, seed=None), x), run(make(row, seed=None), x))


@each_layer
def test_threads_change_nothing(row: Row) -> None:
    x = np.tile(batch(row, 8), (60, 6, 6, 1) if row.arguments.get("data_format") is None else (60, 1, 6, 6))
    threads = keras.get_num_threads()
    results = []
    for n in (1, 2, 3):
        keras.set_num_threads(n)
        results.append(run(make(row), x))
    keras.set_num_threads(threads)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@each([row for row in RANDOM if row.layer not in MIXING])
def test_an_image_draws_whatever_the_size_of_its_batch(row: Row) -> None:
    x = batch(row)
    np.testing.assert_array_equal(run(make(row), x)[:5], run(make(row), x[:5]))
    np.testing.assert_array_equal(run(make(row), x)[0], run(make(row), x[0]))
    same = np.broadcast_to(x[:1], x.shape)
    kinds = np.unique(run(make(row), same).reshape(len(x), -1), axis=0)
    assert (len(kinds) > 1) == (row.layer not in CERTAIN)


@each([row for row in RANDOM if row.arguments.get("data_format") is None])
def test_channels_first_is_the_same_but_for_the_axes(row: Row) -> None:
    x = batch(row, dtype="float64")
    last = run(make(row, dtype="float64"), x)
    first = run(make(row, dtype="float64", data_format="channels_first"), x.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(first.transpose(0, 2, 3, 1), last, rtol=1e-12, atol=1e-12)  # sums in another order


@each_layer
def test_bytes_are_taken_as_numbers(row: Row) -> None:
    x = np.random.default_rng(1).integers(0, 4, (3, *row.inputs[1:])).astype("uint8")
    y = make(row)(x, training=True)
    assert y.dtype == "float32"
    np.testing.assert_array_equal(y.numpy(), run(make(row), x.astype("float32")))
    assert make(row)(x, training=False).dtype == "float32"


@each_layer
def test_copies_and_saved_states_go_on_where_they_were(row: Row) -> None:
    x = batch(row)
    layer = make(row)
    run(layer, x)
    other = copy.deepcopy(layer)
    np.testing.assert_array_equal(run(other, x), run(layer, x))


@each_layer
def test_gradients(row: Row) -> None:
    x = batch(row, 4, "float64")
    layer = make(row, dtype="float64")
    tensor = ops.convert_to_tensor(x)
    tensor.requires_grad = True
    if row.layer in NO_GRADIENT:
        with pytest.raises(ValueError, match=rf"\[{layer.name}\] has no gradient; put it before the first layer"):
            layer(tensor, training=True)
        assert layer(tensor, training=False).shape == x.shape
        return
    start = layer._native().random_state

    def value(at: np.ndarray, weights: np.ndarray) -> float:
        layer._native().random_state = start
        return float((run(layer, at) * weights).sum())

    y = layer(tensor, training=True)
    draws = np.random.default_rng(9)
    weights = draws.normal(size=y.shape)
    (y * ops.convert_to_tensor(weights)).sum().backward()
    direction = draws.normal(size=x.shape)
    h = 1e-7
    numeric = (value(x + h * direction, weights) - value(x - h * direction, weights)) / (2 * h)
    # Linear in x, but for clipped values: what is left is rounding, 1e-16 * |value| / h.
    assert float((tensor.grad.numpy() * direction).sum()) == pytest.approx(numeric, rel=1e-6, abs=1e-6)


# -- in models ---------------------------------------------------------------------------------------------------------


def augmented(row: Row) -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input(row.inputs[1:]), make(row), layers.Flatten(), layers.Dense(2, name="top")])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model


@each_layer
def test_recorded_steps_draw_as_direct_calls_do(row: Row) -> None:
    x, y = batch(row, 24), np.zeros((24, 2), "float32")
    model = augmented(row)
    losses: list[float] = []

    class Listener(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            losses.append(logs["loss"])

    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=[Listener()])
    assert model.layers[0]._native().replayable
    direct, top = make(row), model.get_layer("top")
    expected = []
    for _ in range(2):
        steps = [run(direct, x[i : i + 8]).reshape(8, -1) for i in (0, 8, 16)]
        expected.append(np.mean([(top(step).numpy() ** 2).mean() for step in steps]))
    # logs have the mean over the epoch so far: the last one of each is that of its three steps
    np.testing.assert_allclose([losses[2], losses[5]], expected, rtol=1e-5)
    plain = model.predict(x, verbose=0)
    np.testing.assert_array_equal(plain, model.predict(x, verbose=0))
    still = direct(x, training=False).numpy().reshape(24, -1)
    np.testing.assert_allclose(plain, top(still).numpy(), rtol=1e-5, atol=1e-5)


def test_a_resumed_training_is_the_same_training(tmp_path: Any) -> None:
    row = next(r for r in RANDOM if r.layer == "RandAugment")
    x, y = batch(row, 24), np.random.default_rng(2).normal(size=(24, 2)).astype("float32")
    whole, half = augmented(row), augmented(row)
    for model in (whole, half):
        model.compile(keras.optimizers.Adam(0.01), "mse")
    keras.utils.set_random_seed(3)
    whole.fit(x, y, batch_size=8, epochs=4, verbose=0, shuffle=False)
    keras.utils.set_random_seed(3)
    half.fit(x, y, batch_size=8, epochs=2, verbose=0, shuffle=False)
    half.save(tmp_path / "half.rv")
    loaded = keras.models.load_model(tmp_path / "half.rv")
    loaded.fit(x, y, batch_size=8, initial_epoch=2, epochs=4, verbose=0, shuffle=False)
    for a, b in zip(whole.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# -- distributions -----------------------------------------------------------------------------------------------------

N = 4000


def flat(value: float = 100.0) -> np.ndarray:
    return np.full((N, 2, 2, 3), value, "float32")


def uniform(values: np.ndarray, low: float, high: float) -> None:
    """Values look uniform in [low, high]: the ends are reached, and the distribution function fits (Kolmogorov)."""
    assert low - 1e-3 <= values.min()
    assert values.max() <= high + 1e-3
    expected = (np.sort(values) - low) / (high - low)
    assert np.abs(expected - np.arange(N) / N).max() < 1.95 / np.sqrt(N)  # chance 0.1 %, and the seed is fixed


def test_brightness_is_uniform() -> None:
    uniform(run(layers.RandomBrightness(0.2, seed=1), flat())[:, 0, 0, 0] - 100, -51, 51)
    uniform(run(layers.RandomBrightness((0.1, 0.3), seed=1), flat())[:, 0, 0, 0] - 100, 25.5, 76.5)


def test_translation_and_zoom_are_uniform() -> None:
    ramp = np.broadcast_to(np.arange(101.0)[None, :, None, None], (N, 101, 1, 1)).astype("float32")
    shifted = run(layers.RandomTranslation(0.2, 0.0, seed=1), ramp)[:, 50, 0, 0]
    uniform(50 - shifted, -20.2, 20.2)
    zoomed = run(layers.RandomZoom((-0.5, 0.1), seed=1), ramp)
    uniform((zoomed[:, 60, 0, 0] - zoomed[:, 40, 0, 0]) / 20 - 1, -0.5, 0.1)


def test_chances_are_uniform_between_their_bounds() -> None:
    for factor, chance in ((1.0, 0.5), ((0.8, 1.0), 0.9), ((0.0, 0.0), 0.0), ((1, 1), 1.0), (0.4, 0.2)):
        changed = run(layers.RandomInvert(factor, seed=1), flat())[:, 0, 0, 0] != 100
        assert abs(changed.mean() - chance) < 4 * 0.5 / np.sqrt(N)
    grey = run(layers.RandomGrayscale(0.3, seed=1), flat() * [0, 1, 2])
    assert abs((grey[:, 0, 0, 0] != 0).mean() - 0.3) < 4 * 0.5 / np.sqrt(N)


def test_boxes_have_the_share_asked_for() -> None:
    x = np.zeros((N, 20, 30, 1), "float32")
    y = run(layers.RandomErasing((1, 1), (0.25, 0.25), fill_value=1.0, seed=1), x)
    assert y.mean() == pytest.approx(0.25, abs=0.005)  # whole pixels of a box of half the sides
    # Every place is met, the middle most often.
    often = y.mean(axis=(0, 3))
    assert often.min() > 0
    assert often[10, 15] > 0.9
    noise = run(layers.RandomErasing((1, 1), (1.0, 1.0), seed=1), x)
    assert 0.45 < (noise == 0).mean() < 0.55  # normal numbers, the negative half clipped
    assert noise.max() == 255


def test_rand_augment_uses_all_its_changes() -> None:
    x = np.random.default_rng(1).uniform(40, 200, (1, 12, 12, 3)).astype("float32")
    y = run(layers.RandAugment(num_ops=1, factor=(0.5, 0.5), seed=1), np.broadcast_to(x, (N, 12, 12, 3)))
    # Eleven changes, all but the contrast of a fixed strength; the shear draws a sign.
    _, counts = np.unique(y.reshape(N, -1), axis=0, return_counts=True)
    common = np.sort(counts[counts > 1.5])
    assert len(common) == 11
    deviation = 4 * np.sqrt(N / 11)
    np.testing.assert_allclose([*common[2:], common[:2].sum(), N - common.sum()], N / 11, atol=deviation)
    still = run(layers.RandAugment(num_ops=0), x)
    np.testing.assert_array_equal(still, x)


def test_aug_mix_stays_in_the_range() -> None:
    x = np.random.default_rng(1).uniform(0, 1, (50, 8, 8, 3)).astype("float32")
    y = run(layers.AugMix(value_range=(0, 1), factor=1.0, seed=1), x)
    assert y.min() >= 0
    assert y.max() <= 1
    assert 0.02 < np.abs(y - x).mean() < 0.5
