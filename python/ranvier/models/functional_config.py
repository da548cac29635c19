"""The configuration of a Functional in Keras 3's form: layers, each with its calls, and where the ends are.

A tensor is written as ``[layer, call, output]``, where calls count within the model. What an argument can be beside
tensors: plain values, lists, tuples, dicts, slices, ``...`` and arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ranvier._core import Tensor
from ranvier._symbolic import KerasTensor, map_structure
from ranvier._tensor import convert_to_tensor
from ranvier.layers._sharing import layer_of, one_configuration, record_of
from ranvier.layers.base import Layer
from ranvier.layers.operation import is_operation_of_keras, operation_from_keras

Place = tuple[str, int, int]

_FUNCTIONS = "ranvier.ops"  # with the function's name "module" of the records of functions and operators


# -- writing -----------------------------------------------------------------------------------------------------------


def functional_config(model: Any) -> dict[str, Any]:
    """What `Functional.get_config` returns."""
    with one_configuration():
        return _written(model)


def _written(model: Any) -> dict[str, Any]:
    graph = model._graph
    numbers = {id(node): i for op in graph.operations for i, node in enumerate(graph.nodes_of(op))}

    def place(tensor: KerasTensor) -> list[Any]:
        history = tensor._keras_history
        return [history.operation.name, numbers[id(tensor._node)], history.tensor_index]

    layers = []
    for operation in graph.operations:
        record: dict[str, Any] = record_of(operation)
        if operation._is_operation:
            record["module"] = f"{_FUNCTIONS}.{operation.class_label}"
        record["name"] = operation.name
        record["inbound_nodes"] = [
            {
                "args": [_plain(operation.name, arg, place) for arg in node.args],
                "kwargs": {key: _plain(operation.name, value, place) for key, value in node.kwargs.items()},
            }
            for node in graph.nodes_of(operation)
            if not node.is_input
        ]
        layers.append(record)
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": map_structure(place, model._inputs_struct),
        "output_layers": map_structure(place, model._outputs_struct),
    }


def _plain(name: str, value: Any, place: Any) -> Any:
    def entry(kind: str, **settings: Any) -> dict[str, Any]:
        return {"class_name": kind, "config": settings}

    def again(item: Any) -> Any:
        return _plain(name, item, place)

    match value:
        case KerasTensor():
            return entry("__keras_tensor__", shape=list(value.shape), dtype=value.dtype, keras_history=place(value))
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [again(item) for item in value]
        case tuple():
            return entry("__tuple__", value=[again(item) for item in value])
        case Mapping():
            return {str(key): again(item) for key, item in value.items()}
        case slice():
            return entry("__slice__", start=again(value.start), stop=again(value.stop), step=again(value.step))
        case np.generic() if value.dtype.kind in "biuf":
            return value.item()
        case np.ndarray() | Tensor():
            array = np.asarray(value.numpy() if isinstance(value, Tensor) else value)
            kind = "__tensor__" if isinstance(value, Tensor) else "__numpy__"
            return entry(kind, value=array.tolist(), dtype=str(array.dtype))
    if value is Ellipsis:
        return entry("__ellipsis__")
    if isinstance(value, type | np.dtype):
        return np.dtype(value).name
    raise TypeError(
        f"[{name}] was called with {value!r} of type {type(value).__name__}, which cannot be saved; call it with "
        "symbolic tensors and plain values."
    )


# -- reading -----------------------------------------------------------------------------------------------------------


def functional_from_config(cls: Any, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None) -> Any:
    """The inverse of `functional_config`; also reads Keras's own. ValueError for everything else."""
    where = str(config.get("name", cls.__name__))[:80]
    try:
        with one_configuration():
            return _Reader(where, config).model(cls, config, custom_objects)
    except (AttributeError, IndexError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"[{where}] from_config: not the configuration of a functional model: {error!s:.300}"
        ) from error


class _Reader:
    """Makes the layers of a configuration and calls them again."""

    def __init__(self, where: str, config: Mapping[str, Any]) -> None:
        self.where = where
        for key in ("layers", "input_layers", "output_layers"):
            if key not in config:
                raise ValueError(f"[{where}] from_config: expected {key!r}, received only {sorted(map(str, config))}.")
        records = config["layers"]
        if not isinstance(records, list | tuple) or not all(isinstance(record, Mapping) for record in records):
            raise ValueError(f"[{where}] from_config: layers: expected a list of records, received {records!s:.80}.")
        self.records: list[Mapping[str, Any]] = list(records)
        self.layers: dict[str, Layer] = {}
        self.of_keras: set[str] = set()  # nested models whose calls Keras counts from 1
        self.made: dict[Place, KerasTensor] = {}

    def model(self, cls: Any, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None) -> Any:
        for record in self.records:
            self._make(record, custom_objects)
        self._call_all()
        inputs, outputs = (self._ends(key, config[key]) for key in ("input_layers", "output_layers"))
        rest = {
            key: value
            for key, value in config.items()
            if key not in ("layers", "input_layers", "output_layers", "name", "trainable", "dtype")
        }
        model = cls(inputs=inputs, outputs=outputs, name=config.get("name"), **rest)
        if config.get("trainable") is False:
            model._trainable = False  # the layers have been told by themselves
        return model

    def _make(self, record: Mapping[str, Any], custom_objects: Mapping[str, Any] | None) -> None:
        from ranvier.models.functional import Functional

        module = str(record.get("module", ""))
        layer = operation_from_keras(record) if is_operation_of_keras(record) else layer_of(record, custom_objects)
        name = record.get("name", getattr(layer, "name", None))
        if not isinstance(layer, Layer) or not isinstance(name, str):
            raise ValueError(f"[{self.where}] from_config: expected layers with names, received {record!s:.80}.")
        if name in self.layers:
            raise ValueError(
                f"[{self.where}] from_config: the name {name!r} is used twice; layers need different names."
            )
        if module.startswith(f"{_FUNCTIONS}."):
            layer._is_operation = True
            layer.class_label = module.removeprefix(f"{_FUNCTIONS}.")
        self.layers[name] = layer
        if isinstance(layer, Functional) and module.startswith("keras"):
            self.of_keras.add(name)
        if not record.get("inbound_nodes"):
            from ranvier.layers.core import InputLayer

            if not isinstance(layer, InputLayer):
                raise ValueError(f"[{self.where}] from_config: layer {name!r} is not called on anything.")
            self.made[name, 0, 0] = layer.output

    def _call_all(self) -> None:
        """Calls every layer as often as it was, as soon as what it is called on is there."""
        waiting = {}
        for record in self.records:
            nodes = record.get("inbound_nodes") or []
            if not isinstance(nodes, list | tuple):
                raise ValueError(f"[{self.where}] from_config: inbound_nodes: expected a list, received {nodes!s:.80}.")
            if nodes:
                waiting[record.get("name", record["config"].get("name"))] = list(enumerate(nodes))
        while waiting:
            progress = False
            for name in list(waiting):
                left = waiting[name]
                while left and self._is_ready(name, left[0][1]):
                    index, node = left.pop(0)
                    self._call(name, index, node)
                    progress = True
                if not left:
                    del waiting[name]
            if not progress:
                raise ValueError(
                    f"[{self.where}] from_config: the calls of {', '.join(map(repr, list(waiting)[:5]))} depend on "
                    "tensors that nothing makes: the graph has a loop or lacks a layer."
                )

    def _is_ready(self, name: str, node: Any) -> bool:
        if not isinstance(node, Mapping) or not isinstance(node.get("args"), list | tuple):
            raise ValueError(f"[{name}] inbound_nodes: expected 'args' and 'kwargs', received {node!s:.80}.")
        places: list[Place] = []
        self._read(name, [node["args"], node.get("kwargs") or {}], places)
        return all(place in self.made for place in places)

    def _call(self, name: str, index: int, node: Mapping[str, Any]) -> None:
        from ranvier._symbolic import flatten, is_symbolic

        args = [self._read(name, arg, None) for arg in node["args"]]
        kwargs = {str(key): self._read(name, value, None) for key, value in (node.get("kwargs") or {}).items()}
        if kwargs.get("mask", 0) is None:
            del kwargs["mask"]
        if not is_symbolic((args, kwargs)):
            raise ValueError(f"[{name}] inbound_nodes: expected a call on tensors, received {node!s:.80}.")
        results = self.layers[name](*args, **kwargs)
        self.made.update({(name, index, i): tensor for i, tensor in enumerate(flatten(results))})

    def _read(self, name: str, value: Any, places: list[Place] | None) -> Any:
        """An argument as it was; with `places` only the places of the tensors in it are collected."""
        if isinstance(value, list | tuple):
            items = [self._read(name, item, places) for item in value]
            index = any(isinstance(item, slice) or item is Ellipsis for item in items)
            return tuple(items) if index else items  # Keras writes the tuple in x[1:, 2] as a list
        if not isinstance(value, Mapping):
            return value
        kind, settings = value.get("class_name"), value.get("config")
        if not isinstance(kind, str) or not isinstance(settings, Mapping):
            return {key: self._read(name, item, places) for key, item in value.items()}
        if kind == "__keras_tensor__":
            place = self._place(settings.get("keras_history"))
            if places is not None:
                places.append(place)
                return None
            return self.made[place]
        if kind == "__tuple__":
            return tuple(self._read(name, settings["value"], places))
        if kind == "__slice__":
            return slice(*(self._read(name, settings.get(key), places) for key in ("start", "stop", "step")))
        if kind == "__ellipsis__":
            return Ellipsis
        if kind in ("__numpy__", "__tensor__"):
            array = np.array(settings["value"], dtype=str(settings.get("dtype", "float32")))
            return array if kind == "__numpy__" else convert_to_tensor(array)
        raise ValueError(f"[{name}] inbound_nodes: expected tensors and plain values, received {kind[:80]!r}.")

    def _place(self, history: Any, end: bool = False) -> Place:
        if not isinstance(history, list | tuple) or len(history) != 3 or not isinstance(history[0], str):
            raise ValueError(f"[{self.where}] from_config: expected [layer, call, output], received {history!s:.80}.")
        name, node, tensor = history
        if type(node) is not int or type(tensor) is not int or node < 0 or tensor < 0:
            raise ValueError(f"[{self.where}] from_config: expected [layer, call, output], received {history!s:.80}.")
        if name not in self.layers:
            raise ValueError(f"[{self.where}] from_config: a call needs layer {name[:80]!r}, which is not there.")
        return name, node - 1 if end and name in self.of_keras else node, tensor

    def _ends(self, key: str, value: Any) -> Any:
        if isinstance(value, list | tuple) and len(value) == 3 and isinstance(value[0], str):
            place = self._place(value, end=True)
            if place not in self.made:
                raise ValueError(f"[{self.where}] from_config: {key}: nothing makes {list(value)}.")
            return self.made[place]
        if isinstance(value, Mapping):
            return {name: self._ends(key, item) for name, item in value.items()}
        if not isinstance(value, list | tuple):
            raise ValueError(
                f"[{self.where}] from_config: {key}: expected [layer, call, output], received {value!s:.80}."
            )
        return [self._ends(key, item) for item in value]
