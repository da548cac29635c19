"""What the layer tests know about each family of layers: one module a family, found by its place in this folder.

A module holds ``FAMILY = Family(...)``. ``python tests/golden/make_layers.py <family>`` writes its golden values to
``tests/golden/layers_<family>.npz``; ``tests/python/test_layers.py`` runs everything for all families.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from golden.store import generator

Shape = tuple[int, ...]
Shapes = Shape | list[Shape]  # with the batch axis; a list for a layer of several inputs or outputs


@dataclass(frozen=True)
class Row:
    """One layer for the contract that all layers keep."""

    layer: str  # class name
    arguments: dict[str, Any]  # functions among them become custom objects of their name
    inputs: Shapes
    output: Shapes
    integers: int = 0  # inputs are integers below this number instead of normal numbers
    tolerance: float = 2e-6  # of float32 against float64


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
    # The output in PyTorch, from (Keras's layer, built, and the inputs), where Keras on PyTorch is wrong.
    reference: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Family:
    """The layers of one family and what is particular about them."""

    contract: list[Row]
    golden: dict[str, Case]  # by label
    weights: dict[str, list[str]] = field(default_factory=dict)  # names in order, of classes that have any
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


def case_weights(label: str, shapes: list[tuple[str, Shape]]) -> list[np.ndarray]:
    """Weights for a layer's (name, shape) list; variances are positive."""
    draw = generator(label + "/weights")
    return [draw.uniform(0.5, 2.0, size=s) if "variance" in n else draw.normal(size=s) for n, s in shapes]


def cotangent(label: str, shape: Shape) -> np.ndarray:
    """What the gradient of the output is set to."""
    return generator(label + "/cotangent").normal(size=shape)


FAMILIES: dict[str, Family] = {
    module.name: importlib.import_module(f"{__name__}.{module.name}").FAMILY
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name)
}
