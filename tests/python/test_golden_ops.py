"""Values and gradients of ops, activations, losses and layers against Keras 3 (tests/golden/make_ops.py)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))

from op_cases import Case, cases, dy_of  # noqa: E402

CASES = list(cases())


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "ops.npz") as file:
        return dict(file)


@pytest.fixture(params=["float64", "float32"])
def floatx(request: pytest.FixtureRequest) -> Iterator[str]:
    before = ranvier.config.floatx()
    ranvier.config.set_floatx(request.param)
    yield request.param
    ranvier.config.set_floatx(before)


def call(case: Case, inputs: list[Any]) -> tuple[Any, list[Any]]:
    """The result, and what the gradients are read from."""
    target = attrgetter(case.path)(ranvier)
    if not case.path.startswith("layers."):
        return (target(inputs, **case.kwargs) if case.listed else target(*inputs, **case.kwargs)), inputs
    layer = target(**case.kwargs)
    layer.build(inputs[0].shape)
    weights = layer.trainable_weights
    for weight, value in zip(weights, inputs[1:], strict=True):
        weight.assign(value)
    return layer(inputs[0], training=True), [inputs[0], *weights]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_value_and_gradients(case: Case, golden: dict[str, np.ndarray], floatx: str) -> None:
    inputs = []
    for i in range(len(case.inputs)):
        x = golden[f"{case.name}/x{i}"]
        inputs.append(ranvier.ops.convert_to_tensor(x.astype(floatx) if x.dtype == np.float64 else x))
    for i in case.gradients:
        inputs[i].requires_grad = True
    y, sources = call(case, inputs)
    # float32: some units in the last place of the largest value, and of what the formulas lose near 0 and 1
    tolerance = {"float64": 1e-10, "float32": 2e-5}[floatx]

    def compare(received: Any, name: str) -> None:
        expected = golden[f"{case.name}/{name}"]
        received = np.asarray(received)
        assert received.dtype == floatx
        assert received.shape == expected.shape
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(received, expected, rtol=tolerance, atol=tolerance * scale, err_msg=name)

    compare(y, "y")
    y.backward(ranvier.ops.convert_to_tensor(dy_of(y.shape).astype(floatx)))
    for i in case.gradients:
        compare(sources[i].grad, f"dx{i}")


def test_the_file_has_the_cases(golden: dict[str, np.ndarray]) -> None:
    assert {name.rsplit("/", 1)[0] for name in golden} == {case.name for case in CASES}
