"""Optimizers and schedules against Keras 3, the plain training loop, settings, bad input."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from golden.learning_cases import OPTIMIZERS, SCHEDULES, STEPS, optimizer_data
from golden.store import load
from ranvier import layers, losses, ops, optimizers
from ranvier._core import Variable
from ranvier.optimizers import schedules

GOLD = load("learning")


def variables(dtype: str = "float64") -> list[Variable]:
    return [Variable(ops.convert_to_tensor(v, dtype), True, f"w{i}") for i, v in enumerate(optimizer_data()[0])]


@pytest.mark.parametrize("label", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_five_steps_are_those_of_keras(label: str, dtype: str) -> None:
    # float32: five steps of rounding at weights around 1. Keras's global norm clipping multiplies by a reciprocal.
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    class_name, arguments = OPTIMIZERS[label]
    optimizer = getattr(optimizers, class_name)(**arguments)
    weights = variables(dtype)
    for step, gradients in enumerate(optimizer_data()[1]):
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        for i, weight in enumerate(weights):
            golden = GOLD[f"optimizer/{label}/{step}/{i}"]
            np.testing.assert_allclose(weight.numpy(), golden, rtol=tolerance, atol=tolerance, err_msg=f"{step}/{i}")
    assert optimizer.iterations == 5
    assert weights[0].grad is None


@pytest.mark.parametrize("label", OPTIMIZERS)
def test_config_makes_an_equal_optimizer(label: str) -> None:
    class_name, arguments = OPTIMIZERS[label]
    optimizer = getattr(optimizers, class_name)(**arguments)
    again = optimizers.deserialize(json.loads(json.dumps(optimizers.serialize(optimizer))))
    assert again.get_config() == optimizer.get_config()
    for key, value in arguments.items():
        assert getattr(again, key) == value


@pytest.mark.parametrize("label", SCHEDULES)
def test_schedules_are_those_of_keras(label: str) -> None:
    class_name, arguments = SCHEDULES[label]
    schedule = getattr(schedules, class_name)(**arguments)
    again = schedules.deserialize(json.loads(json.dumps(schedules.serialize(schedule))))
    # Keras computes schedules in float32 here and there
    np.testing.assert_allclose([schedule(s) for s in STEPS], GOLD[f"schedule/{label}"], rtol=1e-6, atol=1e-9)
    assert [again(s) for s in STEPS] == [schedule(s) for s in STEPS]


def test_learning_rate() -> None:
    optimizer = optimizers.SGD(0.5)
    weight = Variable(ops.ones((2,)))
    optimizer.apply([np.ones(2)], [weight])
    np.testing.assert_allclose(weight.numpy(), 0.5)
    optimizer.learning_rate = 0.25
    assert optimizer.learning_rate == 0.25
    optimizer.apply([np.ones(2)], [weight])
    np.testing.assert_allclose(weight.numpy(), 0.25)


def test_schedules_are_read_at_every_step() -> None:
    optimizer = optimizers.SGD(schedules.PiecewiseConstantDecay([0, 1], [1.0, 0.5, 0.25]))
    weight = Variable(ops.full((1,), 3.0))
    seen = []
    for _ in range(3):
        seen.append(optimizer.learning_rate)
        optimizer.apply([np.ones(1)], [weight])
    assert seen == [1.0, 0.5, 0.25]
    np.testing.assert_allclose(weight.numpy(), 3 - 1.75)
    with pytest.raises(TypeError, match="learning_rate is set by PiecewiseConstantDecay"):
        optimizer.learning_rate = 0.1
    again = optimizers.deserialize(json.loads(json.dumps(optimizers.serialize(optimizer))))
    assert [again._current_lr(s) for s in range(3)] == seen
    rates = iter([0.5, 0.25, 0.125, 0.0])
    called = optimizers.SGD(lambda: next(rates))
    weight.assign([1.0])
    called.build([weight])
    called.apply([np.ones(1)])
    assert weight.numpy()[0] in (0.5, 0.75, 0.875)
    with pytest.raises(ValueError, match="cannot be saved"):
        called.get_config()


def test_weights_left_out_of_decay() -> None:
    kernel, bias = (
        Variable(ops.ones((2,)), True, "kernel", "d/kernel"),
        Variable(ops.ones((2,)), True, "bias", "d/bias"),
    )
    optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build([kernel, bias])
    optimizer.apply([np.zeros(2), np.zeros(2)])
    np.testing.assert_allclose(kernel.numpy(), 0.95)
    np.testing.assert_allclose(bias.numpy(), 1.0)
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_list=[kernel])
    other = optimizers.SGD(0.1, weight_decay=0.5)
    other.exclude_from_weight_decay(var_list=[kernel])
    kernel.decay = bias.decay = True
    other.build([kernel, bias])
    assert (kernel.decay, bias.decay) == (False, True)


def test_plain_training_loop() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype("float32")
    y = x @ np.array([[1.0], [-2.0], [0.5]], "float32") + 0.3
    model = layers.Dense(1)
    optimizer = optimizers.Adam(0.1, parameters=model)  # not built yet: read at the first step
    loss_fn = losses.MeanSquaredError()
    history = []
    for _ in range(150):
        loss = loss_fn(y, model(x))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        history.append(float(loss))
    assert history[-1] < 1e-4 < history[0]
    np.testing.assert_allclose(model.bias.numpy(), 0.3, atol=0.02)


def test_gradients_add_up_until_they_are_forgotten() -> None:
    weight = Variable(ops.ones((1,)))
    optimizer = optimizers.SGD(1.0, parameters=[weight])
    for _ in range(2):
        (weight * 2.0).sum().backward()
    np.testing.assert_allclose(weight.grad.numpy(), 4)
    optimizer.zero_grad()
    (weight * 2.0).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(weight.numpy(), -1)


def test_frozen_weights_stay() -> None:
    layer = layers.Dense(2)
    layer.build((None, 3))
    optimizer = optimizers.SGD(1.0, parameters=layer)
    layer(np.ones((1, 3))).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    before = layer.get_weights()
    layer.trainable = False
    layer(np.ones((1, 3)))
    optimizer.step()
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_settings_are_fixed_once_used() -> None:
    optimizer = optimizers.SGD(0.1, momentum=0.9)
    optimizer.momentum = 0.5
    optimizer.build(variables())
    with pytest.raises(AttributeError, match="momentum is fixed once the optimizer has been used"):
        optimizer.momentum = 0.9
    assert len(optimizer.variables) == 3


def test_configs_of_keras_are_read() -> None:
    config = {"learning_rate": 0.1, "use_ema": False, "ema_momentum": 0.99, "loss_scale_factor": None}
    assert optimizers.SGD.from_config(config).learning_rate == 0.1
    with pytest.raises(ValueError, match="use_ema=True is not supported"):
        optimizers.SGD.from_config({**config, "use_ema": True})


def test_subclasses() -> None:
    class Half(optimizers.SGD):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(0.5, **kwargs)

    weight = Variable(ops.ones((1,)))
    Half().apply([np.ones(1)], [weight])
    assert weight.numpy()[0] == 0.5

    class Mine(optimizers.Optimizer):
        pass

    with pytest.raises(TypeError, match=r"Mine derives from no optimizer of the engine; derive from one of SGD"):
        Mine(0.1).build([weight])


def unbuilt() -> optimizers.Optimizer:
    return optimizers.SGD(name="mine")


BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: optimizers.get("adma"), ValueError, "did you mean 'adam'"),
    (lambda: optimizers.get(None), ValueError, "received None"),
    (lambda: optimizers.SGD(-1, name="s"), ValueError, r"\[s\] learning_rate: expected a number of 0 or more"),
    (lambda: optimizers.SGD("fast"), ValueError, "learning_rate: expected a number"),
    (lambda: optimizers.SGD(momentum=2), ValueError, r"momentum: expected a number in \[0, 1\]"),
    (lambda: optimizers.Adam(beta_1=1), ValueError, r"beta_1: expected a number in \[0, 1\)"),
    (lambda: optimizers.Adam(clipnorm=1, clipvalue=1), ValueError, "at most one of clipnorm"),
    (lambda: optimizers.Adam(clipnorm=0), ValueError, "clipnorm: expected a number above 0"),
    (lambda: optimizers.AdamW(weight_decay=None), ValueError, "use Adam for none"),
    (lambda: unbuilt().step(), RuntimeError, r"\[mine\] step: .*parameters=model.*optimizer.build"),
    (lambda: optimizers.SGD(parameters=layers.Dense(2)).step(), RuntimeError, "call the model on data"),
    (lambda: unbuilt().build([np.ones(2)]), TypeError, "expected Variables, received ndarray"),
    (lambda: unbuilt().apply([np.ones(2)], variables()), ValueError, "expected 3 gradients, received 1"),
    (
        lambda: unbuilt().apply([np.ones(2)] * 3, variables()),
        ValueError,
        r"expected a gradient of shape \(3, 2\) for 'w0', received \(2,\)",
    ),
    (lambda: schedules.CosineDecay(0.1, 0), ValueError, "decay_steps: expected a number above 0"),
    (lambda: schedules.PiecewiseConstantDecay([1], [1.0]), ValueError, "one value more than boundaries"),
]


@pytest.mark.parametrize(("action", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_named(action: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        action()
