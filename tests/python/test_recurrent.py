"""Recurrent layers beyond the contract of all: states kept and streamed, custom cells, seq2seq, files, mistakes."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier
from ranvier import layers, models, ops, saving
from ranvier.utils.random_seed import set_random_seed
from ranvier.utils.session import clear_session

RNG = np.random.default_rng(7)
X = RNG.normal(size=(4, 6, 3)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 1, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0]], bool)
GATED: list[type] = [layers.SimpleRNN, layers.LSTM, layers.GRU]


def swish(x: Any) -> Any:
    return ops.multiply(x, ops.sigmoid(x))


class Decay(layers.Layer):
    """``h' = h / 2 + x @ kernel``."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")

    def call(self, inputs: Any, states: Any) -> Any:
        h = ops.add(ops.multiply(states[0], 0.5), ops.matmul(inputs, self.kernel))
        return h, [h]


def many() -> list[Any]:
    """Layers of all kinds, with results of their own."""
    sequences: dict[str, Any] = {"return_sequences": True}
    return [
        *[cls(3, **sequences) for cls in GATED],
        layers.LSTM(3, activation=swish, **sequences),
        layers.GRU(3, reset_after=False, **sequences),
        layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], **sequences),
        layers.RNN(Decay(3), **sequences),
    ]


def kinds() -> list[str]:
    return ["SimpleRNN", "LSTM", "GRU", "swish", "first", "stack", "custom"]


@pytest.mark.parametrize("kind", range(7), ids=kinds())
def test_gradients_through_time_with_masks_are_those_of_differences(kind: int) -> None:
    layer = many()[kind]
    settings = {**layer.get_config(), "dtype": "float64"}
    if isinstance(layer, layers.RNN):
        cell = Decay(3, dtype="float64") if kind == 6 else [layers.LSTMCell(3, dtype="float64")]
        settings["cell"] = None
        layer = layers.RNN(cell, return_sequences=True, dtype="float64")
    else:
        layer = type(layer).from_config(settings)
    x = ops.convert_to_tensor(X.astype("float64"))
    x._keras_mask = ops.convert_to_tensor(MASK)
    layer(x)
    factors = ops.convert_to_tensor(RNG.normal(size=(4, 6, 3)))

    def loss() -> Any:
        return (layer(x) * factors).sum()

    x.requires_grad = True
    loss().backward()
    checked = [(x, x.grad.numpy().copy()), *[(w, w.grad.numpy().copy()) for w in layer.trainable_weights]]
    x.requires_grad = False
    for variable, gradient in checked:
        values = variable.numpy().copy()
        for place in list(np.ndindex(values.shape))[:: max(1, values.size // 7)]:
            ends = []
            for step in (1e-5, -1e-5):
                moved = values.copy()
                moved[place] += step
                if variable is x:
                    given = ops.convert_to_tensor(moved)
                    given._keras_mask = x._keras_mask
                    ends.append(float((layer(given) * factors).sum()))
                else:
                    variable.assign(moved)
                    ends.append(float(loss()))
                    variable.assign(values)
            assert gradient[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("kind", range(7), ids=kinds())
def test_stateful_batches_are_one_long_sequence(kind: int) -> None:
    whole = many()[kind]
    expected = whole(X).numpy()
    if isinstance(whole, layers.RNN):
        layer = layers.RNN(whole.cell, return_sequences=True, stateful=True)
    else:
        layer = type(whole)(**{**known(whole), "stateful": True})
        layer.build(X.shape)
        layer.set_weights(whole.get_weights())
    for _ in range(2):
        parts = [layer(X[:, :2]).numpy(), layer(X[:, 2:5]).numpy(), layer(X[:, 5:]).numpy()]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), expected, rtol=1e-5, atol=1e-6)
        assert layer.states is not None
        with pytest.raises(ValueError, match=r"is stateful and keeps the states of 4 sequences, received"):
            layer(X[:3])
        layer.reset_states()
    assert layer(X[:3]).shape[0] == 3


def known(layer: Any) -> dict[str, Any]:
    return {**{name: getattr(layer, name) for name in layer._arguments}, "name": layer.name}


@pytest.mark.parametrize("kind", [0, 1, 2, 4, 5])
def test_a_stream_gives_what_the_whole_sequence_gives(kind: int) -> None:
    model = ranvier.Sequential([layers.Input((None, 3)), many()[kind], layers.TimeDistributed(layers.Dense(2))])
    expected = model(X).numpy()
    stream = model.stream()
    parts = [stream(X[:, a:b]).numpy().copy() for a, b in [(0, 1), (1, 4), (4, 6)]]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), expected, rtol=1e-5, atol=1e-6)


def test_both_directions_need_the_whole_sequence() -> None:
    model = ranvier.Sequential([layers.Input((None, 3)), layers.Bidirectional(layers.GRU(2, return_sequences=True))])
    with pytest.raises(ValueError, match=r"\[bidirectional.*needs the whole sequence"):
        model.stream()(X)


@pytest.mark.parametrize("cls", GATED)
def test_training_kept_states_matches_the_plain_loop(cls: type) -> None:
    x = RNG.normal(size=(8, 5, 2)).astype("float32")
    y = RNG.normal(size=(8, 1)).astype("float32")

    def network() -> Any:
        set_random_seed(3)
        net = ranvier.Sequential(
            [layers.Input(batch_shape=(4, 5, 2)), cls(3, stateful=True, name="r"), layers.Dense(1)]
        )
        net.compile("sgd", "mse")
        return net

    fitted, stepped = network(), network()
    fitted.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    for _ in range(3):
        for rows in (slice(0, 4), slice(4, 8)):
            stepped.train_on_batch(x[rows], y[rows])
    for ours, theirs in zip(fitted.get_weights(), stepped.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert [s.shape for s in fitted.layers[0].states] == [(4, 3)] * (2 if cls is layers.LSTM else 1)
    np.testing.assert_allclose(fitted.layers[0].states[0].numpy(), stepped.layers[0].states[0].numpy(), rtol=1e-5)


def seq2seq(cls: type) -> Any:
    source, target = layers.Input((None, 3)), layers.Input((None, 2))
    _, *states = cls(4, return_state=True, name="encoder")(source)
    decoded = cls(4, return_sequences=True, name="decoder")(target, initial_state=states)
    return models.Model([source, target], layers.Dense(2)(decoded))


@pytest.mark.parametrize("cls", GATED)
def test_states_of_an_encoder_begin_a_decoder(cls: type, tmp_path: Path) -> None:
    model = seq2seq(cls)
    target = RNG.normal(size=(4, 5, 2)).astype("float32")
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    _, *states = encoder(X)
    expected = model.layers[-1](decoder(target, initial_state=states)).numpy()
    np.testing.assert_allclose(model([X, target]).numpy(), expected, rtol=1e-6, atol=1e-6)
    model.compile("adam", "mse")
    first = model.evaluate([X, target], target, verbose=0)
    model.fit([X, target], target, epochs=20, verbose=0)
    assert model.evaluate([X, target], target, verbose=0) < first
    model.save(tmp_path / "model.rv")
    again = saving.load_model(tmp_path / "model.rv")
    np.testing.assert_array_equal(again.predict([X, target], verbose=0), model.predict([X, target], verbose=0))


def everything() -> Any:
    x = layers.Input((6, 3))
    y = layers.Masking()(x)
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True), merge_mode="sum")(y)
    y = layers.TimeDistributed(layers.Dense(4, activation="relu"))(y)
    y = layers.RNN([layers.GRUCell(3), layers.LSTMCell(2)], return_sequences=True)(y)
    y = layers.Reshape((6, 2, 1))(y)
    y = layers.ConvLSTM1D(2, 2)(y)
    return models.Model(x, layers.Dense(1)(layers.Flatten()(y)))


def test_models_of_all_of_them_learn_in_the_engine_and_are_saved(tmp_path: Path) -> None:
    set_random_seed(1)
    model = everything()
    assert not model._runs_python
    model.compile("adam", "mse")
    y = X.sum(axis=(1, 2))[:, None]
    history = model.fit(X, y, epochs=30, verbose=0).history["loss"]
    assert history[-1] < history[0]
    model.save(tmp_path / "model.rv")
    again = saving.load_model(tmp_path / "model.rv")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize("make", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
def test_copies_compute_the_same(make: Any) -> None:
    for model in (everything(), seq2seq(layers.LSTM), ranvier.Sequential([layers.Input((6, 3)), layers.RNN(Decay(2))])):
        x = X if len(model.inputs) == 1 else [X, X[..., :2]]
        again = make(model)
        np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
        again.set_weights([w + 1 for w in again.get_weights()])
        assert not np.array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("threads", [2, 5])
def test_same_bits_with_any_number_of_threads(threads: int) -> None:
    x = np.random.default_rng(3).normal(size=(150, 6, 3)).astype("float32")

    def weights(count: int) -> list[np.ndarray]:
        before = ranvier.get_num_threads()
        ranvier.set_num_threads(count)
        try:
            set_random_seed(1)
            model = everything()
            model.compile("adam", "mse")
            model.fit(x, x.sum(axis=(1, 2))[:, None], epochs=2, batch_size=64, verbose=0)
            found: list[np.ndarray] = model.get_weights()
            return found
        finally:
            ranvier.set_num_threads(before)

    for one, other in zip(weights(1), weights(threads), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_cell_of_ones_own_learns_inside_a_model() -> None:
    set_random_seed(2)
    model = ranvier.Sequential([layers.Input((6, 3)), layers.RNN([Decay(4), layers.LSTMCell(2)]), layers.Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(X, X[:, -1, :1], epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_cell_needs_no_layer() -> None:
    class Sums:
        state_size = 3

        def call(self, inputs: Any, states: Any) -> Any:
            return inputs + states[0], [inputs + states[0]]

    np.testing.assert_allclose(layers.RNN(Sums())(X).numpy(), X.sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("cls", GATED)
def test_steps_of_the_cell_are_those_of_the_layer(cls: type) -> None:
    layer = cls(3, return_sequences=True)
    expected = layer(X).numpy()
    cell = layer.cell
    assert cell.units == layer.units == 3
    states = cell.get_initial_state(4)
    for t in range(6):
        output, states = cell(X[:, t], states)
        np.testing.assert_allclose(output.numpy(), expected[:, t], rtol=1e-5, atol=1e-6)


def test_dropout_is_one_draw_for_all_time_steps() -> None:
    ones = np.ones((2, 50, 8), "float32")
    for options in ({}, {"activation": swish}):
        layer = layers.SimpleRNN(
            1, use_bias=False, kernel_initializer="ones", recurrent_initializer="zeros", dropout=0.5, seed=3,
            return_sequences=True, **({"activation": "linear"} | options),
        )  # fmt: skip
        y = layer(ones, training=True).numpy()
        np.testing.assert_allclose(y, np.broadcast_to(y[:, :1], y.shape), rtol=1e-6)
        assert not np.array_equal(y, layer(ones, training=True).numpy())
        assert np.array_equal(layer(ones).numpy(), layer(ones).numpy())


@pytest.mark.parametrize("cls", GATED)
def test_seeds_repeat_dropout(cls: type) -> None:
    def result() -> np.ndarray:
        set_random_seed(5)
        layer = cls(3, dropout=0.3, recurrent_dropout=0.4, seed=1)
        y: np.ndarray = layer(X, training=True).numpy()
        return y

    np.testing.assert_array_equal(result(), result())


def test_rows_that_are_masked_throughout_give_zeros() -> None:
    for layer in many():
        y = layer(X, mask=MASK).numpy()
        assert np.array_equal(y[3], np.zeros_like(y[3]))


def test_configurations_of_keras_are_read() -> None:
    constraint = {"kernel_constraint": None, "recurrent_constraint": None, "bias_constraint": None}
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
    zeros = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}
    cell = {"units": 3, "activation": "tanh", "bias_initializer": zeros, "dtype": policy, **constraint}
    lstm = {
        "module": "keras.layers",
        "class_name": "LSTM",
        "registered_name": None,
        "config": {**cell, "name": "lstm", "return_sequences": True, "zero_output_for_mask": True, "seed": None},
    }
    records = [
        lstm,
        {"class_name": "Bidirectional", "config": {"name": "b", "merge_mode": "ave", "layer": lstm}},
        {"class_name": "TimeDistributed", "config": {"name": "t", "layer": lstm, "dtype": policy}},
        {"class_name": "RNN", "config": {"cell": {"class_name": "GRUCell", "config": {**cell, "name": "c"}}}},
    ]
    for record in records:
        layer = layers.deserialize(json.loads(json.dumps(record)))
        assert layer.name == record["config"].get("name", layer.name)
        assert layer(X if record["class_name"] != "TimeDistributed" else X[None]).shape[-1] == 3


def test_names_follow_those_of_keras() -> None:
    clear_session()
    assert layers.SimpleRNN(1).name == "simple_rnn"
    assert layers.StackedRNNCells([layers.GRUCell(1)]).name == "stacked_rnn_cells"
    both = layers.Bidirectional(layers.GRU(1, name="g"))
    assert (both.forward_layer.name, both.backward_layer.name) == ("forward_g", "backward_g")
    assert both.backward_layer.go_backwards
    assert layers.ConvLSTM2D(1, 2).name == "conv_lstm2d"


H = np.zeros((4, 3), "float32")
MISTAKES: list[tuple[Any, str]] = [
    (lambda: layers.LSTM(0), r"\[lstm\] units: expected a positive int, received 0"),
    (lambda: layers.LSTM(3, dropout=1.5), r"dropout: expected a number in \[0, 1\)"),
    (lambda: layers.LSTM(3, time_major=True), r"\[LSTM\] unknown argument 'time_major'"),
    (lambda: layers.LSTM(3)(X[:, :0]), r"\[lstm\] expected at least one time step, received x with shape \(4, 0, 3\)"),
    (
        lambda: layers.LSTM(3)(X[:, 0]),
        r"expected \(batch, time, features\), received x with shape \(4, 3\); use return_seq",
    ),
    (lambda: layers.LSTM(3)(X, initial_state=[H]), r"initial_state: expected 2 of shape \(4, 3\).*received 1"),
    (lambda: layers.GRU(3)(X, initial_state=H[:2]), r"initial_state: expected 1 of shape \(4, 3\).*\(2, 3\)"),
    (lambda: layers.GRU(3)(X, mask=MASK[:, :4]), r"mask: expected shape \(4, 6\) \(batch, time\), received \(4, 4\)"),
    (lambda: layers.RNN([layers.LSTMCell(3)])(X, initial_state=[H]), r"initial_state: expected 2 of shape"),
    (lambda: layers.RNN(layers.Dense(3)), r"\[rnn\] cell: expected an object with call\(inputs, states\)"),
    (lambda: layers.RNN([]), r"cells: expected a list of cells, received \[\]"),
    (lambda: layers.RNN(layers.LSTMCell), r"\[rnn\] cell: expected an object"),
    (lambda: layers.LSTMCell(3)(X, [H, H]), r"expected one time step \(batch, features\), received .*RNN\(cell\)"),
    (lambda: layers.LSTMCell(3)(X[:, 0], [H]), r"states: expected 2 states of shape \(4, 3\)"),
    (lambda: layers.Bidirectional(layers.Dense(3)), r"layer: expected a recurrent layer such as LSTM\(32\)"),
    (lambda: layers.Bidirectional(layers.LSTM), r"expected a layer, received .*; write LSTM\(...\)"),
    (lambda: layers.Bidirectional(layers.LSTM(3), merge_mode="max"), r"merge_mode: expected one of 'sum', 'mul'"),
    (
        lambda: layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3)),
        r"expected layer and backward_layer to differ in go_backwards",
    ),
    (lambda: layers.Bidirectional(layers.LSTM(3))(X, initial_state=[H, H, H]), r"initial_state: expected as many"),
    (lambda: layers.TimeDistributed(3), r"\[time_distributed\] layer: expected a layer, received 3"),
    (lambda: layers.TimeDistributed(layers.Dense(3))(H), r"expected \(batch, time, ...\) of at least 3 axes"),
    (lambda: layers.TimeDistributed(layers.Dense(3))(X, mask=MASK[:2]), r"mask: expected shape \(4, 6\)"),
    (lambda: layers.ConvLSTM2D(2, 3)(X), r"expected \(batch, time, height, width, channels\), received"),
    (lambda: layers.ConvLSTM1D(2, 9)(X[..., None]), r"\[conv_lstm1d\].*window"),
]


@pytest.mark.parametrize("mistake", range(len(MISTAKES)))
def test_mistakes_are_named(mistake: int) -> None:
    clear_session()
    make, words = MISTAKES[mistake]
    with pytest.raises(ValueError, match=words):
        make()
