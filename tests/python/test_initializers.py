"""Initializers: statistics, seeds, names, bad input."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from ranvier import initializers
from ranvier.random import SeedGenerator
from ranvier.utils.random_seed import set_random_seed

SHAPE = (400, 300)  # 120,000 numbers
# name: (standard deviation, largest absolute value)
RANDOM: dict[str, tuple[float, float]] = {
    "random_normal": (0.05, np.inf),
    "truncated_normal": (0.05 * 0.87962566, 0.1),
    "random_uniform": (0.1 / np.sqrt(12), 0.05),
    "glorot_uniform": (np.sqrt(2 / 700), np.sqrt(6 / 700)),
    "glorot_normal": (np.sqrt(2 / 700), 2 * np.sqrt(2 / 700) / 0.87962566),
    "he_uniform": (np.sqrt(2 / 400), np.sqrt(6 / 400)),
    "he_normal": (np.sqrt(2 / 400), 2 * np.sqrt(2 / 400) / 0.87962566),
    "lecun_uniform": (np.sqrt(1 / 400), np.sqrt(3 / 400)),
    "lecun_normal": (np.sqrt(1 / 400), 2 * np.sqrt(1 / 400) / 0.87962566),
    "variance_scaling": (np.sqrt(1 / 400), 2 * np.sqrt(1 / 400) / 0.87962566),
}


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_moments(name: str, dtype: str) -> None:
    std, bound = RANDOM[name]
    x = type(initializers.get(name))(seed=3)(SHAPE, dtype).numpy()
    assert x.shape == SHAPE and x.dtype == dtype
    # 5 standard errors of mean and standard deviation
    assert abs(x.mean()) < 5 * std / np.sqrt(x.size)
    assert abs(x.std() / std - 1) < 5 / np.sqrt(2 * x.size)
    assert np.abs(x).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("name", [*RANDOM, "orthogonal"])
def test_seeds(name: str) -> None:
    cls = type(initializers.get(name))
    seeded = cls(seed=7)
    first = seeded((4, 3)).numpy()
    np.testing.assert_array_equal(seeded((4, 3)).numpy(), first)
    assert not np.array_equal(cls(seed=8)((4, 3)).numpy(), first)
    free = cls()
    assert not np.array_equal(free((4, 3)).numpy(), free((4, 3)).numpy())
    set_random_seed(1)
    one = free((4, 3)).numpy()
    set_random_seed(1)
    np.testing.assert_array_equal(free((4, 3)).numpy(), one)
    sequence = cls(seed=SeedGenerator(5))
    a, b = sequence((4, 3)).numpy(), sequence((4, 3)).numpy()
    assert not np.array_equal(a, b)
    np.testing.assert_array_equal(cls(seed=SeedGenerator(5))((4, 3)).numpy(), a)


def test_constants() -> None:
    np.testing.assert_array_equal(initializers.Zeros()((2, 3)).numpy(), np.zeros((2, 3)))
    np.testing.assert_array_equal(initializers.Ones()((2,), "float64").numpy(), np.ones(2))
    np.testing.assert_array_equal(initializers.Constant(2.5)((2, 2)).numpy(), np.full((2, 2), 2.5))
    np.testing.assert_array_equal(initializers.Identity(2)((3, 4)).numpy(), 2 * np.eye(3, 4))


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (2, 4, 3)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    q = initializers.Orthogonal(gain=2, seed=1)(shape, "float64").numpy().reshape(-1, shape[-1])
    small = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-12)


def test_scaling_modes() -> None:
    for mode, n in (("fan_in", 400), ("fan_out", 300), ("fan_avg", 350)):
        for distribution in ("truncated_normal", "untruncated_normal", "uniform"):
            x = initializers.VarianceScaling(3, mode, distribution, seed=2)(SHAPE).numpy()
            assert abs(x.std() / np.sqrt(3 / n) - 1) < 5 / np.sqrt(2 * x.size)


@pytest.mark.parametrize("name", initializers.registry.names())
def test_names_and_configs(name: str) -> None:
    initializer = initializers.get(name)
    record = json.loads(json.dumps(initializers.serialize(initializer)))
    again = initializers.deserialize(record)
    assert type(again) is type(initializer) is type(initializers.get(type(initializer)))
    assert again.get_config() == initializer.get_config() == initializer.clone().get_config()


def test_seed_generators_survive_the_config() -> None:
    initializer = initializers.HeNormal(seed=SeedGenerator(4))
    again = initializers.deserialize(json.loads(json.dumps(initializers.serialize(initializer))))
    np.testing.assert_array_equal(again((2, 2)).numpy(), initializer((2, 2)).numpy())


def test_aliases_of_keras() -> None:
    for alias, cls in (
        ("normal", "RandomNormal"),
        ("uniform", "RandomUniform"),
        ("zeros", "Zeros"),
        ("OrthogonalInitializer", "Orthogonal"),
        ("GlorotUniform", "GlorotUniform"),
    ):
        assert type(initializers.get(alias)).__name__ == cls


BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: initializers.get("glorot"), ValueError, r"\[initializer\] unknown name 'glorot'"),
    (lambda: initializers.VarianceScaling(scale=0), ValueError, "scale: expected a number above 0"),
    (lambda: initializers.VarianceScaling(mode="fan"), ValueError, "mode: expected one of fan_in"),
    (lambda: initializers.VarianceScaling(distribution="x"), ValueError, "distribution: expected one of"),
    (lambda: initializers.RandomNormal(stddev=-1), ValueError, "stddev: expected a number of 0 or more"),
    (lambda: initializers.RandomUniform(1, 0), ValueError, "maxval: expected a number of 1 or more"),
    (lambda: initializers.GlorotUniform(seed=-1), ValueError, "seed: expected an int from 0"),
    (lambda: initializers.GlorotUniform(seed="a"), TypeError, "seed: expected an int or None"),
    (lambda: initializers.Zeros()((2, -1)), ValueError, "expected sizes of 0 or more"),
    (lambda: initializers.Zeros()("ab"), TypeError, "expected a tuple of ints"),
    (lambda: initializers.Orthogonal()((3,)), ValueError, "rank 2 or more"),
    (lambda: initializers.Identity()((3,)), ValueError, "rank 2"),
]


@pytest.mark.parametrize(("action", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_named(action: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        action()
