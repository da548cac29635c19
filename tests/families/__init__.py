"""What the layer tests know about each family of layers: one module a family, found by its place in this folder.

A module holds ``FAMILY = Family(...)``. ``python tests/golden/make_layers.py <family>`` writes its golden values to
``tests/golden/layers_<family>.npz``; ``tests/python/test_layers.py`` runs everything for all families.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from golden.store import generator

Shape = tuple[int, ...]
Shapes = Shape | list[Shape]  # with the batch axis; a list for a layer of several inputs or outputs


@dataclass(frozen=True)
class Inner:
    """A layer among the arguments of another, also inside of lists."""

    layer: str | Callable[[Any], Any]  # class name, or a function from the module (keras, ranvier) to a class
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bits:
    """A tensor of random booleans among the arguments of a call."""

    shape: Shape


@dataclass(frozen=True)
class Row:
    """One layer for the contract that all layers keep."""

    layer: str  # class name
    arguments: dict[str, Any]  # functions among them become custom objects of their name; layers are Inner
    inputs: Shapes
    output: Shapes
    integers: int = 0  # inputs are integers below this number instead of normal numbers
    tolerance: float = 2e-6  # of float32 against float64
    mask: bool = False  # whether inputs carry a mask (batch, time): some steps are padding or holes
    # Further arguments of the call: a tuple is the shape of a tensor of normal numbers, a list holds several of them,
    # Bits are booleans, all else is passed on as it is.
    call: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One layer whose results and gradients are compared with Keras's."""

    layer: str
    arguments: dict[str, Any]
    inputs: Shapes
    training: bool = False
    integers: int = 0  # as in Row; integers have no gradient
    sets_weights: bool = True  # False: what are weights here are constants in Keras
    tolerance: float = 0.0  # if wider than the test's own; say why beside it
    mask: bool = False  # as in Row; the mask of the result is compared as well
    call: dict[str, Any] = field(default_factory=dict)  # as in Row; tensors of numbers have gradients
    spread: float = 1.0  # standard deviation of the weights
    # The output in PyTorch, from (Keras's layer, built, and the inputs), where Keras on PyTorch is wrong.
    reference: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Family:
    """The layers of one family and what is particular about them."""

    contract: list[Row]
    golden: dict[str, Case]  # by label
    # Names in order, of classes that have any; of weights of layers inside their paths: "lstm_cell/kernel".
    weights: dict[str, list[str]] = field(default_factory=dict)
    state: set[str] = field(default_factory=set)  # names of weights that gradients never change
    noisy: set[str] = field(default_factory=set)  # classes that give something else in training
    trains_alone: set[str] = field(default_factory=set)  # classes that take a call outside a model for training
    without_golden: dict[str, str] = field(default_factory=dict)  # class: why there is nothing to compare with
    without_contract: dict[str, str] = field(default_factory=dict)  # class: why it cannot keep the contract


def shapes_of(inputs: Shapes) -> list[Shape]:
    """The shapes as a list, also when there is one."""
    return inputs if isinstance(inputs, list) else [inputs]


def case_inputs(label: str, case: Case) -> list[np.ndarray]:
    """The inputs of a golden case."""
    draw = generator(label)
    if case.integers:
        return [draw.integers(0, case.integers, size=s) for s in shapes_of(case.inputs)]
    return [draw.normal(size=s) for s in shapes_of(case.inputs)]


def make(module: Any, layer: str | Callable[[Any], Any], arguments: Mapping[str, Any]) -> Any:
    """A layer of `module` (keras or ranvier) with all the layers inside."""

    def made(value: Any) -> Any:
        if isinstance(value, Inner):
            return make(module, value.layer, value.arguments)
        return [made(v) for v in value] if isinstance(value, list) else value

    of = getattr(module.layers, layer) if isinstance(layer, str) else layer(module)
    return of(**{name: made(value) for name, value in arguments.items()})


def random_mask(label: str, shape: Shape) -> np.ndarray:
    """A mask (batch, time) for an input of this shape: by turns full, padded at the end, with holes."""
    draw = generator(label + "/mask")
    mask = np.ones(shape[:2], bool)
    for i, steps in enumerate(mask):
        if i % 3 == 1:
            steps[draw.integers(1, max(2, len(steps))) :] = False
        elif i % 3 == 2:
            steps[draw.permutation(len(steps))[: (len(steps) + 1) // 2]] = False
    return mask


def call_arguments(label: str, call: Mapping[str, Any], batch: int | None = None) -> dict[str, Any]:
    """The further arguments of a call, with arrays (float64, bool) for tensors; `batch` replaces their first size."""

    def array(key: str, value: Any) -> Any:
        if isinstance(value, list):
            return [array(f"{key}{i}", v) for i, v in enumerate(value)]
        if not isinstance(value, tuple | Bits):
            return value
        draw = generator(f"{label}/{key}")
        shape = value.shape if isinstance(value, Bits) else value
        shape = shape if batch is None else (batch, *shape[1:])
        return draw.random(shape) < 0.7 if isinstance(value, Bits) else draw.normal(size=shape)

    return {key: array(key, value) for key, value in call.items()}


def leaves(values: Any) -> list[Any]:
    """What is in lists and tuples, and in those within; one value by itself as a list."""
    return [leaf for v in values for leaf in leaves(v)] if isinstance(values, list | tuple) else [values]


def numbered(key: str, values: Any) -> dict[str, Any]:
    """``{key: value}`` of one, ``{key0: …, key1: …}`` of several: how golden values are named."""
    return {f"{key}{i}": v for i, v in enumerate(leaves(values))} if isinstance(values, list | tuple) else {key: values}


def map_arrays(f: Callable[[Any], Any], arguments: Any) -> Any:
    """The arguments with f applied to every array."""
    if isinstance(arguments, dict):
        return {key: map_arrays(f, value) for key, value in arguments.items()}
    if isinstance(arguments, list):
        return [map_arrays(f, value) for value in arguments]
    return f(arguments) if isinstance(arguments, np.ndarray) else arguments


def case_weights(label: str, shapes: list[tuple[str, Shape]], spread: float = 1.0) -> list[np.ndarray]:
    """Weights for a layer's (name, shape) list; variances are positive."""
    draw = generator(label + "/weights")
    return [draw.uniform(0.5, 2.0, size=s) if "variance" in n else draw.normal(0, spread, s) for n, s in shapes]


def cotangent(label: str, shape: Shape, output: str = "y") -> np.ndarray:
    """What the gradient of an output is set to: of the only one ("y"), or of one among several ("y0", "y1" …)."""
    return generator(f"{label}/cotangent{output[1:]}").normal(size=shape)


FAMILIES: dict[str, Family] = {
    module.name: importlib.import_module(f"{__name__}.{module.name}").FAMILY
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name)
}
