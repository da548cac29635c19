"""What hostile and clumsy users do: every case once crashed, hung, lied, or answered with a wall of text.

The rule: a result, or a prompt error that says what was expected; and the model works as before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import layers, ops
from robustness_helpers import X, Y, network

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
