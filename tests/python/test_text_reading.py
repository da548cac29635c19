"""How models read a growing text: from a state or again and again, with the same result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ranvier
from ranvier import layers, ops
from ranvier.text import generate
from ranvier.text.reading import StreamReader, WindowReader, reader_of

TOKENS = 9
PROMPT = [3, 1, 4, 1, 5]


def recurrent(kind: Any = layers.LSTM, **options: Any) -> ranvier.Sequential:
    ranvier.utils.set_random_seed(0)
    return ranvier.Sequential(
        [
            ranvier.Input((None,), dtype="int32"),
            layers.Embedding(TOKENS, 6, embeddings_initializer="normal"),
            kind(8, return_sequences=True),
            kind(8, **({"return_sequences": True} | options)),
            layers.Dropout(0.5),
            layers.Dense(TOKENS, kernel_initializer="normal"),
        ]
    )


def transformer(length: int | None = None, positions: int = 0) -> ranvier.Model:
    ranvier.utils.set_random_seed(1)
    ids = ranvier.Input((length,), dtype="int32")
    x = layers.Embedding(TOKENS, 8, embeddings_initializer="normal")(ids)
    if positions:
        x = layers.Add()([x, layers.PositionEmbedding(positions, initializer="normal")(x)])
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(y, y, use_causal_mask=True)])
        x = layers.Add()([x, layers.Dense(8, activation="gelu")(layers.LayerNormalization()(x))])
    return ranvier.Model(ids, layers.Dense(TOKENS, activation="softmax", kernel_initializer="normal")(x))


def without_stream(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Any:
        def read(_: Any) -> Any:
            raise ValueError("needs the whole sequence")

        read.reset = lambda: None  # type: ignore[attr-defined]
        return read

    monkeypatch.setattr(model, "stream", refuse)


@pytest.mark.parametrize(
    "make",
    [
        recurrent,
        lambda: recurrent(layers.GRU),
        lambda: recurrent(layers.SimpleRNN),
        lambda: recurrent(return_sequences=False),
        transformer,
        lambda: transformer(positions=40),
    ],
    ids=["LSTM", "GRU", "SimpleRNN", "last step only", "attention", "positions"],
)
def test_from_a_state_as_from_the_whole_text(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make()
    ids = np.array(PROMPT, np.int32)
    reader, scores = reader_of(model, None, ids)
    assert isinstance(reader, StreamReader)
    for token in (2, 7, 0, 8):
        ids = np.append(ids, np.int32(token))
        whole = np.asarray(model(ids[None])).reshape(-1, TOKENS)[-1]
        np.testing.assert_allclose(reader.next(token), whole, rtol=2e-5, atol=1e-6)
    drawn = generate(model, PROMPT, 30, seed=1)
    greedy = generate(model, PROMPT, 10, temperature=0)
    without_stream(model, monkeypatch)
    assert isinstance(reader_of(model, None, ids)[0], WindowReader)
    np.testing.assert_array_equal(generate(model, PROMPT, 30, seed=1), drawn)
    np.testing.assert_array_equal(generate(model, PROMPT, 10, temperature=0), greedy)
    assert scores.shape == (TOKENS,)


def greedy_by_hand(model: Any, limit: int, count: int, anew: bool) -> list[int]:
    """Greedy tokens from whole runs on what is looked back on."""
    ids = list(PROMPT)[-limit:]
    added = []
    for _ in range(count):
        outputs = np.asarray(model(np.array([ids], np.int32))).reshape(-1, TOKENS)
        added.append(int(outputs[len(ids) - 1 if model.input_shape[1] is None else -1].argmax()))
        ids.append(added[-1])
        if len(ids) > limit:
            ids = ids[-(limit // 2) :] if anew else ids[-limit:]
    return added


@pytest.mark.parametrize("limit", [2, 4, 5, 6, 7])
@pytest.mark.parametrize("make", [recurrent, transformer])
def test_a_full_context_begins_anew_with_its_last_half(make: Any, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make()
    found = generate(model, PROMPT, 20, temperature=0, context_length=limit).tolist()
    assert found == greedy_by_hand(model, limit, 20, anew=True)
    without_stream(model, monkeypatch)
    found = generate(model, PROMPT, 20, temperature=0, context_length=limit).tolist()
    assert found == greedy_by_hand(model, limit, 20, anew=False)


def test_the_limit_of_a_position_embedding_is_known() -> None:
    model = transformer(positions=6)
    found = generate(model, PROMPT, 20, temperature=0)
    assert found.tolist() == greedy_by_hand(model, 6, 20, anew=True)
    np.testing.assert_array_equal(generate(model, PROMPT, 20, temperature=0, context_length=99), found)
    assert generate(model, PROMPT * 5, 3).shape == (3,)


def test_a_model_that_looks_both_ways_is_run_on_the_last_tokens() -> None:
    ranvier.utils.set_random_seed(0)
    model = ranvier.Sequential(
        [
            ranvier.Input((None,), dtype="int32"),
            layers.Embedding(TOKENS, 6, embeddings_initializer="normal"),
            layers.Bidirectional(layers.GRU(4)),
            layers.Dense(TOKENS, kernel_initializer="normal"),
        ]
    )
    assert isinstance(reader_of(model, None, np.array(PROMPT, np.int32))[0], WindowReader)
    ids = list(PROMPT)
    for _ in range(12):
        ids.append(int(np.asarray(model(np.array([ids[-8:]], np.int32)))[0].argmax()))
    assert generate(model, PROMPT, 12, temperature=0, context_length=8).tolist() == ids[len(PROMPT) :]


class Both(layers.Layer):
    """Reads a fixed number of tokens at once: no stream of the engine."""

    def call(self, x: Any) -> Any:
        return ops.matmul(np.tril(np.ones((8, 8), "float32")), x)  # sums up to each step


def test_models_of_a_fixed_length() -> None:
    each = ranvier.Sequential(
        [
            ranvier.Input((8,), dtype="int32"),
            layers.Embedding(TOKENS, 6, embeddings_initializer="normal"),
            Both(),
            layers.Dense(TOKENS, kernel_initializer="normal"),
        ]
    )
    assert isinstance(reader_of(each, None, np.array(PROMPT, np.int32))[0], WindowReader)
    ids = list(PROMPT)
    for _ in range(12):
        seen = ids[-8:]
        outputs = np.asarray(each(np.array([seen + [0] * (8 - len(seen))], np.int32)))
        ids.append(int(outputs[0, len(seen) - 1].argmax()))
    assert generate(each, PROMPT, 12, temperature=0).tolist() == ids[len(PROMPT) :]
    last = ranvier.Sequential(
        [ranvier.Input((8,), dtype="int32"), layers.Embedding(TOKENS, 3), layers.Flatten(), layers.Dense(TOKENS)]
    )
    with pytest.raises(ValueError, match=r"\[generate\] prompt: expected at least 8 tokens.*received 5"):
        generate(last, PROMPT, 3)
    ids = [0, *range(8)]
    for _ in range(5):
        ids.append(int(np.asarray(last(np.array([ids[-8:]], np.int32)))[0].argmax()))
    assert generate(last, ids[:9], 5, temperature=0).tolist() == ids[9:]


def test_models_of_ones_own() -> None:
    class Own(ranvier.Model):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = layers.Embedding(TOKENS, TOKENS, embeddings_initializer="normal")

        def call(self, ids: Any, training: bool = False) -> Any:
            return self.embedding(ids)

    model = Own()
    ids = generate(model, PROMPT, 6, temperature=0).tolist()
    table = model.embedding.embeddings.numpy()
    assert ids == [int(table[i].argmax()) for i in [PROMPT[-1], *ids[:-1]]]
