"""Functional models against Keras 3: outputs, gradients, state, and the order of layers, weights and calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import golden.store
import ranvier as keras
from golden.functional_cases import CASES, plain, structure, values
from ranvier import ops
from ranvier._symbolic import flatten, pack_like

STRUCTURES = json.loads((Path(golden.store.__file__).parent / "functional.json").read_text())


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    return golden.store.load("functional")


def built(label: str) -> Any:
    keras.utils.clear_session()
    keras.config.set_floatx("float64")
    try:
        return CASES[label].build(keras)
    finally:
        keras.config.set_floatx("float32")


def loaded(model: Any, tmp_path: Path) -> Any:
    model.save(tmp_path / "m.rv")
    return keras.models.load_model(tmp_path / "m.rv")


@pytest.mark.parametrize("label", CASES)
@pytest.mark.parametrize("again", [False, True], ids=["built", "loaded"])
def test_values_and_gradients_are_those_of_keras(
    label: str, again: bool, expected: dict[str, np.ndarray], tmp_path: Path
) -> None:
    case, model = CASES[label], built(label)
    if again:
        model = loaded(model, tmp_path)
    weights = values(f"{label}/weights", [w.shape for w in model.weights])
    model.set_weights([abs(w) if "variance" in v.path else w for w, v in zip(weights, model.weights, strict=True)])
    xs = [ops.convert_to_tensor(x) for x in values(f"{label}/x", case.inputs)]
    for x in xs:
        x.requires_grad = True
    ys = flatten(model(pack_like(model.input, xs)))
    dys = values(f"{label}/dy", [y.shape for y in ys])
    total: Any = sum(ops.sum(y * dy) for y, dy in zip(ys, dys, strict=True))
    total.backward()
    found = {f"y{i}": y for i, y in enumerate(ys)}
    found |= {f"dx{i}": x.grad for i, x in enumerate(xs) if x.grad is not None}
    found |= {f"dw{i}": w.grad for i, w in enumerate(model.trainable_weights)}
    found |= {f"state{i}": w for i, w in enumerate(model.non_trainable_weights)}
    wanted = {key.partition("/")[2] for key in expected if key.startswith(f"{label}/")}
    assert wanted <= set(found)
    for key, value in found.items():
        there = expected.get(f"{label}/{key}")  # Keras has no gradient where nothing depends on it
        if there is None:
            assert not value.numpy().any(), key
        else:
            np.testing.assert_allclose(value.numpy(), there, rtol=1e-11, atol=1e-11, err_msg=key)


@pytest.mark.parametrize("label", CASES)
def test_layers_weights_and_calls_come_in_the_order_of_keras(label: str, tmp_path: Path) -> None:
    wanted = STRUCTURES[label]
    first = built(label)
    for model in (first, loaded(first, tmp_path)):
        found = plain(structure(model))
        for key, value in wanted.items():
            assert found[key] == value, key
