"""The base of built-in layers whose calls take further tensors by name, or options."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from ranvier import _core
from ranvier._core import Tensor
from ranvier._symbolic import is_symbolic
from ranvier._tensor import convert_to_tensor
from ranvier.layers._symbolic_call import call_symbolically, shaped_like
from ranvier.layers.base import _TRAINING, Layer
from ranvier.layers.native import NativeLayer

Shape = tuple[int | None, ...]


class KeywordLayer(NativeLayer):
    """A layer such as ``lstm(x, initial_state=[h, c], mask=m)`` or ``attention(query, value, use_causal_mask=True)``.

    A subclass names in `_call_tensors` the arguments that are tensors (or lists of them) in the order of Keras's
    signature, the first one being required, and in `_call_options` those that are plain values. Its `call` has them all
    with their defaults and returns `_run_engine(...)` of them. `build` takes one shape, or a dict of them by argument.
    """

    _call_tensors: ClassVar[tuple[str, ...]] = ()
    _call_options: ClassVar[tuple[str, ...]] = ()
    _call_names: ClassVar[tuple[str, ...]] = ()  # of all arguments of `call`, in order
    _masks: ClassVar[frozenset[str]] = frozenset()  # those whose tensors are bools

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "call" in cls.__dict__:
            cls._call_names = tuple(inspect.signature(cls.call).parameters)[1:]
        cls._masks = frozenset(name for name in cls._call_tensors if name.endswith("mask"))

    def __init__(self, **kwargs: Any) -> None:
        self._bound: dict[Any, _core.Layer] = {}
        super().__init__(**kwargs)

    # -- what a call is made of --------------------------------------------------------------------------------------

    def _named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by name; TypeError for those that the call does not take."""
        names = self._call_names
        if len(args) > len(names):
            raise TypeError(f"[{self.name}] expected at most {len(names)} arguments, received {len(args)}.")
        named = dict(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name not in names:
                raise TypeError(f"[{self.name}] unknown argument {name!r}; its call takes {', '.join(names)}.")
            if name in named:
                raise TypeError(f"[{self.name}] received {name} twice.")
            named[name] = value
        if named.get(self._call_tensors[0]) is None:
            raise TypeError(f"[{self.name}] expected {self._call_tensors[0]}, received None.")
        first = named[self._call_tensors[0]]
        if isinstance(first, list | tuple) and any(hasattr(item, "shape") for item in first):  # layer([x, y])
            if len(args) > 1 or len(first) > len(self._call_tensors):
                raise TypeError(
                    f"[{self.name}] expected one tensor for {self._call_tensors[0]}, received a list of {len(first)}."
                )
            named.update(zip(self._call_tensors, first, strict=False))
        return named

    def _parts(self, named: Mapping[str, Any]) -> tuple[tuple[str, ...], list[Any], dict[str, Any]]:
        """What each tensor of a call is for, the tensors, and the options."""
        arguments: list[str] = []
        tensors: list[Any] = []
        for name in self._call_tensors:
            value = named.get(name)
            if value is None:
                continue
            several = isinstance(value, list | tuple) and any(hasattr(item, "shape") for item in value)
            for item in value if several else [value]:
                arguments.append(name)
                tensors.append(item)
        options = {name: named[name] for name in self._call_options if named.get(name) is not None}
        return tuple(arguments), tensors, options

    def _engine_call(self, arguments: tuple[str, ...], options: Mapping[str, Any]) -> _core.Layer:
        """The engine's layer for calls of this kind."""
        if len(arguments) == 1 and not options:
            return self._native()
        key = (arguments, tuple(options.items()))
        found = self._bound.get(key)
        if found is None:
            found = self._bound[key] = self._native().bind(list(arguments), dict(options))
        return found

    def _run_engine(self, named: Mapping[str, Any], training: bool | None) -> Any:
        """The engine's result for these arguments: a tensor, or a list of several."""
        arguments, tensors, options = self._parts(named)
        engine = self._engine_call(arguments, options)
        y = engine(tensors[0] if len(tensors) == 1 else tensors, bool(training))
        return y if self._afterwards is None else self._afterwards(y)

    def _call_engine(self, named: dict[str, Any], training: bool) -> Any:
        """The layer's call, its arguments by name."""
        return self.call(**named, training=training)

    def _convert_for(self, name: str, value: Any) -> Any:
        def convert(item: Any) -> Tensor:
            return convert_to_tensor(item, "bool") if name in self._masks else self._read(item)

        if isinstance(value, list | tuple) and any(hasattr(item, "shape") for item in value):
            return [convert(item) for item in value]
        return convert(value)

    # -- building and calling ----------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Creates the weights for inputs of `input_shape`: of the first argument, or a dict by argument."""
        if self.built:
            return
        shapes = input_shape if isinstance(input_shape, Mapping) else {self._call_tensors[0]: tuple(input_shape)}
        arguments: list[str] = []
        flat: list[Shape] = []
        for name in self._call_tensors:
            given = shapes.get(name)
            if given is None:
                continue
            several = bool(given) and isinstance(given[0], list | tuple)
            for shape in given if several else [given]:
                arguments.append(name)
                flat.append(tuple(shape))
        self._engine_call(tuple(arguments), {}).build(flat if len(flat) > 1 else flat[0])
        self._take_weights()

    def _shapes(self, named: Mapping[str, Any]) -> Any:
        """Shapes of the tensors of a call in the form of `build`."""

        def shape_of(name: str, value: Any) -> Any:
            if isinstance(value, list | tuple):
                return [shape_of(name, item) for item in value]
            if not hasattr(value, "shape"):  # where other arguments are symbolic, nothing is converted
                raise ValueError(f"[{self.name}] {name}: expected a tensor or an array, received {value!r:.80}.")
            return (None, *value.shape[1:]) if len(value.shape) > 1 else tuple(value.shape)

        shapes = {name: shape_of(name, named[name]) for name in self._call_tensors if named.get(name) is not None}
        return shapes if len(shapes) > 1 else shapes[self._call_tensors[0]]

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Builds the layer on first use, then runs it; see `Layer.__call__`."""
        if is_symbolic((args, kwargs)):
            given = kwargs if training is None else {**kwargs, "training": bool(training)}
            return call_symbolically(self, args, given)
        if self._changed:
            return super().__call__(*args, training=training, **kwargs)
        named = self._named(args, kwargs)
        for name in self._call_tensors:
            if named.get(name) is not None:
                named[name] = self._convert_for(name, named[name])
        if not self.built:
            self._build_if_needed(self._shapes(named), before_call=True)
        if training is None:
            outer = _TRAINING.get()
            training = self._training_default if outer is None else outer
        if self._losses:
            self._losses = []
        outputs = self._call_engine(named, bool(training))
        if self.activity_regularizer is not None:
            self._add_activity_loss(outputs)
        return outputs

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Shapes of the results for shapes of the tensors (batch axis included, None where unknown)."""
        names = [name for name in self._call_names if name in self._call_tensors]
        named = {**dict(zip(names, args, strict=False)), **{k.removesuffix("_shape"): v for k, v in kwargs.items()}}
        shapes = {name: shape for name, shape in named.items() if shape is not None}
        if "input" in shapes:
            shapes[self._call_tensors[0]] = shapes.pop("input")
        return self._output_shapes(tuple(shapes), [tuple(shape) for shape in shapes.values()], {})

    def _output_shapes(self, arguments: tuple[str, ...], shapes: list[Shape], options: Mapping[str, Any]) -> Any:
        made = self._engine_call(arguments, options).output_shape(shapes if len(shapes) > 1 else shapes[0])
        return made if isinstance(made, list) else tuple(made)

    # -- calls on symbolic tensors -----------------------------------------------------------------------------------

    def _build_for_call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._build_if_needed(self._shapes(self._call_of(args, kwargs)), before_call=True)

    def _call_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return self._named(args, {name: value for name, value in kwargs.items() if name != "training"})

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._changed:
            return Layer._symbolic_outputs(self, args, kwargs)
        arguments, tensors, options = self._parts(self._call_of(args, kwargs))
        shapes = self._output_shapes(arguments, [tuple(tensor.shape) for tensor in tensors], options)
        return shaped_like(shapes, self.dtype, self.name)

    def __getstate__(self) -> dict[str, Any]:
        """All but the engine's side."""
        return {**super().__getstate__(), "_bound": {}}
