"""Attention maps, attributions of tokens and shaded text."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

import numpy as np
import pytest

import ranvier
from ranvier import explain, layers, ops
from ranvier.explain import ShadedText

RNG = np.random.default_rng(0)
TOKENS, WIDTH, TIME = 7, 4, 5
IDS = RNG.integers(0, TOKENS, (6, TIME)).astype("int32")


class Look(layers.Layer):
    """Attention without weights and with two heads, the second of which looks the other way."""

    def call(self, query: Any, value: Any, return_attention_scores: bool = False) -> Any:
        scores = ops.softmax(ops.matmul(query, ops.transpose(value, (0, 2, 1))), axis=-1)
        output = ops.matmul(scores, value)
        if return_attention_scores:
            return output, ops.stack([scores, scores[:, :, ::-1]], axis=1)
        return output


class Mean(layers.Layer):
    """Over time."""

    def call(self, x: Any) -> Any:
        return ops.mean(x, axis=1)


def network(activation: str | None = "softmax", **options: Any) -> ranvier.Model:
    """Two attention layers, one of them in a model inside."""
    ranvier.utils.set_random_seed(2)
    ids = ranvier.Input((TIME,), dtype="int32")
    x = layers.Embedding(TOKENS, WIDTH, embeddings_initializer="normal", name="embedding", **options)(ids)
    x = layers.Add(name="add")([x, Look(name="first")(x, x)])
    inside = ranvier.Input((TIME, WIDTH))
    block = ranvier.Model(inside, Look(name="second")(inside, value=layers.Dense(WIDTH)(inside)), name="block")
    x = layers.Dense(6, activation="tanh")(block(x))
    return ranvier.Model(ids, layers.Dense(3, activation=activation, name="out")(Mean(name="mean")(x)))


class Own(ranvier.Model):
    """The same idea with a call of its own."""

    def __init__(self) -> None:
        super().__init__(name="own")
        self.embedding = layers.Embedding(TOKENS, WIDTH, embeddings_initializer="normal")
        self.look = Look(name="look")
        self.mean = Mean()
        self.out = layers.Dense(3, activation="softmax")

    def call(self, ids: Any, training: bool = False) -> Any:
        x = self.embedding(ids)
        return self.out(ops.tanh(self.mean(self.look(x, x))))


# --- attention --------------------------------------------------------------------------------------------------------


def test_attention_maps_are_the_scores() -> None:
    model = network()
    found = explain.attention_maps(model, IDS, batch_size=4)
    assert list(found) == ["first", "second"]
    x = model.get_layer("embedding").embeddings.numpy()[IDS].astype(float)
    exp = np.exp(x @ x.transpose(0, 2, 1))
    expected = exp / exp.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(found["first"][:, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(found["first"][:, 1], expected[..., ::-1], rtol=1e-5)
    np.testing.assert_allclose(found["second"].sum(axis=-1), 1, rtol=1e-6)
    assert found["second"].shape == (6, 2, TIME, TIME)
    one = explain.attention_maps(model, IDS[:1], "second")
    assert list(one) == ["second"]
    np.testing.assert_allclose(one["second"], found["second"][:1], rtol=1e-6)


def test_attention_of_the_layers_that_come_with_ranvier() -> None:
    ranvier.utils.set_random_seed(1)
    ids = ranvier.Input((None,), dtype="int32")
    x = layers.Embedding(TOKENS, 8)(ids)
    causal = layers.MultiHeadAttention(num_heads=2, key_dim=4, dropout=0.5, name="causal")
    x = x + causal(x, x, use_causal_mask=True)
    x = x + layers.GroupQueryAttention(4, 4, 2, name="grouped")(query=x, value=x)
    model = ranvier.Model(ids, layers.Dense(TOKENS)(layers.Attention(name="plain")([x, x])))
    found = explain.attention_maps(model, IDS)
    shapes = {name: scores.shape for name, scores in found.items()}
    assert shapes == {"causal": (6, 2, TIME, TIME), "grouped": (6, 4, TIME, TIME), "plain": (6, TIME, TIME)}
    for scores in found.values():
        np.testing.assert_allclose(scores.sum(axis=-1), 1, rtol=1e-5)
    ahead = np.triu(np.ones((TIME, TIME), bool), 1)
    assert not found["causal"][:, :, ahead].any() and found["grouped"][:, :, ahead].all()


def test_attention_in_models_of_ones_own() -> None:
    model = Own()
    found = explain.attention_maps(model, IDS)
    assert {name: scores.shape for name, scores in found.items()} == {"look": (6, 2, TIME, TIME)}
    np.testing.assert_array_equal(model.predict(IDS, verbose=0), model.predict(IDS, verbose=0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: explain.attention_maps(network(), IDS, "out"), r"expected an attention layer, received 'out' \(Dense"),
        (lambda: explain.attention_maps(network(), IDS, "third"), "layer: expected one of .*embedding, first, add"),
        (lambda: explain.attention_maps(network(), IDS[:, :3]), r"x: expected rows of shape \(5,\), received"),
        (lambda: explain.attention_maps(network(), IDS, batch_size=0), "batch_size: expected an integer"),
        (
            lambda: explain.attention_maps(ranvier.Sequential([ranvier.Input((3,)), layers.Dense(2, name="a")]), IDS),
            r"x: expected rows of shape \(3,\)",
        ),
        (
            lambda: explain.attention_maps(ranvier.Sequential([ranvier.Input((5,)), layers.Dense(2, name="a")]), IDS),
            "expected a model with attention layers, received one of a",
        ),
    ],
)
def test_where_there_is_no_attention(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^\[attention_maps\] .*{message}"):
        call()


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_tokens_of_a_linear_model_get_what_they_add() -> None:
    model = ranvier.Sequential(
        [
            ranvier.Input((TIME,), dtype="int32"),
            layers.Embedding(TOKENS, WIDTH, embeddings_initializer="normal"),
            Mean(),
            layers.Dense(3),
        ]
    )
    table, kernel, _ = model.get_weights()
    shares = table @ kernel / TIME
    np.testing.assert_allclose(
        explain.token_attributions(model, IDS, 1, steps=1, batch_size=4), shares[IDS, 1], rtol=1e-4, atol=1e-6
    )
    each = np.array([0, 1, 2, 2, 1, 0])
    np.testing.assert_allclose(
        explain.token_attributions(model, IDS, each, baseline=3, steps=2),
        shares[IDS, each[:, None]] - shares[3, each[:, None]],
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize("baseline", [None, 2, np.arange(TIME), IDS[::-1]], ids=["zeros", "id", "row", "rows"])
@pytest.mark.parametrize("make", [network, Own])
def test_attributions_of_tokens_add_up_to_the_difference(make: Any, baseline: Any) -> None:
    model = make()
    found = explain.token_attributions(model, IDS, 1, baseline, steps=40, batch_size=4)
    assert found.shape == IDS.shape and found.dtype == np.float32
    if baseline is None:
        zeros = make()
        zeros(IDS)
        zeros.set_weights(model.get_weights())
        embedding = next(layer for layer in zeros.layers if isinstance(layer, layers.Embedding))
        embedding.set_weights([np.zeros((TOKENS, WIDTH))])
        start = zeros.predict(IDS, verbose=0)
    else:
        start = model.predict(np.broadcast_to(baseline, IDS.shape).astype("int32"), verbose=0)
    difference = model.predict(IDS, verbose=0)[:, 1] - start[:, 1]
    # A smooth function: 40 points leave rounding in float32 only.
    np.testing.assert_allclose(found.sum(axis=1), difference, atol=2e-6)


def test_a_step_of_a_language_model_as_target() -> None:
    model = ranvier.Sequential(
        [
            ranvier.Input((None,), dtype="int32"),
            layers.Embedding(TOKENS, WIDTH, embeddings_initializer="normal"),
            layers.Dense(TOKENS, activation="tanh"),
        ]
    )
    found = explain.token_attributions(model, IDS, target=lambda y: y[:, 2, 4])
    assert np.count_nonzero(found[:, [0, 1, 3, 4]]) == 0, "other steps do not matter to it"
    bias = np.tanh(model.get_weights()[2][4])
    np.testing.assert_allclose(found[:, 2], model.predict(IDS, verbose=0)[:, 2, 4] - bias, atol=1e-6)
    with pytest.raises(ValueError, match="target: expected an index or a function"):
        explain.token_attributions(model, IDS)


def test_explaining_tokens_changes_nothing() -> None:
    model = network()
    weights, state = model.get_weights(), ranvier._core.get_random_state()
    predicted = model.predict(IDS, verbose=0)
    with ranvier.no_grad():
        explain.token_attributions(model, IDS, steps=2)
        explain.attention_maps(model, IDS)
    assert ranvier._core.get_random_state() == state
    np.testing.assert_array_equal(model.predict(IDS, verbose=0), predicted)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"baseline": 0.5}, r"baseline: expected an id, ids of shape \(5,\) or of shape \(6, 5\), or None, .* float64"),
        ({"baseline": [1, 2]}, r"baseline: .* received int64 of shape \(2,\)"),
        ({"layer": "out"}, r"layer: expected one with output \(rows, time, ...\).* received 'out' with shape \(6, 3\)"),
        ({"layer": "nobody"}, "layer: expected one of .*embedding"),
        ({"target": 3}, "target: expected an index from 0 to 2"),
        ({"steps": 0}, "steps: expected an integer from 1 to 1,000"),
        ({"x": np.zeros((2, 9), "int32")}, "x: expected rows of shape"),
        (
            {"model": ranvier.Sequential([ranvier.Input((5,)), layers.Dense(2, name="a")])},
            "layer: expected the name of the layer that turns ids to values, .*; there are a",
        ),
    ],
)
def test_what_cannot_be_attributed(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^\[token_attributions\] .*{message}"):
        explain.token_attributions(**{"model": network(), "x": IDS} | arguments)


# --- shaded text ------------------------------------------------------------------------------------------------------


def test_marks_where_there_are_no_colours() -> None:
    words = ["the", "best", "of", "the", "worst", "films"]
    shaded = ShadedText(words, [0.01, 1.0, 0.0, 0.2, -0.9, -0.1])
    assert shaded.plain() == "the best of the worst films\n    ####    +++ ===== -----"
    assert shaded.plain(width=12) == "the best of\n    ####\nthe worst\n+++ =====\nfilms\n-----"
    assert repr(shaded) == "<ShadedText of 6 tokens>"
    assert ShadedText("ab\ncd", [1, 0, -1, 0.2, 0]).plain() == "ab\n# =\ncd\n+"
    assert ShadedText("漢e\u0301x", [1, 0, 0, -1]).plain() == "漢e\u0301x\n## ="
    assert ShadedText("ab", [0, 0]).plain() == "ab" and ShadedText([], []).plain() == ""
    assert ShadedText("ab", [0.5, 0], largest=10).plain() == "ab"


def test_colours_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shaded = ShadedText(["good", "or", "bad"], [1, 0, -0.5])
    colours = "\x1b[97;48;2;178;24;43mgood\x1b[0m or \x1b[30;48;2;144;178;214mbad\x1b[0m"
    assert shaded.ansi() == colours
    assert re.sub(r"\x1b\[[\d;]*m", "", ShadedText("a\nb", [1, 1, 1]).ansi()) == "a \nb"

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert str(shaded) == colours
    monkeypatch.setenv("NO_COLOR", "1")
    assert str(shaded) == shaded.plain()
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert str(shaded) == shaded.plain()


def test_a_text_cannot_change_the_terminal() -> None:
    for shown in (ShadedText(["a\x1b[2J\tb\r"], [1.0]).plain(), ShadedText(["a\x1b[2J\tb\r"], [0.0]).ansi()):
        assert "\x1b" not in shown and "\t" not in shown and "\r" not in shown


def test_html_of_a_notebook() -> None:
    page = ShadedText(["<b>", "\n", "x"], [2.0, 0.0, -1.0])._repr_html_()
    assert '<span style="background:#b2182b;color:#fff" title="+2">&lt;b&gt;</span>' in page
    assert "background:#ffffff" in page and "↵<br>" in page and "<b>" not in page
    assert 'title="-1">x</span>' in page


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ShadedText("abc", [1, 2]), r"values: expected 3, one for each token, received shape \(2,\)"),
        (lambda: ShadedText("ab", [[1, 2]]), r"received shape \(1, 2\)"),
        (lambda: ShadedText("ab", [1, np.nan]), "values: expected finite numbers"),
        (lambda: ShadedText("ab", [1, 2], largest=-1), "largest: expected a finite number of at least 0, received -1"),
    ],
)
def test_what_cannot_be_shaded(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^\[ShadedText\] .*{message}"):
        call()


# --- figures ----------------------------------------------------------------------------------------------------------


def test_figures_of_attention() -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    maps = explain.attention_maps(network(), IDS)
    figure = explain.plot_attention(maps, "abcd\n", row=-1, title="two layers")
    assert [axis.get_title() for axis in figure.axes] == ["head 0", "head 1"] * 2
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b", "c", "d", "↵"]
    assert figure.axes[2].get_ylabel() == "second\nlooks from"
    np.testing.assert_allclose(figure.axes[3].images[0].get_array(), maps["second"][-1, 1])
    plt.close(figure)
    for scores in (maps["first"], maps["first"][0], maps["first"][0, 0]):
        figure = explain.plot_attention(scores, heads=1)
        np.testing.assert_allclose(figure.axes[0].images[0].get_array(), maps["first"][0, 0])
        plt.close(figure)
    figure = explain.plot_attention(np.full((3, 2), 0.5), ["to", "be", "or"], keys=["être", "ou"])
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["être", "ou"]
    plt.close(figure)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: explain.plot_attention({}), "maps: expected at least one layer"),
        (lambda: explain.plot_attention(np.zeros(3)), r"maps: expected scores of .* received shape \(3,\)"),
        (lambda: explain.plot_attention(np.full((2, 2), np.nan)), "maps: expected finite scores, received NaN"),
        (lambda: explain.plot_attention(np.zeros((2, 1, 3, 3)), row=2), "row: expected one of 2, received 2"),
        (lambda: explain.plot_attention(np.zeros((3, 3)), "ab"), "tokens: expected 3, one for each step, received 2"),
        (lambda: explain.plot_attention(np.zeros((3, 3)), "abc", "ab"), "keys: expected 3"),
        (lambda: explain.plot_attention(np.zeros((70, 3, 3)), heads=70), "maps: expected at most 64 maps"),
    ],
)
def test_attention_that_cannot_be_drawn(call: Any, message: str) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match=rf"^\[plot_attention\] {message}"):
        call()
