"""Going on with an interrupted training: the place in the epoch, and backups that a running fit writes and reads."""

from __future__ import annotations

import json
from typing import Any

from ranvier import _core
from ranvier.models.callback_state import callback_state, original_values, plain_values
from ranvier.models.model_state import apply_state, model_state
from ranvier.models.weight_files import assign_weights, matched_weights, named_weights

Groups = dict[str, Any]


def training_state(model: Any, with_optimizer: bool = True) -> tuple[dict[str, Any], Groups]:
    """What going on depends on: plain values for JSON, and groups of tensors for a file.

    Inside a fit these include the states of its callbacks, and in the middle of an epoch the place there.
    """
    state = model_state(model)
    groups: Groups = {"weights.safetensors": [(name, variable.value) for name, variable in named_weights(model)]}
    slots = model.optimizer._handle().slots() if with_optimizer and model.optimizer is not None else []
    if slots:
        groups["optimizer.safetensors"] = slots
    state["place"] = place = _place(model)
    if model._fit_callbacks is not None:  # a checkpoint
        state["callbacks"], arrays = callback_state(model._fit_callbacks)
        if place is not None and model._running is not None:
            place["epoch"], place["step"] = model._running.epoch, model._running.step
            place["metrics"] = plain_values(model._compiled.keep_state(), arrays)
        if arrays:
            groups["callbacks.safetensors"] = arrays
    return state, groups


def _place(model: Any) -> dict[str, Any] | None:
    order = model._order_state if model._row_order is None else model._row_order.state()
    return None if order is None else {"order": order, "epoch": None, "step": 0, "metrics": None}


def hand_over(model: Any, state: Any, groups: Groups) -> None:
    """Leaves with the model what its next fit needs to go on, see `Model._begin_resume`."""
    arrays = groups.get("callbacks.safetensors", [])
    if state.get("callbacks") is not None:
        model._resume_callbacks = (state["callbacks"], arrays)
    if state.get("place") is not None:
        model._resume_place = original_values(state["place"], [tensor.numpy() for _, tensor in arrays])


def resume_place(place: Any, run: Any, order: Any) -> None:
    """Sets the first epoch of a resumed fit to the saved place, if it is one over the same rows.

    Args:
        place: as it was saved, or None.
        run: the epoch's `Pass`.
        order: the `RowOrder`, None for batches from elsewhere, which begin the epoch anew.
    """
    if place is None or order is None or not order.resume(place["order"]) or place["epoch"] != run.epoch:
        return
    run.step = int(place["step"])
    compiled = run.compiled
    if place["metrics"] is not None and len(place["metrics"]) == len(compiled.metrics):
        compiled.put_state(place["metrics"])


# -- backups of a running fit ------------------------------------------------------------------------------------------


def write_backup(model: Any, path: str) -> None:
    """Writes weights and state of training of a model to a ``.rv`` file, without its configuration."""
    state, groups = training_state(model)
    _core.io.write_archive(path, {"state.json": json.dumps(state)}, groups)


def read_backup(model: Any, path: str, where: str) -> int:
    """Puts a model into the state of a backup; the number of the epoch to go on with.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged, or of another model or optimizer; nothing has changed then.
    """
    texts, groups = _core.io.read_archive(path)
    place = f"{where}] [{path}"
    if "state.json" not in texts or "weights.safetensors" not in groups:
        raise ValueError(f"[{place}] expected a backup, received a file with {', '.join([*texts, *groups])}.")
    matches = matched_weights(model, groups["weights.safetensors"], place)
    slots = groups.get("optimizer.safetensors", [])
    own = [(name, tensor.shape) for name, tensor in model.optimizer._handle().slots()]
    found = [(name, tensor.shape) for name, tensor in slots]
    if own != found:
        raise ValueError(
            f"[{place}] expected the state of {len(own)} optimizer slots ({_first(own)}), received {len(found)} "
            f"({_first(found)}); compile as for the interrupted training, or delete the backup."
        )
    state = json.loads(texts["state.json"])
    assign_weights(matches)
    apply_state(model, state, slots, {match.saved_name: match.variable for match in matches})
    hand_over(model, state, groups)
    middle = (state.get("place") or {}).get("epoch")
    return int(state["epochs_done"] if middle is None else middle)


def _first(slots: list[Any]) -> str:
    return f"{slots[0][0]!r} of shape {slots[0][1]} first" if slots else "none"
