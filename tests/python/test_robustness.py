"""What hostile and clumsy users do: every case once crashed, hung, lied, or answered with a wall of text.

The rule: a result, or a prompt error that says what was expected; and the model works as before.
"""

from __future__ import annotations

import copy
import gc
import os
import pickle
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")
Y = np.arange(64) % 3


class Python(layers.Layer):
    """A layer that does what it is told."""

    def __init__(self, function: Callable[[Any], Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function = function

    def call(self, x: Any) -> Any:
        return x if self.function is None else self.function(x)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def network(*extra: Any, optimizer: Any = "adam") -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, "tanh", name="first"), *extra, layers.Dense(3, "softmax", name="last")]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# -- sizes beyond all bounds -------------------------------------------------------------------------------------------

BEYOND: dict[str, Callable[[], Any]] = {
    "reshape, product overflows": lambda: ops.reshape(X, (2**40, 2**40)),
    "reshape, size overflows": lambda: ops.reshape(X, (2**64,)),
    "method reshape": lambda: ops.ones((2,)).reshape(2**64),
    "nothing, reshaped": lambda: ops.reshape(ops.zeros((0,)), (0, 2**62)).numpy(),
    "zero beside sizes that overflow": lambda: ops.zeros((0, 2**62, 2**62)),
    "more elements than addresses": lambda: ops.zeros((2**62, 2**62)),
    "broadcast": lambda: ops.broadcast_to(1.0, (2**62, 2)),
    "repeat": lambda: ops.repeat(X, 2**62),
    "tile": lambda: ops.tile(X, (2**62, 2**62)),
    "pad": lambda: ops.pad(X, 2**62),
    "one_hot": lambda: ops.one_hot([1], 2**64),
    "step 2**62 of a slice, backwards": lambda: ops.zeros((3,))[5 : 2**70 : 0],
    "randint": lambda: keras.random.randint((2,), 0, 2**64),
    "RepeatVector": lambda: layers.RepeatVector(2**62)(X),
    "Reshape": lambda: layers.Reshape((2**40, 2**40, -1))(X),
    "scalar": lambda: ops.convert_to_tensor([1]) + 2**70,
    "threads": lambda: keras.set_num_threads(2**40),
    "batch size": lambda: network().fit(X, Y, batch_size=2**70, verbose=0),
}


@pytest.mark.parametrize("case", BEYOND)
def test_sizes_beyond_all_bounds(case: str) -> None:
    with pytest.raises((ValueError, MemoryError)) as caught:
        BEYOND[case]()
    assert "bad_alloc" not in str(caught.value)


def test_sizes_that_merely_look_absurd() -> None:
    x = ops.convert_to_tensor([0.0, 1.0, 2.0])
    np.testing.assert_array_equal(x[:: 2**62], [0.0])
    np.testing.assert_array_equal(x[:: -(2**63)], [2.0])
    np.testing.assert_array_equal(x[-(2**70) : 2**70], [0.0, 1.0, 2.0])
    history = network().fit(X, Y, batch_size=2**62, verbose=0)
    assert len(history.history["loss"]) == 1
    np.testing.assert_array_equal(ops.full((2,), 2**60 + 1, "int64"), [2**60 + 1] * 2)
    np.testing.assert_array_equal(ops.arange(2**60, 2**60 + 3), np.arange(2**60, 2**60 + 3))
    assert (ops.convert_to_tensor([0], "int64") + (2**60 + 1)).tolist() == [2**60 + 1]
    assert (ops.convert_to_tensor([0], "int32") + 2**40).tolist() == [2**40]


def test_out_of_memory_says_how_much() -> None:
    with pytest.raises(MemoryError, match=r"tensor of \d+ bytes"):
        ops.zeros((2**50,))


# -- arguments of the wrong kind ---------------------------------------------------------------------------------------

T = ops.convert_to_tensor(X)
KINDS: dict[str, tuple[Callable[[], Any], str]] = {
    "axis": (lambda: T.sum(axis="a"), "axis: expected integers, received 'a'"),
    "fraction as axis": (lambda: T.max(axis=1.5), "axis: expected integers, received 1.5"),
    "keepdims": (lambda: T.sum(axis=0, keepdims="yes"), "expected True or False, received 'yes'"),
    "keepdims of ops": (lambda: ops.mean(X, keepdims="yes"), "[mean] keepdims: expected True or False"),
    "dtype": (lambda: T.astype(3), "dtype: expected one of float32"),
    "shape": (lambda: T.reshape("a"), "reshape: expected integers, received 'a'"),
    "gradient": (lambda: (keras.Variable(X).value * 2).backward("a"), "received str"),
    "requires_grad": (lambda: setattr(ops.ones((1,)), "requires_grad", "x"), "expected True or False"),
    "name of a Variable": (lambda: keras.Variable(1.0, name=3), "expected a str, received 3"),
    "name set": (lambda: setattr(keras.Variable(1.0), "name", 3), "expected a str, received 3"),
    "trainable set": (lambda: setattr(keras.Variable(1.0), "trainable", "no"), "expected True or False"),
    "penalty set": (lambda: setattr(keras.Variable(1.0), "l2", "a"), "expected a number"),
    "threads": (lambda: keras.set_num_threads("two"), "expected an integer, received 'two'"),
    "empty Tensor": (lambda: keras.Tensor.__new__(keras.Tensor), "convert_to_tensor"),
    "Tensor()": (lambda: keras.Tensor(), "convert_to_tensor"),
    "empty Variable": (lambda: keras.Variable.__new__(keras.Variable), "expected a value"),
    "one_hot": (lambda: ops.one_hot([1], "a"), "[one_hot] num_classes"),
}


@pytest.mark.parametrize("case", KINDS)
def test_arguments_of_the_wrong_kind(case: str) -> None:
    call, part = KINDS[case]
    with pytest.raises(TypeError) as caught:
        call()
    assert part in str(caught.value) and len(str(caught.value)) < 300


def test_mask_of_another_length() -> None:
    with pytest.raises(IndexError, match="64"):
        T[np.ones(3, bool)]


def test_number_of_threads() -> None:
    before = keras.get_num_threads()
    try:
        keras.set_num_threads(10**6)
        a = np.ones((400, 400), "float32")
        assert float(ops.matmul(a, a)[0, 0]) == 400
        with pytest.raises(ValueError, match="n >= 1"):
            keras.set_num_threads(0)
    finally:
        keras.set_num_threads(before)


# -- layers in Python that misbehave -----------------------------------------------------------------------------------

OUTPUTS: dict[str, Callable[[Any], Any]] = {
    "more columns": lambda x: ops.concatenate([x] * 50, axis=-1),
    "more rows": lambda x: ops.concatenate([x] * 50, axis=0),
    "fewer rows": lambda x: x[:3],
    "another dtype": lambda x: ops.cast(x, "float64"),
    "booleans": lambda x: x > 0,
    "a scalar": ops.sum,
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_output_other_than_announced(case: str) -> None:
    model = keras.Sequential([keras.Input((4,)), Python(OUTPUTS[case])])
    with pytest.raises(ValueError, match="compute_output_shape") as caught:
        model.predict(X, verbose=0)
    assert "(32, 4)" in str(caught.value)
    model.layers[0].function = None
    np.testing.assert_array_equal(model.predict(X, verbose=0), X)


@pytest.mark.parametrize("value", [None, "text", object()])
def test_layer_returns_no_tensor(value: Any) -> None:
    model = network(Python(lambda x: value, name="odd"))
    with pytest.raises(TypeError, match="odd"):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("value", [[1.0, 2.0], 1.0, np.ones(32)])
def test_loss_without_gradient(value: Any) -> None:
    model = network()
    model.compile("sgd", lambda y, p: value)
    with pytest.raises(ValueError, match="depends on the model"):
        model.fit(X, Y, verbose=0)


def test_training_from_within_a_step_is_no_deadlock() -> None:
    model: Any = None

    def train(x: Any) -> Any:
        model.fit(X, Y, verbose=0)
        return x

    model = network(Python(train))
    with pytest.raises(RuntimeError, match="at work already"):
        model.fit(X, Y, verbose=0)
    model.layers[1].function = None
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_threads_around_a_python_layer_do_not_deadlock() -> None:
    model = network(Python())
    model.fit(X, Y, verbose=0)
    errors: list[BaseException] = []

    def work(predicts: bool) -> None:
        try:
            for _ in range(10):
                model.predict(X, verbose=0) if predicts else model.fit(X, Y, verbose=0)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k % 2 == 0,), daemon=True) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads) and not errors


def test_model_changed_while_another_thread_trains_it() -> None:
    model = network()
    x, y = np.repeat(X, 100, 0), np.repeat(Y, 100)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                model.fit(x, y, verbose=0)
        except ValueError as error:  # nothing trainable at this moment
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    step = 0
    while thread.is_alive() and step < 200:
        step += 1
        model.layers[0].trainable = bool(step % 2)
        model.set_weights(model.get_weights())
        model.predict(X, verbose=0)
        time.sleep(0.001)
    thread.join(60)
    assert not thread.is_alive() and not errors
    assert np.isfinite(model.predict(X, verbose=0)).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_while_training() -> None:
    model = network()
    thread = threading.Thread(target=lambda: model.fit(np.repeat(X, 500, 0), np.repeat(Y, 500), epochs=3, verbose=0))
    thread.start()
    pid = os.fork()
    if pid == 0:
        try:
            network().fit(X, Y, verbose=0)
            os._exit(7)
        except BaseException:
            os._exit(1)
    code, deadline = None, time.monotonic() + 20
    while code is None and time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if done else None
        time.sleep(0.01)
    if code is None:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    thread.join()
    assert code == 7


def test_labels_that_change_while_training() -> None:
    y = np.repeat(Y, 50)

    class Spoil(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            y[:] = 10**6  # after the check, before they are used

    model = network()
    with pytest.raises(keras.NonFiniteLossError):
        model.fit(np.repeat(X, 50, 0), y, verbose=0, callbacks=[Spoil()], shuffle=False)
    assert np.isfinite(model.get_weights()[0]).all()


# -- copies and lives --------------------------------------------------------------------------------------------------


def fitted() -> Any:
    model = network(layers.BatchNormalization(), layers.Dropout(0.3, seed=1))
    model.fit(X, Y, verbose=0)
    return model


COPIED: dict[str, Callable[[], Any]] = {
    "tensor": lambda: ops.convert_to_tensor(X),
    "integers": lambda: ops.convert_to_tensor([1, 2]),
    "variable": lambda: keras.Variable(X, name="kernel", path="a/kernel"),
    "frozen variable": lambda: fitted().layers[1].moving_mean,
    "model": fitted,
    "Dense": lambda: layers.Dense(3),
    "built Dense": lambda: fitted().layers[0],
    "built BatchNormalization": lambda: fitted().layers[1],
    "built Dropout": lambda: fitted().layers[2],
    "own layer": lambda: Python(name="own"),
    "optimizer": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "loss": lambda: keras.losses.Huber(2.0),
    "metric": lambda: keras.metrics.AUC(),
    "history": lambda: fitted().history,
}


def facts(thing: Any) -> Any:
    """What a copy must share with its original."""
    if isinstance(thing, keras.Tensor):
        return thing.dtype, thing.tolist()
    if isinstance(thing, keras.Variable):
        return thing.dtype, thing.name, thing.path, thing.trainable, thing.l2, thing.numpy().tolist()
    if isinstance(thing, layers.Layer):
        return thing.get_config(), [facts(v) for v in thing.weights], thing.built
    if hasattr(thing, "get_config"):
        return thing.get_config()
    return thing.history


@pytest.mark.parametrize("how", [lambda o: pickle.loads(pickle.dumps(o)), copy.deepcopy], ids=["pickle", "deepcopy"])
@pytest.mark.parametrize("what", COPIED)
def test_copies(what: str, how: Callable[[Any], Any]) -> None:
    original = COPIED[what]()
    state = keras._core.get_random_state()
    made = how(original)
    assert keras._core.get_random_state() == state
    assert type(made) is type(original) and made is not original
    assert facts(made) == facts(original)
    if isinstance(made, keras.Variable):
        made.assign(0)
        assert original.numpy().any() or not facts(original)[-1]
    if isinstance(made, layers.Layer) and made.built and not isinstance(made, keras.Sequential):
        width = made._build_shape[-1]
        x = np.ones((2, width), "float32")
        for training in (False, True):
            np.testing.assert_array_equal(made(x, training=training), original(x, training=training))


def test_optimizer_with_weights_is_not_copied_by_itself() -> None:
    with pytest.raises(TypeError, match="copy its model"):
        copy.deepcopy(fitted().optimizer)


def test_weights_outlive_their_model() -> None:
    model = fitted()
    variable, seen = model.weights[0], model.weights[0].value.numpy()
    ops.sum(model(X)).backward()
    gradient = variable.grad.numpy()
    before = seen.copy(), gradient.copy()
    del model
    gc.collect()
    filler = [np.full(10000, np.nan, "float32") for _ in range(100)]
    np.testing.assert_array_equal(seen, before[0])
    np.testing.assert_array_equal(gradient, before[1])
    variable.assign(variable.numpy() * 2)
    ops.sum(variable.value * variable.value).backward()
    assert np.isfinite(variable.grad.numpy()).all() and len(filler) == 100


def test_long_chains_are_freed_without_recursion() -> None:
    x = keras.Variable([0.5, -0.5])
    for function in (ops.sigmoid, ops.softmax, lambda v: v * v, lambda v: ops.reshape(v, (2,))):
        y = x.value
        for _ in range(20000):
            y = function(y)
        del y
    y = x.value
    for _ in range(20000):
        y = y + 1.0
    ops.sum(y).backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_thousand_layers(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), *[layers.Dense(2, "tanh") for _ in range(1000)]])
    model.compile("sgd", "mse")
    model.fit(X[:, :2], X[:, :2], verbose=0)
    model.save(tmp_path / "deep.rv")
    loaded = keras.saving.load_model(tmp_path / "deep.rv")
    np.testing.assert_array_equal(loaded.predict(X[:, :2], verbose=0), model.predict(X[:, :2], verbose=0))


def test_deeply_nested_json() -> None:
    with pytest.raises(ValueError, match="model_from_json"):
        keras.models.model_from_json("[" * 100000)


def test_layer_that_forgot_super() -> None:
    class Forgetful(layers.Layer):
        def __init__(self) -> None:
            pass

    with pytest.raises(RuntimeError, match=r"super\(\).__init__\(\)"):
        keras.Sequential([Forgetful()])


# -- weights -----------------------------------------------------------------------------------------------------------


def test_a_frozen_weight_keeps_its_place() -> None:
    model = network()
    order = [v.path for v in model.weights]
    model.weights[0].trainable = False
    assert [v.path for v in model.weights] == order
    assert [v.path for v in model.trainable_weights] == order[1:]


def test_set_weights_changes_nothing_after_an_error() -> None:
    model = network()
    before = model.get_weights()
    with pytest.raises(TypeError, match=r"last/bias.*complex"):
        model.set_weights([*[w + 1 for w in before[:-1]], before[-1] * 1j])
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    model.set_weights([w.astype("float16") for w in before])
    model.set_weights([w.astype(">f8") for w in before])
    np.testing.assert_allclose(model.get_weights()[0], before[0], atol=1e-7)


# -- asking while fit runs ---------------------------------------------------------------------------------------------


def test_questions_of_callbacks_leave_the_history_alone() -> None:
    class Curious(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.model.evaluate(X[:13], Y[:13], batch_size=5, verbose=0)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.evaluate(X[:13], Y[:13], batch_size=5, verbose=0)
            self.model.test_on_batch(X[:3], Y[:3])
            self.model.predict(X[:9], verbose=0)

    plain, asked = network(), network()
    expected = plain.fit(X, Y, batch_size=16, epochs=2, verbose=0, shuffle=False).history
    received = asked.fit(X, Y, batch_size=16, epochs=2, verbose=0, shuffle=False, callbacks=[Curious()]).history
    assert received == expected
    for a, b in zip(plain.get_weights(), asked.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# -- losses as Keras computes them (values from Keras 3) ---------------------------------------------------------------

LABELS = np.array([0, 2, -1, 1, -1])
LOGITS = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
WEIGHTS = np.array([1, 2, 3, 0.5, 1], "float32")


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize(
    ("ignored", "reduction", "plain", "weighted"),
    [
        (-1, "sum_over_batch_size", 1.0870678, 1.1396865),
        (-1, "mean_with_sample_weight", 1.0870678, 0.9768742),
        (-1, "sum", 3.2612035, 3.4190595),
        (0, "sum_over_batch_size", 0.8448448, 1.3660512),
        (0, "mean_with_sample_weight", 0.8448449, 0.84064686),
        (0, "sum", 3.3793795, 5.464205),
    ],
)
def test_ignored_class(from_logits: bool, ignored: int, reduction: str, plain: float, weighted: float) -> None:
    labels = LABELS if ignored == -1 else np.abs(LABELS)
    scores = LOGITS if from_logits else ops.softmax(LOGITS)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits, ignore_class=ignored, reduction=reduction)
    assert float(loss(labels, scores)) == pytest.approx(plain, rel=1e-5)
    assert float(loss(labels[:, None], scores)) == pytest.approx(plain, rel=1e-5)
    assert float(loss(labels, scores, WEIGHTS)) == pytest.approx(weighted, rel=1e-5)


def test_ignored_class_with_nothing_left() -> None:
    loss = keras.losses.SparseCategoricalCrossentropy(True, ignore_class=0)
    x = keras.Variable(LOGITS)
    value = loss(np.zeros(5, int), x.value)
    value.backward()
    assert float(value) == 0 and not x.grad.numpy().any()


def test_ignored_class_in_recorded_steps() -> None:
    """The number of rows that count changes from batch to batch of the same shape."""
    y = np.where(np.arange(64) % 5 < np.arange(64) // 16, -1, Y)
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    model, twin = network(optimizer=keras.optimizers.SGD(0.5)), network(Python(), optimizer=keras.optimizers.SGD(0.5))
    for m in (model, twin):
        m.compile(keras.optimizers.SGD(0.5), loss)
        for start in range(0, 64, 16):
            m.train_on_batch(X[start : start + 16], y[start : start + 16])
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("reduction", "plain", "weighted"),
    [
        ("sum_over_batch_size", 0.625, 1.09375),
        ("mean_with_sample_weight", 0.625, 0.625),
        ("sum", 0.625, 4.375),
        (None, 0.625, [0.625, 1.25, 0.0, 2.5]),
    ],
)
def test_predictions_of_one_axis(reduction: Any, plain: float, weighted: Any) -> None:
    loss = keras.losses.MeanSquaredError(reduction=reduction)
    y, p, w = (np.array(v, "float32") for v in ([0, 1, 2, 3], [0.5, 1.5, 1, 2], [1, 2, 0, 4]))
    assert float(loss(y, p)) == plain
    np.testing.assert_allclose(loss(y, p, w), weighted)
