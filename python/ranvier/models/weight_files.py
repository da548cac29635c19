"""Weights by name: what a file holds against what a model has."""

from __future__ import annotations

from typing import Any, NamedTuple

from ranvier import _core
from ranvier._core import Tensor, Variable

Named = list[tuple[str, Tensor]]


def named_weights(model: Any) -> list[tuple[str, Variable]]:
    """The model's weights under their paths ("dense/kernel"); equal paths are numbered."""
    model._set_paths()
    taken: dict[str, int] = {}
    found = []
    for variable in model.weights:
        count = taken.get(variable.path, 0)
        taken[variable.path] = count + 1
        found.append((f"{variable.path}_{count}" if count else variable.path, variable))
    return found


def read_weights(path: str) -> Named:
    """The weights in a ``.safetensors`` file or in an archive; ValueError when there are none."""
    if path.endswith(".safetensors"):
        tensors: Named = _core.io.read_safetensors(path)[0]
        return tensors
    texts, groups = _core.io.read_archive(path)
    if "weights.safetensors" not in groups:
        raise ValueError(
            f"[load_weights] {path}: expected weights.safetensors, received {', '.join([*texts, *groups])}."
        )
    found: Named = groups["weights.safetensors"]
    return found


class Match(NamedTuple):
    """A weight of the model, and what a file has for it."""

    saved_name: str
    variable: Variable
    tensor: Tensor


def matched_weights(model: Any, tensors: Named, place: str, skip_mismatch: bool = False) -> list[Match]:
    """The model's weights with their new values, complete and of equal shapes.

    They are paired by name; those whose names differ, as numbered names do between two models made in one session
    ("dense" and "dense_2"), by position.

    Raises:
        ValueError: naming layer, expected and received. Nothing has been changed.
    """
    own = named_weights(model)
    given = dict(tensors)
    names = {name for name, _ in own}
    mine = [pair for pair in own if pair[0] not in given]
    theirs = [pair for pair in tensors if pair[0] not in names]
    saved_as = {name: name for name in names}
    if mine and _alike(mine, theirs):
        saved_as.update({name: saved for (name, _), (saved, _) in zip(mine, theirs, strict=True)})
    matches = []
    for name, variable in own:
        saved = saved_as[name]
        tensor = given.pop(saved, None)
        layer, _, weight = name.rpartition("/")
        if tensor is not None and tensor.shape == variable.shape:
            matches.append(Match(saved, variable, tensor))
        elif not skip_mismatch:
            received = f"shape {tensor.shape}" if tensor is not None else f"no {name!r} among {_some(tensors)}"
            raise ValueError(
                f"[{place}] [{layer or model.name}] expected {weight} with shape {variable.shape}, "
                f"received {received}; build the same layers as the saved model, "
                "or pass skip_mismatch=True to take over what fits."
            )
    if given and not skip_mismatch:
        extra = next(iter(given))
        raise ValueError(
            f"[{place}] expected weights for {_layers(own)}, received also {extra!r} of shape {given[extra].shape}; "
            "build the same layers as the saved model, or pass skip_mismatch=True to take over what fits."
        )
    return matches


def assign_weights(matches: list[Match]) -> None:
    """Copies the values in."""
    for match in matches:
        match.variable.assign(match.tensor)


def _alike(own: list[tuple[str, Variable]], tensors: Named) -> bool:
    if len(own) != len(tensors):
        return False
    return all(
        variable.shape == tensor.shape and mine.rpartition("/")[2] == other.rpartition("/")[2]
        for (mine, variable), (other, tensor) in zip(own, tensors, strict=True)
    )


def _some(tensors: Named) -> str:
    names = [name for name, _ in tensors]
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") if names else "no weights at all"


def _layers(own: list[tuple[str, Variable]]) -> str:
    names = list(dict.fromkeys(name.rpartition("/")[0] for name, _ in own))
    return ", ".join(names) if names else "no layers"
