"""Attention layers: against the formula under masks of all kinds, gradients, dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ranvier
from attention_helpers import KINDS, attended, masked, normal, probabilities, with_weights
from ranvier import layers, ops

LONG = {"seen far": (3, 150, 8), "short": (3, 5, 8)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", LONG.values(), ids=list(LONG))
@pytest.mark.parametrize("causal", [False, True])
def test_self_attention_under_masks_of_all_kinds(kind: str, shape: tuple[int, ...], causal: bool) -> None:
    layer = with_weights(KINDS[kind](dtype="float64"), shape, shape)
    x, steps = normal(*shape), shape[1]
    draw = np.random.default_rng(3)
    padding = draw.random(shape[:2]) < 0.8
    pairs = draw.random((3, steps, steps)) < 0.7
    by_head = draw.random((3, 4, steps, steps)) < 0.7
    order = np.tril(np.ones((steps, steps), bool)) if causal else np.ones((steps, steps), bool)
    for given, call, seen in (
        (x, {}, order),
        (x, {"attention_mask": pairs[0]}, order & pairs[0]),
        (x, {"attention_mask": pairs}, order & pairs[:, None]),
        (x, {"attention_mask": by_head}, order & by_head),
        (x, {"attention_mask": by_head[:1, :1]}, order & by_head[:1, :1]),
        (masked(x, padding), {}, order & padding[:, None, :, None] & padding[:, None, None]),
        (x, {"query_mask": padding}, order & padding[:, None, :, None]),
        (x, {"value_mask": padding, "attention_mask": pairs}, order & padding[:, None, None] & pairs[:, None]),
    ):
        expected, weights = attended(layer, x, x, x, seen)
        y = layer(given, given, use_causal_mask=causal, **call)
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-9, atol=1e-9)
        y, scores = layer(given, given, use_causal_mask=causal, return_attention_scores=True, **call)
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(scores.numpy(), weights, rtol=1e-9, atol=1e-9)


def test_masks_of_query_value_and_key_add_up() -> None:
    layer = with_weights(KINDS["heads"](dtype="float64"), (2, 4, 5), (2, 6, 3), (2, 6, 2))
    query, value, key = normal(2, 4, 5), normal(2, 6, 3), normal(2, 6, 2)
    draw = np.random.default_rng(1)
    q, v, k = (draw.random(shape) < 0.7 for shape in ((2, 4), (2, 6), (2, 6)))
    expected, _ = attended(layer, query, value, key, q[:, None, :, None] & (v & k)[:, None, None])
    y = layer(masked(query, q), masked(value, v), masked(key, k))
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(y._keras_mask.numpy(), q)
    y = layer(query, value, key, query_mask=q, value_mask=v, key_mask=k)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scores", [False, True])
def test_queries_that_see_nothing_give_the_bias_and_no_gradient(kind: str, scores: bool) -> None:
    layer = with_weights(KINDS[kind](dtype="float64"), (2, 4, 5), (2, 6, 5))
    seen = np.ones((2, 4, 6), bool)
    seen[0, 1] = seen[1] = False
    query, value = (ranvier.Variable(normal(2, n, 5)) for n in (4, 6))
    result = layer(query.value, value.value, attention_mask=seen, return_attention_scores=scores)
    y = result[0] if scores else result
    bias = layer.output_dense.bias.numpy()
    np.testing.assert_array_equal(y.numpy()[0, 1], bias)
    np.testing.assert_array_equal(y.numpy()[1], np.broadcast_to(bias, (4, 5)))
    ops.sum(y * normal(2, 4, 5, seed=3)).backward()
    assert not query.grad.numpy()[0, 1].any()
    assert not query.grad.numpy()[1].any()
    assert not value.grad.numpy()[1].any()
    assert query.grad.numpy()[0, 0].any()
    for weight in layer.weights:
        assert np.isfinite(weight.grad.numpy()).all()


def differences(f: Any, x: np.ndarray, places: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Central differences at some places of x, which f reads."""
    flat, at = x.reshape(-1), np.random.default_rng(0).permutation(x.size)[:places]
    found = np.empty(len(at))
    for i, place in enumerate(at):
        old = flat[place]
        flat[place] = old + 1e-6
        up = f()
        flat[place] = old - 1e-6
        found[i] = (up - f()) / 2e-6
        flat[place] = old
    return at, found


CALLS: dict[str, dict[str, Any]] = {
    "plain": {},
    "causal": {"use_causal_mask": True},
    "mask": {"attention_mask": np.random.default_rng(2).random((2, 4, 6)) < 0.6},
    "padding": {"value_mask": np.array([[True, True, False, True, False, True], [True] * 4 + [False] * 2])},
    "scores": {"return_attention_scores": True, "use_causal_mask": True},
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "make",
    [
        *KINDS.values(),
        lambda **kwargs: layers.MultiHeadAttention(2, 3, use_gate=True, sliding_window=3, **kwargs),
    ],
)
def test_gradients_are_those_of_differences(make: Any, call: str) -> None:
    layer = with_weights(make(dtype="float64"), (2, 4, 5), (2, 6, 5))
    x, z = normal(2, 4, 5), normal(2, 6, 5, seed=1)
    arrays = [x, z, *(w.numpy().copy() for w in layer.weights)]

    def loss(*leaves: Any) -> Any:
        result = layer(*leaves, **CALLS[call])
        parts = result if isinstance(result, list | tuple) else [result]
        return sum((ops.sum(y * np.cos(np.arange(y.size)).reshape(y.shape)) for y in parts[1:]), ops.sum(parts[0] ** 2))

    def value() -> float:
        layer.set_weights(arrays[2:])
        return float(loss(arrays[0], arrays[1]))

    leaves = [ranvier.Variable(x), ranvier.Variable(z)]
    loss(*(leaf.value for leaf in leaves)).backward()
    grads = [leaf.grad.numpy() for leaf in leaves] + [w.grad.numpy() for w in layer.weights]
    for array, grad in zip(arrays, grads, strict=True):
        at, expected = differences(value, array)
        np.testing.assert_allclose(grad.reshape(-1)[at], expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("mode", ["dot", "concat", "additive"])
def test_plain_attention_of_masked_and_blind_queries(mode: str) -> None:
    kind = layers.AdditiveAttention if mode == "additive" else layers.Attention
    layer = kind(use_scale=False, dtype="float64", **({} if mode == "additive" else {"score_mode": mode}))
    query, value, key = normal(2, 4, 3), normal(2, 6, 2), normal(2, 6, 3, seed=2)
    q = np.array([[True, True, False, True]] * 2)
    v = np.array([[True, False, True, True, False, True], [False] * 6])
    scores = query @ key.swapaxes(1, 2) if mode == "dot" else np.tanh(query[:, :, None] + key[:, None]).sum(-1)
    weights = probabilities(scores, np.broadcast_to(v[:, None], (2, 4, 6)))
    for call in (lambda **kw: layer([query, value, key], mask=[q, v], **kw),):
        y = call()
        np.testing.assert_allclose(y.numpy(), (weights @ value) * q[..., None], rtol=1e-11, atol=1e-11)
        assert not y.numpy()[1].any()
        np.testing.assert_array_equal(y._keras_mask.numpy(), q)
        np.testing.assert_allclose(call(return_attention_scores=True)[1].numpy(), weights, rtol=1e-11, atol=1e-11)
    y = layer([query, value, key], mask=[None, v])
    np.testing.assert_allclose(y.numpy(), weights @ value, rtol=1e-11, atol=1e-11)


# -- dropout -----------------------------------------------------------------------------------------------------------


def dropping(kind: str, **kwargs: Any) -> Any:
    """A layer that gives the sum of the probabilities that were kept, each scaled: what it drops can be seen."""
    layer = layers.MultiHeadAttention(2, 4, value_dim=1, output_shape=2, use_bias=False, dropout=0.3, **kwargs)
    layer.build((None, None, 6), (None, None, 1))
    for weight in layer.weights:
        weight.assign(np.zeros(weight.shape) if "value" not in weight.path else np.ones(weight.shape))
    layer.output_dense.kernel.assign(np.eye(2).reshape(2, 1, 2))
    if kind == "scores":
        return lambda q, v, **call: layer(q, v, return_attention_scores=True, **call)[0]
    return layer


@pytest.mark.parametrize("kind", ["blocks", "scores"])
def test_dropout_keeps_the_mean_and_the_rate(kind: str) -> None:
    layer = dropping(kind, seed=7)
    query, value = np.zeros((4, 50, 6), "float32"), np.ones((4, 200, 1), "float32")
    still = layer(query, value).numpy()
    np.testing.assert_allclose(still, 1, rtol=1e-5)
    y = layer(query, value, training=True).numpy()
    kept = y * 0.7 * 200  # how many of 200 equal probabilities were kept
    np.testing.assert_allclose(kept, np.round(kept), atol=2e-3)
    assert abs(kept.mean() / 200 - 0.7) < 4 * np.sqrt(0.21 / (400 * 200))
    np.testing.assert_allclose(kept.std(), np.sqrt(200 * 0.21), rtol=0.15)
    assert np.unique(np.round(kept)).size > 20
    again = layer(query, value, training=True).numpy()
    assert not np.array_equal(again, y)


@pytest.mark.parametrize("kind", ["blocks", "scores"])
def test_dropout_repeats_with_its_seed_on_any_number_of_threads(kind: str) -> None:
    query, value = normal(4, 70, 6).astype("float32"), normal(4, 130, 1).astype("float32")
    before = ranvier.get_num_threads()
    first = []
    try:
        for threads in (1, 2, 7):
            ranvier.set_num_threads(threads)
            first.append(dropping(kind, seed=3)(query, value, training=True).numpy())
    finally:
        ranvier.set_num_threads(before)
    np.testing.assert_array_equal(first[0], first[1])
    np.testing.assert_array_equal(first[0], first[2])
    other = dropping(kind, seed=4)(query, value, training=True).numpy()
    assert not np.array_equal(first[0], other)
