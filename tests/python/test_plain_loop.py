"""The plain training loop works as textbooks write it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ranvier
from ranvier import layers, losses, optimizers
from ranvier.data import DataLoader

RNG = np.random.default_rng(0)
X = RNG.normal(size=(128, 4)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [3.0], [0.5]], "float32") + 0.25


def make_model(seed: int = 0) -> Any:
    ranvier.utils.set_random_seed(seed)
    return ranvier.Sequential([ranvier.Input((4,)), layers.Dense(8, activation="tanh"), layers.Dense(1)])


def test_the_textbook_loop() -> None:
    x, y = X, Y
    model = make_model()
    loss_fn = losses.MeanSquaredError()
    optimizer = optimizers.Adam(0.02, parameters=model)
    epoch_losses = []
    for _ in range(40):
        total = 0.0
        for batch in DataLoader(x, y, batch_size=32, shuffle=True):
            predictions = model(batch.inputs)
            loss = loss_fn(batch.targets, predictions)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            total += loss.item()
        epoch_losses.append(total / 4)
    assert epoch_losses[-1] < 0.05 * epoch_losses[0]
    assert optimizer.iterations == 160


def test_batches_unpack_as_pairs_and_the_seed_decides() -> None:
    results = []
    for _ in range(2):
        model, loss_fn = make_model(), losses.MeanSquaredError()
        optimizer = optimizers.SGD(0.05, momentum=0.9, parameters=model.parameters())
        for inputs, targets in DataLoader(X, Y, batch_size=32, shuffle=True, seed=3):
            loss_fn(targets, model(inputs, training=True)).backward()
            optimizer.step()
            optimizer.zero_grad()
        results.append(model.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("name", ["sgd", "momentum", "rmsprop", "adam", "adamw"])
def test_the_loop_gives_the_weights_of_fit(name: str) -> None:
    make = {
        "sgd": lambda **kwargs: optimizers.SGD(0.05, **kwargs),
        "momentum": lambda **kwargs: optimizers.SGD(0.05, momentum=0.9, **kwargs),
        "rmsprop": lambda **kwargs: optimizers.RMSprop(0.01, **kwargs),
        "adam": lambda **kwargs: optimizers.Adam(0.01, **kwargs),
        "adamw": lambda **kwargs: optimizers.AdamW(0.01, weight_decay=0.1, **kwargs),
    }[name]
    fitted, looped = make_model(), make_model()
    fitted.compile(make(), "mse")
    fitted.fit(X, Y, epochs=3, batch_size=32, shuffle=False, verbose=0)
    optimizer, loss_fn = make(parameters=looped), losses.MeanSquaredError()
    for _ in range(3):
        for batch in DataLoader(X, Y, batch_size=32):
            loss_fn(batch.targets, looped(batch.inputs, training=True)).backward()
            optimizer.step()
            optimizer.zero_grad()
    for a, b in zip(fitted.get_weights(), looped.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_gradients_add_up_until_they_are_cleared() -> None:
    model, loss_fn = make_model(), losses.MeanSquaredError()
    loss_fn(Y, model(X)).backward()
    once = [w.grad.numpy().copy() for w in model.trainable_weights]
    loss_fn(Y, model(X)).backward()
    for weight, gradient in zip(model.trainable_weights, once, strict=True):
        np.testing.assert_allclose(weight.grad.numpy(), 2 * gradient, rtol=1e-5)


def test_fit_after_the_loop_and_the_loop_after_fit() -> None:
    model, loss_fn = make_model(), losses.MeanSquaredError()
    optimizer = optimizers.Adam(0.01, parameters=model)
    model.compile(optimizer, loss_fn)
    first = model.fit(X, Y, verbose=0).history["loss"][0]
    for batch in DataLoader(X, Y):
        loss_fn(batch.targets, model(batch.inputs)).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert optimizer.iterations == 8
    assert model.fit(X, Y, verbose=0).history["loss"][0] < first


def test_no_grad_keeps_no_history() -> None:
    model = make_model()
    with ranvier.no_grad():
        y = model(X)
    assert not y.requires_grad
    with pytest.raises(RuntimeError):
        losses.MeanSquaredError()(Y, y).backward()
