"""Calls of layers on symbolic tensors: weights are made, shapes are found, a node is recorded; nothing is computed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ranvier import ops
from ranvier._core import Tensor, Variable
from ranvier._symbolic import KerasTensor, Node, flatten, map_structure, pack_like, symbols
from ranvier._tensor import convert_to_tensor, no_grad

# Sizes that stand for None in trial runs; sizes that differ between two runs are unknown in the result.
_TRIALS = ((2, 3), (12, 24), (64, 96))


def call_symbolically(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Records ``layer(*args, **kwargs)`` and returns symbolic results.

    Raises:
        ValueError: symbolic tensors next to arrays, or shapes that the layer cannot take.
    """
    _refuse_text(layer, args)
    if not layer._is_operation:
        _refuse_mixed(layer, args)
        _check_arguments(layer, args, kwargs)
        if layer.input_spec is not None and isinstance(args[0], KerasTensor):
            layer.input_spec.check(args[0].shape, layer.name)
        layer._build_for_call(args, kwargs)
    outputs = layer._symbolic_outputs(args, kwargs)
    Node(layer, args, kwargs, outputs)
    if not layer._is_operation:
        layer._set_paths()
    return outputs


def _refuse_text(layer: Any, args: tuple[Any, ...]) -> None:
    """TypeError for strings in a layer of numbers."""
    text = [tensor for tensor in symbols(args) if tensor.dtype == "string"]
    takes = getattr(layer, "_takes", "numbers") != "numbers" or getattr(layer, "_front", None) is not None
    if text and not takes:
        raise TypeError(
            f"[{layer.name}] expected numbers, received {text[0]!r}, which holds strings; put TextVectorization or "
            "StringLookup in between."
        )


def _refuse_mixed(layer: Any, args: tuple[Any, ...]) -> None:
    for leaf in flatten(args[:1]):
        if isinstance(leaf, Tensor | Variable | np.ndarray | int | float | list):
            kind = f"{type(leaf).__name__} of shape {leaf.shape}" if hasattr(leaf, "shape") else repr(leaf)
            raise ValueError(
                f"[{layer.name}] expected either symbolic tensors or data, received {symbols(args)[0]!r} next to a "
                f"{kind}; give constants to the model as another Input, or make them in a layer of your own."
            )


def _check_arguments(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """What a call would find out; TypeError for arguments that the layer's call does not take."""
    given = {key: value for key, value in kwargs.items() if key != "training"}
    try:
        inspect.signature(layer.call).bind(*args, **given)
    except TypeError as error:
        raise TypeError(f"[{layer.name}] call of {type(layer).__name__}: {error}.") from None


def shaped_like(shapes: Any, dtype: str, where: str) -> Any:
    """Symbolic tensors for what compute_output_shape returned."""
    if isinstance(shapes, Mapping):
        return {key: shaped_like(item, dtype, where) for key, item in shapes.items()}
    if isinstance(shapes, list | tuple) and any(isinstance(item, list | tuple | Mapping) for item in shapes):
        return [shaped_like(item, dtype, where) for item in shapes]
    if not isinstance(shapes, list | tuple):
        raise ValueError(f"[{where}] compute_output_shape: expected a tuple of sizes, received {shapes!r}.")
    return KerasTensor(shapes, dtype)


def outputs_of_trial(where: str, run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Symbolic results of `run`, found by running it on zeros of two sizes where sizes are not known.

    Raises the error of the first run when no sizes will do.
    """
    first: Exception | None = None
    known = all(None not in tensor.shape for tensor in symbols((args, kwargs)))
    for sizes in _TRIALS:
        try:
            with no_grad():
                results = [run(*_zeros(args, size), **_zeros(kwargs, size)) for size in sizes[: 1 if known else 2]]
            return _common(where, results[0], results[-1])
        except (ValueError, IndexError, RuntimeError) as error:
            first = first or error
            if known:
                break
    assert first is not None
    raise first


def _zeros(structure: Any, size: int) -> Any:
    def value(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return leaf
        return ops.zeros([size if d is None else d for d in leaf.shape], leaf.dtype)

    return map_structure(value, structure)


def _common(where: str, small: Any, large: Any) -> Any:
    pairs = list(zip(flatten(small), flatten(large), strict=True))
    if not pairs or any(first is None for first, _ in pairs):
        raise ValueError(f"[{where}] expected tensors as results, received {small!r}; does its call() return them?")
    tensors = []
    for first, second in pairs:
        a, b = convert_to_tensor(first), convert_to_tensor(second)
        if a.ndim != b.ndim:
            raise ValueError(f"[{where}] expected results of one rank, received shapes {a.shape} and {b.shape}.")
        shape = tuple(m if m == n else None for m, n in zip(a.shape, b.shape, strict=True))
        tensors.append(KerasTensor(shape, a.dtype))
    return pack_like(small, tensors)
