"""The base of all layers: weights, building, calling, configuration."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, ClassVar

from ranvier import _core, config, ops, regularizers
from ranvier._core import Tensor, Variable
from ranvier._registry import Registry, auto_name
from ranvier._symbolic import KerasTensor, Node, flatten, is_symbolic, map_structure, symbols
from ranvier._tensor import convert_to_tensor, no_grad
from ranvier.layers._calling import check_name, extra_arguments, legacy_input_shape, map_tensors, plain_arguments
from ranvier.layers._ends import GraphEnd
from ranvier.layers._masks import give_masks, mask_arguments, masks_of, with_masks
from ranvier.layers._weights import WeightOwner
from ranvier.layers.input_spec import InputSpec

Shape = tuple[int | None, ...]

# `training` of the layer whose call is running: its sub-layers take it over.
_TRAINING: ContextVar[bool | None] = ContextVar("ranvier_training", default=None)


class Layer(WeightOwner):
    """Base class of layers.

    A layer of one's own defines ``__init__`` (calling ``super().__init__()`` first), ``build(input_shape)`` (creating
    weights with `add_weight`) and ``call(inputs)`` or ``call(inputs, training=False)`` out of `ranvier.ops`. Weights
    and layers assigned to attributes, also inside lists and dicts, belong to the layer.

    Args:
        activity_regularizer: penalty on the output, divided by the batch size and added to the loss.
        trainable: whether gradients change the weights. Default True.
        dtype: dtype of weights and computation, default `config.floatx()`.
        name: defaults to the snake_case class name, numbered: ``"dense"``, ``"dense_1"``.
        **kwargs: ``input_shape`` or ``input_dim`` for the first layer of a Sequential.

    Raises:
        ValueError: an unknown argument, a dtype that is not floating.
    """

    input_spec: InputSpec | None = None
    # Whether a mask of the input goes on to the output; by default where a class defines compute_mask.
    supports_masking: bool = False
    _takes_training: ClassVar[bool] = False
    _mask_arguments: ClassVar[Mapping[str, str]] = {}  # of `call`: the argument for the mask, by that of the tensor
    _training_default: ClassVar[bool] = False  # of a call outside of all others: the default in `call`'s signature
    _is_operation: bool = False  # whether a function or operator made it: no member of Model.layers
    class_label: str | None = None  # what overviews call its class, if not by its name

    input = GraphEnd("input_tensors", "The symbolic input of the first call: a KerasTensor, or a list of several.")
    output = GraphEnd("output_tensors", "The symbolic output of the first call: a KerasTensor, or a list of several.")

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Remembers the arguments, for get_config of classes that do not define it."""
        layer = super().__new__(cls)
        object.__setattr__(layer, "_init_arguments", (args, kwargs))
        return layer

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        build = cls.__dict__.get("build")
        if build is not None:
            cls.build = _marks_built(build)  # type: ignore[method-assign]
        found = inspect.getattr_static(cls, "supports_masking")
        if "compute_mask" in cls.__dict__ and "supports_masking" not in cls.__dict__ and found is False:
            cls.supports_masking = True
        if "call" in cls.__dict__:
            parameters = inspect.signature(cls.call).parameters
            cls._mask_arguments = mask_arguments(list(parameters)[1:])
            training = parameters.get("training")
            cls._takes_training = training is not None
            cls._training_default = training is not None and training.default is True

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._name = auto_name(type(self).__name__) if name is None else check_name(name)
        self._dtype = config.standardize_dtype(dtype)
        self._trainable = bool(trainable)
        self.built = False
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._weights: list[Variable] = []
        self._state: list[Variable] = []  # those of them that gradients never change
        self._penalties: list[tuple[Variable, Callable[[Any], Any]]] = []  # regularisers that are Python
        self._losses: list[Tensor] = []  # of the last call
        self._build_shape: Any = None
        self._engine_layer: _core.Layer | None = None
        self._node_refs: list[Any] = []  # weak references to its calls on symbolic tensors
        self._stack: Any = None  # a weak reference to the Sequential it is in
        self._input_shape_arg = legacy_input_shape(kwargs)
        if kwargs:
            raise ValueError(
                f"[{type(self).__name__}] unknown argument {', '.join(map(repr, kwargs))}; "
                f"known: {', '.join(extra_arguments(type(self)))}, activity_regularizer, trainable, dtype, name."
            )

    # -- building ----------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Creates the weights for inputs of `input_shape` (with the batch axis, None where unknown).

        By default there are none of the layer's own; the layers inside are built by a trial run of `call` on zeros.
        """
        self._build_shape = input_shape
        self.built = True
        if any(not layer.built for layer in self._sublayers()):
            self._trial_run(input_shape)

    def _build_if_needed(self, input_shape: Any, before_call: bool = False) -> None:
        """Builds once. Unless a call follows anyway, layers inside that `build` left out are built by a trial run."""
        if not self.built:
            if before_call and type(self).build is Layer.build:
                self._build_shape = input_shape
                self.built = True
            else:
                self.build(input_shape)
        if not before_call and any(not layer.built for layer in self._sublayers()):
            self._trial_run(input_shape)
        self._set_paths()

    def _build_for_call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Builds before a call on symbolic tensors, which runs layers inside when there is no other way."""
        shapes = map_structure(lambda t: t.shape if isinstance(t, KerasTensor) else None, args[0])
        self._build_if_needed(shapes, before_call=True)

    def _trial_run(self, input_shape: Any) -> Any:
        with no_grad():
            return self(
                map_tensors(lambda shape: ops.zeros([d or 1 for d in shape], self.dtype), input_shape, shapes=True)
            )

    def _set_paths(self, prefix: str = "") -> None:
        """Weights are called ``"dense/kernel"``; those of a layer inside another ``"block/dense/kernel"``."""
        place = f"{prefix}{self.name}/"
        for variable in self._own_weights():
            variable.path = place + variable.name
        for layer in self._sublayers():
            layer._set_paths(place)

    def get_build_config(self) -> dict[str, Any] | None:
        """The shape the layer was built with, for loading; None before."""
        return None if self._build_shape is None else {"input_shape": self._build_shape}

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Builds the layer from what `get_build_config` returned."""
        shape = config.get("input_shape")
        if shape is not None:
            self._build_if_needed(tuple(shape) if isinstance(shape, list) else shape)

    # -- calling -----------------------------------------------------------------------------------------------------

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The computation; a subclass defines it, with ``training`` among its arguments if it needs to know."""
        raise NotImplementedError(f"[{self.name}] {type(self).__name__} must define call(self, inputs).")

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Builds the layer on first use, then runs `call`.

        Args:
            inputs: Tensor, array or list of numbers; layers of one's own may take lists or dicts of them.
            *args: passed to `call`.
            training: True in training, False otherwise; None takes over that of the surrounding layer, else the default
                in the signature of `call`, else False.
            **kwargs: passed to `call`.

        Returns:
            What `call` returns, a Tensor of the layer's dtype for built-in layers.
        """
        if not hasattr(self, "_weights"):
            raise RuntimeError(f"[{type(self).__name__}] call super().__init__() in __init__ before the layer is used.")
        if is_symbolic((inputs, args, kwargs)):
            from ranvier.layers._symbolic_call import call_symbolically

            given = kwargs if training is None else {**kwargs, "training": bool(training)}
            return call_symbolically(self, (inputs, *args), given)
        inputs = map_tensors(self._read, inputs)
        shapes = map_tensors(lambda x: x.shape, inputs)
        if self.input_spec is not None and isinstance(shapes, tuple):
            self.input_spec.check(shapes, self.name)
        outer = _TRAINING.get()
        if training is None:
            training = self._training_default if outer is None else outer
        if not self.built:
            free = isinstance(shapes, tuple) and len(shapes) > 1  # of another batch size later
            self._build_if_needed((None, *shapes[1:]) if free else shapes, before_call=True)
            fresh = True
        else:
            fresh = False
        if self._losses:
            self._losses = []
        masks = masks_of(inputs)
        if self._mask_arguments:
            kwargs = with_masks(self._mask_arguments, masks, args, kwargs)
        token = _TRAINING.set(bool(training))
        try:
            if self._takes_training:
                outputs = self.call(inputs, *args, training=bool(training), **kwargs)
            else:
                outputs = self.call(inputs, *args, **kwargs)
        finally:
            _TRAINING.reset(token)
        if fresh and self._sublayers():
            self._set_paths()
        self._mask_outputs(inputs, outputs, kwargs["mask"] if kwargs.get("mask") is not None else masks)
        if self.activity_regularizer is not None:
            self._add_activity_loss(outputs)
        return outputs

    def _mask_outputs(self, inputs: Any, outputs: Any, previous: Any) -> None:
        if self.supports_masking and (previous is not None or "compute_mask" in type(self).__dict__):
            give_masks(outputs, self.compute_mask(inputs, previous))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output: by default that of the input.

        Args:
            inputs: what the layer was called on.
            previous_mask: bools of shape (batch, time) for it, None where every step counts; a list for a list.

        A layer that sets ``supports_masking = True`` passes masks on; one that defines this method changes them.
        """
        return previous_mask

    def _read(self, x: Any) -> Tensor:
        """An input as the layer computes with it, with its mask."""
        y = self._convert(x)
        if y is not x and type(x) is Tensor and x._keras_mask is not None:
            y._keras_mask = x._keras_mask
        return y

    def _convert(self, x: Any) -> Tensor:
        """An input as a Tensor; floats in the layer's dtype, integers as they are."""
        x = convert_to_tensor(x)
        return convert_to_tensor(x, self.dtype) if x.dtype in config.FLOATS and x.dtype != self.dtype else x

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output for `input_shape` (batch axis included, None kept); found by a trial run by default."""
        from ranvier.layers._symbolic_call import outputs_of_trial, shaped_like

        with no_grad():
            self._build_if_needed(input_shape)
        outputs = outputs_of_trial(self.name, self, (shaped_like(input_shape, self.dtype, self.name),), {})
        return map_structure(lambda tensor: tensor.shape, outputs)

    # -- calls on symbolic tensors -----------------------------------------------------------------------------------

    @property
    def inbound_nodes(self) -> list[Node]:
        """Its calls on symbolic tensors, as far as anything still holds their results."""
        return [node for ref in self._node_refs if (node := ref()) is not None]

    _inbound_nodes = inbound_nodes

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a call on these symbolic tensors gives."""
        from ranvier.layers._symbolic_call import outputs_of_trial, shaped_like

        told = type(self).compute_output_shape is not Layer.compute_output_shape
        inside = any(not layer.built for layer in self._sublayers())
        if told and not inside and not symbols((args[1:], kwargs)):
            shapes = map_structure(lambda x: x.shape, args[0])
            return shaped_like(self.compute_output_shape(shapes), self._symbolic_dtype(args), self.name)
        plain = {key: value for key, value in kwargs.items() if key != "training"}
        try:
            outputs = outputs_of_trial(self.name, self, args, plain)
        except Exception:
            if not self._mask_arguments:
                raise
            outputs = self._tried_with_masks(args, plain)
            if outputs is None:
                raise
        self._forget_losses()
        return outputs

    def _tried_with_masks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The outputs of a call that may have failed for want of a mask (symbolic tensors carry none), or None."""
        from ranvier.layers._symbolic_call import outputs_of_trial

        def run(*args: Any, **kwargs: Any) -> Any:
            for x in flatten((args, kwargs)):
                if type(x) is Tensor and x.ndim > 1:
                    x._keras_mask = ops.ones(x.shape[:2], "bool")
            return self(*args, **kwargs)

        try:
            return outputs_of_trial(self.name, run, args, kwargs)
        except Exception:
            return None

    def _symbolic_dtype(self, args: tuple[Any, ...]) -> str:
        """Dtype of the results where compute_output_shape tells their shapes."""
        return self.dtype

    def _forget_losses(self) -> None:
        self._losses = []
        for layer in self._sublayers():
            layer._forget_losses()

    # -- losses of its own -------------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Adds a scalar (or a list of them), computed inside `call`, to the training loss."""
        for value in loss if isinstance(loss, list | tuple) else [loss]:
            scalar = convert_to_tensor(value)
            self._losses.append(scalar if scalar.ndim == 0 else ops.sum(scalar))

    def _add_activity_loss(self, outputs: Any) -> None:
        def add(y: Tensor) -> None:
            penalty = self.activity_regularizer(y)  # type: ignore[misc]
            self.add_loss(ops.divide(penalty, float(y.shape[0] if y.ndim else 1)))

        map_tensors(add, outputs)

    @property
    def losses(self) -> list[Tensor]:
        """Scalars to add to the loss: of the last call, and the penalties of all regularised trainable weights."""
        native = [
            regularizers.L1L2(v.l1, v.l2)(v) for v in self._own_weights() if v.trainable and (v.l1 != 0 or v.l2 != 0)
        ]
        found = self._python_losses(inner=False) + native
        for layer in self._sublayers():
            found += layer.losses
        return found

    def _python_losses(self, inner: bool = True, penalties: bool = True) -> list[Tensor]:
        """The part of `losses` that the engine does not compute itself."""
        found = self._losses + [function(v) for v, function in self._penalties if v.trainable and penalties]
        for layer in self._sublayers() if inner else []:
            found = found + layer._python_losses(penalties=penalties)
        return found

    # -- the engine's view -------------------------------------------------------------------------------------------

    @property
    def _runs_python(self) -> bool:
        """Whether a training step through this layer enters Python."""
        return True

    def _handle(self) -> _core.Layer:
        """This layer as the engine sees it."""
        if self._engine_layer is None:
            self._engine_layer = python_layer(self)
            self._engine_layer.trainable = self._trainable
        return self._engine_layer

    # -- copy and pickle ---------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """All but the engine's side, which is made again when needed."""
        return {**self.__dict__, "_engine_layer": None, "_losses": [], "_node_refs": [], "_stack": None}

    # -- configuration -----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for `from_config` and saving.

        A subclass with arguments beyond plain values (numbers, strings, lists, dicts of them) must define it.
        """
        base = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}
        if type(self).get_config is Layer.get_config:
            args, kwargs = self._init_arguments  # type: ignore[attr-defined]
            return {**base, **plain_arguments(self, args, kwargs)}
        return base

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A new layer from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


registry: Registry[Layer] = Registry("layer", Layer)


def python_layer(layer: Layer) -> _core.Layer:
    """The engine's wrapper around `layer.call`; it holds the layer weakly, the model keeps it alive."""
    import weakref

    refer = weakref.ref(layer)

    def alive() -> Layer:
        target = refer()
        if target is None:
            raise RuntimeError("the Python layer behind this engine layer is gone; keep the model that owns it")
        return target

    return _core.PythonLayer(
        layer.name,
        lambda x, training: alive()(x, training=training),
        lambda shape: alive().compute_output_shape(shape),
        lambda: alive().weights,
        layer.dtype,
        lambda: alive()._python_losses(),
    )


def _marks_built(build: Callable[..., None]) -> Callable[..., None]:
    """A subclass's build, after which the layer counts as built even if it forgets to say so."""

    @functools.wraps(build)
    def wrapper(self: Layer, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        shape = args[0] if args else kwargs.get("input_shape")
        self._build_shape = shape
        self.built = True
        self._set_paths()

    return wrapper
