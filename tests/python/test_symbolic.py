"""Symbolic tensors: what records a call, what shapes and dtypes come out, and what they refuse."""

from __future__ import annotations

import copy
import gc
import weakref
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import KerasTensor, layers, ops
from ranvier._symbolic import flatten, map_structure, pack_like


def x_of(*shape: int | None, dtype: str = "float32", name: str | None = None) -> Any:
    return keras.Input(shape, dtype=dtype, name=name)


def test_input_is_a_symbolic_tensor() -> None:
    x = keras.Input((3, None), name="image")
    assert isinstance(x, KerasTensor)
    assert (x.shape, x.dtype, x.name, x.ndim) == ((None, 3, None), "float32", "image", 3)
    operation, node, index = x._keras_history
    assert isinstance(operation, layers.InputLayer) and (node, index) == (0, 0)
    assert operation.output is x
    assert keras.Input(batch_shape=(7, 2)).shape == (7, 2)
    assert keras.Input((2,), batch_size=7, dtype="int32").dtype == "int32"
    assert keras.Input(tensor=x).shape == x.shape
    assert repr(x) == "<KerasTensor shape=(None, 3, None), dtype=float32, name=image>"
    assert copy.copy(x) is x and copy.deepcopy([x])[0] is x


def test_a_layer_called_on_one_makes_its_weights_and_a_node() -> None:
    dense = layers.Dense(4, name="d")
    x = x_of(3)
    y = dense(x)
    assert (y.shape, y.dtype) == ((None, 4), "float32")
    assert dense.built and [w.path for w in dense.weights] == ["d/kernel", "d/bias"]
    assert y._keras_history == (dense, 0, 0)
    assert dense.input is x and dense.output is y
    again = dense(x_of(3))
    assert again._keras_history.node_index == 1
    assert [node.index for node in dense.inbound_nodes] == [0, 1]
    assert dense.output is y  # of the first call


def test_a_layer_forgets_calls_that_nobody_holds() -> None:
    dense = layers.Dense(4, name="d")
    with pytest.raises(AttributeError, match=r"\[d\] has no symbolic output.*call the layer on it"):
        _ = dense.output
    dense(x_of(3))
    assert dense.inbound_nodes == []
    assert not hasattr(dense, "input")


def test_models_are_freed_at_once() -> None:
    gc.collect()
    gc.disable()
    try:
        inputs = x_of(3)
        hidden = layers.Dense(4)
        parts = ops.split(hidden(inputs), 2, axis=1)
        model = keras.Model(inputs, layers.add(parts))
        model(np.ones((2, 3), "float32"))
        refs = [weakref.ref(thing) for thing in (model, hidden)]
        del model, hidden, parts, inputs
        assert [ref() for ref in refs] == [None, None]
    finally:
        gc.enable()


# -- functions and operators -------------------------------------------------------------------------------------------

A = np.arange(24, dtype="float32").reshape(2, 3, 4) / 10 + 0.1
FUNCTIONS: dict[str, tuple[Any, tuple[int | None, ...]]] = {
    "x + 1": (lambda x: x + 1, (None, 3, 4)),
    "1 - x": (lambda x: 1 - x, (None, 3, 4)),
    "x * x": (lambda x: x * x, (None, 3, 4)),
    "x - x": (lambda x: x - x, (None, 3, 4)),
    "x - 3": (lambda x: x - 3, (None, 3, 4)),
    "2.5 * x": (lambda x: 2.5 * x, (None, 3, 4)),
    "-x": (lambda x: -x, (None, 3, 4)),
    "relu": (lambda x: ops.relu(x - 1), (None, 3, 4)),
    "gelu": (lambda x: ops.gelu(x), (None, 3, 4)),
    "leaky_relu": (lambda x: ops.leaky_relu(x - 1), (None, 3, 4)),
    "swish": (lambda x: ops.swish(x), (None, 3, 4)),
    "silu": (lambda x: keras.activations.silu(x), (None, 3, 4)),
    "hard_sigmoid": (lambda x: ops.hard_sigmoid(x), (None, 3, 4)),
    "x / 2": (lambda x: x / 2, (None, 3, 4)),
    "2 / x": (lambda x: 2 / x, (None, 3, 4)),
    "x ** 2": (lambda x: x**2, (None, 3, 4)),
    "2 ** x": (lambda x: 2.0**x, (None, 3, 4)),
    "-abs(x)": (lambda x: -abs(x), (None, 3, 4)),
    "x @ matrix": (lambda x: x @ np.ones((4, 5), "float32"), (None, 3, 5)),
    "array + x": (lambda x: np.ones((3, 4), "float32") + x, (None, 3, 4)),
    "x < 1": (lambda x: x < 1, (None, 3, 4)),
    "logical_not": (lambda x: ops.logical_and(ops.logical_not(x >= 1), x > 0), (None, 3, 4)),
    "x[:, 1:, ::2]": (lambda x: x[:, 1:, ::2], (None, 2, 2)),
    "x[..., None]": (lambda x: x[..., None], (None, 3, 4, 1)),
    "x.reshape": (lambda x: x.reshape((-1, 12)), (None, 12)),
    "mean": (lambda x: ops.mean(x, axis=(1, 2)), (None,)),
    "mean over all": (lambda x: ops.mean(x), ()),
    "concatenate rows": (lambda x: ops.concatenate([x, x], axis=0), (None, 3, 4)),
    "stack": (lambda x: ops.stack([x, x], axis=1), (None, 2, 3, 4)),
    "where": (lambda x: ops.where(x > 1, x, 0.0), (None, 3, 4)),
    "logaddexp": (lambda x: ops.logaddexp(x, 1.0), (None, 3, 4)),
    "softmax": (lambda x: ops.softmax(x), (None, 3, 4)),
    "activations.relu": (lambda x: keras.activations.relu(x, negative_slope=0.1), (None, 3, 4)),
    "cast": (lambda x: ops.cast(x, "int32"), (None, 3, 4)),
    "transpose": (lambda x: ops.transpose(x, (0, 2, 1)), (None, 4, 3)),
    "reshape": (lambda x: ops.reshape(x, (-1, 4)), (None, 4)),
    "resize": (lambda x: ops.image.resize(x[..., None], (6, 8)), (None, 6, 8, 1)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_give_nodes_that_compute_the_same(name: str, tmp_path: Any) -> None:
    function, shape = FUNCTIONS[name]
    x = x_of(3, 4)
    y = function(x)
    real = function(ops.convert_to_tensor(A))
    assert isinstance(y, KerasTensor)
    assert (y.shape, y.dtype) == (shape, real.dtype)
    model = keras.Model(x, y)
    np.testing.assert_array_equal(model(A).numpy(), real.numpy())
    model.save(tmp_path / "m.rv")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "m.rv")(A).numpy(), real.numpy())
    assert model.layers == [model.layers[0]]  # functions are no layers


def test_every_function_is_recorded() -> None:
    apart = {"convert_to_numpy", "is_tensor"}
    plain = [n for n in ops.__all__ if n not in apart and not hasattr(getattr(ops, n), "__wrapped__")]
    assert plain == [], "end the module with record_all(globals())"


def test_tensors_beside_symbolic_ones_are_constants() -> None:
    x, constant = x_of(3), ops.ones((3,))
    for y in (constant + x, x + constant, constant * x, ops.maximum(constant, x)):
        assert y.shape == (None, 3)
    model = keras.Model(x, 2.0 * constant - x)
    np.testing.assert_array_equal(model(np.ones((2, 3), "float32")).numpy(), np.ones((2, 3)))


def test_what_is_known_is_answered_at_once() -> None:
    x = x_of(3, dtype="int32")
    assert (ops.shape(x), ops.ndim(x), ops.dtype(x)) == ((None, 3), 2, "int32")
    assert not ops.is_tensor(x)


def test_results_in_lists_and_unknown_sizes() -> None:
    x = x_of(None, 4)
    left, right = ops.split(x, 2, axis=-1)
    assert (~(x > 1) & (x < 2) | (x > 3) ^ (x > 4)).dtype == "bool"
    assert left.shape == right.shape == (None, None, 2)
    assert right._keras_history.tensor_index == 1
    assert ops.mean(x, axis=1).shape == (None, 4)
    assert ops.reshape(x, (-1, 8)).shape == (None, 8)  # needs an even number of rows
    assert layers.Dense(2)(x).shape == (None, None, 2)


def test_equal_roles_run_in_the_engine() -> None:
    x, y = x_of(3), x_of(3)
    for z, name in ((x + y, "Add"), (x - y, "Subtract"), (x * y, "Multiply"), (x * layers.Dense(1)(x), "Multiply")):
        operation = z._keras_history.operation
        assert type(operation).__name__ == name and not operation._runs_python
    for z, name in ((2 * x, "Rescaling"), (1 - x, "Rescaling"), (-x, "Rescaling"), (ops.tanh(x), "Activation")):
        assert type(z._keras_history.operation).__name__ == name and not z._keras_history.operation._runs_python
    for z in (x / 3, x + float("inf"), ops.gelu(x), x + x_of(3, dtype="int32"), x_of(2, 3) * x_of(2, None)):
        assert z._keras_history.operation._runs_python


# -- layers of one's own -----------------------------------------------------------------------------------------------


class Mix(layers.Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = layers.Dense(4, name="dense")

    def call(self, x: Any, y: Any, scale: float = 1.0) -> Any:
        return {"sum": self.dense(x) * scale + y, "x": x}


def test_layers_with_several_arguments_and_a_dict_of_results(tmp_path: Any) -> None:
    a, b = x_of(3, name="a"), x_of(4, name="b")
    mix = Mix(name="mix")
    found = mix(a, b, scale=2.0)
    assert found["sum"].shape == (None, 4) and found["x"].shape == (None, 3)
    assert [w.path for w in mix.weights] == ["mix/dense/kernel", "mix/dense/bias"]
    model = keras.Model([a, b], found["sum"])
    x, y = np.ones((2, 3), "float32"), np.ones((2, 4), "float32")
    expected = mix(x, y, scale=2.0)["sum"].numpy()
    np.testing.assert_array_equal(model([x, y]).numpy(), expected)
    model.compile("sgd", "mse")
    model.fit([x, y], y, verbose=0)
    model.save(tmp_path / "m.rv")
    loaded = keras.models.load_model(tmp_path / "m.rv", custom_objects={"Mix": Mix})
    np.testing.assert_array_equal(loaded([x, y]).numpy(), model([x, y]).numpy())


# -- mistakes ----------------------------------------------------------------------------------------------------------

X = x_of(3, name="x")
MISTAKES: list[tuple[Any, type[Exception], str]] = [
    (lambda: np.asarray(X), ValueError, "is symbolic and cannot be turned into a NumPy array"),
    (lambda: float(X), ValueError, "cannot be turned into a number"),
    (lambda: int(X), ValueError, "cannot be turned into a number"),
    (lambda: bool(X), TypeError, "cannot be True or False; use ops.where"),
    (lambda: list(X), TypeError, "cannot be iterated over; use ops.unstack"),
    (lambda: [1, 2][X], TypeError, "indices must be integers"),
    (lambda: ops.convert_to_numpy(X), ValueError, "is symbolic"),
    (lambda: setattr(X, "shape", (1,)), AttributeError, "use ops.reshape"),
    (lambda: keras.Sequential([layers.Dense(2)]).fit(X, X), ValueError, "compile"),
    (lambda: layers.Add()([X, np.ones((2, 3), "float32")]), ValueError, r"symbolic tensors or data.*shape \(2, 3\)"),
    (lambda: X + keras.Variable(ops.ones((3,)), True, "w"), ValueError, "received the weight 'w' beside a symbolic"),
    (lambda: layers.Dense(2)(KerasTensor((None, None))), ValueError, "features"),
    (lambda: X @ np.ones((4, 2)), ValueError, "matmul"),
    (lambda: ops.reshape(X, (-1, 7)) and None, ValueError, "reshape"),
    (lambda: KerasTensor((None, -1)), ValueError, r"expected sizes from 0 .*\(None, -1\)"),
    (lambda: KerasTensor("ab"), ValueError, "expected a tuple of ints and None"),
    (lambda: KerasTensor((None, 2), sparse=True), ValueError, "only dense tensors"),
    (lambda: KerasTensor((None, 2), dtype="text"), ValueError, "dtype"),
    (lambda: keras.Input((2,), sparse=True), ValueError, "only dense tensors"),
    (lambda: keras.Input(tensor=3), ValueError, "expected a symbolic tensor, received 3"),
    (lambda: layers.Add()(X), ValueError, "expected a list of 1 or more tensors, received a single"),
    (lambda: layers.Subtract()([X]), ValueError, "expected a list of 2 shapes, received 1"),
    (lambda: layers.Dot(axes=0), ValueError, "other than 0, the batch axis"),
    (lambda: layers.Add(name="s")([X, x_of(4)]), ValueError, r"\[s\].*\(None, 3\).*\(None, 4\)"),
    (lambda: layers.Concatenate(name="c", axis=1)([x_of(2, 3), x_of(2, 4)]), ValueError, r"\[c\].*3\).*4\)"),
    (lambda: layers.Dot(2, name="p")([x_of(2, 3), x_of(2, 4)]), ValueError, r"\[p\].*3\).*4\)"),
]


@pytest.mark.parametrize(("act", "kind", "text"), MISTAKES, ids=[str(i) for i in range(len(MISTAKES))])
def test_mistakes_are_named(act: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        act()


def test_structures() -> None:
    nested = {"b": [1, (2, 3)], "a": 4}
    assert flatten(nested) == [4, 1, 2, 3]
    assert pack_like(nested, [0, 1, 2, 3]) == {"b": [1, (2, 3)], "a": 0}
    assert list(map_structure(str, nested)) == ["b", "a"]
