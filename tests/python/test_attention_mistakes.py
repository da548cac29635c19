"""Attention: what is refused, what is empty, and the operation by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from attention_helpers import KINDS, normal, probabilities
from ranvier import Input, Model, layers, ops

# -- mistakes ----------------------------------------------------------------------------------------------------------

X = np.ones((2, 4, 6))
Y = np.ones((2, 5, 6))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.MultiHeadAttention(0, 3, name="mine"), r"\[mine\] num_heads: expected a positive int"),
        (lambda: layers.MultiHeadAttention(2, 0.5), "key_dim: expected a positive int"),
        (lambda: layers.MultiHeadAttention(2, 3, value_dim=-1), "value_dim: expected a positive int"),
        (lambda: layers.MultiHeadAttention(2, 3, output_shape=(2, 0)), "output_shape: expected a positive int"),
        (lambda: layers.MultiHeadAttention(2, 3, dropout=1.5), r"dropout: expected a number in \[0, 1\]"),
        (lambda: layers.MultiHeadAttention(2, 3, sliding_window=0), "sliding_window: expected a positive int"),
        (lambda: layers.MultiHeadAttention(2, 3, attention_axes="time"), "attention_axes: expected ints"),
        (lambda: layers.MultiHeadAttention(2, 3, kernel_constraint="max_norm"), "kernel_constraint: expected None"),
        (lambda: layers.MultiHeadAttention(2, 3, dropout=0.1, flash_attention=True), "dropout=0 with flash"),
        (
            lambda: layers.GroupQueryAttention(3, 4, 3, name="mine"),
            r"\[mine\].*a multiple of num_key.*4 and 3",
        ),
        (lambda: layers.GroupQueryAttention(3, 4, 0), "num_key_value_heads: expected a positive int"),
        (lambda: layers.Attention(score_mode="cosine"), "score_mode: expected 'dot' or 'concat'"),
        (lambda: layers.AdditiveAttention(dropout=-1.0), r"dropout: expected a number in \[0, 1\]"),
    ],
)
def test_mistakes_in_arguments_are_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda mha: mha(X[0], X[0]), r"\[mine\] expected query, value and key of shape \(batch, time, features\)"),
        (lambda mha: mha(X, Y[:1]), "one batch"),
        (lambda mha: mha(X, Y, key=X), "value and key of one length"),
        (lambda mha: (mha(X, Y), mha(X[:, :, :3], Y)), r"expected 6 features \(last axis\) of query, received shape"),
        (lambda mha: mha(X, Y, attention_mask=np.ones((2, 5, 4), bool)), r"attention_mask .*\(2, 4, 5\).*\(2, 5, 4\)"),
        (lambda mha: mha(X, Y, attention_mask=np.ones((2, 3, 4, 5), bool)), "with 2 heads behind the batch"),
        (lambda mha: mha(X, Y, query_mask=np.ones((2, 5), bool)), r"query_mask of shape \(2, 4\).*\(2, 5\)"),
        (lambda mha: mha(X, Y, value_mask=np.ones((2, 4), bool)), r"value_mask of shape \(2, 5\).*\(2, 4\)"),
        (lambda mha: mha(X, Y, value_mask=np.ones(5, bool)), r"value_mask of shape \(2, 5\)"),
    ],
)
def test_mistakes_in_calls_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(layers.MultiHeadAttention(2, 3, name="mine"))


def test_a_call_without_a_value_says_how_self_attention_is_written() -> None:
    layer = layers.MultiHeadAttention(2, 3, name="mine")
    with pytest.raises(TypeError, match=r"\[mine\] expected value, received None; self-attention is layer\(x, x\)"):
        layer(X)
    with pytest.raises(TypeError, match=r"\[mine\]"):
        layer(Input((4, 6)))
    with pytest.raises(TypeError, match="unknown argument 'mask'"):
        layer(X, X, mask=None)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda a: a(X), ValueError, r"\[mine\] expected a list of \[query, value\]"),
        (lambda a: a([X]), ValueError, "received a list of 1"),
        (lambda a: a([X, Y, Y, Y]), ValueError, "received a list of 4"),
        (lambda a: a([X, Y[:, :, :3]]), ValueError, "received shapes"),
        (lambda a: a([X, Y], mask=np.ones((2, 4), bool)), ValueError, "mask: expected a list"),
        (lambda a: a([X, Y], mask=[None, np.ones((2, 4), bool)]), ValueError, r"value_mask of shape \(2, 5\)"),
        (lambda a: a([X, Y], key=Y), TypeError, "unknown argument 'key'"),
    ],
)
def test_mistakes_in_calls_of_plain_attention_are_named(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call(layers.Attention(name="mine"))


def test_empty_batches_and_sequences() -> None:
    for kind in KINDS.values():
        layer = kind()
        assert layer(X[:0], Y[:0]).shape == (0, 4, 6)
        assert layer(X[:, :0], Y).shape == (2, 0, 6)
        blind = layer(X, Y[:, :0])
        np.testing.assert_array_equal(blind.numpy(), np.broadcast_to(layer.output_dense.bias.numpy(), (2, 4, 6)))
    assert layers.Attention()([X[:0], Y[:0]]).shape == (0, 4, 6)
    assert not layers.AdditiveAttention()([X, Y[:, :0]]).numpy().any()


# -- the operation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [1, 2, 4])
def test_dot_product_attention(shared: int) -> None:
    q, k, v = normal(2, 5, 4, 3), normal(2, 7, shared, 3, seed=1), normal(2, 7, shared, 6, seed=2)
    wide = [np.repeat(x, 4 // shared, axis=2).transpose(0, 2, 1, 3) for x in (k, v)]
    scores = q.transpose(0, 2, 1, 3) @ wide[0].swapaxes(2, 3)
    mask = np.random.default_rng(3).random((2, 1, 5, 7)) < 0.6
    bias = normal(4, 5, 7, seed=4)
    order = np.tril(np.ones((5, 7), bool))
    for arguments, expected, seen in (
        ({}, scores / np.sqrt(3), order | True),
        ({"scale": 0.3}, scores * 0.3, order | True),
        ({"is_causal": True}, scores / np.sqrt(3), order),
        ({"mask": mask}, scores / np.sqrt(3), mask),
        ({"mask": mask, "is_causal": True}, scores / np.sqrt(3), mask & order),
        ({"bias": bias}, scores / np.sqrt(3) + bias, order | True),
        ({"bias": bias, "mask": mask, "is_causal": True}, scores / np.sqrt(3) + bias, mask & order),
        ({"attn_logits_soft_cap": 0.8}, 0.8 * np.tanh(scores / np.sqrt(3) / 0.8), order | True),
    ):
        y = ops.dot_product_attention(q, k, v, **arguments)
        weights = probabilities(expected, np.broadcast_to(seen, expected.shape))
        np.testing.assert_allclose(y.numpy(), (weights @ wide[1]).transpose(0, 2, 1, 3), rtol=1e-10, atol=1e-10)


def test_dot_product_attention_in_a_model() -> None:
    q, k = Input((5, 4, 3)), Input((7, 2, 3))
    model = Model([q, k], ops.dot_product_attention(q, k, k, is_causal=True))
    assert model.output_shape == (None, 5, 4, 3)
    x, z = normal(2, 5, 4, 3).astype("float32"), normal(2, 7, 2, 3).astype("float32")
    expected = ops.dot_product_attention(x, z, z, is_causal=True).numpy()
    np.testing.assert_allclose(model.predict([x, z], verbose=0), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, Y, Y), r"query: expected \(batch, time, heads, size\), received shape \(2, 4, 6\)"),
        ((np.ones((2, 4, 3, 6)), np.ones((2, 5, 2, 6)), np.ones((2, 5, 2, 6))), "heads a multiple of key_heads"),
        ((np.ones((2, 4, 3, 6)), np.ones((2, 5, 3, 6)), np.ones((2, 4, 3, 6))), "received shapes"),
        ((*[np.ones((2, 4, 3, 6))] * 3, np.ones((5, 1, 1, 1))), "bias"),
        ((*[np.ones((2, 4, 3, 6))] * 3, None, np.ones((2, 4), bool)), "attention: expected a mask"),
    ],
)
def test_mistakes_in_dot_product_attention_are_named(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ops.dot_product_attention(*arguments)
