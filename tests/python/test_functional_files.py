"""Functional models in configurations, files, copies and clones; configurations of Keras; damaged ones."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from fit_helpers import same
from functional_models import LABELS, NUMBERS, A, B, chain, two_ends
from ranvier import layers, ops
from ranvier.models import clone_model, load_model, model_from_json

TARGETS = {"kind": LABELS, "size": NUMBERS}


def trained() -> Any:
    model = two_ends()
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    model.compile("adam", losses, metrics={"kind": ["accuracy"]})
    model.fit([A, B], TARGETS, epochs=2, verbose=0)
    return model


def equal_outputs(one: Any, other: Any) -> bool:
    first, second = one.predict([A, B], verbose=0), other.predict([A, B], verbose=0)
    return all(np.array_equal(first[key], second[key]) for key in first)


def test_a_file_gives_the_same_bits_and_goes_on(tmp_path: Path) -> None:
    model = trained()
    model.save(tmp_path / "m.rv")
    loaded = load_model(tmp_path / "m.rv")
    assert type(loaded) is type(model)
    assert json.loads(loaded.to_json()) == json.loads(model.to_json())
    assert [w.path for w in loaded.weights] == [w.path for w in model.weights]
    assert same(model, loaded) and equal_outputs(model, loaded)
    for one in (model, loaded):
        one.fit([A, B], TARGETS, initial_epoch=2, epochs=4, verbose=0)
    assert same(model, loaded) and equal_outputs(model, loaded)
    model.save_weights(tmp_path / "w.weights.rv")
    fresh = two_ends()
    fresh.load_weights(tmp_path / "w.weights.rv")
    assert equal_outputs(model, fresh)


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "json", "config"])
def test_copies(how: str) -> None:
    model = trained()
    made: dict[str, Any] = {
        "deepcopy": lambda: copy.deepcopy(model),
        "pickle": lambda: pickle.loads(pickle.dumps(model)),
        "json": lambda: model_from_json(model.to_json()),
        "config": lambda: type(model).from_config(json.loads(json.dumps(model.get_config()))),
    }
    again = made[how]()
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    if how in ("json", "config"):
        again.set_weights(model.get_weights())
    else:
        again.fit([A, B], TARGETS, initial_epoch=2, epochs=3, verbose=0)
        assert not same(model, again)
        model.fit([A, B], TARGETS, initial_epoch=2, epochs=3, verbose=0)
    assert same(model, again) and equal_outputs(model, again)
    assert {id(w) for w in again.weights}.isdisjoint({id(w) for w in model.weights})


def test_layers_can_be_copied_out_of_a_model() -> None:
    dense = chain().get_layer("x")
    again = copy.deepcopy(dense)
    assert again.inbound_nodes == []
    np.testing.assert_array_equal(again(A).numpy(), dense(A).numpy())


def test_a_layer_shared_with_a_model_inside_stays_one(tmp_path: Path) -> None:
    inner = chain()
    a = keras.Input((4,), name="in")
    model = keras.Model(a, [inner(a), inner.get_layer("x")(a)], name="outer")
    assert len(model.weights) == 4
    model.save(tmp_path / "m.rv")
    loaded = load_model(tmp_path / "m.rv")
    assert len(loaded.weights) == 4
    assert loaded.get_layer("chain").get_layer("x") is loaded.get_layer("x")
    assert same(model, loaded)


def test_operations_with_their_arguments_come_back(tmp_path: Path) -> None:
    a = keras.Input((4,), name="a")
    x = ops.concatenate([a[:, 1:3], ops.clip(a, -0.5, 0.5)[..., :2]], axis=-1)
    x = ops.where(x > 0, x, np.array([0.5, 1.0, 1.5, 2.0], "float32")) / 3
    model = keras.Model(a, ops.reshape(x, (-1, 2, 2)) + ops.ones((2,)))
    model.save(tmp_path / "m.rv")
    loaded = load_model(tmp_path / "m.rv")
    np.testing.assert_array_equal(loaded(A).numpy(), model(A).numpy())
    assert [layer.name for layer in loaded.layers] == ["a"]
    assert loaded.to_json() == model.to_json()


class Gate(layers.Layer):
    def call(self, x: Any, y: Any) -> Any:
        return x * ops.sigmoid(y)


def test_custom_layers_need_custom_objects(tmp_path: Path) -> None:
    a = keras.Input((4,), name="a")
    model = keras.Model(a, Gate(name="gate")(a, layers.Dense(4)(a)))
    model.save(tmp_path / "m.rv")
    with pytest.raises(ValueError, match=r"unknown classes: Gate \(layer 'gate'\); pass custom_objects"):
        load_model(tmp_path / "m.rv")
    loaded = load_model(tmp_path / "m.rv", custom_objects={"Gate": Gate})
    np.testing.assert_array_equal(loaded(A).numpy(), model(A).numpy())
    a2 = keras.Input((4,))
    model = keras.Model(a2, layers.Lambda(lambda x: x * 2, name="twice")(a2))
    with pytest.raises(ValueError, match=r"\[twice\] a Lambda layer cannot be saved"):
        model.save(tmp_path / "l.rv")


# -- clones ------------------------------------------------------------------------------------------------------------


def test_clones_have_weights_of_their_own() -> None:
    model = trained()
    clone = clone_model(model)
    assert clone.to_json() == model.to_json()
    assert clone.compiled and not same(model, clone)
    clone.set_weights(model.get_weights())
    assert equal_outputs(model, clone)


def test_clones_with_other_inputs_layers_and_calls() -> None:
    model = chain()
    start = keras.Input((4,), name="start")
    doubled = clone_model(model, input_tensors=start * 2.0)
    doubled.set_weights(model.get_weights())
    np.testing.assert_allclose(doubled(2 * A).numpy(), model(2 * A).numpy())

    def wider(layer: Any) -> Any:
        config = layer.get_config()
        return type(layer).from_config({**config, "units": config["units"] + 1})

    assert clone_model(model, clone_function=wider).output_shape == (None, 3)

    def with_noise(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return layers.GaussianNoise(0.1, name=f"noise_{layer.name}")(layer(*args, **kwargs))

    noisy = clone_model(model, clone_function=lambda layer: layer, call_function=with_noise)
    assert [layer.name for layer in noisy.layers] == ["a", "x", "noise_x", "y", "noise_y"]
    assert noisy.get_layer("x") is model.get_layer("x")
    a = keras.Input((4,))
    outer = keras.Model(a, model(a))
    seen: list[str] = []

    def remember(layer: Any) -> Any:
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    clone_model(outer, clone_function=remember, recursive=True)
    assert seen == ["x", "y"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"input_tensors": 3}, "expected symbolic tensors"),
        ({"input_tensors": A}, "expected symbolic tensors"),
        ({"clone_function": lambda layer: 3}, "expected a layer for 'x', received 3"),
        ({"colour": 1}, "unknown argument 'colour'"),
    ],
)
def test_mistakes_of_clones(arguments: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        clone_model(chain(), **arguments)


# -- configurations of Keras, and damaged ones -------------------------------------------------------------------------


def keras_tensor(name: str, node: int = 0, tensor: int = 0) -> dict[str, Any]:
    config = {"shape": [None, 4], "dtype": "float32", "keras_history": [name, node, tensor]}
    return {"class_name": "__keras_tensor__", "config": config}


def record_of_keras(kind: str, name: str, inbound: list[Any], module: str = "keras.layers", **config: Any) -> Any:
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
    settings = {"name": name, **({"trainable": True, "dtype": policy} if module == "keras.layers" else {}), **config}
    nodes = [{"args": args, "kwargs": {}} for args in inbound]
    return {"module": module, "class_name": kind, "config": settings, "name": name, "inbound_nodes": nodes}


def config_of_keras() -> dict[str, Any]:
    """As Keras 3 writes it."""
    given = {"batch_shape": [None, 4], "dtype": "float32", "sparse": False, "ragged": False, "name": "a"}
    dense = {"units": 4, "activation": "relu", "use_bias": True, "kernel_constraint": None, "quantization_config": None}
    parts = ({"start": None, "stop": None, "step": None}, {"start": 1, "stop": 3, "step": None})
    index = [{"class_name": "__slice__", "config": part} for part in parts]
    start = {"module": "keras.layers", "class_name": "InputLayer", "config": given, "name": "a", "inbound_nodes": []}
    return {
        "name": "written_by_keras",
        "trainable": True,
        "layers": [
            start,
            record_of_keras("Dense", "d", [[keras_tensor("a")], [keras_tensor("m")]], **dense),
            record_of_keras("Multiply", "m", [[keras_tensor("d"), 2.0]], "keras.src.ops.numpy"),
            record_of_keras("Add", "s", [[[keras_tensor("d"), keras_tensor("d", 1)]]]),
            record_of_keras("Mean", "e", [[keras_tensor("s")]], "keras.src.ops.numpy", axis=[-1], keepdims=True),
            record_of_keras("GetItem", "g", [[keras_tensor("s"), index]], "keras.src.ops.numpy"),
        ],
        "input_layers": [["a", 0, 0]],
        "output_layers": {"sum": ["s", 0, 0], "mean": ["e", 0, 0], "part": ["g", 0, 0]},
    }


@pytest.mark.parametrize("text", [False, True])
def test_a_configuration_of_keras(text: bool) -> None:
    record = {"module": "keras.src.models.functional", "class_name": "Functional", "config": config_of_keras()}
    model = model_from_json(json.dumps(record)) if text else keras.Functional.from_config(record["config"])
    found = model(A)
    dense = model.get_layer("d")
    expected = dense(A) + dense(dense(A) * 2.0)
    np.testing.assert_allclose(found["sum"].numpy(), expected.numpy(), rtol=1e-6)
    np.testing.assert_allclose(found["mean"].numpy(), expected.numpy().mean(-1, keepdims=True), rtol=1e-5)
    np.testing.assert_array_equal(found["part"].numpy(), found["sum"].numpy()[:, 1:3])
    assert [layer.name for layer in model.layers] == ["a", "d", "s"]


def change(path: list[Any], value: Any) -> dict[str, Any]:
    config = copy.deepcopy(config_of_keras())
    place: Any = config
    for key in path[:-1]:
        place = place[key]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return config


DENSE = ["layers", 1]
DAMAGES: dict[str, tuple[list[Any], Any]] = {
    "no layers": (["layers"], KeyError),
    "layers of another kind": (["layers"], "text"),
    "a layer that is none": (["layers", 1], 3),
    "a nameless layer": ([*DENSE, "name"], 3),
    "a name twice": ([*DENSE, "name"], "a"),
    "an unknown class": ([*DENSE, "class_name"], "Nonsense"),
    "no class": ([*DENSE, "class_name"], KeyError),
    "no config": ([*DENSE, "config"], "text"),
    "units that are none": ([*DENSE, "config", "units"], -3),
    "an argument that does something": ([*DENSE, "config", "kernel_constraint"], "max_norm"),
    "calls of another kind": ([*DENSE, "inbound_nodes"], "text"),
    "a call of another kind": ([*DENSE, "inbound_nodes", 0], [["a", 0, 0]]),
    "no calls": ([*DENSE, "inbound_nodes"], []),
    "a call on nothing": ([*DENSE, "inbound_nodes", 0, "args"], [3]),
    "too many arguments": ([*DENSE, "inbound_nodes", 0, "args"], [keras_tensor("a"), keras_tensor("a")]),
    "unknown keyword": ([*DENSE, "inbound_nodes", 0, "kwargs"], {"nonsense": 3}),
    "an unknown layer": ([*DENSE, "inbound_nodes", 0, "args"], [keras_tensor("nowhere")]),
    "an unknown call": ([*DENSE, "inbound_nodes", 0, "args"], [keras_tensor("a", 3)]),
    "an unknown output": ([*DENSE, "inbound_nodes", 0, "args"], [keras_tensor("a", 0, 7)]),
    "a negative call": ([*DENSE, "inbound_nodes", 0, "args"], [keras_tensor("a", -1)]),
    "an endless call": ([*DENSE, "inbound_nodes", 0, "args"], [keras_tensor("a", 10**400)]),
    "a loop": ([*DENSE, "inbound_nodes", 0, "args"], [keras_tensor("s")]),
    "a history that is none": ([*DENSE, "inbound_nodes", 0, "args", 0, "config", "keras_history"], {"a": 0}),
    "no history": ([*DENSE, "inbound_nodes", 0, "args", 0, "config"], {}),
    "a foreign argument": ([*DENSE, "inbound_nodes", 0, "args"], [{"class_name": "os.system", "config": {}}]),
    "a function of another place": (["layers", 2, "class_name"], "System"),
    "a function with wrong arguments": (["layers", 4, "config"], {"axis": "text"}),
    "no inputs": (["input_layers"], []),
    "no outputs": (["output_layers"], {}),
    "an output of nothing": (["output_layers"], ["s", 5, 0]),
    "an output that is none": (["output_layers"], 3),
    "an input that is none": (["input_layers"], [["s", 0, 0]]),
    "an endless size": (["layers", 0, "config", "batch_shape"], [None, 10**30]),
    "a negative size": (["layers", 0, "config", "batch_shape"], [None, -4]),
    "no shape": (["layers", 0, "config"], {}),
    "a name that is none": (["name"], 3),
    "something more": (["colour"], "red"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_configurations_are_errors(damage: str) -> None:
    config = change(*DAMAGES[damage])
    if damage == "an input that is none":  # from the middle on: allowed, and disconnected here
        config["output_layers"] = ["d", 0, 0]
    with pytest.raises(ValueError):
        keras.Functional.from_config(config)
    with pytest.raises(ValueError):
        model_from_json(json.dumps({"class_name": "Functional", "config": config}))


def test_functions_outside_of_ops_cannot_be_named() -> None:
    from ranvier.layers.operation import Operation

    for name in ("os.system", "__import__", "image", "core.cast", "activations.registry", "activations.get", 3, ""):
        with pytest.raises(ValueError, match="expected the name of a function of ranvier.ops"):
            Operation(name)  # type: ignore[arg-type]
