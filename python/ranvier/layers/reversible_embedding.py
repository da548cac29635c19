"""ReversibleEmbedding: from tokens to features, and from features to scores for tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier import config, initializers, regularizers
from ranvier._core import Tensor
from ranvier._tensor import convert_to_tensor
from ranvier.layers._checks import number, positive_int
from ranvier.layers.base import registry
from ranvier.layers.keyword import KeywordLayer


@registry.register()
class ReversibleEmbedding(KeywordLayer):
    """An `Embedding` that with ``reverse=True`` goes from features to scores for the vocabulary (Press & Wolf 2017).

    ``layer(tokens)`` takes ``(batch, ...)`` to ``(batch, ..., output_dim)``; ``layer(x, reverse=True)`` takes
    ``(..., output_dim)`` to ``(..., input_dim)``, a product with the transposed table.

    Args:
        input_dim: size of the vocabulary: the largest index + 1.
        output_dim: length of each row.
        tie_weights: whether both ways share the table; False makes another ``(output_dim, input_dim)``. Default True.
        embeddings_initializer: of the tables, default ``"uniform"``.
        embeddings_regularizer: penalty on the table of the forward way.
        embeddings_constraint: accepted for Keras's sake; only None.
        mask_zero: whether index 0 stands for padding: layers behind skip those steps. Default False.
        reverse_dtype: accepted for Keras's sake; None or the layer's dtype.
        logit_soft_cap: scores become ``cap * tanh(scores / cap)``; None: as they are.
        **kwargs: name, dtype, trainable, activity_regularizer.

    Raises:
        ValueError: sizes below 1, an index that is not in the vocabulary, features of another size.
    """

    _arguments = (
        "input_dim",
        "output_dim",
        "tie_weights",
        "embeddings_initializer",
        "embeddings_regularizer",
        "mask_zero",
        "reverse_dtype",
        "logit_soft_cap",
    )
    _weight_names = ("embeddings", "reverse_embeddings")
    _call_tensors = ("inputs",)
    _call_options = ("reverse",)

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.input_dim = positive_int(input_dim, self.name, "input_dim")
        self.output_dim = positive_int(output_dim, self.name, "output_dim")
        self.tie_weights = bool(tie_weights)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        if embeddings_constraint is not None:
            raise ValueError(
                f"[{self.name}] embeddings_constraint: expected None, received {embeddings_constraint!r:.200}; there "
                "are no constraints on weights."
            )
        self.mask_zero = bool(mask_zero)
        if reverse_dtype is not None and config.standardize_dtype(reverse_dtype) != self.dtype:
            raise ValueError(
                f"[{self.name}] reverse_dtype: expected None or the layer's dtype {self.dtype}, "
                f"received {reverse_dtype!r:.200}."
            )
        self.reverse_dtype = reverse_dtype
        self.logit_soft_cap = None if logit_soft_cap is None else number(logit_soft_cap, self.name, "logit_soft_cap")
        self._native()  # says at once what is wrong with them

    def build(self, input_shape: Any = None) -> None:
        """Creates the tables, which are the same for inputs of any shape."""
        super().build((None, None) if input_shape is None or isinstance(input_shape, Mapping) else input_shape)

    def _take_weights(self) -> None:
        super()._take_weights()
        self._fill(self.reverse_embeddings, self.embeddings_initializer)

    def _build_for_call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._build_if_needed((None, None), before_call=True)

    def _convert(self, x: Any) -> Tensor:
        y = convert_to_tensor(x)
        return convert_to_tensor(y, self.dtype) if y.dtype in config.FLOATS else y

    def call(  # type: ignore[override]
        self, inputs: Tensor, reverse: bool = False, training: bool = False
    ) -> Tensor:
        """Rows of the table for indices, or scores for features with `reverse`."""
        y: Tensor = self._run_engine({"inputs": inputs, "reverse": bool(reverse) or None}, training)
        return y

    def compute_output_shape(self, input_shape: Any, reverse: bool = False) -> Any:
        """Shape of the result for `input_shape` (batch axis included, None where unknown)."""
        return self._output_shapes(("inputs",), [tuple(input_shape)], {"reverse": True} if reverse else {})


__all__ = ["ReversibleEmbedding"]
