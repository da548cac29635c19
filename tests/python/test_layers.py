"""Layers: values and gradients against Keras 3, and one contract for all of them, family by family."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

import families
import ranvier
from families import (
    FAMILIES,
    Case,
    Inner,
    Row,
    Shapes,
    call_arguments,
    case_inputs,
    case_weights,
    cotangent,
    leaves,
    map_arrays,
    numbered,
    random_mask,
    shapes_of,
)
from golden.store import load
from ranvier import layers, ops
from ranvier.layers import registry
from ranvier.utils.session import clear_session

CASES = {label: case for family in FAMILIES.values() for label, case in family.golden.items()}
ROWS = [(row, family) for family in FAMILIES.values() for row in family.contract]
IDS = [f"{name}-{row.layer}-{i}" for name, family in FAMILIES.items() for i, row in enumerate(family.contract)]


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return {key: value for name in FAMILIES for key, value in load(f"layers_{name}").items()}


def make(row: Row | Case, **kwargs: Any) -> Any:
    arguments = map_inner(row.arguments, {"dtype": kwargs["dtype"]}) if "dtype" in kwargs else row.arguments
    return families.make(ranvier, row.layer, {**arguments, **kwargs})


def map_inner(value: Any, further: dict[str, Any]) -> Any:
    """The arguments with further ones for every layer among them: layers do not hand their dtype to those inside."""
    if isinstance(value, dict):
        return {key: map_inner(v, further) for key, v in value.items()}
    if isinstance(value, list):
        return [map_inner(v, further) for v in value]
    return Inner(value.layer, map_inner(value.arguments, further) | further) if isinstance(value, Inner) else value


def custom_objects(row: Row) -> dict[str, Any]:
    return {value.__name__: value for value in row.arguments.values() if inspect.isfunction(value)}


def with_batch(shapes: Shapes, size: int | None) -> Any:
    """The shapes with another batch size."""
    if isinstance(shapes, list):
        return [(size, *shape[1:]) for shape in shapes]
    return (size, *shapes[1:])


def data(row: Row, dtype: str = "float32", batch: int | None = None) -> Any:
    draw = np.random.default_rng(5)
    shapes = shapes_of(row.inputs if batch is None else with_batch(row.inputs, batch))
    if row.integers:
        arrays = [draw.integers(0, row.integers, size=shape) for shape in shapes]
    else:
        arrays = [draw.normal(size=shape).astype(dtype) for shape in shapes]
    return arrays if isinstance(row.inputs, list) else arrays[0]


def run(layer: Any, row: Row, dtype: str = "float32", batch: int | None = None, **kwargs: Any) -> Any:
    """The layer on the row's data, with masks and further arguments of the call."""
    inputs = data(row, dtype, batch)
    if row.mask:
        inputs = map_arrays(ops.convert_to_tensor, inputs)
        for x in inputs if isinstance(inputs, list) else [inputs]:
            x._keras_mask = ops.convert_to_tensor(random_mask(row.layer, x.shape))
    further = call_arguments(row.layer, row.call, batch)
    return layer(inputs, **map_arrays(lambda a: a if a.dtype == bool else a.astype(dtype), further), **kwargs)


def build(layer: Any, row: Row | Case) -> None:
    """Builds from shapes; calls that need further arguments build from those."""
    if isinstance(row, Row) and row.call:
        run(layer, row, layer.dtype)
    else:
        layer.build(row.inputs)


def shapes_in(y: Any) -> Any:
    return [t.shape for t in leaves(y)] if isinstance(y, list | tuple) else y.shape


def arrays_in(y: Any) -> list[np.ndarray]:
    return [t.numpy().copy() for t in leaves(y)]


def dtypes_in(y: Any) -> set[str]:
    return {t.dtype for t in leaves(y)}


def test_every_layer_belongs_to_a_family() -> None:
    named = {c.__name__ for c in registry.classes().values() if c.__module__.startswith("ranvier.layers.")}
    kept = {row.layer for row, _ in ROWS}
    excused = {name for family in FAMILIES.values() for name in family.without_contract}
    assert named == kept | excused
    assert not kept & excused
    compared = {case.layer for case in CASES.values()}
    excused = {name for family in FAMILIES.values() for name in family.without_golden}
    assert named == compared | excused
    assert not compared & excused


def test_labels_and_golden_values_belong_together(golden: dict[str, np.ndarray]) -> None:
    labels = Counter(label for family in FAMILIES.values() for label in family.golden)
    assert [label for label, n in labels.items() if n > 1] == []
    assert {key.rsplit("/", 1)[0] for key in golden} == set(labels)


# -- against Keras -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_and_gradients_are_those_of_keras(label: str, dtype: str, golden: dict[str, np.ndarray]) -> None:
    case = CASES[label]
    # float32: rounding of about 1e-7 per operation, squared and summed over a handful of elements
    tolerance = max(1e-11 if dtype == "float64" else 3e-5, case.tolerance)
    layer = make(case, dtype=dtype)

    def tensor(array: np.ndarray) -> Any:
        numbers = array.dtype == np.float64
        x = ops.convert_to_tensor(array, dtype if numbers else None)
        x.requires_grad = numbers
        return x

    xs = [tensor(x) for x in case_inputs(label, case)]
    for i, x in enumerate(xs if case.mask else []):
        x._keras_mask = ops.convert_to_tensor(random_mask(f"{label}{i}", x.shape))
    inputs = xs if isinstance(case.inputs, list) else xs[0]
    further = map_arrays(tensor, call_arguments(label, case.call))
    if case.call:
        layer(inputs, **further)
    else:
        layer.build(case.inputs)
    if case.sets_weights:
        layer.set_weights(case_weights(label, [(w.name, w.shape) for w in layer.weights], case.spread))
    y = layer(inputs, **further, training=case.training)
    assert dtypes_in(y) == {dtype}
    checked = set()

    def check(value: Any, key: str) -> None:
        checked.add(key)
        np.testing.assert_allclose(value, golden[f"{label}/{key}"], rtol=tolerance, atol=tolerance, err_msg=key)

    results = numbered("y", y)
    for key, value in results.items():
        check(value.numpy(), key)
    sources = {} if case.integers else numbered("dx", inputs)
    for name, argument in further.items():
        given = numbered(f"d_{name}", argument)
        sources |= {key: x for key, x in given.items() if getattr(x, "requires_grad", False)}
    if sources or layer.trainable_weights:
        products = [v * ops.convert_to_tensor(cotangent(label, v.shape, key), dtype) for key, v in results.items()]
        sum((product.sum() for product in products[1:]), products[0].sum()).backward()
    for key, x in sources.items():
        check(x.grad.numpy(), key)
    for i, weight in enumerate(layer.trainable_weights):
        check(weight.grad.numpy(), f"dw{i}")
    for i, weight in enumerate(layer.non_trainable_weights if case.sets_weights else []):
        check(weight.numpy(), f"state{i}")
    for key, value in results.items() if case.mask else []:
        if value._keras_mask is not None:
            check(value._keras_mask.numpy(), key.replace("y", "mask"))
    assert checked == {key.rsplit("/", 1)[1] for key in golden if key.startswith(f"{label}/")}


# -- the contract ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "family"), ROWS, ids=IDS)
class TestContract:
    def test_builds_on_first_call_and_names_its_weights(self, row: Row, family: Any) -> None:
        layer = make(row, name="mine")
        assert layer.name == "mine"
        assert layer.built == (row.layer == "InputLayer")
        y = run(layer, row)
        assert layer.built
        assert shapes_in(y) == row.output
        assert dtypes_in(y) == {"float32"}
        paths = family.weights.get(row.layer, [])
        assert [w.path for w in layer.weights] == [f"mine/{w}" for w in paths]
        assert [w.name for w in layer.weights] == [path.rpartition("/")[2] for path in paths]
        assert all(getattr(layer, w.name) is w for w in layer.weights if w.path == f"mine/{w.name}")
        assert layer.count_params() == sum(int(np.prod(w.shape)) for w in layer.weights)

    def test_builds_from_a_shape(self, row: Row, family: Any) -> None:
        layer = make(row)
        if row.call:  # what comes out depends on the call
            build(layer, row)
        else:
            batched = with_batch(row.inputs, None)
            found = layer.compute_output_shape(batched)
            assert (list(found) if isinstance(row.output, list) else found) == with_batch(row.output, None)
            layer.build(batched)
        assert layer.built
        for size in (7, 1):
            assert shapes_in(run(layer, row, batch=size)) == with_batch(row.output, size)

    def test_config_makes_an_equal_layer(self, row: Row, family: Any) -> None:
        layer = make(row, name="first", dtype="float64")
        record = layers.serialize(layer)
        again = layers.deserialize(json.loads(json.dumps(record)), custom_objects(row))
        assert type(again) is type(layer)
        assert json.dumps(layers.serialize(again)) == json.dumps(record)
        build(layer, row)
        build(again, row)
        again.set_weights(layer.get_weights())
        results = [arrays_in(run(made, row, "float64")) for made in (layer, again)]
        for ours, theirs in zip(*results, strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_float64(self, row: Row, family: Any) -> None:
        layer = make(row, dtype="float64")
        y = run(layer, row, "float64")
        assert dtypes_in(y) == {"float64"}
        assert all(w.dtype == "float64" for w in layer.weights)
        single = make(row)
        build(single, row)
        single.set_weights(layer.get_weights())
        for ours, exact in zip(arrays_in(run(single, row)), arrays_in(y), strict=True):
            np.testing.assert_allclose(ours, exact, rtol=row.tolerance, atol=row.tolerance)

    def test_weights_are_read_and_set(self, row: Row, family: Any) -> None:
        layer = make(row, name="mine")
        build(layer, row)
        before = layer.get_weights()
        layer.set_weights([w + 1 for w in before])
        for old, new in zip(before, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(new, old + 1)
        with pytest.raises(ValueError, match=rf"\[mine\] set_weights: expected {len(before)} arrays"):
            layer.set_weights([*before, np.zeros(2)])
        if before:
            wrong = [*before[:-1], np.zeros((*before[-1].shape, 2))]
            with pytest.raises(ValueError, match=rf"\[mine\].*'mine/{family.weights[row.layer][-1]}'"):
                layer.set_weights([w + 5 for w in wrong])
            np.testing.assert_array_equal(layer.get_weights()[0], before[0] + 1)  # nothing is half-changed

    def test_freezing(self, row: Row, family: Any) -> None:
        layer = make(row)
        build(layer, row)
        state = [w.name for w in layer.weights if w.name in family.state]
        trained = [w.name for w in layer.weights if w.name not in family.state]
        assert [w.name for w in layer.trainable_weights] == trained
        assert [w.name for w in layer.non_trainable_weights] == state
        layer.trainable = False
        assert layer.trainable_weights == []
        assert len(layer.non_trainable_weights) == len(layer.weights)
        assert not any(w.trainable for w in layer.weights)
        layer.trainable = True
        assert [w.name for w in layer.trainable_weights] == trained
        if row.layer != "InputLayer":
            frozen = make(row, trainable=False)
            build(frozen, row)
            assert frozen.trainable_weights == []
            frozen.trainable = True
            assert [w.name for w in frozen.trainable_weights] == trained

    def test_training_changes_noise_and_batch_statistics_only(self, row: Row, family: Any) -> None:
        layer = make(row)
        still = arrays_in(run(layer, row, training=False))

        def changes(**training: bool) -> bool:
            results = arrays_in(run(layer, row, **training))
            return any(not np.array_equal(a, b) for a, b in zip(results, still, strict=True))

        assert not changes(training=False)
        assert changes() == (row.layer in family.trains_alone)
        assert changes(training=True) == (row.layer in family.noisy)

    def test_names_are_counted(self, row: Row, family: Any) -> None:
        clear_session()
        first, second = make(row), make(row)
        assert second.name == first.name + "_1"
        clear_session()
        assert make(row).name == first.name
