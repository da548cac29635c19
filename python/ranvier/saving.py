"""Models and weights in files: a ``.rv`` file is a zip of JSON and tensors, without code and without pickle.

Entries: ``config.json`` (class and configuration of the model, and the arguments of `compile`), ``weights.safetensors``
(named by the weights' paths), ``optimizer.safetensors`` (its slots) and ``state.json`` (step count, generators, order
of the rows), which together make resuming exact. Writing replaces a file in one step or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ranvier import _core
from ranvier._core import Tensor
from ranvier._registry import CustomObjectScope, custom_object_scope, get_custom_objects, register_keras_serializable
from ranvier.layers.base import registry
from ranvier.layers.operation import is_operation_of_keras
from ranvier.models.model_state import apply_state
from ranvier.models.resuming import hand_over, training_state
from ranvier.models.weight_files import assign_weights, matched_weights, named_weights, read_weights

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

Path = str | os.PathLike[str]

_FOREIGN = (".keras", ".h5", ".hdf5", ".pb", ".tf", ".pt", ".pth", ".onnx")


# -- writing ----------------------------------------------------------------------------------------------------------


def save_model(
    model: Any, filepath: Path, overwrite: bool = True, include_optimizer: bool = True, zipped: bool | None = None
) -> None:
    """Writes a model to a ``.rv`` file.

    Args:
        model: a built model.
        filepath: where to, ending in ``.rv``.
        overwrite: False refuses to replace a file.
        include_optimizer: also write the arguments of `compile` and the optimizer's state. Default True.
        zipped: accepted for Keras's sake; the file always is a zip.

    Raises:
        ValueError: another ending, a model that is not built, a layer that cannot be saved.
        FileExistsError: the file exists and `overwrite` is False.
        OSError: the file cannot be written; what was there before is untouched.
    """
    path = _writable(filepath, "save", (".rv",), overwrite)
    if not model.built:
        raise ValueError(
            f"[save] model {model.name!r} has no weights yet; call it on data or build(input_shape) first."
        )
    record = model_record(model, include_optimizer)
    state, groups = training_state(model, include_optimizer)
    texts = {"config.json": _dump(record), "state.json": _dump(state)}
    _core.io.write_archive(path, texts, groups)


def save_weights(model: Any, filepath: Path, overwrite: bool = True) -> None:
    """Writes the weights of a built model to a ``.weights.rv`` or ``.safetensors`` file; errors as in `save_model`."""
    path = _writable(filepath, "save_weights", (".weights.rv", ".rv", ".safetensors"), overwrite)
    if not model.built:
        raise ValueError(
            f"[save_weights] model {model.name!r} has no weights yet; call it on data or build(input_shape) first."
        )
    if path.endswith(".safetensors"):
        _core.io.write_safetensors(path, _values(model), {"format": "ranvier"})
    else:
        _core.io.write_archive(path, {}, {"weights.safetensors": _values(model)})


def _values(model: Any) -> list[tuple[str, Tensor]]:
    return [(name, variable.value) for name, variable in named_weights(model)]


def _writable(filepath: Path, where: str, endings: tuple[str, ...], overwrite: bool) -> str:
    path = os.fspath(filepath)
    if not isinstance(path, str):
        path = os.fsdecode(path)
    if not path.endswith(endings):
        stem = path
        for ending in (".weights.h5", *_FOREIGN):
            if path.endswith(ending):
                stem = path.removesuffix(ending)
                break
        raise ValueError(
            f"[{where}] filepath: expected a name ending in {' or '.join(endings)}, received {path!r}; "
            f"use {stem + endings[0]!r}."
        )
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"[{where}] {path!r} exists; pass overwrite=True to replace it.")
    return path


def model_record(model: Any, with_compile: bool = True) -> dict[str, Any]:
    """A model as plain values: class, configuration, the shape it was built with, arguments of `compile`."""
    record: dict[str, Any] = registry.serialize(model)
    record["build_input_shape"] = model._saved_shape()
    if with_compile and model._compiled is not None:
        try:
            record["compile_config"] = json.loads(_dump(model._compiled.get_config()))
        except (TypeError, ValueError) as error:
            import warnings

            warnings.warn(
                f"[save] the arguments of compile() cannot be written ({error}) The loaded model will have to be "
                "compiled again.",
                stacklevel=4,
            )
    plain: dict[str, Any] = json.loads(_dump(record))
    return plain


def _dump(value: Any) -> str:
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    for method in ("tolist", "get_config"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(
        f"expected plain values in the configuration, received {value!r} of type {type(value).__name__}; "
        "return plain values from get_config()."
    )


# -- reading ----------------------------------------------------------------------------------------------------------


def load_model(
    filepath: Path, custom_objects: Mapping[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model in a ``.rv`` file, as it was when it was saved.

    Args:
        filepath: the file.
        custom_objects: name -> class or function, for layers, losses and metrics that are not ranvier's (not needed
            for those registered with `register_keras_serializable`).
        compile: also compile the model as it was, with the state of its optimizer. Default True.
        safe_mode: accepted for Keras's sake; these files never hold code.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged or not a model, needs classes that are not known, or does not fit them.
    """
    path = _readable(filepath, "load_model")
    texts, groups = _core.io.read_archive(path)
    if "config.json" not in texts or "weights.safetensors" not in groups:
        holds = ", ".join([*texts, *groups])
        fix = (
            "; it holds weights only: build the model and call load_weights" if "weights.safetensors" in groups else ""
        )
        raise ValueError(f"[load_model] {path}: expected config.json and weights.safetensors, received {holds}{fix}.")
    place = f"load_model] [{path}"
    record = json.loads(texts["config.json"])
    generator = _core.get_random_state()
    try:
        model = model_from_record(record, custom_objects, place)
    finally:
        _core.set_random_state(*generator)  # reading a file leaves random numbers as they were
    matches = matched_weights(model, groups["weights.safetensors"], place)
    assign_weights(matches)
    if compile and record.get("compile_config"):
        _compile(model, record["compile_config"], custom_objects, place)
    try:
        state = json.loads(texts.get("state.json", "{}"))
        saved = {match.saved_name: match.variable for match in matches}
        apply_state(model, state, groups.get("optimizer.safetensors"), saved)
        hand_over(model, state, groups)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"[{place}] the state of training does not fit the model: {error}") from error
    return model


def model_from_record(record: Any, custom_objects: Mapping[str, Any] | None, where: str) -> Any:
    """The inverse of `model_record`, not compiled; ValueError for a record that is no model."""
    if not isinstance(record, Mapping) or "class_name" not in record or not isinstance(record.get("config"), Mapping):
        raise ValueError(
            f"[{where}] expected a record with 'class_name' and 'config' of a model, received {str(record):.80}."
        )
    _check_classes(record, custom_objects, where)
    model = registry.deserialize(record, custom_objects)
    from ranvier.models.model import Model

    if not isinstance(model, Model):
        raise ValueError(f"[{where}] expected a model, received a layer of class {record['class_name']!r}.")
    shape = record.get("build_input_shape")
    if shape is not None and not model.built:
        from ranvier.models.data_forms import build_shape

        model.build(build_shape(shape))
    return model


def _check_classes(record: Mapping[str, Any], custom_objects: Mapping[str, Any] | None, where: str) -> None:
    """Names every class that is missing at once."""
    missing: dict[str, str] = {}

    def visit(entry: Any) -> None:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("class_name"), str):
            raise ValueError(f"[{where}] expected layers with 'class_name' and 'config', received {str(entry):.80}.")
        settings = entry.get("config") or {}
        if not isinstance(settings, Mapping):
            raise ValueError(f"[{where}] expected layers with 'class_name' and 'config', received {str(entry):.80}.")
        if is_operation_of_keras(entry):
            return
        names = (entry.get("registered_name"), entry["class_name"])
        if not any(isinstance(name, str) and registry._find(name, custom_objects) is not None for name in names):
            missing[entry["class_name"]] = str(settings.get("name"))
        inner_layers = settings.get("layers") or []
        if not isinstance(inner_layers, list | tuple):
            raise ValueError(f"[{where}] expected a list of layers, received {str(inner_layers):.80}.")
        for inner in inner_layers:
            visit(inner)

    visit(record)
    if missing:
        found = ", ".join(f"{name} (layer {layer!r})" for name, layer in missing.items())
        wanted = ", ".join(f"{name!r}: {name}" for name in missing)
        raise ValueError(f"[{where}] unknown classes: {found}; pass custom_objects={{{wanted}}}.")


def _compile(model: Any, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None, place: str) -> None:
    with CustomObjectScope(custom_objects):
        try:
            model.compile(**config)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"[{place}] cannot be compiled as it was: {error} Pass what is missing in custom_objects, "
                "or compile=False."
            ) from error


def _readable(filepath: Path, where: str) -> str:
    path = os.fsdecode(os.fspath(filepath))
    if path.endswith(_FOREIGN):
        raise ValueError(
            f"[{where}] filepath: expected a file of ranvier (.rv), received {path!r}; files of other libraries are "
            "not read: take the weights over with model.set_weights(list_of_arrays)."
        )
    return path


def load_weights(model: Any, filepath: Path, skip_mismatch: bool = False) -> None:
    """Reads weights into a built model, see `Model.load_weights`."""
    path = _readable(filepath, "load_weights")
    if not model.built:
        raise ValueError(
            f"[load_weights] model {model.name!r} has no weights yet; begin it with Input((features,)) or call "
            "build(input_shape) first."
        )
    assign_weights(matched_weights(model, read_weights(path), f"load_weights] [{path}", skip_mismatch))


# -- single objects ---------------------------------------------------------------------------------------------------


def serialize_keras_object(obj: Any) -> Any:
    """``{"class_name", "config"}`` of any object with get_config, the name of a function, plain values as they are."""
    if obj is None or isinstance(obj, bool | int | float | str | list | tuple | dict):
        return obj
    return registry.serialize(obj)


def deserialize_keras_object(config: Any, custom_objects: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
    """The inverse of `serialize_keras_object` for layers, losses, metrics, optimizers, initializers, regularizers."""
    from ranvier import initializers, losses, metrics, optimizers, regularizers

    if not isinstance(config, Mapping):
        return config
    kinds: list[Any] = [registry, losses.registry, metrics.registry, optimizers.registry]
    kinds += [initializers.registry, regularizers.registry]
    names = [str(config.get(key)) for key in ("registered_name", "class_name")]
    for kind in kinds:
        if any(kind._find(name, custom_objects) is not None for name in names):
            return kind.deserialize(config, custom_objects)
    raise ValueError(f"[deserialize] unknown class {names[1]!r}; pass custom_objects={{{names[1]!r}: ...}}.")
