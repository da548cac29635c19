"""The ops, activations, losses and layers whose values and gradients are compared with Keras 3.

sparsemax is missing: Keras 3.15 adds up cumulative sums where the paper takes the last one.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """One call: `path` names a function or layer in keras and ranvier alike, `inputs` are kinds of `draw`.

    Gradients are compared for the first `differentiable` inputs (all when None). A loss takes (y_true, y_pred).
    """

    name: str
    path: str
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    differentiable: tuple[int, ...] | None = None
    listed: bool = False

    @property
    def gradients(self) -> tuple[int, ...]:
        """Positions of the inputs that get a gradient."""
        return tuple(range(len(self.inputs))) if self.differentiable is None else self.differentiable


def draw(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """An input: float64, or int64 labels."""
    if kind == "wide":  # both tails and the middle
        x = np.concatenate([rng.normal(0, 1.5, 24), rng.uniform(-8, 8, 20), [-40.0, 40.0, 1e-3, -1e-3]])
        return rng.permutation(x)[: int(np.prod(shape))].reshape(shape)
    if kind == "normal":
        return rng.normal(size=shape)
    if kind == "positive":
        return rng.uniform(0.2, 3, size=shape)
    if kind == "unit":
        return rng.uniform(0.02, 0.98, size=shape)
    if kind == "simplex":
        return rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
    if kind == "binary":
        return (rng.random(shape) < 0.5).astype(np.float64)
    if kind == "signs":
        return np.where(rng.random(shape) < 0.5, -1.0, 1.0)
    if kind == "labels":
        return rng.integers(0, 5, size=shape)
    raise ValueError(kind)


def arrays_of(case: Case) -> list[np.ndarray]:
    """The inputs of a case, the same in every process."""
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    return [draw(kind, shape, rng) for kind, shape in case.inputs]


def dy_of(shape: tuple[int, ...]) -> np.ndarray:
    """The gradient that arrives at a result of this shape."""
    return np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)


_ACTIVATIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "relu": ({}, {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.3}),
    "relu6": ({},),
    "leaky_relu": ({}, {"negative_slope": 0.05}),
    "elu": ({}, {"alpha": 0.7}),
    "selu": ({},),
    "celu": ({}, {"alpha": 1.7}),
    "gelu": ({}, {"approximate": True}),
    "silu": ({},),
    "mish": ({},),
    "softplus": ({},),
    "softsign": ({},),
    "sigmoid": ({},),
    "hard_sigmoid": ({},),
    "hard_silu": ({},),
    "tanh": ({},),
    "hard_tanh": ({},),
    "exponential": ({},),
    "log_sigmoid": ({},),
    "tanh_shrink": ({},),
    "soft_shrink": ({},),
    "hard_shrink": ({}, {"threshold": 1.2}),
    "threshold": ({"threshold": 0.4, "default_value": -0.7},),
    "squareplus": ({}, {"b": 2.0}),
    "softmax": ({}, {"axis": 0}),
    "log_softmax": ({}, {"axis": 0}),
    "glu": ({}, {"axis": 0}),
}

_LOSSES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("mean_squared_error", "normal", "normal", {}),
    ("mean_absolute_error", "normal", "normal", {}),
    ("mean_absolute_percentage_error", "positive", "positive", {}),
    ("mean_squared_logarithmic_error", "positive", "positive", {}),
    ("huber", "normal", "normal", {"delta": 0.6}),
    ("log_cosh", "normal", "wide", {}),
    ("hinge", "signs", "normal", {}),
    ("squared_hinge", "signs", "normal", {}),
    ("poisson", "positive", "positive", {}),
    ("kl_divergence", "simplex", "simplex", {}),
    ("binary_crossentropy", "binary", "unit", {}),
    ("binary_crossentropy", "binary", "unit", {"label_smoothing": 0.2}),
    ("binary_crossentropy", "binary", "wide", {"from_logits": True}),
    ("categorical_crossentropy", "simplex", "simplex", {}),
    ("categorical_crossentropy", "simplex", "positive", {"label_smoothing": 0.1}),
    ("categorical_crossentropy", "simplex", "wide", {"from_logits": True}),
    ("categorical_crossentropy", "simplex", "normal", {"from_logits": True, "label_smoothing": 0.1}),
    ("sparse_categorical_crossentropy", "labels", "simplex", {}),
    ("sparse_categorical_crossentropy", "labels", "wide", {"from_logits": True}),
    ("sparse_categorical_crossentropy", "labels", "normal", {"from_logits": True, "ignore_class": 2}),
)


def cases() -> Iterator[Case]:
    """All of them."""
    for name, variants in _ACTIVATIONS.items():
        for i, kwargs in enumerate(variants):
            yield Case(f"{name}/{i}", f"activations.{name}", (("wide", (6, 8)),), kwargs)
    for i, (name, target, prediction, kwargs) in enumerate(_LOSSES):
        shape = (6,) if target == "labels" else (6, 5)
        yield Case(f"{name}/{i}", f"losses.{name}", ((target, shape), (prediction, (6, 5))), kwargs, (1,))
    for name in ("sqrt", "rsqrt", "reciprocal", "log", "log1p"):
        yield Case(f"{name}/0", f"ops.{name}", (("positive", (3, 5)),))
    for name in ("abs", "square", "exp", "expm1", "sin", "cos", "erf", "negative"):
        yield Case(f"{name}/0", f"ops.{name}", (("normal", (3, 5)),))
    yield Case("clip/0", "ops.clip", (("normal", (4, 5)),), {"x_min": -0.5, "x_max": 0.7})
    for name in ("add", "subtract", "multiply", "divide", "power", "maximum", "minimum"):
        for i, (a, b) in enumerate((((4, 3), (4, 3)), ((4, 3), (3,)), ((2, 1, 3), (4, 1)))):
            yield Case(f"{name}/{i}", f"ops.{name}", (("positive", a), ("positive", b)))
    for i, (a, b) in enumerate((((3, 4), (4, 2)), ((2, 3, 4), (4, 2)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (4, 2)))):
        yield Case(f"matmul/{i}", "ops.matmul", (("normal", a), ("normal", b)))
    for name in ("sum", "mean", "max", "min", "prod", "var"):
        for i, kwargs in enumerate(({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 2)})):
            yield Case(f"{name}/{i}", f"ops.{name}", (("normal", (3, 4, 2)),), kwargs)
    yield Case("transpose/0", "ops.transpose", (("normal", (2, 3, 4)),), {"axes": (2, 0, 1)})
    yield Case("concatenate/0", "ops.concatenate", (("normal", (2, 3)), ("normal", (2, 1))), {"axis": 1}, listed=True)
    yield Case("stack/0", "ops.stack", (("normal", (2, 3)), ("normal", (2, 3))), {"axis": 1}, listed=True)
    yield Case("take/0", "ops.take", (("normal", (5, 3)), ("labels", (2, 4))), {"axis": 0}, (0,))
    yield Case("pad/0", "ops.pad", (("normal", (2, 3)),), {"pad_width": ((1, 0), (2, 1))})
    yield Case("flip/0", "ops.flip", (("normal", (2, 3)),), {"axis": 1})
    for i, axis in enumerate((-1, 1)):
        kwargs = {"axis": axis, "epsilon": 1e-3}
        size = (4,) if axis == -1 else (3,)
        inputs = (("normal", (5, 3, 4)), ("positive", size), ("normal", size))
        yield Case(f"batch_norm/{i}", "layers.BatchNormalization", inputs, kwargs)
    for i, (axis, size) in enumerate((((-1,), (4,)), ((1, 2), (3, 4)))):
        inputs = (("normal", (5, 3, 4)), ("positive", size), ("normal", size))
        yield Case(f"layer_norm/{i}", "layers.LayerNormalization", inputs, {"axis": list(axis)})
