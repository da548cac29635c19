"""Settings of the process, conversion to tensors, random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ranvier import config, layers, ops, random
from ranvier._core import Variable
from ranvier._tensor import no_grad
from ranvier.utils.random_seed import set_random_seed


@pytest.fixture
def double() -> Iterator[None]:
    config.set_floatx("float64")
    yield
    config.set_floatx("float32")


def test_floatx(double: None) -> None:
    assert config.floatx() == "float64"
    assert ops.convert_to_tensor(1.5).dtype == "float64"
    assert ops.zeros((2,)).dtype == "float64"
    layer = layers.Dense(2)
    assert layer(np.ones((1, 3), "float32")).dtype == "float64"
    assert layer.kernel.dtype == "float64"
    assert random.normal((2,)).dtype == "float64"


def test_settings() -> None:
    assert (config.floatx(), config.epsilon(), config.image_data_format()) == ("float32", 1e-7, "channels_last")
    config.set_epsilon(1e-5)
    assert config.epsilon() == 1e-5
    config.set_epsilon(1e-7)
    config.set_image_data_format("channels_last")
    for action, message in (
        (lambda: config.set_floatx("float16"), "expected 'float32' or 'float64', received 'float16'"),
        (lambda: config.set_epsilon(0), "expected a positive number"),
        (lambda: config.set_image_data_format("channels_first"), r"x.transpose\(0, 2, 3, 1\)"),
        (lambda: config.standardize_dtype("float8"), "expected one of float32"),
    ):
        with pytest.raises(ValueError, match=message):
            action()
    names = [config.standardize_dtype(d) for d in (None, float, int, bool, np.int64, np.dtype("float64"), "bool")]
    assert names == ["float32", "float32", "int32", "bool", "int64", "float64", "bool"]
    policy = {"class_name": "DTypePolicy", "config": {"name": "float64"}}
    assert config.standardize_dtype(policy) == "float64"


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1.5, "float32"),
        (np.float64(1.5), "float32"),
        ([1.0, 2.0], "float32"),
        (3, "int32"),
        (2**40, "int64"),
        ([1, 2], "int32"),
        (True, "bool"),
        (np.ones(2), "float64"),
        (np.ones(2, "float16"), "float32"),
        (np.ones(2, "uint8"), "int32"),
        (np.ones(2, "uint32"), "int64"),
        (np.ones(2, ">f4"), "float32"),
        (np.arange(6.0).reshape(2, 3).T, "float64"),
        (np.ones((0, 3)), "float64"),
        ([[1, 2.5]], "float32"),
    ],
)
def test_conversion(value: Any, dtype: str) -> None:
    x = ops.convert_to_tensor(value)
    assert x.dtype == dtype
    np.testing.assert_array_equal(x.numpy(), np.asarray(value))
    assert ops.convert_to_tensor(value, "float64").dtype == "float64"


def test_conversion_of_tensors_and_variables() -> None:
    x = ops.ones((2,))
    assert ops.convert_to_tensor(x) is x
    assert ops.convert_to_tensor(x, "float64").dtype == "float64"
    assert ops.convert_to_tensor([x, x * 2]).numpy().tolist() == [[1, 1], [2, 2]]
    weight = Variable(x)
    ops.convert_to_tensor(weight).sum().backward()
    np.testing.assert_array_equal(weight.grad.numpy(), [1, 1])
    assert ops.is_tensor(x) and not ops.is_tensor(np.ones(2)) and not ops.is_tensor(weight)
    for value, error in (("abc", TypeError), ([1, "a"], TypeError), (1j, TypeError), ([[1], [1, 2]], ValueError)):
        with pytest.raises(error, match=r"\[convert_to_tensor\] expected"):
            ops.convert_to_tensor(value)


def test_no_grad() -> None:
    weight = Variable(ops.ones((2,)))
    with no_grad():
        y = (weight * 2.0).sum()
        assert no_grad.is_active()
    assert not no_grad.is_active()
    with pytest.raises(RuntimeError):
        y.backward()

    @no_grad()
    def evaluate() -> bool:
        return no_grad.is_active()

    assert evaluate() and not no_grad.is_active()


# -- random numbers ----------------------------------------------------------------------------------------------------

DRAWS: list[tuple[str, dict[str, Any], float, float]] = [
    ("normal", {"mean": 1.0, "stddev": 2.0}, 1.0, 2.0),
    ("truncated_normal", {"mean": 1.0, "stddev": 2.0}, 1.0, 2 * 0.87962566),
    ("uniform", {"minval": -1.0, "maxval": 3.0}, 1.0, 4 / np.sqrt(12)),
    ("randint", {"minval": 0, "maxval": 10}, 4.5, np.sqrt(99 / 12)),
]


@pytest.mark.parametrize(("name", "arguments", "mean", "std"), DRAWS)
def test_draws(name: str, arguments: dict[str, Any], mean: float, std: float) -> None:
    draw = getattr(random, name)
    x = draw((300, 400), **arguments, seed=2).numpy()
    assert x.dtype == ("int32" if name == "randint" else "float32")
    assert abs(x.mean() - mean) < 5 * std / np.sqrt(x.size)
    assert abs(x.std() / std - 1) < 0.02
    np.testing.assert_array_equal(draw((300, 400), **arguments, seed=2).numpy(), x)
    set_random_seed(9)
    a, b = draw((50,), **arguments).numpy(), draw((50,), **arguments).numpy()
    assert not np.array_equal(a, b)
    set_random_seed(9)
    np.testing.assert_array_equal(draw((50,), **arguments).numpy(), a)
    generator = random.SeedGenerator(3)
    c, d = draw((50,), **arguments, seed=generator).numpy(), draw((50,), **arguments, seed=generator).numpy()
    assert not np.array_equal(c, d)
    generator.state = (3, 0)
    np.testing.assert_array_equal(draw((50,), **arguments, seed=generator).numpy(), c)


def test_seed_generator() -> None:
    a, b = random.SeedGenerator(1), random.SeedGenerator(2)
    seeds = [a.next() for _ in range(1000)] + [b.next() for _ in range(1000)]
    assert len(set(seeds)) == 2000 and all(0 <= s < 2**63 for s in seeds)
    assert a.state == (1, 1000)
    again = random.SeedGenerator.from_config(random.SeedGenerator(1).get_config())
    assert again.next() == seeds[0]
    assert random.SeedGenerator().next() != random.SeedGenerator().next()


def test_shuffle_and_dropout() -> None:
    x = np.arange(20).reshape(10, 2)
    y = random.shuffle(x, seed=1).numpy()
    assert sorted(map(tuple, y)) == sorted(map(tuple, x)) and not np.array_equal(x, y)
    assert random.shuffle(x, axis=1, seed=1).shape == (10, 2)
    z = random.dropout(np.ones((100, 100), "float32"), 0.25, seed=1).numpy()
    assert set(np.unique(z)) == {0.0, np.float32(4 / 3)}
    assert abs((z == 0).mean() - 0.25) < 0.03
    shared = random.dropout(np.ones((4, 5)), 0.5, noise_shape=(None, 1), seed=3).numpy()
    np.testing.assert_array_equal(shared, np.broadcast_to(shared[:, :1], (4, 5)))


def test_one_seed_for_everything() -> None:
    import random as python_random

    drawn = []
    for _ in range(2):
        set_random_seed(11)
        drawn.append((python_random.random(), np.random.rand(), float(random.uniform(()))))  # noqa: NPY002
    assert drawn[0] == drawn[1]


BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: random.normal((2,), dtype="int32"), ValueError, r"\[random.normal\] dtype: expected 'float32'"),
    (lambda: random.normal(2.5), TypeError, "expected a tuple of ints"),
    (lambda: random.uniform((2,), seed=-1), ValueError, "seed: expected an int from 0"),
    (lambda: random.randint((2,), 3, 3), ValueError, "expected minval < maxval"),
    (lambda: random.dropout(np.ones(2), 1.0), ValueError, r"rate: expected a number in \[0, 1\)"),
    (lambda: set_random_seed(-1), ValueError, "seed"),
    (lambda: set_random_seed(2**32), ValueError, r"from 0 to 2\*\*32 - 1"),
    (lambda: set_random_seed("a"), TypeError, "expected an int"),
]


@pytest.mark.parametrize(("action", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_named(action: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        action()
