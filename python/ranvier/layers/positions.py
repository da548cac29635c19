"""Positions in a sequence: learned, as waves, and as rotations; KerasHub's names and arguments."""

from __future__ import annotations

from typing import Any

from ranvier import initializers
from ranvier._core import Tensor
from ranvier._tensor import convert_to_tensor
from ranvier.layers._checks import number, positive_int
from ranvier.layers._parts import PartedLayer
from ranvier.layers.base import registry
from ranvier.layers.keyword import KeywordLayer
from ranvier.ops._convert import whole


class PositionLayer(KeywordLayer):
    """A layer that knows where a piece of a sequence begins."""

    _call_tensors = ("inputs",)
    _call_options = ("start_index",)

    def call(  # type: ignore[override]
        self, inputs: Tensor, start_index: int = 0, training: bool = False
    ) -> Tensor:
        """Positions from `start_index` on, for the time steps of `inputs`.

        In a stream the steps read before count as well.
        """
        y: Tensor = self._run_engine({"inputs": inputs, "start_index": _start(start_index, self.name)}, training)
        return y


def _start(start_index: Any, layer: str) -> int | None:
    """The option for the engine, None for the default."""
    return whole(start_index, layer, "start_index") or None


@registry.register()
class PositionEmbedding(PositionLayer):
    """A trained row for each position: ``(..., time, features)``, to be added to an embedding of that shape.

    Only the shape of the input is used. In a stream positions go on from piece to piece.

    Args:
        sequence_length: the most time steps there can be.
        initializer: of the ``(sequence_length, features)`` table, default ``"glorot_uniform"``.
        **kwargs: name, dtype, trainable.

    Call arguments: ``layer(inputs, start_index=0)``, where the first step is at position `start_index`.

    Raises:
        ValueError: positions beyond `sequence_length`.
    """

    _arguments = ("sequence_length", "initializer")
    _weight_names = ("embeddings",)
    _weight_of = {"": "embeddings"}

    def __init__(self, sequence_length: int, initializer: Any = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sequence_length = positive_int(sequence_length, self.name, "sequence_length")
        self.initializer = initializers.get(initializer)

    @property
    def position_embeddings(self) -> Any:
        """The table: KerasHub's name for it."""
        return self.embeddings


@registry.register()
class SinePositionEncoding(PositionLayer):
    """Positions as waves: ``sin(position / max_wavelength**(2i / features))`` and its cosine (Vaswani et al. 2017).

    Even features are sines, odd ones the cosines of the same angles. Only the shape of the input
    ``(..., time, features)`` is used; the result is to be added to it. In a stream positions go on from piece to piece.

    Args:
        max_wavelength: of the slowest wave, in units of ``2*pi``. Default 10000.
        **kwargs: name, dtype, trainable.

    Call arguments: ``layer(inputs, start_index=0)``, where the first step is at position `start_index`.
    """

    _arguments = ("max_wavelength",)

    def __init__(self, max_wavelength: float = 10000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_wavelength = number(max_wavelength, self.name, "max_wavelength")
        self._native()  # says at once what is wrong with it


@registry.register()
class RotaryEmbedding(PositionLayer):
    """Turns pairs of features by angles that grow with the position (Su et al. 2021).

    Features j and ``j + features/2`` are turned by ``position / scaling_factor / max_wavelength**(2j / features)``, so
    that the product of two such vectors depends on how far apart they are. In a stream positions go on from piece to
    piece.

    Args:
        max_wavelength: of the slowest turn, in units of ``2*pi``. Default 10000.
        scaling_factor: positions are divided by it. Default 1.
        sequence_axis: axis of the time steps, default 1.
        feature_axis: axis of the features, whose number has to be even, default the last.
        **kwargs: name, dtype, trainable.

    Call arguments: ``layer(inputs, start_index=0)``, where the first step is at position `start_index`.

    Raises:
        ValueError: an odd number of features, or one axis for both.
    """

    _arguments = ("max_wavelength", "scaling_factor", "sequence_axis", "feature_axis")

    def __init__(
        self,
        max_wavelength: float = 10000,
        scaling_factor: float = 1.0,
        sequence_axis: int = 1,
        feature_axis: int = -1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_wavelength = number(max_wavelength, self.name, "max_wavelength")
        self.scaling_factor = number(scaling_factor, self.name, "scaling_factor")
        self.sequence_axis = whole(sequence_axis, self.name, "sequence_axis")
        self.feature_axis = whole(feature_axis, self.name, "feature_axis")
        self._native()  # says at once what is wrong with them


@registry.register()
class TokenAndPositionEmbedding(PartedLayer):
    """A trained row for each token plus one for each position: ``(..., time)`` to ``(..., time, embedding_dim)``.

    In a stream positions go on from piece to piece.

    Args:
        vocabulary_size: number of tokens.
        sequence_length: the most time steps there can be.
        embedding_dim: length of each row.
        tie_weights: False makes another table for the way back; see `ReversibleEmbedding`. Default True.
        embeddings_initializer: of the tables, default ``"uniform"``.
        mask_zero: whether token 0 stands for padding: layers behind skip those steps. Default False.
        **kwargs: name, dtype, trainable.

    Call arguments: ``layer(inputs, start_index=0)``, where the first step is at position `start_index`.

    Raises:
        ValueError: tokens outside of the vocabulary, positions beyond `sequence_length`.
    """

    _arguments = (
        "vocabulary_size",
        "sequence_length",
        "embedding_dim",
        "tie_weights",
        "embeddings_initializer",
        "mask_zero",
    )
    _weight_names = (
        "token_embedding_embeddings",
        "token_embedding_reverse_embeddings",
        "position_embedding_embeddings",
    )
    _settings_of = {"reverse_embeddings": "embeddings"}
    _call_tensors = ("inputs",)
    _call_options = ("start_index",)

    def __init__(
        self,
        vocabulary_size: int,
        sequence_length: int,
        embedding_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        mask_zero: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = positive_int(vocabulary_size, self.name, "vocabulary_size")
        self.sequence_length = positive_int(sequence_length, self.name, "sequence_length")
        self.embedding_dim = positive_int(embedding_dim, self.name, "embedding_dim")
        self.tie_weights = bool(tie_weights)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.mask_zero = bool(mask_zero)

    def _convert(self, x: Any) -> Tensor:
        return convert_to_tensor(x)

    def call(  # type: ignore[override]
        self, inputs: Tensor, start_index: int = 0, training: bool = False
    ) -> Tensor:
        """The rows of the tokens plus those of positions from `start_index` on."""
        y: Tensor = self._run_engine({"inputs": inputs, "start_index": _start(start_index, self.name)}, training)
        return y


__all__ = ["PositionEmbedding", "RotaryEmbedding", "SinePositionEncoding", "TokenAndPositionEmbedding"]
