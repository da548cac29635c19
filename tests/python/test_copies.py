"""Copies, lives and deep chains of models."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import layers, ops
from robustness_helpers import Python, X, Y, network


def fitted() -> Any:
    model = network(layers.BatchNormalization(), layers.Dropout(0.3, seed=1))
    model.fit(X, Y, verbose=0)
    return model


COPIED: dict[str, Callable[[], Any]] = {
    "tensor": lambda: ops.convert_to_tensor(X),
    "integers": lambda: ops.convert_to_tensor([1, 2]),
    "variable": lambda: keras.Variable(X, name="kernel", path="a/kernel"),
    "frozen variable": lambda: fitted().layers[1].moving_mean,
    "model": fitted,
    "Dense": lambda: layers.Dense(3),
    "built Dense": lambda: fitted().layers[0],
    "built BatchNormalization": lambda: fitted().layers[1],
    "built Dropout": lambda: fitted().layers[2],
    "own layer": lambda: Python(name="own"),
    "optimizer": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "loss": lambda: keras.losses.Huber(2.0),
    "metric": lambda: keras.metrics.AUC(),
    "history": lambda: fitted().history,
}


def facts(thing: Any) -> Any:
    """What a copy must share with its original."""
    if isinstance(thing, keras.Tensor):
        return thing.dtype, thing.tolist()
    if isinstance(thing, keras.Variable):
        return thing.dtype, thing.name, thing.path, thing.trainable, thing.l2, thing.numpy().tolist()
    if isinstance(thing, layers.Layer):
        return thing.get_config(), [facts(v) for v in thing.weights], thing.built
    if hasattr(thing, "get_config"):
        return thing.get_config()
    return thing.history


@pytest.mark.parametrize("how", [lambda o: pickle.loads(pickle.dumps(o)), copy.deepcopy], ids=["pickle", "deepcopy"])
@pytest.mark.parametrize("what", COPIED)
def test_copies(what: str, how: Callable[[Any], Any]) -> None:
    original = COPIED[what]()
    state = keras._core.get_random_state()
    made = how(original)
    assert keras._core.get_random_state() == state
    assert type(made) is type(original) and made is not original
    assert facts(made) == facts(original)
    if isinstance(made, keras.Variable):
        made.assign(0)
        assert original.numpy().any() or not facts(original)[-1]
    if isinstance(made, layers.Layer) and made.built and not isinstance(made, keras.Sequential):
        width = made._build_shape[-1]
        x = np.ones((2, width), "float32")
        for training in (False, True):
            np.testing.assert_array_equal(made(x, training=training), original(x, training=training))


def test_optimizer_with_weights_is_not_copied_by_itself() -> None:
    with pytest.raises(TypeError, match="copy its model"):
        copy.deepcopy(fitted().optimizer)


def test_weights_outlive_their_model() -> None:
    model = fitted()
    variable, seen = model.weights[0], model.weights[0].value.numpy()
    ops.sum(model(X)).backward()
    gradient = variable.grad.numpy()
    before = seen.copy(), gradient.copy()
    del model
    gc.collect()
    filler = [np.full(10000, np.nan, "float32") for _ in range(100)]
    np.testing.assert_array_equal(seen, before[0])
    np.testing.assert_array_equal(gradient, before[1])
    variable.assign(variable.numpy() * 2)
    ops.sum(variable.value * variable.value).backward()
    assert np.isfinite(variable.grad.numpy()).all() and len(filler) == 100


def test_long_chains_are_freed_without_recursion() -> None:
    x = keras.Variable([0.5, -0.5])
    for function in (ops.sigmoid, ops.softmax, lambda v: v * v, lambda v: ops.reshape(v, (2,))):
        y = x.value
        for _ in range(20000):
            y = function(y)
        del y
    y = x.value
    for _ in range(20000):
        y = y + 1.0
    ops.sum(y).backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_thousand_layers(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), *[layers.Dense(2, "tanh") for _ in range(1000)]])
    model.compile("sgd", "mse")
    model.fit(X[:, :2], X[:, :2], verbose=0)
    model.save(tmp_path / "deep.rv")
    loaded = keras.saving.load_model(tmp_path / "deep.rv")
    np.testing.assert_array_equal(loaded.predict(X[:, :2], verbose=0), model.predict(X[:, :2], verbose=0))


def test_deeply_nested_json() -> None:
    with pytest.raises(ValueError, match="model_from_json"):
        keras.models.model_from_json("[" * 100000)


def test_layer_that_forgot_super() -> None:
    class Forgetful(layers.Layer):
        def __init__(self) -> None:
            pass

    with pytest.raises(RuntimeError, match=r"super\(\).__init__\(\)"):
        keras.Sequential([Forgetful()])
