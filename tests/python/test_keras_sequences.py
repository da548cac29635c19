"""Models of sequences as Keras's guides and examples write them, by their results. Only the import differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import layers, ops

TEXTS = np.array(
    ["good film really good", "bad film very bad", "i love it", "i hate it", "love this", "hate this"] * 20
)
FEELINGS = np.array([1, 0, 1, 0, 1, 0] * 20)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(1)


def test_texts_are_classified_from_scratch(tmp_path: Path) -> None:
    vectorize = layers.TextVectorization(max_tokens=50, output_mode="int", output_sequence_length=8)
    vectorize.adapt(TEXTS)
    tokens = keras.Input(shape=(None,), dtype="int64")
    x = layers.Embedding(50, 16)(tokens)
    x = layers.Conv1D(16, 3, padding="valid", activation="relu")(x)
    x = layers.GlobalMaxPooling1D()(x)
    outputs = layers.Dense(1, activation="sigmoid", name="predictions")(layers.Dropout(0.1)(x))
    model = keras.Model(tokens, outputs)
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.01), metrics=["accuracy"])
    model.fit(vectorize(TEXTS), FEELINGS, epochs=12, verbose=0)

    text = keras.Input(shape=(1,), dtype="string", name="text")  # from text to feeling in one model
    whole = keras.Model(text, model(vectorize(text)))
    whole.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    assert whole.evaluate(TEXTS, FEELINGS, verbose=0)[1] == 1.0
    good, bad = whole.predict(np.array([["really good"], ["very bad"]]), verbose=0)[:, 0]
    assert good > 0.5 > bad
    whole.save(tmp_path / "whole.rv")
    again = keras.models.load_model(tmp_path / "whole.rv")
    np.testing.assert_array_equal(again.predict(TEXTS[:5], verbose=0), whole.predict(TEXTS[:5], verbose=0))


def test_padding_does_not_change_what_a_bidirectional_lstm_says() -> None:
    rng = np.random.default_rng(0)
    reviews = [rng.integers(1, 40, rng.integers(3, 12)).tolist() for _ in range(200)]
    liked = np.array([7 in review or 9 in review for review in reviews]).astype("float32")
    inputs = keras.Input(shape=(None,), dtype="int32")
    x = layers.Embedding(40, 16, mask_zero=True)(inputs)
    x = layers.Bidirectional(layers.LSTM(16, return_sequences=True))(x)
    x = layers.Bidirectional(layers.LSTM(16))(x)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    assert model.count_params() == 40 * 16 + 2 * 4 * 16 * (16 + 16 + 1) + 2 * 4 * 16 * (32 + 16 + 1) + 33
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(keras.utils.pad_sequences(reviews, maxlen=12), liked, epochs=12, verbose=0).history
    assert history["accuracy"][-1] > 0.95
    before = model.predict(keras.utils.pad_sequences(reviews[:5], maxlen=12), verbose=0)
    for padding in ("pre", "post"):
        longer = model.predict(keras.utils.pad_sequences(reviews[:5], maxlen=30, padding=padding), verbose=0)
        np.testing.assert_allclose(longer, before, atol=1e-6)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_series_is_forecast_from_its_windows(kind: str) -> None:
    t = np.arange(400)
    series = np.stack([np.sin(t / 10), np.cos(t / 7)], axis=1).astype("float32")
    windows = keras.utils.timeseries_dataset_from_array(
        series[:-24], targets=series[24:, 0], sequence_length=24, batch_size=32
    )
    model = keras.Sequential([keras.Input((24, 2)), getattr(layers, kind)(16), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    history = model.fit(windows, validation_data=windows, epochs=8, verbose=0).history
    assert history["val_loss"][-1] < 0.05 < 0.3 < float(np.var(series[:, 0]))
    x, y = next(iter(windows))
    assert float(np.abs(model.predict(x, verbose=0)[:, 0] - np.asarray(y)).mean()) < 0.25


def test_an_encoder_and_a_decoder_are_taken_apart_after_training(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kinds, size, begin = 5, 32, 5
    words = rng.integers(0, kinds, (600, 3))
    said = np.concatenate([np.full((600, 1), begin), words[:, ::-1]], axis=1)  # the words in reverse
    one_hot = np.eye(kinds + 1, dtype="float32")

    encoder_inputs = keras.Input(shape=(None, kinds + 1))
    _, state_h, state_c = layers.LSTM(size, return_state=True)(encoder_inputs)
    decoder_inputs = keras.Input(shape=(None, kinds + 1))
    decoder = layers.LSTM(size, return_sequences=True, return_state=True)
    x, _, _ = decoder(decoder_inputs, initial_state=[state_h, state_c])
    model = keras.Model([encoder_inputs, decoder_inputs], layers.Dense(kinds + 1, activation="softmax")(x))
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit([one_hot[words], one_hot[said[:, :-1]]], one_hot[said[:, 1:]], epochs=15, verbose=0).history
    assert history["accuracy"][-1] > 0.95

    model.save(tmp_path / "translator.rv")
    model = keras.models.load_model(tmp_path / "translator.rv")
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "InputLayer", "LSTM", "LSTM", "Dense"]
    encoder_model = keras.Model(model.input[0], model.layers[2].output[1:])
    states = [keras.Input(shape=(size,)), keras.Input(shape=(size,))]
    x, *after = model.layers[3](model.input[1], initial_state=states)
    decoder_model = keras.Model([model.input[1], *states], [model.layers[4](x), *after])
    right = 0
    for i in range(20):
        memory = encoder_model.predict(one_hot[words[i : i + 1]], verbose=0)
        token, found = begin, []
        for _ in range(3):
            probabilities, *memory = decoder_model.predict([one_hot[[[token]]], *memory], verbose=0)
            token = int(probabilities[0, -1].argmax())
            found.append(token)
        right += found == words[i, ::-1].tolist()
    assert right >= 18


def test_sums_are_read_off_by_repeating_what_was_understood() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, (2, 400))
    x = np.eye(5, dtype="float32")[np.stack([a, b], axis=1)]
    y = np.stack([(a + b) // 5, (a + b) % 5], axis=1)
    model = keras.Sequential()
    model.add(keras.Input((2, 5)))
    model.add(layers.LSTM(32))
    model.add(layers.RepeatVector(2))
    model.add(layers.LSTM(32, return_sequences=True))
    model.add(layers.TimeDistributed(layers.Dense(5, activation="softmax")))
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert model.fit(x, y, epochs=15, verbose=0).history["accuracy"][-1] > 0.9
    assert model.output_shape == (None, 2, 5)


class Positions(layers.Layer):
    """Embeddings of tokens and of their places, with a mask for the tokens 0."""

    def __init__(self, length: int, vocabulary: int, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings = {"length": length, "vocabulary": vocabulary, "size": size}
        self.tokens = layers.Embedding(vocabulary, size)
        self.places = layers.Embedding(length, size)

    def call(self, inputs: Any) -> Any:
        return self.tokens(inputs) + self.places(ops.arange(0, ops.shape(inputs)[-1], 1))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.settings}


class Block(layers.Layer):
    """A transformer block; `causal` makes its mask by hand, as the small GPT of keras.io does."""

    def __init__(self, size: int, heads: int, causal: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings = {"size": size, "heads": heads, "causal": causal}
        self.attention = layers.MultiHeadAttention(num_heads=heads, key_dim=size)
        self.feed_forward = keras.Sequential([layers.Dense(2 * size, activation="relu"), layers.Dense(size)])
        self.norm_1 = layers.LayerNormalization(epsilon=1e-6)
        self.norm_2 = layers.LayerNormalization(epsilon=1e-6)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        where = None if mask is None else ops.cast(mask[:, None, :], "int32")
        if self.settings["causal"]:
            batch, steps = ops.shape(inputs)[0], ops.shape(inputs)[1]
            seen = ops.reshape(ops.cast(ops.arange(steps)[:, None] >= ops.arange(steps), "int32"), (1, steps, steps))
            counts = ops.concatenate([ops.expand_dims(batch, -1), ops.convert_to_tensor([1, 1])], axis=0)
            where = ops.tile(seen, counts)
        x = self.norm_1(inputs + self.attention(inputs, inputs, attention_mask=where))
        return self.norm_2(x + self.feed_forward(x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.settings}


def test_a_transformer_of_own_layers_classifies_texts(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(1, 20, (256, 10))
    y = (x == 3).any(axis=1).astype(int)
    inputs = keras.Input(shape=(None,), dtype="int32")
    h = Block(16, 2)(Positions(12, 20, 16)(inputs))
    h = layers.GlobalAveragePooling1D()(h)
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(h))
    rate = keras.optimizers.schedules.CosineDecay(0.0, 100, warmup_target=0.01, warmup_steps=10)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-3, clipnorm=1.0)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert model.fit(x, y, batch_size=32, epochs=12, verbose=0).history["accuracy"][-1] > 0.9
    padded = np.pad(x, ((0, 0), (0, 2)))
    np.testing.assert_allclose(model.predict(padded, verbose=0), model.predict(x, verbose=0), atol=1e-5)
    model.save(tmp_path / "text.rv")
    own = {"Positions": Positions, "Block": Block}
    again = keras.models.load_model(tmp_path / "text.rv", custom_objects=own)
    np.testing.assert_array_equal(again.predict(padded, verbose=0), model.predict(padded, verbose=0))
    with pytest.raises(ValueError, match=r"embedding.*expected whole numbers in \[0, 12\)"):
        model.predict(np.ones((1, 13), dtype=int), verbose=0)


def test_a_small_gpt_of_own_layers_sees_no_future() -> None:
    rng = np.random.default_rng(0)
    text = (rng.integers(0, 10, (200, 1)) + np.arange(9)) % 10 + 1  # each token follows from the one before
    inputs = keras.Input(shape=(8,), dtype="int32")
    h = Block(16, 2, causal=True)(Positions(8, 11, 16)(inputs))
    model = keras.Model(inputs, [layers.Dense(11)(h), h])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss=[loss, None])
    history = model.fit(text[:, :-1], text[:, 1:], epochs=8, verbose=0).history
    assert history["loss"][-1] < 0.3 < history["loss"][0]
    start = text[:1, :-1].copy()
    changed = start.copy()
    changed[0, 5:] = 1
    logits, other = (model.predict(x, verbose=0)[0] for x in (start, changed))
    np.testing.assert_allclose(logits[0, :5], other[0, :5], atol=1e-5)
    assert np.abs(logits[0, 5:] - other[0, 5:]).max() > 0.1


def test_a_transformer_of_series_from_functional_blocks() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 20, 1)).astype("float32")
    y = (x[:, :, 0].mean(axis=1) > 0).astype(int)

    def block(inputs: Any) -> Any:
        h = layers.MultiHeadAttention(key_dim=8, num_heads=2, dropout=0.1)(inputs, inputs)
        attended = layers.LayerNormalization(epsilon=1e-6)(layers.Dropout(0.1)(h)) + inputs
        h = layers.Conv1D(filters=4, kernel_size=1, activation="relu")(attended)
        h = layers.Conv1D(filters=inputs.shape[-1], kernel_size=1)(h)
        return layers.LayerNormalization(epsilon=1e-6)(h) + attended

    inputs = keras.Input(shape=(20, 1))
    h = layers.GlobalAveragePooling1D(data_format="channels_first")(block(block(inputs)))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Dense(32, activation="relu")(h)))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert model.fit(x, y, epochs=10, verbose=0).history["accuracy"][-1] > 0.85


def test_a_layer_that_needs_its_mask_stands_in_a_functional_model() -> None:
    class SoftmaxOverTime(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.supports_masking = True

        def call(self, inputs: Any, mask: Any = None) -> Any:
            assert mask is not None  # as in Keras's guide to masking, which does not think of calls without one
            counted = ops.expand_dims(ops.cast(mask, "float32"), -1)
            e = ops.exp(inputs) * counted
            return e / ops.sum(e, axis=1, keepdims=True)

    inputs = keras.Input(shape=(None,), dtype="int32")
    outputs = SoftmaxOverTime()(layers.Dense(1)(layers.Embedding(10, 4, mask_zero=True)(inputs)))
    assert outputs.shape == (None, None, 1)
    x = np.array([[1, 2, 3, 0], [4, 0, 0, 0]])
    y = keras.Model(inputs, outputs).predict(x, verbose=0)[:, :, 0]
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(y == 0, x == 0)
    with pytest.raises(AssertionError):  # the trial with a mask hides no error of a call without one
        SoftmaxOverTime()(np.ones((2, 3, 1), dtype="float32"))


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_a_stateful_model_goes_on_in_predict_and_evaluate(kind: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 12, 5)).astype("float32")
    first = getattr(layers, kind)(8, stateful=True, return_sequences=True)
    second = layers.RNN(layers.GRUCell(4), stateful=True, return_sequences=True)
    model = keras.Sequential([keras.Input(batch_shape=(2, None, 5)), first, second])
    model.compile("sgd", "mse")

    def begin() -> None:
        for layer in model.layers:
            layer.reset_state()

    whole = model.predict(x, verbose=0)
    for _ in range(2):  # recorded, then replayed
        begin()
        parts = [model.predict(x[:, i : i + 3], verbose=0) for i in range(0, 12, 3)]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-5, atol=1e-6)
    begin()
    losses = [model.evaluate(x[:, i : i + 6], whole[:, i : i + 6], verbose=0) for i in (0, 6)]
    np.testing.assert_allclose(losses, 0, atol=1e-10)
    begin()
    np.testing.assert_allclose(np.asarray(model(x)), whole, rtol=1e-5, atol=1e-6)


def test_repeats_of_tile_may_be_computed() -> None:
    counts = ops.concatenate([ops.expand_dims(ops.convert_to_tensor(2), -1), ops.convert_to_tensor([1, 3])], axis=0)
    assert ops.tile(np.ones((1, 4, 5)), counts).shape == (2, 4, 15)
    with pytest.raises(TypeError, match=r"\[tile\] shape: expected a tuple of ints"):
        ops.tile(np.ones((1, 4)), ops.convert_to_tensor([1.0, 2.0]))


def test_a_mask_of_padding_for_attention_is_told_its_form() -> None:
    x, mask = np.ones((3, 4, 5), dtype="float32"), np.ones((3, 4), dtype=bool)
    attention = layers.MultiHeadAttention(2, 4, name="attention")
    with pytest.raises(ValueError, match=r"\[attention\].*\(3, 4, 4\).*received shape \(3, 4\).*mask\[:, None, :\]"):
        attention(x, x, attention_mask=mask)
    assert attention(x, x, attention_mask=mask[:, None, :]).shape == x.shape
