"""Attention of transformers: MultiHeadAttention and GroupQueryAttention, with projections of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ranvier import initializers, regularizers
from ranvier._core import Tensor, Variable
from ranvier.layers._checks import positive_int, rate
from ranvier.layers._parts import PartedLayer
from ranvier.layers.base import registry
from ranvier.random import own_seed

_TENSORS = ("query", "value", "key", "query_mask", "value_mask", "key_mask", "attention_mask")
_SETTINGS = ("kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer")


class Projection(NamedTuple):
    """The weights of one of the products inside: ``x @ kernel + bias``."""

    kernel: Variable | None
    bias: Variable | None


class HeadAttention(PartedLayer):
    """What both layers share: four projections (five with a gate) around attention by heads."""

    _call_tensors = _TENSORS
    _call_options = ("return_attention_scores", "use_causal_mask")
    _weight_names = (
        "query_kernel",
        "query_bias",
        "key_kernel",
        "key_bias",
        "gate_kernel",
        "gate_bias",
        "value_kernel",
        "value_bias",
        "attention_output_kernel",
        "attention_output_bias",
    )

    def _set_common(
        self,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        flash_attention: bool | None,
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        bias_regularizer: Any,
        kernel_constraint: Any,
        bias_constraint: Any,
        use_gate: bool,
        seed: Any,
    ) -> None:
        self.dropout = rate(dropout, self.name, "dropout")
        self.use_bias = bool(use_bias)
        self.sliding_window = (
            None if sliding_window is None else positive_int(sliding_window, self.name, "sliding_window")
        )
        self.flash_attention = None if flash_attention is None else bool(flash_attention)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        for argument, value in (("kernel_constraint", kernel_constraint), ("bias_constraint", bias_constraint)):
            if value is not None:
                raise ValueError(
                    f"[{self.name}] {argument}: expected None, received {value!r:.200}; there are no constraints on "
                    "weights."
                )
        self.use_gate = bool(use_gate)
        self.seed = own_seed(seed, self.name)

    # -- building and calling ----------------------------------------------------------------------------------------

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        """Creates the weights for query, value and key of these shapes; without `key_shape` it is that of the value."""
        if isinstance(query_shape, Mapping):
            super().build(query_shape)
            return
        if value_shape is None and query_shape and isinstance(query_shape[0], list | tuple):  # [query, value, key]
            query_shape, value_shape, key_shape = (*query_shape, None, None)[:3]
        shapes = {"query": query_shape, "value": value_shape, "key": key_shape}
        super().build({name: tuple(shape) for name, shape in shapes.items() if shape is not None})

    @property
    def query_dense(self) -> Projection:
        """Kernel (features, heads, size) and bias of the queries."""
        return self._projection("query")

    @property
    def key_dense(self) -> Projection:
        """Kernel (features, heads, size) and bias of the keys."""
        return self._projection("key")

    @property
    def value_dense(self) -> Projection:
        """Kernel (features, heads, size) and bias of the values."""
        return self._projection("value")

    @property
    def output_dense(self) -> Projection:
        """Kernel (heads, size, features) and bias of the result."""
        return self._projection("attention_output")

    def _projection(self, name: str) -> Projection:
        return Projection(getattr(self, f"{name}_kernel"), getattr(self, f"{name}_bias"))

    def _named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        named = super()._named(args, kwargs)
        if named.get("value") is None:
            raise TypeError(f"[{self.name}] expected value, received None; self-attention is layer(x, x).")
        return named

    def call(  # type: ignore[override]
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Attention of each step of `query` to the steps of `value`.

        A query that sees nothing, because masks hide all keys or itself, gets zeros before the last projection.

        Args:
            query: ``(batch, Tq, features)``; further axes between batch and features are flattened.
            value: ``(batch, Tv, features)``.
            key: ``(batch, Tv, features)``; the value when None.
            query_mask: ``(batch, Tq)``, False for padding; the mask that `query` carries when None.
            value_mask: ``(batch, Tv)``; the mask that `value` carries when None.
            key_mask: ``(batch, Tv)``; the mask that `key`, if given, carries when None.
            attention_mask: which key each query sees, ``(Tq, Tv)``, ``(batch, Tq, Tv)`` or ``(batch, heads, Tq, Tv)``;
                sizes of 1 repeat.
            return_attention_scores: whether to return the probabilities ``(batch, heads, Tq, Tv)`` as well. They are
                stored then, otherwise never.
            training: whether to drop probabilities.
            use_causal_mask: whether step i sees steps up to i only.

        Returns:
            ``(batch, Tq, features of the query)``, or that and the scores.
        """
        return self._run_engine(
            {
                "query": query,
                "value": value,
                "key": key,
                "query_mask": query_mask,
                "value_mask": value_mask,
                "key_mask": key_mask,
                "attention_mask": attention_mask,
                "return_attention_scores": bool(return_attention_scores) or None,
                "use_causal_mask": bool(use_causal_mask) or None,
            },
            training,
        )

    def compute_output_shape(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> Any:
        """Shape of the result for shapes of query, value and key (batch axis included, None where unknown)."""
        if value_shape is None and query_shape and isinstance(query_shape[0], list | tuple):  # [query, value, key]
            query_shape, value_shape, key_shape = (*query_shape, None, None)[:3]
        given = {"query_shape": query_shape, "value_shape": value_shape, "key_shape": key_shape}
        return super().compute_output_shape(**{name: shape for name, shape in given.items() if shape is not None})


@registry.register()
class MultiHeadAttention(HeadAttention):
    """``softmax(q k^T / sqrt(key_dim)) v`` for several heads of projected inputs (Vaswani et al. 2017).

    ``layer(query, value, key)`` with ``(batch, time, features)`` each; ``layer(x, x, use_causal_mask=True)`` is the
    self-attention of a language model. Scores are computed block by block and never stored, unless asked for.

    Args:
        num_heads: number of heads.
        key_dim: size of each head's queries and keys.
        value_dim: size of each head's values, default `key_dim`.
        dropout: rate for the probabilities in training. Default 0.
        use_bias: whether projections have biases. Default True.
        output_shape: sizes behind the query's axes instead of its features: an int or a tuple.
        attention_axes: None, or all axes between batch and features.
        sliding_window: each step sees those less than this far away only; None: all.
        flash_attention: accepted for Keras's sake; the engine never stores scores that nobody asked for.
        kernel_initializer: default ``"glorot_uniform"``.
        bias_initializer: default ``"zeros"``.
        kernel_regularizer: penalty on each kernel.
        bias_regularizer: penalty on each bias.
        activity_regularizer: penalty on the result.
        kernel_constraint: accepted for Keras's sake; only None.
        bias_constraint: accepted for Keras's sake; only None.
        use_gate: whether the sigmoid of one more projection of the query scales the heads' results. Default False.
        seed: int for repeatable dropout; None draws one from the default generator.
        **kwargs: name, dtype, trainable.

    Raises:
        ValueError: sizes below 1, a rate outside [0, 1], shapes or masks that do not fit.
    """

    _arguments = (
        "num_heads",
        "key_dim",
        "value_dim",
        "dropout",
        "use_bias",
        "output_shape",
        "attention_axes",
        "sliding_window",
        "flash_attention",
        *_SETTINGS,
        "use_gate",
        "seed",
    )

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.num_heads = positive_int(num_heads, self.name, "num_heads")
        self.key_dim = positive_int(key_dim, self.name, "key_dim")
        self.value_dim = self.key_dim if value_dim is None else positive_int(value_dim, self.name, "value_dim")
        self.output_shape = _sizes(output_shape, self.name)
        self.attention_axes = _axes(attention_axes, self.name)
        self._set_common(
            dropout,
            use_bias,
            sliding_window,
            flash_attention,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            kernel_constraint,
            bias_constraint,
            use_gate,
            seed,
        )
        self._native()  # says at once what does not go together


@registry.register("GroupedQueryAttention")
class GroupQueryAttention(HeadAttention):
    """Attention whose heads share keys and values in groups (Ainslie et al. 2023).

    ``num_query_heads / num_key_value_heads`` neighbouring heads read the same keys and values, which makes those and
    their cache smaller. Otherwise as `MultiHeadAttention`.

    Args:
        head_dim: size of each head.
        num_query_heads: number of heads of the queries.
        num_key_value_heads: number of heads of keys and values, a divisor of `num_query_heads`.
        dropout: rate for the probabilities in training. Default 0.
        use_bias: whether projections have biases. Default True.
        sliding_window: each step sees those less than this far away only; None: all.
        flash_attention: accepted for Keras's sake; the engine never stores scores that nobody asked for.
        kernel_initializer: default ``"glorot_uniform"``.
        bias_initializer: default ``"zeros"``.
        kernel_regularizer: penalty on each kernel.
        bias_regularizer: penalty on each bias.
        activity_regularizer: penalty on the result.
        kernel_constraint: accepted for Keras's sake; only None.
        bias_constraint: accepted for Keras's sake; only None.
        use_gate: whether the sigmoid of one more projection of the query scales the heads' results. Default False.
        seed: int for repeatable dropout; None draws one from the default generator.
        **kwargs: name, dtype, trainable.

    Raises:
        ValueError: heads that do not divide, sizes below 1, shapes or masks that do not fit.
    """

    _arguments = (
        "head_dim",
        "num_query_heads",
        "num_key_value_heads",
        "dropout",
        "use_bias",
        "sliding_window",
        "flash_attention",
        *_SETTINGS,
        "use_gate",
        "seed",
    )

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.head_dim = positive_int(head_dim, self.name, "head_dim")
        self.num_query_heads = positive_int(num_query_heads, self.name, "num_query_heads")
        self.num_key_value_heads = positive_int(num_key_value_heads, self.name, "num_key_value_heads")
        self._set_common(
            dropout,
            use_bias,
            sliding_window,
            flash_attention,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            kernel_constraint,
            bias_constraint,
            use_gate,
            seed,
        )
        self._native()  # says at once what does not go together


def _sizes(output_shape: Any, layer: str) -> tuple[int, ...] | None:
    if output_shape is None or output_shape == () or output_shape == []:
        return None
    sizes = output_shape if isinstance(output_shape, list | tuple) else [output_shape]
    return tuple(positive_int(size, layer, "output_shape") for size in sizes)


def _axes(attention_axes: Any, layer: str) -> tuple[int, ...] | None:
    if attention_axes is None:
        return None
    axes = attention_axes if isinstance(attention_axes, list | tuple) else [attention_axes]
    if not all(isinstance(axis, int) and not isinstance(axis, bool) for axis in axes):
        raise ValueError(f"[{layer}] attention_axes: expected ints, received {attention_axes!r:.200}.")
    return tuple(axes)


__all__ = ["GroupQueryAttention", "MultiHeadAttention"]
