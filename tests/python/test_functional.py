"""Functional models: parts and names, data in every form, sub-models, nesting, training, freezing, mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ranvier as keras
from functional_models import LABELS, NUMBERS, A, B, chain, two_ends
from ranvier import KerasTensor, layers, ops


def test_the_parts_of_a_model() -> None:
    model = two_ends()
    assert type(model).__name__ == "Functional" and isinstance(model, keras.Model)
    assert [t.name for t in model.inputs] == model._input_names == ["a", "b"]
    assert model.output_names == ["kind", "size"]
    assert model.input == model.inputs and set(model.output) == {"kind", "size"}
    assert model.input_shape == [(None, 4), (None, 3)] and model.output_shape == [(None, 2), (None, 1)]
    assert [layer.name for layer in model.layers[:2]] == ["a", "x"]
    assert model.get_layer("sum").output.shape == (None, 8)
    assert model.get_layer(index=0) is model.layers[0]
    assert model.count_params() == sum(v.size for v in model.weights)
    assert model.get_layer("shared").weights[0].path == "shared/kernel"
    assert model.compute_output_shape([(7, 4), (7, 3)]) == {"kind": (7, 2), "size": (7, 1)}
    assert repr(model) == "<Functional name=two_ends, built=True>"
    assert chain().input_shape == (None, 4) and chain().output_shape == (None, 2)


def test_data_in_every_form_gives_the_same() -> None:
    model = two_ends()
    one = {key: y.numpy().copy() for key, y in model([A, B]).items()}
    forms: list[Any] = [(A, B), {"a": A, "b": B}, {"b": B, "a": A, "more": 3}, [A.tolist(), B.astype("float64")]]
    forms += [[ops.convert_to_tensor(A), B], [A[:, :, None], B]]
    for form in forms:
        for key, y in model(form).items():
            np.testing.assert_array_equal(y.numpy(), one[key])
    for data in ([A, B], (A, B), {"b": B, "a": A}):
        for key, y in model.predict(data, verbose=0).items():
            np.testing.assert_array_equal(y, one[key])
    single = chain()
    expected = single(A).numpy().copy()
    for form in ([A], {"a": A}, ops.convert_to_tensor(A), A.tolist()):
        np.testing.assert_array_equal(single(form).numpy(), expected)


def test_structures_come_back_as_they_were_made() -> None:
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    x, y = layers.Dense(2)(a), layers.Dense(2)(b)
    nested = keras.Model({"pair": [a, {"deep": b}]}, (x, [y, {"sum": layers.add([x, y])}]))
    first, (second, last) = nested({"pair": [A, {"deep": B}]})
    np.testing.assert_allclose(last["sum"].numpy(), first.numpy() + second.numpy())
    assert isinstance(nested({"pair": (A, {"deep": B})}), tuple)
    only = keras.Model([a], [x])
    assert only([A]).shape == only(A).shape == (64, 2)
    same = keras.Model(a, [x, x, a])
    one, two, given = same(A)
    np.testing.assert_array_equal(one.numpy(), two.numpy())
    np.testing.assert_array_equal(given.numpy(), A)
    identity = keras.Model(a, a)
    np.testing.assert_array_equal(identity(A).numpy(), A)


def test_parts_of_models_are_models_with_the_same_weights() -> None:
    model = chain()
    hidden = keras.Model(model.inputs, model.get_layer("x").output)
    head = keras.Model(model.get_layer("x").output, model.output)
    assert [layer.name for layer in head.layers][1:] == ["y"]
    np.testing.assert_array_equal(head(hidden(A)).numpy(), model(A).numpy())
    assert hidden.layers[1] is model.layers[1]
    with pytest.raises(AttributeError, match="before it is built"):
        _ = keras.Sequential([layers.Dense(2)]).inputs
    stack = keras.Sequential([keras.Input((4,)), layers.Dense(5, "relu"), layers.Dense(2)])
    part = keras.Model(stack.inputs, stack.layers[0].output)
    np.testing.assert_array_equal(part(A).numpy(), stack.layers[0](A).numpy())
    whole = keras.Model(stack.input, [layer.output for layer in stack.layers])
    np.testing.assert_array_equal(whole(A)[1].numpy(), stack(A).numpy())
    stack.add(layers.Dense(1))
    assert stack.outputs[0].shape == (None, 1) and stack.layers[0].output.shape == (None, 5)
    stack.pop()
    assert stack.output.shape == (None, 2)


def test_models_inside_models() -> None:
    inner, stack = chain(), keras.Sequential([keras.Input((2,)), layers.Dense(4)], name="stack")
    a = keras.Input((4,))
    y = inner(stack(inner(a)))
    model = keras.Model(a, y, name="outer")
    np.testing.assert_allclose(model(A).numpy(), inner(stack(inner(A))).numpy(), rtol=1e-6)
    assert [layer.name for layer in model.layers][1:] == ["chain", "stack"]
    assert [w.path for w in model.weights][:2] == ["chain/x/kernel", "chain/x/bias"]
    model.compile("sgd", "mse")
    model.fit(A, np.zeros((64, 2)), verbose=0)
    np.testing.assert_allclose(model(A).numpy(), inner(stack(inner(A))).numpy(), rtol=1e-6)
    assert keras.Sequential([keras.Input((4,)), inner, layers.Dense(3)])(A).shape == (64, 3)


def test_training_with_all_its_ends() -> None:
    model = two_ends()
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    model.compile(keras.optimizers.Adam(0.01), losses, loss_weights={"size": 0.5}, metrics={"kind": ["accuracy"]})
    history = model.fit(
        {"a": A, "b": B}, {"kind": LABELS, "size": NUMBERS}, epochs=30, validation_split=0.25, verbose=0
    )
    assert history.history["loss"][-1] < history.history["loss"][0] / 2
    assert {"kind_accuracy", "val_size_loss"} <= set(history.history)
    found = model.evaluate([A, B], {"kind": LABELS, "size": NUMBERS}, verbose=0, return_dict=True)
    assert found["kind_accuracy"] > 0.8
    assert not model._runs_python and model._handle().replayable


def test_a_graph_trains_like_a_stack() -> None:
    graph = chain()
    stack = keras.Sequential([keras.Input((4,)), layers.Dense(5, "relu"), layers.Dense(2)])
    stack.set_weights(graph.get_weights())
    for model in (graph, stack):
        model.compile(keras.optimizers.Adam(0.01), "mse")
        model.fit(A, B[:, :2], epochs=3, shuffle=False, verbose=0)
    for ours, theirs in zip(graph.get_weights(), stack.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_frozen_base_keeps_weights_and_statistics() -> None:
    whole = two_ends()
    base = keras.Model(whole.inputs[0], whole.get_layer("bn").output, name="base")
    base.trainable = False
    a = keras.Input((4,))
    model = keras.Model(a, layers.Dense(1, name="head")(base(a)))
    assert [w.path for w in model.trainable_weights] == ["head/kernel", "head/bias"]
    model.compile("sgd", "mse")
    before = base.get_weights()
    model.fit(A, NUMBERS, epochs=2, verbose=0)
    for old, new in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    base.trainable = True
    base.get_layer("bn").trainable = False
    model.compile("sgd", "mse")
    model.fit(A, NUMBERS, epochs=2, verbose=0)
    changed = {w.name: not np.array_equal(w.numpy(), old) for w, old in zip(base.weights, before, strict=True)}
    assert changed == dict.fromkeys(changed, False) | {"kernel": True, "bias": True}
    np.testing.assert_array_equal(base(A, training=True).numpy(), base(A).numpy())


def test_a_call_may_fix_the_mode() -> None:
    a = keras.Input((4,))
    always = keras.Model(a, layers.Dropout(0.5)(a, training=True))
    never = keras.Model(a, layers.Dropout(0.5)(a, training=False))
    assert (always(A).numpy() == 0).any() and (always.predict(A, verbose=0) == 0).any()
    np.testing.assert_array_equal(never(A, training=True).numpy(), A)
    free = keras.Model(a, layers.Dropout(0.5)(a))
    np.testing.assert_array_equal(free(A).numpy(), A)
    assert (free(A, training=True).numpy() == 0).any()
    fixed = keras.Model(a, free(a, training=False))
    np.testing.assert_array_equal(fixed(A, training=True).numpy(), A)


def test_subclasses() -> None:
    class Small(keras.Model):
        def __init__(self, units: int = 2, **kwargs: Any) -> None:
            a = keras.Input((4,))
            super().__init__(a, layers.Dense(units)(a), **kwargs)
            self.extra = layers.Dense(1, name="extra")

    small = Small(3, name="small")
    assert isinstance(small, keras.Functional) and small(A).shape == (64, 3)
    assert small.extra in small.layers
    assert small.get_config()["units"] == 3
    assert Small.from_config(small.get_config()).output_shape == (None, 3)

    class Doubled(Small):
        def call(self, x: Any, training: bool = False) -> Any:
            return super().call(x) * 2

    doubled = Doubled(3)
    doubled.set_weights([*small.get_weights()[:2]])
    np.testing.assert_allclose(doubled(A).numpy(), small(A).numpy() * 2, rtol=1e-6)
    doubled.compile("sgd", "mse")
    doubled.fit(A, B, verbose=0)

    class Free(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x: Any, training: bool = False) -> Any:
            return self.dense(x)

    free = Free()
    assert not isinstance(free, keras.Functional)
    a = keras.Input((4,))
    assert free(a).shape == (None, 2) and len(free.weights) == 2
    assert keras.Model(a, free(a))(A).shape == (64, 2)


def test_losses_of_a_python_layer_that_is_called_twice_add_up() -> None:
    class Penalised(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(ops.sum(x))
            return x

    a, b = keras.Input((2,)), keras.Input((2,))
    layer = Penalised()
    model = keras.Model([a, b], layers.Dense(1, kernel_initializer="zeros")(layers.add([layer(a), layer(b)])))
    model.compile("sgd", "mse")
    ones = np.ones((3, 2), "float32")
    assert model.evaluate([ones, 10 * ones], np.zeros((3, 1)), verbose=0) == pytest.approx(6 + 60)


def test_thousands_of_layers() -> None:
    a = x = keras.Input((2,))
    for _ in range(1500):
        x = layers.Identity()(x)
    model = keras.Model(a, x)
    np.testing.assert_array_equal(model(A[:, :2]).numpy(), A[:, :2])
    assert len(type(model).from_config(model.get_config()).layers) == 1501


def test_the_summary_tells_what_is_called_on_what(capsys: pytest.CaptureFixture[str]) -> None:
    two_ends().summary(line_length=100)
    out = capsys.readouterr().out
    for part in ("Connected to", "shared[0][0], shared[1][0]", "a (InputLayer)", "joined[0][0]", "Total params: 227"):
        assert part in " ".join(out.split()) or part in out
    chain().summary()
    out = capsys.readouterr().out
    assert "Connected to" not in out and "a (InputLayer)" in out
    outer = keras.Model(a := keras.Input((4,)), chain()(a) * 2.0)
    lines: list[str] = []
    outer.summary(expand_nested=True, print_fn=lines.append)
    assert "x (Dense)" in lines[0] and "(Multiply)" in lines[0]


# -- mistakes ----------------------------------------------------------------------------------------------------------


def ends() -> tuple[KerasTensor, KerasTensor]:
    model = chain()
    return model.inputs[0], model.outputs[0]


MISTAKES: list[tuple[Any, type[Exception], str]] = [
    (lambda: keras.Model(keras.Input((4,), name="other"), ends()[1]), ValueError, r"disconnected.*'x' needs.*'other'"),
    (lambda: keras.Model(keras.Input((4,)), ends()[0]), ValueError, "the output .* does not come from the inputs"),
    (lambda: keras.Model([], ends()[1]), ValueError, "inputs: expected at least one symbolic tensor"),
    (lambda: keras.Model(ends()[0], {}), ValueError, "outputs: expected at least one symbolic tensor"),
    (lambda: keras.Model(A, ends()[1]), ValueError, "inputs: expected symbolic tensors such as Input"),
    (lambda: keras.Model(ends()[0], layers.Dense(2)), ValueError, "outputs: expected symbolic tensors such as layer"),
    (lambda: keras.Model(KerasTensor((None, 2)), ends()[1]), ValueError, "expected tensors that come from layers"),
    (lambda: keras.Model(ends()[0]), TypeError, "expected inputs and outputs, or neither"),
    (lambda: keras.Model(inputs=ends()[0]), TypeError, "outputs"),
    (lambda: keras.Model([(e := ends())[0], e[0]], e[1]), ValueError, "received one of them twice"),
    (lambda: keras.Model(*ends(), colour="red"), ValueError, "unknown argument 'colour'"),
    (lambda: chain()(A[:, :3]), ValueError, r"\[chain\] expected input 'a' of shape \(None, 4\), received .*\(64, 3\)"),
    (lambda: chain()({"b": A}), ValueError, r"\[chain\] x: expected a dict with 'a', received \['b'\]"),
    (lambda: two_ends()([A]), ValueError, r"\[two_ends\] x: expected inputs 'a' and 'b'"),
    (lambda: two_ends()(A), ValueError, r"\[two_ends\] x: expected inputs 'a' and 'b'"),
    (lambda: two_ends()({"a": A}), ValueError, r"\[two_ends\] x: expected .*'b'"),
    (lambda: two_ends()([A, B[:3]]), ValueError, r"equally many rows.*\(64, 4\), \(3, 3\)"),
    (lambda: two_ends()([A, "text"]), TypeError, "numbers"),
    (lambda: two_ends()([ends()[0], B]), ValueError, "symbolic"),
    (lambda: chain()([ends()[0], ends()[0]]), ValueError, "expected symbolic tensors for 'a', received"),
    (lambda: chain().predict(ends()[0]), TypeError, "which is symbolic; pass the data itself"),
    (lambda: layers.Dense(2, name="d")({"x": ends()[0]}), ValueError, r"\[d\] expected one tensor, received a dict"),
    (lambda: layers.Dense(2, name="d")(ends()[0], size=3), TypeError, r"\[d\] call of Dense.*'size'"),
    (lambda: layers.Concatenate(7, name="c")([ends()[0], ends()[0]]), ValueError, r"\[c\] axis"),
    (lambda: chain()(keras.Input((3,))), ValueError, r"expected input 'a' of shape \(None, 4\)"),
    (lambda: chain()(A, wrong=3), TypeError, "unexpected argument 'wrong'"),
    (lambda: chain().get_layer("z"), ValueError, "no layer is called 'z'"),
    (lambda: chain().compute_output_shape((None, 5)), ValueError, "expected input 'a'"),
    (lambda: keras.Sequential([ends()[1]]), ValueError, "Model\\(inputs, outputs\\) makes a model of tensors"),
]


@pytest.mark.parametrize(("act", "kind", "text"), MISTAKES, ids=[str(i) for i in range(len(MISTAKES))])
def test_mistakes_are_named(act: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        act()


def test_names_are_different() -> None:
    a = keras.Input((2,))
    twice = layers.Dense(2, name="same")(layers.Dense(2, name="same")(a))
    with pytest.raises(ValueError, match="the name 'same' is used 2 times in the model"):
        keras.Model(a, twice)
