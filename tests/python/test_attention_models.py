"""Attention in models: learning, files, Keras's configurations, sequences piece by piece."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import ranvier
from attention_helpers import normal, with_weights
from ranvier import Input, Model, _core, layers, losses
from ranvier.models import load_model

# -- in models ---------------------------------------------------------------------------------------------------------


def decoder(**kwargs: Any) -> Any:
    """A small language model of pre-norm blocks, as users write it."""
    tokens = Input((None,), dtype="int32")
    x = layers.TokenAndPositionEmbedding(11, 40, 8)(tokens)
    for _ in range(2):
        h = layers.LayerNormalization(epsilon=1e-5)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(2, 4, **kwargs)(h, h, use_causal_mask=True)])
        h = layers.LayerNormalization(epsilon=1e-5)(x)
        x = layers.Add()([x, layers.Dense(8)(layers.Dense(32, activation="gelu")(h))])
    return Model(tokens, layers.Dense(11)(layers.LayerNormalization(epsilon=1e-5)(x)))


def counting(rows: int = 64, steps: int = 24) -> np.ndarray:
    return (np.arange(steps)[None] + np.arange(rows)[:, None]) % 11


def trained(threads: int, **kwargs: Any) -> Any:
    before = ranvier.get_num_threads()
    ranvier.set_num_threads(threads)
    try:
        ranvier.utils.set_random_seed(5)
        model = decoder(**kwargs)
        model.compile(ranvier.optimizers.Adam(0.02), losses.SparseCategoricalCrossentropy(from_logits=True))
        x = counting()
        model.history_of_losses = model.fit(x[:, :-1], x[:, 1:], batch_size=16, epochs=20, verbose=0).history["loss"]
    finally:
        ranvier.set_num_threads(before)
    return model


def test_a_transformer_learns_the_same_on_any_number_of_threads() -> None:
    one, three = trained(1, dropout=0.1), trained(3, dropout=0.1)
    assert one.history_of_losses == three.history_of_losses
    assert one.history_of_losses[-1] < 0.3 < 1.5 < one.history_of_losses[0]
    for a, b in zip(one.get_weights(), three.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_recorded_steps_equal_a_loop_of_ones_own() -> None:
    x = counting()
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    results = []
    for recorded in (True, False):
        ranvier.utils.set_random_seed(5)
        model = decoder()
        optimizer = ranvier.optimizers.Adam(0.01, **({} if recorded else {"parameters": model}))
        if recorded:
            model.compile(optimizer, loss)
            model.fit(x[:, :-1], x[:, 1:], batch_size=16, epochs=3, shuffle=False, verbose=0)
        for start in [] if recorded else [16 * (i % 4) for i in range(12)]:
            optimizer.zero_grad()
            loss(x[start : start + 16, 1:], model(x[start : start + 16, :-1], training=True)).backward()
            optimizer.step()
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_files_give_the_same_model(tmp_path: Any) -> None:
    model = trained(2, dropout=0.1)
    x = counting(5)
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / "model.rv")
    again = load_model(tmp_path / "model.rv")
    np.testing.assert_array_equal(again.predict(x, verbose=0), expected)
    assert [w.path for w in again.weights] == [w.path for w in model.weights]
    model.save_weights(tmp_path / "model.weights.safetensors")
    fresh = decoder(dropout=0.1)
    fresh.load_weights(tmp_path / "model.weights.safetensors")
    np.testing.assert_array_equal(fresh.predict(x, verbose=0), expected)
    np.testing.assert_array_equal(copy.deepcopy(model).predict(x, verbose=0), expected)
    clone = ranvier.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict(x, verbose=0), expected)


@pytest.mark.parametrize("pieces", [[1] * 24, [7, 1, 16], [24]])
@pytest.mark.parametrize(
    "make",
    [
        lambda h: layers.MultiHeadAttention(2, 4)(h, h, use_causal_mask=True),
        lambda h: layers.MultiHeadAttention(2, 4, sliding_window=5)(h, h, use_causal_mask=True),
        lambda h: layers.GroupQueryAttention(4, 4, 2)(h, h, use_causal_mask=True),
    ],
)
def test_pieces_give_what_the_whole_gives(make: Any, pieces: list[int]) -> None:
    inputs = Input((None, 6))
    x = layers.RotaryEmbedding()(inputs)
    x = layers.Add()([x, make(layers.RMSNormalization()(x))])
    model = Model(inputs, layers.Add()([x, make(x)]))
    data = normal(3, 24, 6).astype("float32")
    whole = model.predict(data, verbose=0)
    stream = model.stream()
    for _ in range(2):
        parts = [stream(part).numpy() for part in np.split(data, np.cumsum(pieces)[:-1], axis=1)]
        np.testing.assert_allclose(np.concatenate(parts, 1), whole, rtol=1e-5, atol=1e-5)
        stream.reset()


def test_a_trained_language_model_goes_on_token_by_token() -> None:
    model, x = trained(2), counting(3)
    stream = model.stream()
    parts = [stream(x[:, i : i + 1]).numpy() for i in range(24)]
    np.testing.assert_allclose(np.concatenate(parts, 1), model.predict(x, verbose=0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda h: layers.MultiHeadAttention(2, 4, name="mine")(h, h),
        lambda h: layers.Attention(name="mine")([h, h]),
    ],
)
def test_attention_to_what_is_to_come_is_refused_in_streams(make: Any) -> None:
    inputs = Input((None, 6))
    stream = Model(inputs, make(inputs)).stream()
    with pytest.raises(ValueError, match=r"\[mine\]"):
        stream(np.zeros((1, 2, 6)))


# -- files of Keras ----------------------------------------------------------------------------------------------------


def test_configurations_of_keras_are_read() -> None:
    glorot = {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": None}}
    zeros = {"module": "keras.initializers", "class_name": "Zeros", "config": {}}
    common = {
        "trainable": True,
        "dtype": {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}},
        "dropout": 0.1,
        "use_bias": True,
        "use_gate": False,
        "sliding_window": None,
        "kernel_initializer": glorot,
        "bias_initializer": zeros,
        "kernel_regularizer": None,
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
        "seed": None,
    }
    heads = {"num_heads": 2, "key_dim": 3, "value_dim": 3, "output_shape": None, "attention_axes": [1]}
    layer = layers.deserialize({"class_name": "MultiHeadAttention", "config": {"name": "mha", **heads, **common}})
    assert layer(np.ones((2, 4, 5)), np.ones((2, 6, 5))).shape == (2, 4, 5)
    assert layer.name == "mha"
    assert layer.dropout == 0.1
    for name in ("GroupQueryAttention", "GroupedQueryAttention"):
        config = {"name": "gqa", "head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, **common}
        layer = layers.deserialize({"class_name": name, "config": config})
        assert type(layer) is layers.GroupQueryAttention
        assert layer(np.ones((2, 4, 5)), np.ones((2, 6, 5))).shape == (2, 4, 5)
    plain = {"name": "plain", "trainable": True, "dtype": "float32", "dropout": 0.0, "seed": None}
    for name, config in (
        ("Attention", {"use_scale": True, "score_mode": "dot"}),
        ("AdditiveAttention", {"use_scale": False}),
    ):
        layer = layers.deserialize({"class_name": name, "config": {**plain, **config}})
        assert layer([np.ones((2, 4, 5)), np.ones((2, 6, 5))]).shape == (2, 4, 5)


def test_weights_are_where_keras_has_them() -> None:
    layer = with_weights(layers.MultiHeadAttention(2, 3, use_gate=True, name="mha"), (None, 4, 5), (None, 6, 7))
    paths = [
        f"mha/{part}/{kind}"
        for part in ("query", "key", "gate", "value", "attention_output")
        for kind in ("kernel", "bias")
    ]
    assert [w.path for w in layer.weights] == paths
    assert [w.shape for w in layer.weights[::2]] == [(5, 2, 3), (7, 2, 3), (5, 2, 3), (7, 2, 3), (2, 3, 5)]
    assert layer.query_dense.kernel is layer.weights[0]
    assert layer.output_dense.bias is layer.weights[-1]
    assert layer.value_dense.bias.shape == layer.key_dense.bias.shape == (2, 3)


def test_kernels_start_with_the_spread_of_their_fans() -> None:
    layer = layers.MultiHeadAttention(8, 16, output_shape=32)
    layer.build((None, None, 64), (None, None, 96))
    fans = {"query": 64 + 128, "key": 96 + 128, "value": 96 + 128, "attention_output": 128 + 32}
    for part, fan in fans.items():
        values, limit = layer._projection(part).kernel.numpy(), np.sqrt(6 / fan)
        assert 0.97 * limit < np.abs(values).max() <= limit


def test_penalties_and_initializers_of_ones_own_reach_all_parts() -> None:
    layer = layers.MultiHeadAttention(
        2, 3, kernel_regularizer="l2", bias_initializer=lambda shape, dtype=None: np.full(shape, 0.5)
    )
    layer.build((None, None, 5), (None, None, 5))
    for part in ("query", "key", "value", "attention_output"):
        kernel, bias = layer._projection(part)
        assert (kernel.l2, bias.l2) == (pytest.approx(0.01), 0)
        np.testing.assert_array_equal(bias.numpy(), 0.5)


# -- padding -----------------------------------------------------------------------------------------------------------

MIXERS = {
    "heads": lambda x: layers.MultiHeadAttention(2, 4)(x, x),
    "heads, causal": lambda x: layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True),
    "groups": lambda x: layers.GroupQueryAttention(4, 2, 1)(x, x, use_causal_mask=True),
    "plain": lambda x: layers.Attention(use_scale=True)([x, x]),
    "additive": lambda x: layers.AdditiveAttention()([x, x]),
}


@pytest.mark.parametrize("kind", MIXERS)
def test_padding_changes_nothing(kind: str) -> None:
    """Masks travel from the embedding through a recorded model: a padded sequence gives what it gives alone."""
    tokens = Input((None,), dtype="int32")
    x = layers.TokenAndPositionEmbedding(11, 16, 8, mask_zero=True)(tokens)
    x = layers.Add()([x, MIXERS[kind](layers.LayerNormalization()(x))])
    model = Model(tokens, layers.Dense(3)(layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))))
    model.compile("adam", "mse")
    draw = np.random.default_rng(0)
    lengths = draw.integers(1, 13, size=32)
    x = np.where(np.arange(12) < lengths[:, None], draw.integers(1, 11, size=(32, 12)), 0)
    y = draw.normal(size=(32, 3)).astype("float32")
    losses_seen = model.fit(x, y, batch_size=8, epochs=5, verbose=0).history["loss"]
    assert losses_seen[-1] < losses_seen[0]
    together = model.predict(x, batch_size=8, verbose=0)
    for row, length in zip(x, lengths, strict=True):
        alone = model.predict(row[None, :length], verbose=0)
        np.testing.assert_allclose(alone, together[(x == row).all(1)][:1], rtol=2e-5, atol=2e-5)


def test_a_steady_step_of_a_transformer_asks_the_system_for_nothing() -> None:
    model, x, counts = decoder(dropout=0.1), counting(), []

    class Count(ranvier.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            counts.append(_core.system_allocations())

    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x[:, :-1], x[:, 1:], batch_size=16, epochs=15, verbose=0, callbacks=[Count()])
    assert counts[10] == counts[-1]
    assert len(counts) == 60
