"""Layers written in Python: weights, layers inside, training flag, losses, configuration."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from ranvier import layers, ops
from ranvier._core import Variable
from ranvier._registry import CustomObjectScope
from ranvier.layers import InputSpec, Layer
from ranvier.losses import MeanSquaredError
from ranvier.models import Sequential
from ranvier.optimizers import SGD


class Linear(Layer):
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight((input_shape[-1], self.units), "he_normal", name="w")
        self.b = self.add_weight((self.units,), "zeros", name="b")
        self.seen = self.add_weight((), "zeros", trainable=False, name="seen")

    def call(self, inputs: Any) -> Any:
        return ops.matmul(inputs, self.w) + self.b


class Block(Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first = layers.Dense(4, activation="relu", name="first")
        self.rest = [layers.Dropout(0.5, seed=1), Linear(2, name="last")]

    def call(self, inputs: Any, training: bool = False) -> Any:
        x = self.first(inputs)
        for layer in self.rest:
            x = layer(x)  # training is taken over from here
        return x


def test_weights_belong_to_the_layer() -> None:
    layer = Linear(2, name="mine")
    y = layer(np.ones((5, 3), "float32"))
    assert y.shape == (5, 2)
    y.sum().backward()
    np.testing.assert_allclose(layer.w.grad.numpy(), np.full((3, 2), 5))
    assert [w.path for w in layer.weights] == ["mine/w", "mine/b", "mine/seen"]
    assert [w.name for w in layer.trainable_weights] == ["w", "b"]
    layer.trainable = False
    assert layer.trainable_weights == []
    layer.trainable = True
    assert [w.name for w in layer.trainable_weights] == ["w", "b"]


def test_building_twice_by_hand_and_by_call_makes_one_set_of_weights() -> None:
    layer = Linear(2)
    layer.build((None, 3))
    assert layer.built
    layer(np.ones((5, 3)))
    assert len(layer.weights) == 3


def test_layers_inside_are_found_built_and_named() -> None:
    block = Block(name="block")
    assert block.compute_output_shape((None, 3)) == (None, 2)
    paths = ["block/first/kernel", "block/first/bias", "block/last/w", "block/last/b", "block/last/seen"]
    assert [w.path for w in block.weights] == paths
    assert block.count_params() == 3 * 4 + 4 + 4 * 2 + 2 + 1
    block.trainable = False
    assert block.trainable_weights == [] and not block.first.kernel.trainable
    block.trainable = True
    assert [w.name for w in block.trainable_weights] == ["kernel", "bias", "w", "b"]


def test_training_reaches_layers_inside() -> None:
    block = Block()
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    still = block(x).numpy().copy()
    np.testing.assert_array_equal(block(x, training=False).numpy(), still)
    assert not np.array_equal(block(x, training=True).numpy(), still)
    np.testing.assert_array_equal(block(x).numpy(), still)


def test_variables_and_dicts_of_layers_are_found() -> None:
    class Odd(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.scale = Variable(ops.ones((1,)), True, "scale")
            self.branches = {"a": layers.Dense(2), "b": (layers.Dense(2), layers.Dense(2))}

        def call(self, inputs: Any) -> Any:
            a, (b, c) = self.branches["a"], self.branches["b"]
            return (a(inputs) + b(inputs) + c(inputs)) * self.scale

    layer = Odd()
    layer(np.ones((2, 3)))
    assert [w.name for w in layer.weights] == ["scale", *["kernel", "bias"] * 3]


def test_losses_of_ones_own() -> None:
    class Penalised(Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(ops.sum(ops.square(inputs)))
            return inputs

    class Outer(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Penalised()

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs)

    layer = Outer()
    for _ in range(2):  # those of the last call only
        layer(np.full((2, 2), 2.0, "float32"))
        assert [float(v) for v in layer.losses] == [16.0]


def test_plain_arguments_are_the_config() -> None:
    layer = Linear(3, name="n")
    config = layer.get_config()
    assert config == {"name": "n", "trainable": True, "dtype": "float32", "units": 3}
    with CustomObjectScope({"Linear": Linear}):
        again = layers.deserialize(layers.serialize(layer))
    assert again.units == 3

    class Odd(Layer):
        def __init__(self, function: Any) -> None:
            super().__init__(name="odd")
            self.function = function

    with pytest.raises(TypeError, match=r"\[odd\] Odd was made with function=.*define get_config"):
        Odd(np.sin).get_config()


def test_mistakes_are_named() -> None:
    class NoSuper(Layer):
        def __init__(self) -> None:
            self.units = 3

        def call(self, inputs: Any) -> Any:
            return inputs

    with pytest.raises(RuntimeError, match=r"\[NoSuper\] call super\(\).__init__\(\)"):
        NoSuper()(np.ones((2, 2)))

    class NoCall(Layer):
        pass

    with pytest.raises(NotImplementedError, match="must define call"):
        NoCall()(np.ones((2, 2)))

    class Weight(Layer):
        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight((2,), lambda shape, dtype=None: np.zeros(3))

        def call(self, inputs: Any) -> Any:
            return inputs

    with pytest.raises(ValueError, match=r"expected values of shape \(2,\), received \(3,\)"):
        Weight()(np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"add_weight: expected known sizes"):
        Linear(2).build((3, None))


def test_input_spec() -> None:
    layer = Linear(2, name="mine")
    layer.input_spec = InputSpec(ndim=2, axes={-1: 3})
    layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"\[mine\] expected 2 axes, received x with shape \(3,\)"):
        layer(np.ones(3))
    with pytest.raises(ValueError, match=r"\[mine\] expected size 3 on axis -1"):
        layer(np.ones((2, 4)))


def test_lambda() -> None:
    layer = layers.Lambda(lambda x, k: ops.square(x) * k, arguments={"k": 3.0})
    np.testing.assert_allclose(layer(np.full((2, 2), 2.0)).numpy(), 12)
    assert layer.compute_output_shape((None, 5)) == (None, 5)
    fixed = layers.Lambda(lambda x: x, output_shape=(7,))
    assert fixed.compute_output_shape((None, 5)) == (None, 7)
    noisy = layers.Lambda(lambda x, training: x * 2 if training else x)
    assert float(noisy(np.ones((1, 1)), training=True)[0, 0]) == 2.0


def test_several_inputs() -> None:
    class Join(Layer):
        def call(self, inputs: Any) -> Any:
            a, b = inputs
            return ops.concatenate([a, b], -1)

    layer = Join()
    assert layer([np.ones((2, 3)), np.ones((2, 1))]).shape == (2, 4)
    assert layer.compute_output_shape([(2, 3), (2, 5)]) == (2, 8)


def test_an_engine_layer_does_not_keep_its_python_layer_alive() -> None:
    layer = Linear(2)
    handle = layer._handle()
    assert handle(ops.ones((3, 2))).shape == (3, 2)
    refer = weakref.ref(layer)
    del layer
    gc.collect()
    assert refer() is None
    with pytest.raises(RuntimeError, match="keep the model that owns it"):
        handle(ops.ones((3, 2)))


def test_fit_adds_losses_of_ones_own_like_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = x @ rng.normal(size=(4, 2)).astype("float32")
    kernel = rng.normal(size=(4, 2)).astype("float32")

    class Penalised(Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(ops.mean(ops.square(inputs)) * 0.5)
            return inputs

    def model() -> Any:
        dense = layers.Dense(
            2,
            kernel_initializer=lambda shape, dtype=None: kernel,
            kernel_regularizer=lambda w: ops.sum(ops.abs(ops.power(w, 3))) * 0.01,
            bias_regularizer="l2",
            activity_regularizer=lambda t: ops.sum(ops.square(t)) * 0.1,
        )
        return Sequential([layers.Input((4,)), dense, Penalised()])

    fitted, looped = model(), model()
    fitted.compile(SGD(0.1), "mse")
    history = fitted.fit(x, y, epochs=5, batch_size=64, shuffle=False, verbose=0).history["loss"]
    optimizer, mse = SGD(0.1, parameters=looped), MeanSquaredError()
    for expected in history:
        z = x
        for layer in looped.layers:
            z = layer(z, training=True)
        loss = mse(y, z) + sum(looped.losses)
        assert float(loss) == pytest.approx(expected, rel=1e-6)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    for a, b in zip(fitted.get_weights(), looped.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
