"""Embedding: indices that are not in the vocabulary, wherever they come from, and what else its arguments promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ranvier
from ranvier import layers

VOCABULARY = 9


def classifier(**kwargs: Any) -> Any:
    model = ranvier.Sequential(
        [layers.Embedding(VOCABULARY, 4, name="words", **kwargs), layers.Flatten(), layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    return model


def good_data(rows: int = 20) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(3)
    return draw.integers(0, VOCABULARY, size=(rows, 5)), draw.normal(size=(rows, 2)).astype("float32")


def spoiled(row: int, step: int, value: float, dtype: str = "int64") -> np.ndarray:
    x = good_data()[0].astype(dtype)
    x[row, step] = value
    return x


def test_index_outside_in_an_eager_call() -> None:
    layer = layers.Embedding(VOCABULARY, 4, name="words")
    with pytest.raises(ValueError, match=r"\[words\].*\[0, 9\).*input_dim=9.*received 9 at row 1, step 2; input_dim"):
        layer(np.array([[0, 1, 2], [3, 4, 9]]))
    with pytest.raises(ValueError, match=r"received -1 at row 0, step 1; indices count from 0"):
        layer(np.array([[0, -1]]))
    with pytest.raises(ValueError, match=r"received 5000000000 at row 1;"):
        layer(np.array([0, 5_000_000_000]))
    with pytest.raises(ValueError, match=r"received 20 at row 1, position 0, 1;"):
        layer(np.array([[[0, 1]], [[2, 20]]]))
    with pytest.raises(ValueError, match="received 12"):
        layer(12)


@pytest.mark.parametrize("value", [9, -1, 2**40])
@pytest.mark.parametrize("row", [2, 17])
def test_index_outside_in_fit_names_the_row_and_changes_nothing(value: int, row: int) -> None:
    model = classifier()
    x, y = good_data()
    model.fit(x, y, batch_size=8, verbose=0)  # records the step
    model.fit(x, y, batch_size=8, verbose=0)
    before = model.get_weights()
    steps = model.optimizer.iterations
    wrong = spoiled(row, 3, value)[[row]]
    with pytest.raises(ValueError, match=rf"\[words\].*received {value} at row \d, step 3"):
        model.fit(wrong.repeat(8, 0), y[:8], batch_size=8, verbose=0)
    assert model.optimizer.iterations == steps
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(ValueError, match=rf"\[words\].*received {value} at row {row}, step 3"):
        model.fit(spoiled(row, 3, value), y, batch_size=8, verbose=0)
    with pytest.raises(ValueError, match=rf"\[words\].*received {value} at row {row}, step 3"):
        model.evaluate(spoiled(row, 3, value), y, batch_size=8, verbose=0)
    with pytest.raises(ValueError, match=rf"\[words\].*received {value} at row {row}, step 3"):
        model.predict(spoiled(row, 3, value), batch_size=8, verbose=0)
    assert np.isfinite(model.predict(x, verbose=0)).all()
    model.fit(x, y, batch_size=8, verbose=0)


def test_floats_are_whole_numbers_or_an_error() -> None:
    layer = layers.Embedding(VOCABULARY, 4, name="words")
    x = np.array([[0.0, 8.0, 3.0]])
    np.testing.assert_array_equal(layer(x).numpy(), layer(x.astype(int)).numpy())
    with pytest.raises(ValueError, match=r"received 0.5 at row 0, step 1; give each word an index"):
        layer(np.array([[0.0, 0.5]]))
    for value, name in ((np.nan, "NaN"), (np.inf, "inf"), (1e300, r"1e\+300")):
        with pytest.raises(ValueError, match=f"received {name} at row 0, step 1"):
            layer(np.array([[0.0, value]]))
    model = classifier()
    data, y = good_data()
    model.fit(data.astype("float32"), y, batch_size=8, verbose=0)
    np.testing.assert_array_equal(
        model.predict(data.astype("float32"), verbose=0), model.predict(data.astype("int32"), verbose=0)
    )
    with pytest.raises(ValueError, match=r"received 2.5 at row 11, step 0"):
        model.fit(spoiled(11, 0, 2.5, "float32"), y, batch_size=8, verbose=0)


def test_large_vocabularies_keep_their_indices_apart() -> None:
    rows = 2**24 + 3  # float32 has no 2**24 + 1
    layer = layers.Embedding(rows, 1, embeddings_initializer="zeros")
    x = np.array([2**24, 2**24 + 1, 2**24 + 2])
    layer.build()
    values = layer.get_weights()[0]
    values[2**24 :, 0] = [1, 2, 3]
    layer.set_weights([values])
    np.testing.assert_array_equal(layer(x).numpy()[:, 0], [1, 2, 3])
    model = ranvier.Sequential([ranvier.Input((1,), dtype="int64"), layer])
    np.testing.assert_array_equal(model.predict(x[:, None], verbose=0).ravel(), [1, 2, 3])


def test_functional_models_pass_indices_on() -> None:
    words = ranvier.Input((5,), dtype="int32")
    y = layers.Dense(2)(layers.Flatten()(layers.Embedding(VOCABULARY, 4, name="words")(words)))
    model = ranvier.Model(words, y)
    model.compile("adam", "mse")
    x, target = good_data()
    model.fit(x, target, batch_size=8, verbose=0)
    with pytest.raises(ValueError, match=r"\[words\].*received 10 at row 12, step 4"):
        model.fit(spoiled(12, 4, 10), target, batch_size=8, verbose=0)


def test_initial_weights() -> None:
    values = np.arange(12.0).reshape(4, 3).astype("float32")
    for given in (values, [values]):
        layer = layers.Embedding(4, 3, weights=given)
        np.testing.assert_array_equal(layer(np.array([2, 0])).numpy(), values[[2, 0]])
    with pytest.raises(ValueError, match=r"shape \(4, 3\)"):
        layers.Embedding(4, 3, weights=values.T)


def test_arguments() -> None:
    for wrong in (0, -3, 2.5, True, None, "7"):
        with pytest.raises(ValueError, match="input_dim: expected a positive int"):
            layers.Embedding(wrong, 3)
        with pytest.raises(ValueError, match="output_dim: expected a positive int"):
            layers.Embedding(3, wrong)
    with pytest.raises(ValueError, match="embeddings_constraint: expected None"):
        layers.Embedding(3, 3, embeddings_constraint="max_norm")
    with pytest.warns(UserWarning, match="input_length has no effect"):
        layers.Embedding(3, 3, input_length=7)
    with pytest.raises((ValueError, MemoryError)):
        layers.Embedding(2**62, 2**62)(np.array([0]))
    with pytest.raises(ValueError, match=r"indices of rank 7 or less"):
        layers.Embedding(3, 3)(np.zeros([1] * 8, dtype="int64"))


def test_empty_batches_and_sequences() -> None:
    layer = layers.Embedding(3, 4)
    assert layer(np.zeros((0, 5), dtype="int64")).shape == (0, 5, 4)
    assert layer(np.zeros((2, 0), dtype="int64")).shape == (2, 0, 4)
    (layer(np.zeros((2, 0), dtype="int64")).sum() * 2.0).backward()
    np.testing.assert_array_equal(layer.embeddings.grad.numpy(), np.zeros((3, 4)))


# -- training costs the rows looked up -------------------------------------------------------------------------------


def trained(optimizer: Any, epochs: int = 2, **kwargs: Any) -> Any:
    ranvier.utils.set_random_seed(4)
    model = classifier(**kwargs)
    model.compile(optimizer, "mse")
    x, y = good_data()
    model.fit(x % 6, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)  # words 6 to 8 never come
    return model


def test_fit_equals_a_loop_of_ones_own() -> None:
    for make in (
        lambda **kwargs: ranvier.optimizers.SGD(0.1, **kwargs),
        lambda **kwargs: ranvier.optimizers.Adam(0.1, lazy_embeddings=True, **kwargs),
        lambda **kwargs: ranvier.optimizers.RMSprop(0.1, clipnorm=0.1, **kwargs),
    ):
        fitted = trained(make())
        ranvier.utils.set_random_seed(4)
        model = classifier()
        x, y = good_data()
        model(x % 6)
        optimizer = make(parameters=model)
        for _ in range(2):
            for start in (0, 8, 16):
                optimizer.zero_grad()
                error = model(x[start : start + 8] % 6, training=True) - y[start : start + 8]
                ranvier.ops.mean(error * error).backward()
                optimizer.step()
        for ours, theirs in zip(fitted.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=1e-7)  # the loss is reduced in another order


@pytest.mark.parametrize("rule", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_lazy_rows_stand_still(rule: str) -> None:
    def rows(**kwargs: Any) -> tuple[np.ndarray, np.ndarray]:
        start = trained(ranvier.optimizers.SGD(0.0)).get_weights()[0]
        optimizer = getattr(ranvier.optimizers, rule)(0.1, weight_decay=0.1, **kwargs)
        return start, trained(optimizer).get_weights()[0]

    start, lazy = rows(lazy_embeddings=True)
    np.testing.assert_array_equal(lazy[6:], start[6:])
    assert (lazy[:6] != start[:6]).all()
    start, whole = rows()
    assert (whole != start).all()  # Keras's way: the decay reaches every row


def test_a_penalty_reaches_every_row_even_so() -> None:
    optimizer = ranvier.optimizers.Adam(0.1, lazy_embeddings=True)
    start = trained(ranvier.optimizers.SGD(0.0)).get_weights()[0]
    assert (trained(optimizer, embeddings_regularizer="l2").get_weights()[0] != start).all()


@pytest.mark.parametrize("lazy", [False, True])
def test_lazy_is_saved_and_training_goes_on_the_same(lazy: bool, tmp_path: Any) -> None:
    optimizer = ranvier.optimizers.Adam(0.1, lazy_embeddings=lazy)
    assert optimizer.get_config()["lazy_embeddings"] is lazy
    model = trained(optimizer)
    model.save(tmp_path / "model.rv")
    again = ranvier.saving.load_model(tmp_path / "model.rv")
    assert again.optimizer.lazy_embeddings is lazy
    x, y = good_data()
    for each in (model, again):
        each.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
