"""Embedding: a trained row of numbers for each index."""

from __future__ import annotations

import warnings
from typing import Any

from ranvier import initializers, ops, regularizers
from ranvier._core import Tensor
from ranvier._tensor import convert_to_tensor
from ranvier.layers._checks import positive_int
from ranvier.layers.base import registry
from ranvier.layers.native import NativeLayer


@registry.register()
class Embedding(NativeLayer):
    """Turns indices into rows of a trained table: ``(batch, ...)`` of whole numbers to ``(batch, ..., output_dim)``.

    An index outside of ``[0, input_dim)`` is an error that names value and place, also in the middle of `fit`, where
    nothing of the batch is learned then. Floats are accepted when they are whole numbers. In training, the gradient of
    the table costs what the rows looked up cost, whatever the size of the vocabulary.

    Args:
        input_dim: size of the vocabulary: the largest index + 1.
        output_dim: length of each row.
        embeddings_initializer: of the ``(input_dim, output_dim)`` table, default ``"uniform"``.
        embeddings_regularizer: penalty on the whole table, such as ``"l2"``.
        embeddings_constraint: accepted for Keras's sake; only None.
        mask_zero: whether index 0 stands for padding: layers behind skip those steps. Default False.
        weights: values of the table to begin with, an array or a list of one.
        **kwargs: name, dtype, trainable, activity_regularizer.

    Raises:
        ValueError: sizes below 1, weights of another shape, an index that is not in the vocabulary.
    """

    _arguments = (
        "input_dim",
        "output_dim",
        "embeddings_initializer",
        "embeddings_regularizer",
        "embeddings_constraint",
        "mask_zero",
    )
    _weight_names = ("embeddings",)

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("[Embedding] input_length has no effect and can be left out.", stacklevel=2)
        super().__init__(**kwargs)
        self.input_dim = positive_int(input_dim, self.name, "input_dim")
        self.output_dim = positive_int(output_dim, self.name, "output_dim")
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        if embeddings_constraint is not None:
            raise ValueError(
                f"[{self.name}] embeddings_constraint: expected None, received {embeddings_constraint!r:.200}; there "
                "are no constraints on weights."
            )
        self.embeddings_constraint = None
        self.mask_zero = bool(mask_zero)
        if weights is not None:
            self.build((None, None))
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Any = None) -> None:
        """Creates the table, which is the same for inputs of any shape."""
        super().build((None, None) if input_shape is None else input_shape)

    def _convert(self, x: Any) -> Tensor:
        return convert_to_tensor(x)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Which indices are not 0, with `mask_zero`; else None."""
        return ops.not_equal(self._convert(inputs), 0) if self.mask_zero else None


__all__ = ["Embedding"]
