"""The base of models: a layer that can be compiled, trained, saved and summarised."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ranvier import _core
from ranvier._core import Variable
from ranvier.layers.base import Layer
from ranvier.models.data_forms import DataFormsMixin, model_layer
from ranvier.models.prediction import PredictionMixin
from ranvier.models.structures import fit_rank
from ranvier.models.training import TrainingMixin
from ranvier.random import SeedGenerator

Shape = tuple[int | None, ...]


class Model(TrainingMixin, PredictionMixin, DataFormsMixin, Layer):
    """What every kind of model has in common.

    A model of one's own makes its layers in ``__init__`` and uses them in ``call(inputs, training=False)``; it is
    compiled and trained like a `Sequential`, with a visit to Python for every step.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """``Model(inputs, outputs)`` is a `Functional`."""
        if cls is Model and _gives_graph(args, kwargs):
            from ranvier.models.functional import Functional

            cls = Functional
        return super().__new__(cls, *args, **kwargs)

    def __init__(
        self, *args: Any, trainable: bool | None = None, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        if _gives_graph(args, kwargs):
            from ranvier.models.functional import Functional

            _make_functional(type(self), Functional)
            begin: Any = Functional.__init__
            begin(self, *args, trainable=trainable, name=name, dtype=dtype, **kwargs)
            return
        if args:
            raise TypeError(
                f"[{type(self).__name__}] expected inputs and outputs, or neither and a call() of its own, received "
                f"{len(args)} argument{'s' if len(args) > 1 else ''}: {args[0]!r}."
            )
        super().__init__(trainable=trainable is not False, name=name, dtype=dtype, **kwargs)
        self._compiled = None
        self._predictor: Any = None
        self._predictor_engine: Any = None
        self.stop_training = False
        self.history: Any = None
        self._order: SeedGenerator | None = None  # numbers the permutations of the rows
        self._epochs_done = 0
        self._resume_state: tuple[int, int] | None = None  # of the default generator, from a file
        self._resume_callbacks: tuple[list[Any], list[Any]] | None = None  # from a checkpoint
        self._known_outputs: dict[Any, Any] = {}
        self._resume_place: Any = None  # in an epoch, from a checkpoint
        self._resume_epoch: int | None = None  # from a backup
        self._fit_callbacks: Any = None  # while fit runs

    # -- layers and weights ------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers of the model."""
        return self._sublayers()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or at that place in `layers`.

        Raises:
            ValueError: there is none, or not exactly one of `name` and `index` was given.
        """
        layers = self.layers
        if (name is None) == (index is None):
            raise ValueError(f"[get_layer] expected either name or index, received name={name!r}, index={index!r}.")
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"[get_layer] index: expected 0 to {len(layers) - 1}, received {index}.")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"[get_layer] no layer is called {name!r}; there are {', '.join(layer.name for layer in layers)}."
        )

    def parameters(self) -> Iterator[Variable]:
        """The trainable weights, under PyTorch's name: `SGD(0.1, parameters=model.parameters())`."""
        return iter(self.trainable_weights)

    def _set_paths(self, prefix: str | None = None) -> None:
        """As the outermost model it does not appear in paths: "dense/kernel", and "block/dense/kernel" inside one."""
        place = "" if prefix is None else f"{prefix}{self.name}/"
        for variable in self._own_weights():
            variable.path = place + variable.name
        for layer in self._sublayers():
            layer._set_paths(place)

    # -- the state of training ---------------------------------------------------------------------------------------

    def _order_generator(self) -> SeedGenerator:
        if self._order is None:
            self._order = SeedGenerator(name="order")
        return self._order

    def _begin_resume(self, initial_epoch: int, callbacks: Any) -> tuple[int, Any]:
        """Going on after loading: the default generator and the callbacks continue where they were when saving.

        Returns:
            The first epoch, and the place in it where training was saved, or None.
        """
        generator, self._resume_state = self._resume_state, None
        saved, self._resume_callbacks = self._resume_callbacks, None
        place, self._resume_place = self._resume_place, None
        epoch, self._resume_epoch = self._resume_epoch, None
        if epoch is None and initial_epoch == 0:
            return 0, None
        if generator is not None:
            _core.set_random_state(*generator)
        if saved is not None:
            from ranvier.models.callback_state import restore_callbacks

            restore_callbacks(callbacks, *saved)
        return initial_epoch if epoch is None else epoch, place

    # -- sequences piece by piece ------------------------------------------------------------------------------------

    def stream(self, batch_size: int | None = None) -> Any:
        """The model for sequences that come piece by piece: see `ranvier.models.Stream`."""
        from ranvier.models.stream import Stream

        return Stream(self, batch_size)

    # -- overviews ---------------------------------------------------------------------------------------------------

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: tuple[str, str] | list[str] | None = None,
    ) -> None:
        """Prints the table of layers with output shapes and numbers of weights.

        Args:
            line_length: longest line. Default the terminal's width, at most 100.
            positions: accepted for Keras's sake; columns are as wide as needed.
            print_fn: called with the table instead of `print`.
            expand_nested: also show the layers of models inside.
            show_trainable: add a column telling which layers are trained.
            layer_range: names (or patterns) of the first and last layer to show.
        """
        from ranvier.models.inspection import model_text

        text = model_text(self, line_length, expand_nested, show_trainable, layer_range, to_terminal=print_fn is None)
        (print if print_fn is None else print_fn)(text)

    def _repr_html_(self) -> str:
        from ranvier.models.inspection import model_html

        return model_html(self)

    # -- files -------------------------------------------------------------------------------------------------------

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True, **kwargs: Any) -> None:
        """Writes the whole model to a ``.rv`` file: layers, weights, optimizer, and what resuming needs.

        Args:
            filepath: where to; its folder must exist.
            overwrite: False refuses to replace a file.
            **kwargs: Keras's `zipped=True` and `include_optimizer`.

        Raises:
            ValueError: another file ending, a model that is not built, a layer without a configuration.
            OSError: the file cannot be written; a file that was there before is untouched.
        """
        from ranvier.saving import save_model

        save_model(self, filepath, overwrite=overwrite, **kwargs)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Writes the weights alone: to ``.weights.rv``, or ``.safetensors`` for other programs."""
        from ranvier.saving import save_weights

        save_weights(self, filepath, overwrite=overwrite)

    def load_weights(self, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
        """Reads weights from a ``.weights.rv``, ``.rv`` or ``.safetensors`` file.

        Args:
            filepath: the file.
            skip_mismatch: leave weights as they are that the file lacks or has in another shape.

        Raises:
            ValueError: a damaged file, or weights of another model, naming layer, expected and received; nothing has
                changed then.
        """
        from ranvier.saving import load_weights

        load_weights(self, filepath, skip_mismatch=skip_mismatch)

    def to_json(self, **kwargs: Any) -> str:
        """The configuration as JSON text, for `ranvier.models.model_from_json`; `kwargs` go to `json.dumps`."""
        import json

        from ranvier.saving import model_record

        return json.dumps(model_record(self), **kwargs)

    def __reduce__(self) -> Any:
        """For `copy.deepcopy` and `pickle` (functions and classes of one's own must then be importable)."""
        from ranvier.models.copying import model_from_parts, parts_of

        return model_from_parts, parts_of(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        import copy

        from ranvier.models.copying import model_from_parts, parts_of

        record, own, weights, compiled, slots, state = parts_of(self)
        if compiled is not None:  # metrics have state of their own; functions stay what they are
            compiled = copy.deepcopy(compiled, memo)
        found = memo[id(self)] = model_from_parts(record, own, weights, compiled, slots, state)
        return found

    # -- data --------------------------------------------------------------------------------------------------------

    def _engine_model(self) -> Any:
        """The engine's layer of the whole model."""
        return self._handle()

    def _handle(self) -> _core.Layer:
        if self._engine_layer is None:
            self._engine_layer = model_layer(self)
            self._engine_layer.trainable = self._trainable
        return self._engine_layer

    def _adjust_input(self, x: np.ndarray) -> np.ndarray:
        """`x` with the rank of the input, see `structures.fit_rank`."""
        return fit_rank(x, self._input_shape_or_none())

    def _build_for(self, shape: tuple[int, ...], argument: str = "x") -> None:
        """Builds for data of this shape, or checks that it fits."""
        wanted = (None, *shape[1:])
        known = self._input_shape_or_none()
        if known is not None and len(shape) == 1 and len(known) == 2 and shape[0] == known[1]:
            raise ValueError(
                f"[{self.name}] expected {argument} with shape (rows, {known[1]}), received {shape}; "
                "for one row pass x[None, :]."
            )
        if not self.built:
            self.build(wanted)
        elif wanted != known:
            self.compute_output_shape(shape)

    @property
    def input_shape(self) -> Shape:
        """Shape of the input, `(None, 784)`; AttributeError before the model is built."""
        shape = self._input_shape_or_none()
        if shape is None:
            raise AttributeError(f"[{self.name}] has no input_shape before it is built; begin with Input(shape).")
        return shape

    @property
    def output_shape(self) -> Shape:
        """Shape of the output, `(None, 10)`; AttributeError before the model is built."""
        shape = self._output_shape_or_none()
        if shape is None:
            raise AttributeError(f"[{self.name}] has no output_shape before it is built; begin with Input(shape).")
        return shape

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _gives_graph(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a constructor is given the ends of a graph: two arguments, or `inputs` or `outputs` by name."""
    return len(args) >= 2 or "inputs" in kwargs or "outputs" in kwargs


def _make_functional(cls: type, functional: type) -> None:
    """Puts Functional in the place of Model among the bases of a class whose constructor gives Model a graph."""
    if cls is Model or issubclass(cls, functional):
        return
    for base in cls.__bases__:
        if issubclass(base, Model) and base is not Model:
            _make_functional(base, functional)
    if Model in cls.__bases__:
        cls.__bases__ = tuple(functional if base is Model else base for base in cls.__bases__)
