"""Masks of layers written in Python: which steps of a batch of sequences count, noted on the tensors themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier._core import Tensor
from ranvier._symbolic import flatten, map_structure
from ranvier._tensor import convert_to_tensor


def mask_arguments(names: list[str]) -> dict[str, str]:
    """The arguments of a call that are for masks, by the arguments they belong to: "mask" by the first one's."""
    found = {name: f"{name}_mask" for name in names if f"{name}_mask" in names}
    if names and "mask" in names[1:]:
        found[names[0]] = "mask"
    return {name: found[name] for name in names if name in found}


def masks_of(inputs: Any) -> Any:
    """The masks of a tensor, or of each in a structure of them; None when none has one."""
    if type(inputs) is Tensor:
        return inputs._keras_mask
    masks = map_structure(lambda x: x._keras_mask if type(x) is Tensor else None, inputs)
    return masks if any(mask is not None for mask in flatten(masks)) else None


def with_masks(
    arguments: Mapping[str, str], masks: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """`kwargs` with the masks that `call` takes and the caller did not give."""
    found = dict(kwargs)
    for i, (name, argument) in enumerate(arguments.items()):
        own = masks if i == 0 else masks_of(kwargs.get(name))
        if own is not None and found.get(argument) is None:
            found[argument] = own
    return found


def masked(x: Tensor, mask: Any) -> Tensor:
    """`x` with another mask; the tensor itself keeps its own."""
    from ranvier import ops

    y = ops.reshape(x, x.shape)
    y._keras_mask = convert_to_tensor(mask, "bool")
    return y


def give_masks(outputs: Any, masks: Any) -> None:
    """Notes the masks on the outputs, one after the other, unless they carry one already."""
    for y, mask in zip(flatten(outputs), flatten(masks), strict=False):
        if type(y) is Tensor and mask is not None and y._keras_mask is None:
            y._keras_mask = convert_to_tensor(mask, "bool")
