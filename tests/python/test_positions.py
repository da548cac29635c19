"""Positions: KerasHub's formulas, offsets, streams, tied embeddings, and what is refused."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import ranvier
from ranvier import Input, Model, Sequential, layers, losses, ops
from ranvier.models import load_model


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def sine_table(steps: int, features: int, wavelength: float = 10000.0, start: int = 0) -> np.ndarray:
    position = np.arange(start, start + steps)[:, None]
    angle = position * wavelength ** (-(np.arange(features) // 2 * 2) / features)
    return np.where(np.arange(features) % 2 == 1, np.cos(angle), np.sin(angle))


def rotated(x: np.ndarray, wavelength: float = 10000.0, scaling: float = 1.0, start: int = 0) -> np.ndarray:
    """x (batch, time, ..., features), as complex numbers turned in the plane."""
    half = x.shape[-1] // 2
    angle = np.arange(start, start + x.shape[1])[:, None] / scaling * wavelength ** (-np.arange(half) / half)
    angle = angle.reshape(x.shape[1], *[1] * (x.ndim - 3), half)
    z = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angle)
    return np.concatenate([z.real, z.imag], -1)


@pytest.mark.parametrize("features", [1, 2, 7, 64])
@pytest.mark.parametrize("arguments", [{}, {"max_wavelength": 50}])
def test_sine_positions(features: int, arguments: dict[str, Any]) -> None:
    layer = layers.SinePositionEncoding(**arguments, dtype="float64")
    wavelength = arguments.get("max_wavelength", 10000.0)
    for steps, start in ((5, 0), (3, 40), (700, 1), (2, 5)):  # tables grow, and are then read again
        y = layer(np.zeros((2, steps, features)), start_index=start).numpy()
        np.testing.assert_allclose(y[1], sine_table(steps, features, wavelength, start), rtol=1e-12, atol=1e-12)
    assert layer(np.zeros((2, 3, 5, features))).shape == (2, 3, 5, features)


@pytest.mark.parametrize("shape", [(2, 5, 2), (2, 5, 3, 8), (3, 9, 2, 2, 34)])
@pytest.mark.parametrize("arguments", [{}, {"max_wavelength": 50, "scaling_factor": 4.0}])
def test_rotations(shape: tuple[int, ...], arguments: dict[str, Any]) -> None:
    layer = layers.RotaryEmbedding(**arguments, dtype="float64")
    x = normal(*shape)
    for start in (0, 3, 1000):
        expected = rotated(x, arguments.get("max_wavelength", 1e4), arguments.get("scaling_factor", 1.0), start)
        np.testing.assert_allclose(layer(x, start_index=start).numpy(), expected, rtol=1e-11, atol=1e-11)
    variable = ranvier.Variable(ops.convert_to_tensor(x))
    dy = normal(*shape, seed=1)
    ops.sum(layer(variable.value) * dy).backward()
    back = rotated(dy, arguments.get("max_wavelength", 1e4), -arguments.get("scaling_factor", 1.0))
    np.testing.assert_allclose(variable.grad.numpy(), back, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("time", "features"), [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2), (-1, 1)])
def test_rotations_along_any_axes(time: int, features: int) -> None:
    layer = layers.RotaryEmbedding(sequence_axis=time, feature_axis=features, dtype="float64")
    x = normal(2, 6, 4, 8)
    expected = np.moveaxis(rotated(np.moveaxis(x, (time, features), (1, -1))), (1, -1), (time, features))
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-11, atol=1e-11)


def test_products_of_rotated_vectors_depend_on_their_distance() -> None:
    layer = layers.RotaryEmbedding(dtype="float64")
    q, k = np.repeat(normal(1, 1, 6), 20, axis=1), np.repeat(normal(1, 1, 6, seed=1), 20, axis=1)
    scores = ops.matmul(layer(q), ops.transpose(layer(k), (0, 2, 1))).numpy()[0]
    for distance in range(-19, 20):
        np.testing.assert_allclose(np.diag(scores, distance), np.diag(scores, distance)[0], rtol=1e-10)


def test_learned_positions() -> None:
    layer = layers.PositionEmbedding(9, initializer="normal", dtype="float64")
    x = normal(2, 5, 3)
    layer(x)
    table = layer.position_embeddings.numpy()
    assert table.shape == (9, 3)
    assert 0.01 < table.std() < 0.1
    for start in (0, 2, 4):
        y = layer(x, start_index=start)
        np.testing.assert_array_equal(y.numpy(), np.broadcast_to(table[start : start + 5], (2, 5, 3)))
    dy = normal(2, 5, 3, seed=1)
    ops.sum(layer(x, start_index=2) * dy).backward()
    expected = np.zeros((9, 3))
    expected[2:7] = dy.sum(0)
    np.testing.assert_allclose(layer.embeddings.grad.numpy(), expected, rtol=1e-12)
    assert layer(normal(2, 7, 9, 3)).shape == (2, 7, 9, 3)


def test_tokens_and_positions() -> None:
    layer = layers.TokenAndPositionEmbedding(7, 9, 4, mask_zero=True, dtype="float64")
    tokens = np.array([[1, 6, 0], [2, 0, 0]])
    y = layer(tokens, start_index=1)
    words, places = layer.get_weights()
    assert [w.path for w in layer.weights] == [
        f"{layer.name}/token_embedding/embeddings",
        f"{layer.name}/position_embedding/embeddings",
    ]
    np.testing.assert_allclose(y.numpy(), words[tokens] + places[1:4], rtol=1e-12)
    np.testing.assert_array_equal(y._keras_mask.numpy(), tokens != 0)
    ops.sum(y).backward()
    counts = np.bincount(tokens.ravel(), minlength=7)[:, None] * np.ones(4)
    np.testing.assert_allclose(layer.weights[0].grad.numpy(), counts, rtol=1e-12)
    np.testing.assert_allclose(layer.weights[1].grad.numpy()[:5, 0], [0, 2, 2, 2, 0], rtol=1e-12)


def test_both_ways_share_the_table() -> None:
    layer = layers.ReversibleEmbedding(7, 3, dtype="float64")
    tokens = np.array([[1, 6, 0], [2, 1, 1]])
    logits = layer(layer(tokens), reverse=True)
    table = layer.embeddings.numpy()
    assert [w.name for w in layer.weights] == ["embeddings"]
    np.testing.assert_allclose(logits.numpy(), table[tokens] @ table.T, rtol=1e-12)
    ops.sum(logits).backward()  # d/dT of Σ T[tokens]·Tᵀ: what the rows met, and what met them
    expected = np.zeros_like(table)
    np.add.at(expected, tokens, table.sum(0))
    expected += table[tokens].sum((0, 1))
    np.testing.assert_allclose(layer.embeddings.grad.numpy(), expected, rtol=1e-11)


def language_model(head: str) -> Any:
    tokens = Input((None,), dtype="int32")
    words = layers.ReversibleEmbedding(11, 8, tie_weights=head != "untied", name="words")
    x = words(tokens)
    x = layers.Add()([x, layers.PositionEmbedding(16)(x)])
    h = layers.RMSNormalization()(x)
    x = layers.Add()([x, layers.GroupQueryAttention(4, 2, 1)(h, h, use_causal_mask=True)])
    return Model(tokens, words(x, reverse=True))


@pytest.mark.parametrize("head", ["tied", "untied"])
def test_a_language_model_with_tied_weights_learns_and_is_saved(head: str, tmp_path: Any) -> None:
    ranvier.utils.set_random_seed(1)
    model = language_model(head)
    assert len(model.weights) == (11 if head == "tied" else 12)
    x = (np.arange(12)[None] + np.arange(64)[:, None]) % 11
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.learning_rate = 0.02
    history = model.fit(x[:, :-1], x[:, 1:], epochs=30, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.3 < 1.5 < history[0]
    model.save(tmp_path / "model.rv")
    again = load_model(tmp_path / "model.rv")
    assert len(again.weights) == len(model.weights)
    expected = model.predict(x[:5], verbose=0)
    np.testing.assert_array_equal(again.predict(x[:5], verbose=0), expected)
    np.testing.assert_array_equal(copy.deepcopy(model).predict(x[:5], verbose=0), expected)


STREAMED = {
    "learned": lambda x: layers.Add()([x, layers.PositionEmbedding(12)(x)]),
    "sine": lambda x: layers.Add()([x, layers.SinePositionEncoding()(x)]),
    "sine from 3": lambda x: layers.Add()([x, layers.SinePositionEncoding()(x, start_index=3)]),
    "rotary": lambda x: layers.RotaryEmbedding()(x),
    "rotary twice": lambda x: layers.RotaryEmbedding()(layers.RotaryEmbedding()(x)),
}


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("pieces", [[1] * 12, [5, 1, 6]])
def test_pieces_give_what_the_whole_gives(kind: str, pieces: list[int]) -> None:
    inputs = Input((None, 6))
    model = Model(inputs, STREAMED[kind](inputs))
    x = normal(2, 12, 6).astype("float32")
    whole = model.predict(x, verbose=0)
    stream = model.stream()
    for _ in range(2):
        parts = [stream(part).numpy() for part in np.split(x, np.cumsum(pieces)[:-1], axis=1)]
        np.testing.assert_allclose(np.concatenate(parts, 1), whole, rtol=1e-6, atol=1e-6)
        stream.reset()


def test_a_stream_of_tokens_ends_where_the_positions_do() -> None:
    model = Sequential([Input((None,), dtype="int32"), layers.TokenAndPositionEmbedding(7, 4, 3, name="words")])
    tokens = np.array([[1, 2, 3, 4]])
    whole = model.predict(tokens, verbose=0)
    stream = model.stream()
    parts = [stream(tokens[:, i : i + 1]).numpy() for i in range(4)]
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, rtol=1e-6)
    with pytest.raises(ValueError, match=r"positions below 4 \(sequence_length\), received 1 steps from position 4 on"):
        stream(tokens[:, :1])


@pytest.mark.parametrize(
    ("make", "call", "message"),
    [
        (
            lambda: layers.PositionEmbedding(4, name="mine"),
            lambda layer: layer(np.zeros((2, 5, 3))),
            r"\[mine\] expected positions below 4 \(sequence_length\), received 5 steps from position 0 on; make the",
        ),
        (
            lambda: layers.PositionEmbedding(4, name="mine"),
            lambda layer: layer(np.zeros((2, 2, 3)), start_index=3),
            "received 2 steps from position 3 on",
        ),
        (
            lambda: layers.PositionEmbedding(4, name="mine"),
            lambda layer: layer(np.zeros((2, 2, 3)), start_index=-1),
            "start_index: expected 0 or more, received -1",
        ),
        (
            lambda: layers.PositionEmbedding(4, name="mine"),
            lambda layer: (layer(np.zeros((2, 2, 3))), layer(np.zeros((2, 2, 5)))),
            r"expected 3 features \(last axis\), received x with shape \((2|None), 2, 5\)",
        ),
        (
            lambda: layers.SinePositionEncoding(name="mine"),
            lambda layer: layer(np.zeros((2, 2, 3)), start_index=2**62),
            "expected positions below 1048576",
        ),
        (
            lambda: layers.SinePositionEncoding(name="mine"),
            lambda layer: layer(np.zeros(2)),
            r"expected \(..., time, features\)",
        ),
        (
            lambda: layers.RotaryEmbedding(name="mine"),
            lambda layer: layer(np.zeros((2, 2, 3))),
            "even number of features",
        ),
        (
            lambda: layers.RotaryEmbedding(sequence_axis=2, name="mine"),
            lambda layer: layer(np.zeros((2, 2, 4))),
            "sequence_axis and feature_axis to differ",
        ),
        (
            lambda: layers.TokenAndPositionEmbedding(7, 4, 3, name="mine"),
            lambda layer: layer(np.array([[7]])),
            "received 7 at row 0",
        ),
        (
            lambda: layers.ReversibleEmbedding(7, 3, name="mine"),
            lambda layer: layer(np.zeros((2, 4)), reverse=True),
            r"\[mine\] expected 3 features \(last axis\) with reverse=True",
        ),
        (
            lambda: layers.ReversibleEmbedding(7, 3, name="mine"),
            lambda layer: layer(np.array([9])),
            r"\[mine\].*input_dim=7.*received 9",
        ),
    ],
)
def test_mistakes_in_calls_are_named(make: Any, call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(make())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.PositionEmbedding(0, name="mine"), r"\[mine\] sequence_length: expected a positive int"),
        (lambda: layers.SinePositionEncoding(0, name="mine"), r"\[mine\] max_wavelength: expected a positive number"),
        (lambda: layers.RotaryEmbedding(scaling_factor=-1.0), "scaling_factor: expected a positive number"),
        (lambda: layers.TokenAndPositionEmbedding(7, 4, None), "embedding_dim: expected a positive int"),
        (lambda: layers.ReversibleEmbedding(7, 3, logit_soft_cap=0.0), "logit_soft_cap: expected a positive number"),
        (lambda: layers.ReversibleEmbedding(7, 3, reverse_dtype="float64"), "reverse_dtype: expected None"),
        (lambda: layers.ReversibleEmbedding(7, 3, embeddings_constraint="max_norm"), "embeddings_constraint"),
    ],
)
def test_mistakes_in_arguments_are_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_empty_batches_and_sequences() -> None:
    assert layers.PositionEmbedding(4)(np.zeros((0, 3, 2))).shape == (0, 3, 2)
    assert layers.SinePositionEncoding()(np.zeros((2, 0, 3))).shape == (2, 0, 3)
    assert layers.RotaryEmbedding()(np.zeros((2, 0, 4))).shape == (2, 0, 4)
    assert layers.RotaryEmbedding()(np.zeros((2, 3, 0))).shape == (2, 3, 0)
    assert layers.TokenAndPositionEmbedding(7, 4, 3)(np.zeros((0, 0), "int64")).shape == (0, 0, 3)
    assert layers.ReversibleEmbedding(7, 3)(np.zeros((0, 3)), reverse=True).shape == (0, 7)


@pytest.mark.parametrize(
    "make", [lambda: layers.PositionEmbedding(5), layers.SinePositionEncoding, layers.RotaryEmbedding]
)
def test_positions_pass_masks_on(make: Any) -> None:
    x = ops.convert_to_tensor(normal(2, 5, 4).astype("float32"))
    mask = np.array([[True, True, False, False, False], [True] * 5])
    x._keras_mask = ops.convert_to_tensor(mask)
    np.testing.assert_array_equal(make()(x)._keras_mask.numpy(), mask)
