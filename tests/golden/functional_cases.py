"""Functional models that Keras 3 and ranvier build with the same lines; make_functional.py writes Keras's results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from golden.store import generator


@dataclass(frozen=True)
class FunctionalCase:
    """A model: `build` is given the module keras or ranvier."""

    build: Callable[[Any], Any]
    inputs: list[tuple[int, ...]]  # in the order of model.inputs


def shared_layer(keras: Any) -> Any:
    """One Dense reads two inputs and, at another depth, the sum of what it made of them."""
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    shared = keras.layers.Dense(3, activation="tanh", name="shared")
    both = keras.layers.Add(name="both")([shared(a), shared(b)])
    again = shared(both)
    joined = keras.layers.Concatenate(name="joined")([again, both, a])
    return keras.Model([a, b], keras.layers.Dense(2, name="end")(joined), name="shared_layer")


def several_outputs(keras: Any) -> Any:
    """A dict of outputs; one is an input, two are the same tensor, and one input is not used."""
    a, b = keras.Input((4,), name="a"), keras.Input((2,), name="b")
    unused = keras.Input((5,), name="unused")
    x = keras.layers.Dense(4, activation="relu", name="x")(a)
    residual = keras.layers.Add(name="residual")([x, a])
    deep = keras.layers.Dense(3, name="deep")(keras.layers.Dense(5, activation="tanh", name="wide")(residual))
    side = keras.layers.Dense(3, name="side")(b)
    outputs = {"z": deep, "m": keras.layers.Multiply(name="product")([deep, side]), "copy": deep, "given": b}
    return keras.Model({"a": a, "b": b, "unused": unused}, outputs, name="several_outputs")


def nested(keras: Any) -> Any:
    """A Sequential and a functional model of two inputs inside, the latter called twice."""
    u, v = keras.Input((3,), name="u"), keras.Input((3,), name="v")
    hidden = keras.layers.Dense(3, activation="sigmoid", name="hidden")
    inner = keras.Model([u, v], [hidden(u), keras.layers.Subtract(name="gap")([hidden(v), u])], name="inner")
    stack = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="elu", name="first")], name="stack")
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    x = stack(a)
    one, two = inner([x, b])
    three, four = inner([two, one])
    return keras.Model([a, b], [keras.layers.Average(name="mean")([one, three]), four, stack.output], name="nested")


def merging(keras: Any) -> Any:
    """All merging layers, through their functions."""
    layers = keras.layers
    a, b, c = (keras.Input((2, 3), name=name) for name in "abc")
    joined = layers.concatenate([layers.add([a, b, c]), layers.maximum([a, b]), layers.minimum([b, c])], axis=1)
    product = layers.multiply([a, layers.subtract([b, c])])
    table = layers.dot([joined, layers.average([product, a])], axes=2)
    cosines = layers.dot([joined, product], axes=(2, 2), normalize=True)
    return keras.Model([a, b, c], [table, cosines], name="merging")


def operators(keras: Any) -> Any:
    """Operators and functions of keras.ops between layers."""
    ops = keras.ops
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    x = keras.layers.Dense(4, name="x")(a)
    y = ops.relu(x * 2.0 + 1) - b / 3.0
    y = y - ops.mean(y, axis=-1, keepdims=True)
    left, right = ops.split(ops.concatenate([y, x * b], axis=-1), 2, axis=1)
    z = ops.tanh(left) ** 2 + (-right)[:, 1:2]
    w = ops.reshape(z, (-1, 2, 2)) @ np.array([[1.0, 2.0], [0.5, -1.0]])
    return keras.Model([a, b], [keras.layers.Dense(2, name="end")(z), 1.0 - w], name="operators")


def modes(keras: Any) -> Any:
    """Calls with a mode of their own."""
    a = keras.Input((3,), name="a")
    always, never = keras.layers.BatchNormalization(name="always"), keras.layers.BatchNormalization(name="never")
    follows = keras.layers.BatchNormalization(name="follows")
    x = always(a, training=True)
    y = never(keras.layers.Dense(3, name="dense")(x), training=False)
    return keras.Model(a, follows(y), name="modes")


def middle(keras: Any) -> Any:
    """The end of one model as a model of its own, from the middle on."""
    a = keras.Input((3,), name="a")
    x = keras.layers.Dense(4, activation="relu", name="x")(a)
    y = keras.layers.Dense(2, name="y")(keras.layers.Dense(4, activation="tanh", name="between")(x))
    whole = keras.Model(a, y)
    return keras.Model(whole.get_layer("x").output, [whole.output, whole.get_layer("between").output], name="middle")


def transformer_block(keras: Any, x: Any, name: str, heads: int, width: int, **kwargs: Any) -> Any:
    """Pre-norm: x + attention(norm(x)), then the same with a Dense of four times the width (Xiong et al. 2020)."""
    layers = keras.layers
    h = layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm")(x)
    attention = layers.MultiHeadAttention(heads, width // heads, name=f"{name}_attention")
    x = layers.Add(name=f"{name}_add")([x, attention(h, h, **kwargs)])
    h = layers.RMSNormalization(name=f"{name}_second_norm")(x)
    h = layers.Dense(4 * width, activation="gelu", name=f"{name}_wide")(h)
    return layers.Add(name=f"{name}_end")([x, layers.Dense(width, name=f"{name}_narrow")(h)])


def transformer(keras: Any) -> Any:
    """Two pre-norm blocks, the first causal."""
    x = keras.Input((6, 8), name="x")
    y = transformer_block(keras, x, "first", 2, 8, use_causal_mask=True)
    y = transformer_block(keras, y, "second", 4, 8)
    return keras.Model(x, keras.layers.EinsumDense("btd,dv->btv", (6, 5), name="end")(y), name="transformer")


def cross_attention(keras: Any) -> Any:
    """A query, a memory and its keys; scores are outputs as well, and heads share keys."""
    layers = keras.layers
    query, memory, keys = (keras.Input(shape, name=n) for n, shape in (("q", (5, 4)), ("m", (5, 6)), ("k", (5, 2))))
    mixed, scores = layers.MultiHeadAttention(2, 3, value_dim=2, output_shape=7, name="cross")(
        query, memory, key=keys, return_attention_scores=True
    )
    shared = layers.GroupQueryAttention(3, 4, 2, name="shared")(mixed, mixed, use_causal_mask=True)
    plain = layers.Attention(name="plain")([query, layers.Dense(4, name="fit")(memory)])
    additive = layers.AdditiveAttention(name="additive")([plain, layers.GroupNormalization(2, name="groups")(query)])
    return keras.Model([query, memory, keys], [shared, scores, additive], name="cross_attention")


def encoder_decoder(keras: Any) -> Any:
    """The states of one recurrent layer begin another, whose outputs are read at each step, then in both directions."""
    layers = keras.layers
    source, target = keras.Input((5, 3), name="source"), keras.Input((4, 2), name="target")
    _, h, c = layers.RNN(layers.LSTMCell(4, name="reader"), return_state=True, name="encoder")(source)
    decoder = layers.RNN(layers.LSTMCell(4, name="writer"), return_sequences=True, name="decoder")
    x = decoder(target, initial_state=[h, c])
    x = layers.TimeDistributed(layers.Dense(3, name="each"), name="steps")(x)
    x = layers.Bidirectional(layers.RNN(layers.GRUCell(2, name="cell"), name="way"), name="both")(x)
    return keras.Model([source, target], x, name="encoder_decoder")


CASES: dict[str, FunctionalCase] = {
    "shared_layer": FunctionalCase(shared_layer, [(5, 3), (5, 3)]),
    "several_outputs": FunctionalCase(several_outputs, [(5, 4), (5, 2), (5, 5)]),
    "nested": FunctionalCase(nested, [(5, 4), (5, 3)]),
    "merging": FunctionalCase(merging, [(4, 2, 3)] * 3),
    "operators": FunctionalCase(operators, [(5, 4), (5, 4)]),
    "modes": FunctionalCase(modes, [(6, 3)]),
    "transformer": FunctionalCase(transformer, [(3, 6, 8)]),
    "cross_attention": FunctionalCase(cross_attention, [(2, 5, 4), (2, 5, 6), (2, 5, 2)]),
    "encoder_decoder": FunctionalCase(encoder_decoder, [(3, 5, 3), (3, 4, 2)]),
    "middle": FunctionalCase(middle, [(5, 4)]),
}


def values(label: str, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Normal numbers for inputs, weights or cotangents; variances among weights are made positive by the caller."""
    draw = generator(label)
    return [draw.normal(size=shape) for shape in shapes]


def structure(model: Any) -> dict[str, Any]:
    """What must be equal beside numbers: names in order, and who is called on what."""
    config = model.get_config()
    histories = {
        record["name"]: [tensors(node["args"]) for node in record["inbound_nodes"]] for record in config["layers"]
    }
    return {
        "layers": [layer.name for layer in model.layers],
        "weights": [last_parts(weight.path) for weight in model.weights],
        "trainable": [last_parts(weight.path) for weight in model.trainable_weights],
        "output_names": list(model.output_names),
        "histories": histories,
        "input_layers": plain(config["input_layers"]),
        "output_layers": plain(config["output_layers"], counted_from_one(config)),
        "input_shape": plain(model.input_shape),
        "output_shape": plain(model.output_shape),
    }


def last_parts(path: str) -> str:
    """Layer and weight; what stands before them depends in Keras on where the layer was built."""
    return "/".join(path.split("/")[-2:])


def tensors(value: Any) -> Any:
    """The histories of the tensors in the arguments of a call."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [list(value["config"]["keras_history"])]
        return [t for item in value.values() for t in tensors(item)]
    if isinstance(value, list | tuple):
        return [t for item in value for t in tensors(item)]
    return []


def counted_from_one(config: dict[str, Any]) -> set[str]:
    """Keras counts the calls of functional models from 1 where outputs are named, and from 0 everywhere else."""
    keras = [record for record in config["layers"] if str(record.get("module")).startswith("keras")]
    return {record["name"] for record in keras if record["class_name"] == "Functional"}


def plain(value: Any, from_one: set[str] | None = None) -> Any:
    """Tuples as lists, as JSON has it; calls of the layers in `from_one` are counted from 0."""
    if isinstance(value, dict):
        return {key: plain(item, from_one) for key, item in value.items()}
    if isinstance(value, list | tuple) and len(value) == 3 and str(value[0]) in (from_one or ()):
        return [value[0], value[1] - 1, value[2]]
    return [plain(item, from_one) for item in value] if isinstance(value, list | tuple) else value
