"""ranvier.ops: values against NumPy, argument forms, dtypes, gradients, bad input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ranvier import ops
from ranvier._core import Variable

RNG = np.random.default_rng(3)
A = RNG.normal(size=(3, 4))
B = RNG.normal(size=(3, 4))
P = RNG.uniform(0.1, 2.0, size=(3, 4))
I = np.array([[3, -1, 2], [0, 5, -4]], "int32")  # noqa: E741
M = A > 0


def softplus(x: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(x))


def normal(x: np.ndarray, epsilon: float) -> np.ndarray:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)


# (function, arguments, keyword arguments, what NumPy says)
CASES: list[tuple[str, tuple[Any, ...], dict[str, Any], Any]] = [
    ("add", (A, B), {}, A + B),
    ("add", (A, 2), {}, A + 2),
    ("subtract", (2.0, A), {}, 2 - A),
    ("multiply", (A, B[0]), {}, A * B[0]),
    ("divide", (A, P), {}, A / P),
    ("true_divide", (I, 2), {}, I / 2),
    ("divide_no_nan", (A, np.where(M, P, 0)), {}, np.where(M, A / P, 0)),
    ("power", (P, 2.5), {}, P**2.5),
    ("power", (P, A), {}, P**A),
    ("power", (2.0, A), {}, 2**A),
    ("maximum", (A, B), {}, np.maximum(A, B)),
    ("minimum", (A, 0.5), {}, np.minimum(A, 0.5)),
    ("logaddexp", (A, B), {}, np.logaddexp(A, B)),
    ("negative", (A,), {}, -A),
    ("negative", (I,), {}, -I),
    ("abs", (A,), {}, np.abs(A)),
    ("absolute", (I,), {}, np.abs(I)),
    ("sign", (A,), {}, np.sign(A)),
    ("sign", (I,), {}, np.sign(I)),
    ("square", (A,), {}, A**2),
    ("square", (I,), {}, I**2),
    ("sqrt", (P,), {}, np.sqrt(P)),
    ("rsqrt", (P,), {}, 1 / np.sqrt(P)),
    ("reciprocal", (P,), {}, 1 / P),
    ("exp", (A,), {}, np.exp(A)),
    ("exp2", (A,), {}, np.exp2(A)),
    ("expm1", (A,), {}, np.expm1(A)),
    ("log", (P,), {}, np.log(P)),
    ("log1p", (P,), {}, np.log1p(P)),
    ("log2", (P,), {}, np.log2(P)),
    ("log10", (P,), {}, np.log10(P)),
    ("sin", (A,), {}, np.sin(A)),
    ("cos", (A,), {}, np.cos(A)),
    ("erf", (A,), {}, np.vectorize(math.erf)(A)),
    ("floor", (A,), {}, np.floor(A)),
    ("ceil", (A,), {}, np.ceil(A)),
    ("round", (A,), {}, np.round(A)),
    ("round", (A, 2), {}, np.round(A, 2)),
    ("clip", (A, -0.5, 0.5), {}, np.clip(A, -0.5, 0.5)),
    ("clip", (I, -1, 3), {}, np.clip(I, -1, 3)),
    ("clip", (A, B, B + 1), {}, np.clip(A, B, B + 1)),
    ("equal", (I, 2), {}, I == 2),
    ("not_equal", (A, A), {}, np.zeros_like(M)),
    ("less", (A, B), {}, A < B),
    ("less_equal", (A, A), {}, np.ones_like(M)),
    ("greater", (A, 0), {}, M),
    ("greater_equal", (A, B), {}, A >= B),
    ("where", (M, A, 0.0), {}, np.where(M, A, 0)),
    ("where", (M, A, B), {}, np.where(M, A, B)),
    ("logical_and", (M, B > 0), {}, M & (B > 0)),
    ("logical_or", (M, B > 0), {}, M | (B > 0)),
    ("logical_xor", (M, B > 0), {}, M ^ (B > 0)),
    ("logical_not", (M,), {}, ~M),
    ("isnan", (np.array([1, np.nan, np.inf]),), {}, [False, True, False]),
    ("isfinite", (np.array([1, np.nan, -np.inf]),), {}, [True, False, False]),
    ("isinf", (np.array([1, np.nan, -np.inf]),), {}, [False, False, True]),
    ("sum", (A,), {}, A.sum()),
    ("sum", (A, 0), {}, A.sum(0)),
    ("sum", (A, (0, -1)), {"keepdims": True}, A.sum((0, 1), keepdims=True)),
    ("sum", (M,), {}, M.sum()),
    ("mean", (A, -1), {}, A.mean(-1)),
    ("mean", (I,), {}, I.mean()),
    ("var", (A, 1), {"keepdims": True}, A.var(1, keepdims=True)),
    ("std", (A, 0), {}, A.std(0)),
    ("prod", (A, 1), {}, A.prod(1)),
    ("max", (A, 1), {}, A.max(1)),
    ("max", (A,), {"initial": 9.0}, 9.0),
    ("min", (I, 0), {}, I.min(0)),
    ("amax", (A,), {}, A.max()),
    ("amin", (A, 0), {}, A.min(0)),
    ("any", (M, 0), {}, M.any(0)),
    ("all", (M, 1), {"keepdims": True}, M.all(1, keepdims=True)),
    ("count_nonzero", (I, 1), {}, np.count_nonzero(I, 1)),
    ("argmax", (A, 1), {}, A.argmax(1)),
    ("argmax", (A,), {}, A.argmax()),
    ("argmin", (I, 0), {"keepdims": True}, I.argmin(0, keepdims=True)),
    ("argmin", (A,), {"keepdims": True}, A.argmin(keepdims=True)),
    ("logsumexp", (A,), {}, np.log(np.exp(A).sum())),
    ("logsumexp", (A, 0), {}, np.log(np.exp(A).sum(0))),
    ("logsumexp", (1000 + A, -1), {"keepdims": True}, 1000 + np.log(np.exp(A).sum(-1, keepdims=True))),
    ("matmul", (A, B.T), {}, A @ B.T),
    ("matmul", (I, I.T), {}, I @ I.T),
    ("matmul", (np.stack([A, B]), B.T), {}, np.stack([A, B]) @ B.T),
    ("matmul", (A, B[0]), {}, A @ B[0]),
    ("dot", (A[0], B[0]), {}, A[0] @ B[0]),
    ("dot", (2.0, A), {}, 2 * A),
    ("dot", (np.stack([A, B]), B.T), {}, np.dot(np.stack([A, B]), B.T)),
    ("outer", (A[0], B), {}, np.outer(A[0], B)),
    ("reshape", (A, (2, -1)), {}, A.reshape(2, -1)),
    ("ravel", (A,), {}, A.ravel()),
    ("transpose", (A,), {}, A.T),
    ("transpose", (np.stack([A, B]), (1, 2, 0)), {}, np.stack([A, B]).transpose(1, 2, 0)),
    ("swapaxes", (np.stack([A, B]), 0, -1), {}, np.stack([A, B]).swapaxes(0, -1)),
    ("moveaxis", (np.stack([A, B]), 0, -1), {}, np.moveaxis(np.stack([A, B]), 0, -1)),
    ("moveaxis", (np.stack([A, B]), (0, 1), (2, 0)), {}, np.moveaxis(np.stack([A, B]), (0, 1), (2, 0))),
    ("expand_dims", (A, 1), {}, A[:, None]),
    ("expand_dims", (A, (0, -1)), {}, A[None, :, :, None]),
    ("squeeze", (A[:1, None],), {}, A[0]),
    ("squeeze", (A[:, None], 1), {}, A),
    ("broadcast_to", (A[0], (2, 4)), {}, np.broadcast_to(A[0], (2, 4))),
    ("concatenate", ([A, B],), {}, np.concatenate([A, B])),
    ("concatenate", ([A, I[:, :3].T],), {"axis": -1}, np.concatenate([A, I[:, :3].T], -1)),
    ("stack", ([A, B], 1), {}, np.stack([A, B], 1)),
    ("take", (A, [2, 0, -1], 0), {}, A.take([2, 0, -1], 0)),
    ("take", (A, np.array([[1, 3], [0, 0]])), {"axis": 1}, A.take([[1, 3], [0, 0]], 1)),
    ("take", (A, [5, 11]), {}, A.take([5, 11])),
    ("flip", (A,), {}, np.flip(A)),
    ("flip", (A, 1), {}, np.flip(A, 1)),
    ("repeat", (A, 2), {}, np.repeat(A, 2)),
    ("repeat", (A, 3, 1), {}, np.repeat(A, 3, 1)),
    ("tile", (A, 2), {}, np.tile(A, 2)),
    ("tile", (A, (2, 1, 3)), {}, np.tile(A, (2, 1, 3))),
    ("pad", (A, ((1, 0), (2, 1))), {"constant_values": 7}, np.pad(A, ((1, 0), (2, 1)), constant_values=7)),
    ("pad", (A, 1), {}, np.pad(A, 1)),
    ("slice", (A, (1, 0), (2, 3)), {}, A[1:3, :3]),
    ("get_item", (A, (slice(None), 1)), {}, A[:, 1]),
    ("full", ((2, 3), 4), {}, np.full((2, 3), 4)),
    ("zeros_like", (A,), {}, np.zeros_like(A)),
    ("ones_like", (I,), {}, np.ones_like(I)),
    ("full_like", (A, 2), {}, np.full_like(A, 2)),
    ("eye", (3, 4, 1), {}, np.eye(3, 4, 1)),
    ("identity", (2,), {}, np.eye(2)),
    ("arange", (5,), {}, np.arange(5)),
    ("arange", (1, 2, 0.25), {}, np.arange(1, 2, 0.25)),
    ("arange", (5, 1, -2), {}, np.arange(5, 1, -2)),
    ("linspace", (0, 1, 5), {}, np.linspace(0, 1, 5)),
    ("one_hot", ([2, 0], 3), {}, np.eye(3)[[2, 0]]),
    ("one_hot", ([2.0, 0.0], 3), {}, np.eye(3)[[2, 0]]),
    ("one_hot", ([[2], [0]], 3), {"axis": 1}, np.moveaxis(np.eye(3)[[[2], [0]]], -1, 1)),
    ("cast", (A, "int32"), {}, A.astype("int32")),
    ("copy", (A,), {}, A),
    ("gelu", (A,), {}, A / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (A + 0.044715 * A**3)))),
    ("gelu", (A, False), {}, A / 2 * (1 + np.vectorize(math.erf)(A / np.sqrt(2)))),
    ("softplus", (A,), {}, softplus(A)),
    ("sparse_plus", (A,), {}, np.where(A <= -1, 0, np.where(A < 1, (A + 1) ** 2 / 4, A))),
    ("sparse_sigmoid", (A,), {}, np.clip((A + 1) / 2, 0, 1)),
    ("softmax", (A, (0, 1)), {}, np.exp(A) / np.exp(A).sum()),
    ("log_softmax", (A, 0), {}, A - np.log(np.exp(A).sum(0))),
    ("norm", (A,), {}, np.linalg.norm(A)),
    ("norm", (A, 1, 1), {}, np.linalg.norm(A, 1, 1)),
    ("norm", (A, np.inf, 0), {"keepdims": True}, np.linalg.norm(A, np.inf, 0, keepdims=True)),
    ("norm", (A, 3, 0), {}, np.linalg.norm(A, 3, 0)),
    ("normalize", (A,), {}, A / np.linalg.norm(A, axis=-1, keepdims=True)),
    ("normalize", (A, 0, 1), {}, A / np.abs(A).sum(0)),
    (
        "layer_normalization",
        (A,),
        {"epsilon": 0.1},
        (A - A.mean(-1, keepdims=True)) / np.sqrt(A.var(-1) + 0.1)[:, None],
    ),
    ("layer_normalization", (A, P[0], B[0]), {}, normal(A, 1e-7) * P[0] + B[0]),
    ("layer_normalization", (A, P[:, 0], None, 0), {}, normal(A.T, 1e-7).T * P[:, :1]),
    ("rms_normalization", (A,), {"epsilon": 0.1}, A / np.sqrt(np.square(A).mean(-1, keepdims=True) + 0.1)),
    ("rms_normalization", (A, P[:, 0], 0), {}, A / np.sqrt(np.square(A).mean(0) + 1e-7) * P[:, :1]),
    ("rms_normalization", (A, P, (0, 1)), {}, A / np.sqrt(np.square(A).mean() + 1e-7) * P),
    (
        "batch_normalization",
        (A, B[0], P[0], -1),
        {"offset": A[0], "scale": P[1]},
        (A - B[0]) / np.sqrt(P[0] + 1e-3) * P[1] + A[0],
    ),
    ("binary_crossentropy", (M, 1 / (1 + np.exp(-A))), {}, softplus(-A) * M + softplus(A) * ~M),
    ("binary_crossentropy", (M, A), {"from_logits": True}, softplus(-A) * M + softplus(A) * ~M),
    (
        "categorical_crossentropy",
        (np.eye(3)[[0, 2, 1, 0]].T, A, True, 0),
        {},
        np.log(np.exp(A).sum(0)) - A[[0, 2, 1, 0], range(4)],
    ),
    (
        "sparse_categorical_crossentropy",
        ([3, 0, 1], A),
        {"from_logits": True},
        np.log(np.exp(A).sum(1)) - A[range(3), [3, 0, 1]],
    ),
]


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "expected"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)]
)
def test_values_are_those_of_numpy(name: str, args: Any, kwargs: Any, expected: Any) -> None:
    y = getattr(ops, name)(*args, **kwargs)
    # 1e-7 in probabilities: Keras's clipping; numbers made without arrays are float32
    single = y.dtype == "float32" or name == "binary_crossentropy"
    tolerance = 1e-6 if single else 1e-12
    np.testing.assert_allclose(y.numpy(), expected, rtol=tolerance, atol=tolerance)
    assert y.shape == np.shape(expected)


def test_every_op_is_listed_once() -> None:
    assert len(set(ops.__all__)) == len(ops.__all__)
    assert all(callable(getattr(ops, name)) and getattr(ops, name).__doc__ for name in ops.__all__)


def test_dtypes() -> None:
    x = ops.ones((2,), "float32")
    assert (x + 1).dtype == ops.add(x, 1.5).dtype == ops.multiply(2, x).dtype == "float32"
    assert ops.add(np.ones(2, "float32"), np.ones(2)).dtype == "float64"
    integers = ops.arange(3)
    assert integers.dtype == "int32"
    assert ops.add(integers, 1).dtype == "int32"
    assert ops.add(integers, 0.5).dtype == "float32"
    assert ops.divide(integers, 2).dtype == ops.mean(integers).dtype == ops.sqrt(integers).dtype == "float32"
    assert ops.argmax(x).dtype == "int32"
    assert ops.sum(np.array([True, False])).dtype == "int32"
    assert ops.arange(3.0).dtype == "float32"
    assert ops.cast(x, "bool").dtype == "bool"
    assert (ops.shape(x), ops.ndim(x), ops.size(x), ops.dtype(x)) == ((2,), 1, 2, "float32")


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.logsumexp(x, 1),
        lambda x: ops.logaddexp(x, B),
        lambda x: ops.softmax(x, (0, 1)) * B,
        lambda x: ops.norm(x, 3, 0),
        lambda x: ops.normalize(x) * B,
        lambda x: ops.tile(x, (2, 2)) * np.tile(B, (2, 2)) * 0.5,
        lambda x: ops.repeat(x, 2, 1) * np.repeat(B, 2, 1),
        lambda x: ops.concatenate(ops.split(x, [1, 3], 1)[::-1], 1) * B,
        lambda x: ops.stack(ops.unstack(x, axis=1), 0) * B.T,
        lambda x: ops.divide_no_nan(x, np.where(M, P, 0)),
        lambda x: ops.where(M, ops.square(x), x),
        lambda x: ops.sparse_plus(x),
        lambda x: ops.moments(x, 1)[1],
        lambda x: ops.binary_crossentropy(M, x, from_logits=True),
        lambda x: ops.take(x, [0, 0, 2]) * 2.0,
        lambda x: ops.batch_normalization(x, B[0], P[0], -1, scale=P[1]),
    ],
)
def test_gradients_are_those_of_differences(function: Any) -> None:
    x = Variable(ops.convert_to_tensor(A))
    ops.sum(function(x)).backward()
    step = 1e-6
    for index in np.ndindex(A.shape):
        shifted = []
        for sign in (1, -1):
            moved = A.copy()
            moved[index] += sign * step
            shifted.append(float(ops.sum(function(ops.convert_to_tensor(moved)))))
        slope = (shifted[0] - shifted[1]) / (2 * step)
        assert x.grad.numpy()[index] == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_gradients_stay_finite() -> None:
    x = Variable(ops.zeros((2, 3)))
    ops.sum(ops.normalize(x)).backward()
    assert np.isfinite(x.grad.numpy()).all()
    y = Variable(ops.convert_to_tensor([-np.inf, -np.inf]))
    assert float(ops.logsumexp(y)) == -np.inf
    assert ops.logaddexp(y, y).numpy().tolist() == [-np.inf, -np.inf]


def test_stop_gradient() -> None:
    x = Variable(ops.convert_to_tensor([2.0]))
    (x * ops.stop_gradient(x)).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2.0])


def test_splitting() -> None:
    assert [p.shape for p in ops.split(A, 2, 1)] == [(3, 2), (3, 2)]
    assert [p.shape for p in ops.split(A, [1, 1], 0)] == [(1, 4), (0, 4), (2, 4)]
    parts = ops.unstack(A, axis=-1)
    assert len(parts) == 4
    np.testing.assert_array_equal(parts[2].numpy(), A[:, 2])
    original = ops.convert_to_tensor(A)
    assert ops.convert_to_numpy(original) is not A
    assert not ops.convert_to_numpy(original).flags.writeable


BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: ops.add(np.ones(2), np.ones(3)), ValueError, r"\(2,?\).*\(3,?\)"),
    (lambda: ops.matmul(np.ones((2, 3)), np.ones((2, 3))), ValueError, r"\(2, 3\)"),
    (lambda: ops.sum(A, 5), ValueError, r"\[sum\] axis: expected an axis from -2 to 1, received 5"),
    (lambda: ops.sum(A, "a"), TypeError, r"\[sum\] axis: expected an int"),
    (lambda: ops.mean(A, (0, 0)), ValueError, "expected different axes"),
    (lambda: ops.dot(np.ones((2, 2)), np.ones((2, 2, 2))), ValueError, "matmul multiplies stacks"),
    (lambda: ops.reshape(A, (5, 5)), ValueError, r"\(3, 4\)"),
    (lambda: ops.reshape(A, "ab"), TypeError, "expected a tuple of ints"),
    (lambda: ops.transpose(A, (0,)), ValueError, r"\[transpose\] axes: expected all 2 axes"),
    (lambda: ops.squeeze(A, 0), ValueError, "has size 3, expected 1"),
    (lambda: ops.split(A, 3, 1), ValueError, "cannot be cut into 3 equal parts"),
    (lambda: ops.concatenate([]), ValueError, "expected at least one tensor"),
    (lambda: ops.pad(A, ((1, 1), (2, 2), (3, 3))), ValueError, r"\[pad\] pad_width"),
    (lambda: ops.pad(A, 1, "reflect"), ValueError, "mode: expected 'constant'"),
    (lambda: ops.take(A, [0.5]), TypeError, "indices: expected integers"),
    (lambda: ops.slice(A, (2, 0), (2, 4)), ValueError, r"expected a block within shape \(3, 4\)"),
    (lambda: ops.unstack(A, num=7), ValueError, "num: expected 3"),
    (lambda: ops.norm(A, -1), ValueError, "ord: expected"),
    (lambda: ops.arange(0, 5, 0), ValueError, "step"),
    (lambda: ops.layer_normalization(A, axis=()), ValueError, "expected an axis or several"),
    (lambda: ops.rms_normalization(A, np.ones(3)), ValueError, r"expected a scale of shape \(4,\)"),
    (lambda: ops.binary_crossentropy(np.ones(3), np.ones(4)), ValueError, "expected equal shapes"),
    (lambda: ops.moveaxis(A, (0, 1), 0), ValueError, "as many destinations as sources"),
]


@pytest.mark.parametrize(("action", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_named(action: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        action()


@pytest.mark.parametrize(("function", "alpha"), [("elu", -0.5), ("elu", float("nan")), ("celu", 0.0), ("celu", -1.0)])
def test_alphas_without_a_right_derivative_are_refused(function: str, alpha: float) -> None:
    with pytest.raises(ValueError, match=rf"\[{function}\] expected alpha"):
        getattr(ops, function)([1.0, -1.0], alpha)
