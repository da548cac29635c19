"""Connectionist temporal classification: loss, gradient and decoding against Keras, and by counting alignments."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import ranvier
from golden.ctc_cases import CASES, ctc_data
from golden.store import load
from ranvier import layers, losses, ops

GOLDEN = load("ctc")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradient_are_those_of_keras(case: str, dtype: str) -> None:
    logits, labels, lengths, steps = ctc_data(case)
    x = ops.convert_to_tensor(logits, dtype)
    x.requires_grad = True
    loss = ops.ctc_loss(labels, x, lengths, steps, mask_index=CASES[case]["blank"])
    # float32: rounding of about 1e-7 of a score that sums over dozens of steps
    tolerance = 1e-10 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(loss.numpy(), GOLDEN[f"{case}/loss"], rtol=tolerance)
    (loss * ops.convert_to_tensor(np.arange(1.0, len(logits) + 1), dtype)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), GOLDEN[f"{case}/gradient"], rtol=tolerance, atol=tolerance)


def test_loss_is_the_sum_over_alignments() -> None:
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(1, 4, 3))
    p = np.exp(logits[0]) / np.exp(logits[0]).sum(-1, keepdims=True)
    for target in ([1], [1, 2], [2, 2], [1, 2, 1], []):
        total = 0.0
        for way in itertools.product(range(3), repeat=4):
            joined = [c for i, c in enumerate(way) if c != 0 and (i == 0 or way[i - 1] != c)]
            total += np.prod([p[t, c] for t, c in enumerate(way)]) if joined == target else 0.0
        labels = np.array([target or [0]])
        loss = ops.ctc_loss(labels, logits, np.array([len(target)]), np.array([4]))
        np.testing.assert_allclose(loss.numpy(), [-np.log(total)], rtol=1e-12)


def test_gradient_check() -> None:
    logits, labels, lengths, steps = ctc_data("usual")
    x = ops.convert_to_tensor(logits)
    x.requires_grad = True
    ops.ctc_loss(labels, x, lengths, steps).sum().backward()
    draw = np.random.default_rng(1)
    for _ in range(5):
        way = draw.normal(size=logits.shape)
        ends = [ops.ctc_loss(labels, logits + s * 1e-6 * way, lengths, steps).numpy().sum() for s in (1, -1)]
        np.testing.assert_allclose((ends[0] - ends[1]) / 2e-6, (x.grad.numpy() * way).sum(), rtol=1e-6)


def test_what_cannot_be_aligned_is_infinite() -> None:
    logits = np.random.default_rng(0).normal(size=(4, 3, 4))
    labels = np.array([[1, 1, 0], [1, 2, 3], [1, 1, 2], [3, 0, 0]])
    x = ops.convert_to_tensor(logits)
    x.requires_grad = True
    loss = ops.ctc_loss(labels, x, np.array([2, 3, 3, 1]), np.array([3, 3, 3, 0]))
    np.testing.assert_array_equal(np.isinf(loss.numpy()), [False, False, True, True])
    loss.sum().backward()
    gradient = x.grad.numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[:2] != 0).any()
    np.testing.assert_array_equal(gradient[2:], np.zeros((2, 3, 4)))
    nothing = ops.ctc_loss(labels, logits, np.zeros(4, int), np.zeros(4, int)).numpy()
    np.testing.assert_array_equal(nothing, np.zeros(4))


@pytest.mark.parametrize("case", CASES)
def test_decoding_is_that_of_keras(case: str) -> None:
    logits, _, _, steps = ctc_data(case)
    blank = CASES[case]["blank"]
    paths, scores = ops.ctc_decode(logits, steps, mask_index=blank)
    assert paths.dtype == "int32"
    np.testing.assert_array_equal(paths.numpy(), GOLDEN[f"{case}/greedy"])
    np.testing.assert_allclose(scores.numpy(), GOLDEN[f"{case}/greedy_scores"], rtol=1e-12)
    paths, _ = ops.ctc_decode(logits, steps, merge_repeated=False, mask_index=blank)
    np.testing.assert_array_equal(paths.numpy(), GOLDEN[f"{case}/repeated"])
    width = CASES[case]["width"]
    paths, scores = ops.ctc_decode(logits, steps, "beam_search", width, top_paths=3, mask_index=blank)
    np.testing.assert_array_equal(paths.numpy(), GOLDEN[f"{case}/paths"])
    np.testing.assert_allclose(scores.numpy(), GOLDEN[f"{case}/scores"], rtol=1e-9)


def test_a_wide_beam_finds_the_likeliest_labels() -> None:
    logits, _, _, steps = ctc_data("short")
    paths, scores = ops.ctc_decode(logits, steps, "beam_search", beam_width=1000, top_paths=2)
    for k, b in itertools.product(range(2), range(3)):
        labels = paths.numpy()[k, b]
        length = int((labels >= 0).sum())
        loss = ops.ctc_loss(np.maximum(labels[None], 0), logits[b : b + 1], np.array([length]), steps[b : b + 1])
        np.testing.assert_allclose(-loss.numpy()[0], scores.numpy()[b, k], rtol=1e-9)


def test_more_paths_than_there_are() -> None:
    paths, scores = ops.ctc_decode(np.zeros((1, 1, 2)), np.array([1]), "beam_search", top_paths=5)
    assert paths.shape == (5, 1, 1)
    assert np.isneginf(scores.numpy()[0, 2:]).all()
    np.testing.assert_array_equal(paths.numpy()[2:], np.full((3, 1, 1), -1))


def test_mistakes_are_named() -> None:
    logits, labels, lengths, steps = ctc_data("usual")
    with pytest.raises(ValueError, match=r"ctc_loss: expected logits of shape \(batch, time, classes\)"):
        ops.ctc_loss(labels, logits[0], lengths, steps)
    with pytest.raises(ValueError, match=r"expected targets of shape \(5, length\)"):
        ops.ctc_loss(labels[:2], logits, lengths, steps)
    with pytest.raises(ValueError, match=r"lengths of targets in \[0, 5\], received 6 for sample 1"):
        ops.ctc_loss(labels, logits, np.array([1, 6, 1, 1, 1]), steps)
    with pytest.raises(ValueError, match=r"lengths of outputs in \[0, 12\], received 13 for sample 0"):
        ops.ctc_loss(labels, logits, lengths, steps * 0 + 13)
    with pytest.raises(ValueError, match=r"labels in \[0, 6\), received 6 at position 0 of sample 0"):
        ops.ctc_loss(labels * 0 + 6, logits, lengths, steps)
    with pytest.raises(ValueError, match="a blank"):
        ops.ctc_loss(labels, logits, lengths, steps, mask_index=6)
    with pytest.raises(TypeError, match="targets that are integers"):
        ops.ctc_loss(labels * 1.0, logits, lengths, steps)
    with pytest.raises(ValueError, match="strategy: expected 'greedy' or 'beam_search'"):
        ops.ctc_decode(logits, steps, "best")
    with pytest.raises(ValueError, match="beam_width >= 1"):
        ops.ctc_decode(logits, steps, "beam_search", beam_width=0)
    with pytest.raises(ValueError, match="one length for each sample"):
        ops.ctc_decode(logits, steps[:2])


def spelled(rows: int, dtype: str = "int64") -> tuple[np.ndarray, np.ndarray]:
    """Sequences of vectors that show each label for two or three steps, and their labels."""
    draw = np.random.default_rng(2)
    x = np.zeros((rows, 12, 4), "float32")
    y = np.zeros((rows, 4), dtype)
    for row in range(rows):
        count = draw.integers(1, 5)
        y[row, :count] = draw.integers(1, 4, size=count)
        for i in range(count):
            x[row, 3 * i : 3 * i + 2, int(y[row, i])] = 1
    return x, y


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_a_model_learns_to_spell(dtype: str) -> None:
    ranvier.utils.set_random_seed(0)
    x, y = spelled(64, dtype)
    model = ranvier.Sequential([layers.Dense(16, activation="relu"), layers.Dense(4)])
    model.compile(ranvier.optimizers.Adam(0.02), losses.CTC())
    history = model.fit(x, y, epochs=25, batch_size=16, verbose=0).history
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    paths, _ = ops.ctc_decode(model.predict(x, verbose=0), np.full(64, 12))
    found = np.where(paths.numpy()[0, :, :4] < 0, 0, paths.numpy()[0, :, :4])
    assert (found == y).all(axis=1).mean() > 0.9
    assert model.evaluate(x, y, verbose=0) == pytest.approx(losses.ctc(y, model(x)).numpy().mean(), rel=1e-5)


def test_masked_steps_at_the_end_do_not_count() -> None:
    logits, labels, _, steps = ctc_data("usual")
    x = ops.convert_to_tensor(logits)
    x._keras_mask = ops.convert_to_tensor(np.arange(12) < steps[:, None])
    lengths = (labels != 0).sum(1)
    expected = ops.ctc_loss(labels, logits, lengths, steps).numpy()
    np.testing.assert_allclose(losses.CTC(reduction="none")(labels, x).numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(losses.CTC(reduction="sum")(labels, x).numpy(), expected.sum(), rtol=1e-12)


def test_wrong_targets_in_fit() -> None:
    x, y = spelled(8)
    model = ranvier.Sequential([layers.Dense(4)])
    model.compile("sgd", "ctc")
    for wrong, match in (
        (y + 7, "labels from 0 to 3"),
        (y[:, 0], r"integer labels of shape \(rows, length\)"),
        (y + 0.5, "number the labels from 1"),
    ):
        with pytest.raises(ValueError, match=match):
            model.fit(x, wrong, verbose=0)
    with pytest.raises(ValueError, match="loss"):  # more labels than steps
        model.fit(x, np.ones((8, 13), int), verbose=0)


def test_same_bits_on_any_number_of_threads() -> None:
    logits, labels, lengths, steps = ctc_data("usual")
    results: list[Any] = []
    before = ranvier.get_num_threads()
    try:
        for threads in (1, 3):
            ranvier.set_num_threads(threads)
            x = ops.convert_to_tensor(logits, "float32")
            x.requires_grad = True
            ops.ctc_loss(labels, x, lengths, steps).sum().backward()
            results.append(x.grad.numpy().copy())
    finally:
        ranvier.set_num_threads(before)
    np.testing.assert_array_equal(*results)
