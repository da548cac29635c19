"""What a layer has: weights of its own, state, layers inside; counting, reading, setting and freezing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ranvier import _core, config, initializers, regularizers
from ranvier._core import Variable
from ranvier._tensor import convert_to_tensor
from ranvier.layers._tracking import held, unique


class WeightOwner:
    """The part of Layer that deals with weights."""

    built: bool
    _name: str
    _dtype: str
    _trainable: bool
    _weights: list[Variable]
    _state: list[Variable]
    _penalties: list[tuple[Variable, Callable[[Any], Any]]]
    _engine_layer: _core.Layer | None

    @property
    def name(self) -> str:
        """The layer's name, fixed at construction."""
        return self._name

    @property
    def dtype(self) -> str:
        """Dtype of weights and computation."""
        return self._dtype

    compute_dtype = variable_dtype = dtype

    @property
    def trainable(self) -> bool:
        """Whether gradients change the weights; setting it reaches all layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        own = self._own_weights()
        if self._trainable:
            self._state = [v for v in own if self._is_state(v)]
        self._trainable = value
        for variable in own:
            variable.trainable = value and not _among(variable, self._state)
        if self._engine_layer is not None:
            self._engine_layer.trainable = value
        for layer in self._sublayers():
            layer.trainable = value

    def _is_state(self, variable: Variable) -> bool:
        if _among(variable, self._weights):  # a weight that is frozen by itself keeps its place
            return _among(variable, self._state)
        return self._trainable and not variable.trainable

    def _own_weights(self) -> list[Variable]:
        return unique([*self._weights, *held(self, Variable)])

    def _sublayers(self) -> list[Any]:
        return [layer for layer in held(self, WeightOwner) if layer is not self]

    @property
    def weights(self) -> list[Variable]:
        """All weights: the layer's own trainable ones, its own state, then those of the layers inside."""
        own = self._own_weights()
        found = [v for v in own if not self._is_state(v)] + [v for v in own if self._is_state(v)]
        for layer in self._sublayers():
            found += layer.weights
        return unique(found)

    @property
    def variables(self) -> list[Variable]:
        """Same as `weights`."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that gradients change; none while `trainable` is False."""
        return [v for v in self.weights if v.trainable] if self._trainable else []

    @property
    def trainable_variables(self) -> list[Variable]:
        """Same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """All other weights, such as moving averages."""
        return [v for v in self.weights if not v.trainable] if self._trainable else self.weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Same as `non_trainable_weights`."""
        return self.non_trainable_weights

    def count_params(self) -> int:
        """Number of elements of all weights; ValueError before the layer is built."""
        if not self.built:
            raise ValueError(
                f"[{self.name}] has no weights to count before it is built; call it on data or build(shape) first."
            )
        return sum(v.size for v in self.weights)

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights' values, in the order of `weights`."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Takes over values of the shapes of `weights`, in that order.

        Raises ValueError naming layer and weight when number or shapes differ; nothing is changed then.
        """
        own = self.weights
        if len(weights) != len(own):
            wanted = ", ".join(f"{v.name} {v.shape}" for v in own) or "none; build the layer first"
            raise ValueError(
                f"[{self.name}] set_weights: expected {len(own)} arrays ({wanted}), received {len(weights)}."
            )
        arrays = [np.asarray(w) for w in weights]
        for variable, array in zip(own, arrays, strict=True):
            if array.shape != variable.shape:
                raise ValueError(
                    f"[{self.name}] set_weights: expected shape {variable.shape} for weight {variable.path!r}, "
                    f"received {array.shape}."
                )
            if array.dtype.kind not in "biuf":
                raise TypeError(
                    f"[{self.name}] set_weights: expected numbers for weight {variable.path!r}, "
                    f"received dtype {array.dtype}."
                )
        for variable, array in zip(own, arrays, strict=True):
            variable.assign(array.astype(variable.dtype, copy=False))

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Creates a weight of this layer.

        Args:
            shape: tuple of ints, or an int.
            initializer: name, object or callable; default glorot_uniform for floats, zeros otherwise.
            dtype: default the layer's.
            trainable: False for state that gradients do not change.
            regularizer: penalty added to the loss; L1, L2 and L1L2 run in the engine.
            name: default ``"variable"``, numbered within the layer.

        Returns:
            The Variable, also found in `weights`.
        """
        if not hasattr(self, "_weights"):
            raise RuntimeError(f"[{type(self).__name__}] call super().__init__() before add_weight().")
        dtype = self.dtype if dtype is None else config.standardize_dtype(dtype)
        dims = tuple(shape) if isinstance(shape, Sequence) else (shape,)
        if any(d is None for d in dims):
            raise ValueError(f"[{self.name}] add_weight: expected known sizes, received shape {dims}.")
        if initializer is None:
            initializer = "glorot_uniform" if dtype in config.FLOATS else "zeros"
        value = convert_to_tensor(initializers.get(initializer)(dims, dtype=dtype), dtype)
        if value.shape != dims:
            raise ValueError(
                f"[{self.name}] initializer {initializer!r}: expected values of shape {dims}, received {value.shape}."
            )
        if name is None:
            taken = sum(v.name.startswith("variable") for v in self._weights)
            name = f"variable_{taken}" if taken else "variable"
        trainable = trainable and dtype in config.FLOATS
        variable = Variable(value, trainable and self._trainable, name, f"{self.name}/{name}")
        self._weights.append(variable)
        if not trainable:
            self._state.append(variable)
        self._regularize(variable, regularizers.get(regularizer))
        return variable

    add_variable = add_weight

    def _regularize(self, variable: Variable, regularizer: Any) -> None:
        factors = regularizers.native_factors(regularizer)
        if factors is None:
            self._penalties.append((variable, regularizer))
        else:
            variable.l1, variable.l2 = factors


def _among(variable: Variable, variables: list[Variable]) -> bool:
    return any(v is variable for v in variables)  # `in` would compare values
