"""Layers: values and gradients against Keras 3, and one contract for all of them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from golden.layer_cases import LAYERS, cotangent, layer_input, layer_weights, load
from ranvier import layers, ops
from ranvier.layers import registry
from ranvier.utils.session import clear_session

GOLD = load()

# One instance of every layer for the contract: (class name, arguments, input shape, output shape)
CONTRACT: list[tuple[str, dict[str, Any], tuple[int, ...], tuple[int, ...]]] = [
    ("InputLayer", {"shape": (3,)}, (4, 3), (4, 3)),
    ("Dense", {"units": 5, "activation": "relu"}, (4, 3), (4, 5)),
    ("Dense", {"units": 5, "activation": "gate_of_my_own"}, (4, 2, 3), (4, 2, 5)),
    ("Activation", {"activation": "tanh"}, (4, 3), (4, 3)),
    ("Identity", {}, (4, 3), (4, 3)),
    ("Dropout", {"rate": 0.5, "seed": 3}, (4, 3), (4, 3)),
    ("AlphaDropout", {"rate": 0.3, "seed": 3}, (4, 3), (4, 3)),
    ("GaussianDropout", {"rate": 0.3, "seed": 3}, (4, 3), (4, 3)),
    ("GaussianNoise", {"stddev": 0.5, "seed": 3}, (4, 3), (4, 3)),
    ("Flatten", {}, (4, 3, 2), (4, 6)),
    ("Reshape", {"target_shape": (3, 2)}, (4, 6), (4, 3, 2)),
    ("Permute", {"dims": (2, 1)}, (4, 3, 2), (4, 2, 3)),
    ("RepeatVector", {"n": 2}, (4, 3), (4, 2, 3)),
    ("BatchNormalization", {"momentum": 0.9}, (4, 3), (4, 3)),
    ("LayerNormalization", {}, (4, 3), (4, 3)),
    ("Normalization", {"mean": [0.0, 1.0, 2.0], "variance": [1.0, 1.0, 4.0]}, (4, 3), (4, 3)),
    ("Normalization", {}, (4, 3), (4, 3)),
    ("Rescaling", {"scale": 0.5, "offset": 1.0}, (4, 3), (4, 3)),
    ("Rescaling", {"scale": [1.0, 2.0, 3.0]}, (4, 3), (4, 3)),
    ("ReLU", {"max_value": 1.0}, (4, 3), (4, 3)),
    ("LeakyReLU", {}, (4, 3), (4, 3)),
    ("PReLU", {"shared_axes": [1]}, (4, 3, 2), (4, 3, 2)),
    ("ELU", {"alpha": 0.5}, (4, 3), (4, 3)),
    ("Softmax", {}, (4, 3), (4, 3)),
    ("Softmax", {"axis": [1, 2]}, (4, 3, 2), (4, 3, 2)),
]
IDS = [f"{name}-{i}" for i, (name, *_) in enumerate(CONTRACT)]
WEIGHTS = {
    "Dense": ["kernel", "bias"],
    "BatchNormalization": ["gamma", "beta", "moving_mean", "moving_variance"],
    "LayerNormalization": ["gamma", "beta"],
    "Normalization": ["mean", "variance"],
    "PReLU": ["alpha"],
}
NOISE = {"Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise"}
STATE = {"moving_mean", "moving_variance", "mean", "variance"}


def gate_of_my_own(x: Any) -> Any:
    return ops.multiply(x, ops.sigmoid(x))


def make(class_name: str, arguments: dict[str, Any], **kwargs: Any) -> Any:
    settings = {k: gate_of_my_own if v == "gate_of_my_own" else v for k, v in arguments.items()}
    return getattr(layers, class_name)(**settings, **kwargs)


def data(shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(5).normal(size=shape).astype(dtype)


def test_every_layer_is_in_the_contract() -> None:
    named = {c.__name__ for c in registry.classes().values() if c.__module__.startswith("ranvier.layers.")}
    assert named - {"Lambda"} == {name for name, *_ in CONTRACT}
    assert named - {"Lambda", "InputLayer"} == {name for name, *_ in LAYERS.values()}


# -- against Keras -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", LAYERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_and_gradients_are_those_of_keras(label: str, dtype: str) -> None:
    # float32: rounding of about 1e-7 per operation, squared and summed over a handful of elements
    tolerance = 1e-11 if dtype == "float64" else 3e-5
    if "hard_sigmoid" in label:
        tolerance = max(tolerance, 1e-7)  # PyTorch's 1/6 is a float32 number
    class_name, arguments, shape, training = LAYERS[label]
    layer = getattr(layers, class_name)(**arguments, dtype=dtype)
    layer.build(shape)
    if class_name != "Normalization":  # given statistics are no weights in Keras
        layer.set_weights(layer_weights(label, [(w.name, w.shape) for w in layer.weights]))
    x = ops.convert_to_tensor(layer_input(label), dtype)
    x.requires_grad = True
    y = layer(x, training=training)
    assert y.dtype == dtype

    def check(value: Any, key: str) -> None:
        np.testing.assert_allclose(value, GOLD[f"layer/{label}/{key}"], rtol=tolerance, atol=tolerance, err_msg=key)

    check(y.numpy(), "y")
    (y * ops.convert_to_tensor(cotangent(label, y.shape), dtype)).sum().backward()
    check(x.grad.numpy(), "dx")
    for i, weight in enumerate(layer.trainable_weights):
        check(weight.grad.numpy(), f"dw{i}")
    for i, weight in enumerate(layer.non_trainable_weights if class_name != "Normalization" else []):
        check(weight.numpy(), f"state{i}")


# -- the contract ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "arguments", "shape", "output"), CONTRACT, ids=IDS)
class TestContract:
    def test_builds_on_first_call_and_names_its_weights(
        self, name: str, arguments: dict[str, Any], shape: Any, output: Any
    ) -> None:
        layer = make(name, arguments, name="mine")
        assert layer.name == "mine"
        assert layer.built == (name == "InputLayer")
        y = layer(data(shape))
        assert layer.built
        assert (y.shape, y.dtype) == (output, "float32")
        assert [w.name for w in layer.weights] == WEIGHTS.get(name, [])
        assert [w.path for w in layer.weights] == [f"mine/{w}" for w in WEIGHTS.get(name, [])]
        assert all(getattr(layer, w.name) is w for w in layer.weights)
        assert layer.count_params() == sum(int(np.prod(w.shape)) for w in layer.weights)

    def test_builds_from_a_shape(self, name: str, arguments: dict[str, Any], shape: Any, output: Any) -> None:
        layer = make(name, arguments)
        batched = (None, *shape[1:])
        assert tuple(layer.compute_output_shape(batched)) == (None, *output[1:])
        layer.build(batched)
        assert layer.built
        assert layer(data((7, *shape[1:]))).shape == (7, *output[1:])
        assert layer(data((1, *shape[1:]))).shape == (1, *output[1:])

    def test_config_makes_an_equal_layer(self, name: str, arguments: dict[str, Any], shape: Any, output: Any) -> None:
        layer = make(name, arguments, name="first", dtype="float64")
        custom = {"gate_of_my_own": gate_of_my_own}
        record = layers.serialize(layer)
        again = layers.deserialize(json.loads(json.dumps(record)), custom)
        assert type(again) is type(layer)
        assert json.dumps(layers.serialize(again)) == json.dumps(record)
        x = data(shape, "float64")
        layer.build(shape)
        again.build(shape)
        again.set_weights(layer.get_weights())
        np.testing.assert_array_equal(layer(x).numpy(), again(x).numpy())

    def test_float64(self, name: str, arguments: dict[str, Any], shape: Any, output: Any) -> None:
        layer = make(name, arguments, dtype="float64")
        x = data(shape, "float64")
        y = layer(x)
        assert y.dtype == "float64"
        assert all(w.dtype == "float64" for w in layer.weights)
        single = make(name, arguments)
        single.build(shape)
        single.set_weights(layer.get_weights())
        np.testing.assert_allclose(single(x.astype("float32")).numpy(), y.numpy(), rtol=2e-6, atol=2e-6)

    def test_weights_are_read_and_set(self, name: str, arguments: dict[str, Any], shape: Any, output: Any) -> None:
        layer = make(name, arguments, name="mine")
        layer.build(shape)
        before = layer.get_weights()
        layer.set_weights([w + 1 for w in before])
        for old, new in zip(before, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(new, old + 1)
        with pytest.raises(ValueError, match=rf"\[mine\] set_weights: expected {len(before)} arrays"):
            layer.set_weights([*before, np.zeros(2)])
        if before:
            wrong = [*before[:-1], np.zeros((*before[-1].shape, 2))]
            with pytest.raises(ValueError, match=rf"\[mine\].*'mine/{WEIGHTS[name][-1]}'"):
                layer.set_weights([w + 5 for w in wrong])
            np.testing.assert_array_equal(layer.get_weights()[0], before[0] + 1)  # nothing is half-changed

    def test_freezing(self, name: str, arguments: dict[str, Any], shape: Any, output: Any) -> None:
        layer = make(name, arguments)
        layer.build(shape)
        state = [w.name for w in layer.weights if w.name in STATE]
        trained = [w.name for w in layer.weights if w.name not in STATE]
        assert [w.name for w in layer.trainable_weights] == trained
        assert [w.name for w in layer.non_trainable_weights] == state
        layer.trainable = False
        assert layer.trainable_weights == []
        assert len(layer.non_trainable_weights) == len(layer.weights)
        assert not any(w.trainable for w in layer.weights)
        layer.trainable = True
        assert [w.name for w in layer.trainable_weights] == trained
        if name != "InputLayer":
            frozen = make(name, arguments, trainable=False)
            frozen.build(shape)
            assert frozen.trainable_weights == []
            frozen.trainable = True
            assert [w.name for w in frozen.trainable_weights] == trained

    def test_training_changes_noise_and_batch_statistics_only(
        self, name: str, arguments: dict[str, Any], shape: Any, output: Any
    ) -> None:
        layer = make(name, arguments)
        x = data(shape)
        still = layer(x).numpy().copy()
        np.testing.assert_array_equal(layer(x, training=False).numpy(), still)
        trained = layer(x, training=True).numpy()
        assert np.array_equal(trained, still) == (name not in NOISE | {"BatchNormalization"})

    def test_names_are_counted(self, name: str, arguments: dict[str, Any], shape: Any, output: Any) -> None:
        clear_session()
        first, second = make(name, arguments), make(name, arguments)
        assert second.name == first.name + "_1"
        clear_session()
        assert make(name, arguments).name == first.name
