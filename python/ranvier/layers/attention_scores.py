"""Attention and AdditiveAttention: one head, without projections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier.layers._checks import rate
from ranvier.layers.base import registry
from ranvier.layers.keyword import KeywordLayer
from ranvier.random import own_seed

_INPUTS = ("query", "value", "key")
_MASKS = ("query_mask", "value_mask")


class ScoreAttention(KeywordLayer):
    """What both layers share: ``layer([query, value])`` or ``layer([query, value, key])``."""

    _call_tensors = (*_INPUTS, *_MASKS)
    _call_options = ("return_attention_scores", "use_causal_mask")

    def _named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The list of inputs and the list of masks, taken apart."""
        names = self._call_names
        if len(args) > len(names):
            raise TypeError(f"[{self.name}] expected at most {len(names)} arguments, received {len(args)}.")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        unknown = [name for name in given if name not in names]
        if unknown:
            raise TypeError(f"[{self.name}] unknown argument {unknown[0]!r}; its call takes {', '.join(names)}.")
        inputs, mask = given.pop("inputs", None), given.pop("mask", None)
        if not isinstance(inputs, list | tuple) or not 2 <= len(inputs) <= 3:
            received = f"a list of {len(inputs)}" if isinstance(inputs, list | tuple) else type(inputs).__name__
            raise ValueError(
                f"[{self.name}] expected a list of [query, value] or [query, value, key], received {received}."
            )
        if mask is not None and (not isinstance(mask, list | tuple) or not 2 <= len(mask) <= 3):
            raise ValueError(
                f"[{self.name}] mask: expected a list of [query_mask, value_mask], received {mask!r:.200}."
            )
        return {
            **dict(zip(_INPUTS, inputs, strict=False)),
            **dict(zip(_MASKS, mask or (), strict=False)),
            **{name: value or None for name, value in given.items()},  # False is the engine's default as well
        }

    def build(self, input_shape: Any) -> None:
        """Creates the weights for a list of shapes of query, value and perhaps key."""
        super().build(input_shape if isinstance(input_shape, Mapping) else self._by_name(input_shape))

    def _by_name(self, shapes: Any) -> dict[str, tuple[int | None, ...]]:
        if not isinstance(shapes, list | tuple) or not all(isinstance(shape, list | tuple) for shape in shapes):
            raise ValueError(
                f"[{self.name}] expected a list of the shapes of query and value, received {shapes!r:.200}."
            )
        return {name: tuple(shape) for name, shape in zip(_INPUTS, shapes, strict=False)}

    def _call_engine(self, named: dict[str, Any], training: bool) -> Any:
        return self._run_engine(named, training)

    def call(  # type: ignore[override]
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Attention of each step of the query to the steps of the value.

        A query that sees no key, or that is masked itself, gets zeros.

        Args:
            inputs: a list of query ``(batch, Tq, dim)``, value ``(batch, Tv, size)`` and, if it is not the value, key
                ``(batch, Tv, dim)``.
            mask: a list of the masks ``(batch, Tq)`` of the query and ``(batch, Tv)`` of the value, either may be
                None; those that the inputs carry when it is None.
            training: whether to drop probabilities.
            return_attention_scores: whether to return the probabilities ``(batch, Tq, Tv)`` as well.
            use_causal_mask: whether step i sees steps up to i only.

        Returns:
            ``(batch, Tq, size)``, or that and the scores.
        """
        options = {"return_attention_scores": return_attention_scores, "use_causal_mask": use_causal_mask}
        return self._call_engine(self._named((inputs, mask), options), training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the result for a list of shapes (batch axis included, None where unknown)."""
        shapes = self._by_name(input_shape)
        return self._output_shapes(tuple(shapes), list(shapes.values()), {})


@registry.register()
class Attention(ScoreAttention):
    """``softmax(q k^T) v``: attention by products of queries and keys (Luong et al. 2015).

    Args:
        use_scale: whether a trained number scales the products. Default False.
        score_mode: ``"dot"`` (default), or ``"concat"`` for ``sum(tanh(q + k))``, times a trained number.
        dropout: rate for the probabilities in training. Default 0.
        seed: int for repeatable dropout; None draws one from the default generator.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("use_scale", "score_mode", "dropout", "seed")
    _weight_names = ("scale", "concat_score_weight")

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"[{self.name}] score_mode: expected 'dot' or 'concat', received {score_mode!r:.200}.")
        self.use_scale = bool(use_scale)
        self.score_mode = score_mode
        self.dropout = rate(dropout, self.name, "dropout")
        self.seed = own_seed(seed, self.name)


@registry.register()
class AdditiveAttention(ScoreAttention):
    """``softmax(sum(scale * tanh(q + k))) v``: attention by a small network (Bahdanau et al. 2015).

    Args:
        use_scale: whether each feature has a trained weight in the sum. Default True.
        dropout: rate for the probabilities in training. Default 0.
        seed: int for repeatable dropout; None draws one from the default generator.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("use_scale", "dropout", "seed")
    _weight_names = ("scale",)

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_scale = bool(use_scale)
        self.dropout = rate(dropout, self.name, "dropout")
        self.seed = own_seed(seed, self.name)


__all__ = ["AdditiveAttention", "Attention"]
