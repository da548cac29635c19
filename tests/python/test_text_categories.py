"""CategoryEncoding and Discretization: documented examples, Keras's quantiles, mistakes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from golden.store import load
from golden.text_cases import DISCRETIZATION, batches_for
from ranvier import DataLoader, layers

NUMBERS = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]])


def copied(layer: Any) -> Any:
    return layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))


@pytest.mark.parametrize(
    ("mode", "inputs", "wanted"),
    [
        ("one_hot", [3, 2, 0, 1], np.eye(4)[[3, 2, 0, 1]]),
        ("one_hot", [[3], [1]], np.eye(4)[[3, 1]]),
        ("multi_hot", [[0, 1], [0, 0], [1, 2], [3, 1]], [[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 1]]),
        ("multi_hot", [3, 2, 0], [1, 0, 1, 1]),
        ("count", [[0, 1], [0, 0]], [[1, 1, 0, 0], [2, 0, 0, 0]]),
        ("count", 2, [0, 0, 1, 0]),
        ("count", np.zeros((2, 0), int), np.zeros((2, 4))),
        ("multi_hot", np.zeros((0, 3), int), np.zeros((0, 4))),
    ],
)
def test_category_encoding(mode: str, inputs: Any, wanted: Any) -> None:
    layer = layers.CategoryEncoding(num_tokens=4, output_mode=mode)
    np.testing.assert_array_equal(layer(inputs).numpy(), wanted)
    np.testing.assert_array_equal(copied(layer)(inputs).numpy(), wanted)


def test_counts_with_weights() -> None:
    layer = layers.CategoryEncoding(num_tokens=4, output_mode="count")
    weights = np.array([[0.1, 0.2], [0.1, 0.1], [0.2, 0.3], [0.4, 0.2]])
    found = layer([[0, 1], [0, 0], [1, 2], [3, 1]], count_weights=weights)
    wanted = [[0.1, 0.2, 0, 0], [0.2, 0, 0, 0], [0, 0.2, 0.3, 0], [0, 0.2, 0, 0.4]]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6)
    with pytest.raises(ValueError, match=r"count_weights: expected shape \(1, 2\) as of the indices, received \(2,\)"):
        layer([[0, 1]], count_weights=[0.5, 0.5])
    with pytest.raises(ValueError, match="count_weights: expected None in output_mode 'multi_hot'"):
        layers.CategoryEncoding(num_tokens=4)([[0, 1]], count_weights=[[0.5, 0.5]])


def test_category_encoding_complains_by_name() -> None:
    layer = layers.CategoryEncoding(num_tokens=4, name="encode")
    with pytest.raises(ValueError, match=r"\[encode\] expected indices from 0 to 3, received 4 at \[1, 0\]"):
        layer([[0, 1], [4, 2]])
    with pytest.raises(ValueError, match=r"received -1 at \[0\]"):
        layer([-1])
    with pytest.raises(ValueError, match="num_tokens: expected the number of categories, received None"):
        layers.CategoryEncoding()
    with pytest.raises(ValueError, match="output_mode: expected one of .*, received 'int'"):
        layers.CategoryEncoding(num_tokens=3, output_mode="int")
    with pytest.raises(TypeError, match="expected numbers, received strings"):
        layer(["a"])


# -- Discretization ----------------------------------------------------------------------------------------------------


def test_discretization_of_the_documentation() -> None:
    layer = layers.Discretization(bin_boundaries=[0.0, 1.0, 2.0])
    found = layer(NUMBERS)
    assert found.numpy().tolist() == [[0, 2, 3, 1], [1, 3, 2, 1]]
    assert found.dtype == "int32"
    learned = layers.Discretization(num_bins=4, epsilon=0.01)
    learned.adapt(NUMBERS)
    assert learned(NUMBERS).numpy().tolist() == [[0, 2, 3, 2], [1, 3, 3, 1]]
    again = copied(learned)
    assert again.bin_boundaries == learned.bin_boundaries
    assert again(NUMBERS).numpy().tolist() == [[0, 2, 3, 2], [1, 3, 3, 1]]
    again.adapt(NUMBERS * 2)  # a copy may learn anew
    assert again.bin_boundaries == [2 * border for border in learned.bin_boundaries]


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("one_hot", np.eye(4)[[[0, 2, 3, 1], [1, 3, 2, 1]]]),
        ("multi_hot", [[1, 1, 1, 1], [0, 1, 1, 1]]),
        ("count", [[1, 1, 1, 1], [0, 2, 1, 1]]),
    ],
)
def test_discretization_to_vectors(mode: str, wanted: Any) -> None:
    layer = layers.Discretization(bin_boundaries=[0.0, 1.0, 2.0], output_mode=mode)
    found = layer(NUMBERS)
    np.testing.assert_array_equal(found.numpy(), wanted)
    assert layer.compute_output_shape((None, 4)) == (None, *found.shape[1:])


@pytest.mark.parametrize("label", DISCRETIZATION)
def test_borders_are_those_of_keras(label: str) -> None:
    golden = load("text")[f"discretization/{label}"]
    batches = batches_for(label)
    layer = layers.Discretization(**DISCRETIZATION[label])
    for data in (batches, iter(batches)):
        layer.adapt(data)
        np.testing.assert_allclose(layer.bin_boundaries, golden, rtol=1e-6, atol=1e-7)
    again = layers.Discretization(**DISCRETIZATION[label])
    again.adapt(DataLoader(batches[0], batch_size=len(batches[0])))
    first = layers.Discretization(**DISCRETIZATION[label])
    first.adapt(batches[0])
    assert again.bin_boundaries == first.bin_boundaries


def test_quantiles_are_close() -> None:
    data = np.random.default_rng(0).uniform(size=20_000)
    layer = layers.Discretization(num_bins=10, epsilon=0.01)
    layer.adapt(data)
    np.testing.assert_allclose(layer.bin_boundaries, np.arange(0.1, 0.95, 0.1), atol=0.015)


def test_discretization_complains_by_name() -> None:
    layer = layers.Discretization(num_bins=4, name="bins")
    with pytest.raises(ValueError, match=r"\[bins\] has no bin_boundaries yet; call adapt"):
        layer([1.0])
    with pytest.raises(ValueError, match=r"\[bins\] expected numbers, received NaN at \[0, 1\] \(1 in all\)"):
        layer.adapt(np.array([[0.0, np.nan]]))
    with pytest.raises(ValueError, match="adapt: expected at least one number"):
        layer.adapt(np.zeros(0))
    with pytest.raises(ValueError, match="expected either bin_boundaries or num_bins, received neither"):
        layers.Discretization()
    with pytest.raises(ValueError, match="received both"):
        layers.Discretization([0.0], 3)
    with pytest.raises(ValueError, match="bin_boundaries: expected ascending finite numbers"):
        layers.Discretization([1.0, 0.0])
    with pytest.raises(ValueError, match="bin_boundaries: expected ascending finite numbers, received 'x'"):
        layers.Discretization("x")
    with pytest.raises(ValueError, match="epsilon: expected a number of 1e-06 or more"):
        layers.Discretization([0.0], epsilon=np.ones(2))
    with pytest.raises(ValueError, match="num_tokens: expected an int below"):
        layers.CategoryEncoding(10**20)
    given = layers.Discretization([0.0, 1.0], name="given")
    with pytest.raises(ValueError, match=r"\[given\] adapt: bin_boundaries were given"):
        given.adapt([1.0])
    with pytest.raises(ValueError, match=r"received NaN at \[1\]"):
        given(np.array([0.0, np.nan]))
    assert given([-np.inf, np.inf]).numpy().tolist() == [0, 2]
