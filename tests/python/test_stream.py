"""Models fed sequences piece by piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ranvier import Input, Model, Sequential, layers

X = np.random.default_rng(0).normal(size=(2, 11, 3)).astype("float32")


def pieces(model: Any, x: np.ndarray, sizes: list[int]) -> np.ndarray:
    """What a stream gives for pieces of these sizes, joined."""
    stream = model.stream()
    ends = np.cumsum(sizes)
    return np.concatenate([stream(x[:, b - n : b]).numpy() for n, b in zip(sizes, ends, strict=True)], axis=1)


@pytest.mark.parametrize("sizes", [[11], [1] * 11, [4, 1, 6]])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_causal_convolutions_go_on_from_their_last_inputs(sizes: list[int], data_format: str) -> None:
    if data_format == "channels_last":
        stack = [
            layers.Conv1D(4, 3, padding="causal", activation="relu"),
            layers.Conv1D(5, 2, padding="causal", dilation_rate=4),
        ]
    else:  # time comes last there
        stack = [
            layers.Permute((2, 1)),
            layers.Conv1D(4, 3, padding="causal", data_format=data_format),
            layers.Permute((2, 1)),
        ]
    model = Sequential([Input((None, 3)), *stack])
    if data_format == "channels_first":
        with pytest.raises(ValueError, match=r"\[permute\S*\] expected layers that can go on"):
            pieces(model, X, sizes)
        model = Sequential([Input((3, None)), stack[1]])
        stream = model.stream()
        ends = np.cumsum(sizes)
        parts = [stream(X.transpose(0, 2, 1)[:, :, b - n : b]).numpy() for n, b in zip(sizes, ends, strict=True)]
        found, whole = np.concatenate(parts, axis=2), model.predict(X.transpose(0, 2, 1), verbose=0)
    else:
        found, whole = pieces(model, X, sizes), model.predict(X, verbose=0)
    np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-6)


def test_a_stream_begins_anew_after_reset() -> None:
    inputs = Input((None, 3))
    model = Model(inputs, layers.Conv1D(2, 4, padding="causal")(inputs))
    stream = model.stream(batch_size=2)
    first = stream(X[:, :5]).numpy()
    assert not np.allclose(stream(X[:, :5]).numpy(), first)
    stream.reset()
    np.testing.assert_array_equal(stream(X[:, :5]).numpy(), first)
    assert stream(X[:, 5:6])._keras_mask is None


def test_mistakes_leave_a_stream_as_it_was() -> None:
    model = Sequential([Input((None, 3)), layers.Conv1D(2, 4, padding="causal", name="conv")], name="model")
    stream, undisturbed = model.stream(), model.stream()
    stream(X[:, :5]), undisturbed(X[:, :5])
    with pytest.raises(ValueError, match=r"\[model\] stream: expected 2 sequences as in the pieces before, received 1"):
        stream(X[:1, 5:6])
    with pytest.raises(ValueError, match=r"\[conv\] expected 3 channels"):
        stream(X[:, 5:6, :2])
    np.testing.assert_array_equal(stream(X[:, 5:]).numpy(), undisturbed(X[:, 5:]).numpy())
    with pytest.raises(
        ValueError, match=r"\[model\] stream: expected 3 sequences, received a piece of shape \(2, 5, 3\)"
    ):
        model.stream(batch_size=3)(X[:, :5])
    with pytest.raises(ValueError, match="batch_size >= 1"):
        model.stream(batch_size=0)
    with pytest.raises(ValueError, match="not built"):
        Sequential([layers.Conv1D(2, 4, padding="causal")]).stream()


def test_layers_that_need_the_whole_sequence_are_refused() -> None:
    for layer in (layers.GlobalAveragePooling1D(), layers.Conv1D(2, 3, padding="same"), layers.Flatten()):
        model = Sequential([Input((5, 3)), layer])
        with pytest.raises(ValueError, match="needs the whole sequence"):
            model.stream()(X[:, :5])
