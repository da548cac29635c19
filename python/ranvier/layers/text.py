"""TextVectorization: strings to indices of their words."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np

from ranvier import config
from ranvier.layers._category_encoding import (
    dense_only,
    encoded_shape,
    encoding_of,
    flag,
    max_tokens_of,
    mode_of,
    size,
)
from ranvier.layers._data_layer import DataLayer, LateProgress, batches_of
from ranvier.layers._lookup import DROPPED, Lookup
from ranvier.layers._tokens import Splitter
from ranvier.layers.base import registry
from ranvier.utils.strings import text_array

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
_SPLIT = ("whitespace", "character")
_LONGEST = 1000  # n-gram
_TEXTS_AT_ONCE = 1 << 12  # that adapt counts between two looks at the clock


@registry.register()
class TextVectorization(DataLayer):
    """Texts to indices of their tokens, or to vectors that say which tokens they have.

    A text is standardised, split, its tokens joined to n-grams if wanted, and each looked up in a vocabulary, which
    `adapt` makes of example texts. Index 0 is padding, index 1 any unknown token; vectors have no padding, so that
    index 0 is that of unknown tokens. Lower case is that of ASCII letters and white space that of ASCII, as in Keras.

    Args:
        max_tokens: largest size of the vocabulary, the two special tokens included. Default any.
        standardize: ``"lower_and_strip_punctuation"`` (default), ``"lower"``, ``"strip_punctuation"``, None, or a
            function from an array of `str` to another.
        split: ``"whitespace"`` (default), ``"character"``, None, or a function from an array of `str` `(n,)` to n lists
            of tokens.
        ngrams: None, the greatest length, or a tuple of lengths: runs of tokens become tokens, joined by a space.
        output_mode: ``"int"``: int64 `(batch, tokens)`; ``"multi_hot"``, ``"count"``, ``"tf_idf"``: floatx
            `(batch, size)`.
        output_sequence_length: number of tokens to pad or cut to. Default that of the longest text in the data.
        pad_to_max_tokens: vectors of size `max_tokens` whatever the vocabulary has.
        vocabulary: list or array of tokens, or a text file with one on each line; instead of `adapt`.
        idf_weights: inverse document frequencies of the vocabulary, in output mode ``"tf_idf"``.
        sparse: only False.
        ragged: only False.
        encoding: of texts given as bytes. Default ``"utf-8"``.
        name: of the layer.
        **kwargs: trainable.

    Inputs are strings `(batch,)` or `(batch, 1)`: lists, NumPy arrays, pandas columns.

    Raises:
        ValueError: contradicting arguments, no vocabulary when called.
        TypeError: something that is no text, with its place.

    Example:
        ```python
        vectorize = TextVectorization(output_sequence_length=4)
        vectorize.adapt(["foo bar", "bar baz", "baz bada boom"])
        vectorize(["foo qux bar", "qux baz"])  # [[4, 1, 3, 0], [1, 2, 0, 0]]
        ```
    """

    _takes = "text"

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        given = kwargs.pop("has_input_vocabulary", vocabulary is not None)
        kwargs.pop("vocabulary_size", None)  # Keras's files have it; the vocabulary itself says it
        kwargs.pop("dtype", None)  # results are int64 or floatx
        super().__init__(name=name, **kwargs)
        self.max_tokens = max_tokens_of(max_tokens, self.name)
        self.standardize = _choice(standardize, self.name, "standardize", _STANDARDIZE)
        self.split = _choice(split, self.name, "split", _SPLIT)
        self.ngrams = ngrams
        self.output_mode = mode_of(output_mode, self.name, _MODES)
        self.output_sequence_length = output_sequence_length
        if output_sequence_length is not None:
            self.output_sequence_length = size(output_sequence_length, self.name, "output_sequence_length")
            if self.output_mode != "int":
                raise ValueError(
                    f"[{self.name}] output_sequence_length: expected None in output_mode {output_mode!r}, received "
                    f"{output_sequence_length!r}; only 'int' gives sequences."
                )
        self.pad_to_max_tokens = flag(pad_to_max_tokens, self.name, "pad_to_max_tokens")
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError(f"[{self.name}] pad_to_max_tokens: expected max_tokens with it, received None.")
        self.sparse = dense_only(sparse, self.name)
        if flag(ragged, self.name, "ragged"):
            raise ValueError(
                f"[{self.name}] ragged: expected False, received {ragged!r}; output_sequence_length sets the length "
                "that rows are padded to."
            )
        self.ragged = False
        self.encoding = encoding_of(encoding, self.name)
        self._has_input_vocabulary = bool(given)
        self._splitter = Splitter(self.name, self.standardize, self.split, _lengths(ngrams, self.name))
        self._lookup = Lookup(self.name, True, self.max_tokens, 1, "", "[UNK]", self.output_mode)
        if vocabulary is not None:
            self._lookup.set(vocabulary, idf_weights)
        elif idf_weights is not None:
            raise ValueError(f"[{self.name}] idf_weights: expected vocabulary with them, received None.")

    # -- the vocabulary ----------------------------------------------------------------------------------------------

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The tokens; with the special ones, token i has index i."""
        return self._lookup.vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Number of indices, those of padding and unknown tokens included."""
        return self._lookup.size

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Takes over a vocabulary, see `StringLookup.set_vocabulary`."""
        self._lookup.set(vocabulary, idf_weights)

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Makes the vocabulary of the tokens in `data`: by frequency, ties from high to low, at most `max_tokens`.

        Args:
            data: list or array of texts, or batches of them: a DataLoader (its inputs), a generator.
            batch_size: accepted for Keras's sake.
            steps: number of batches to look at, default all.

        Raises:
            ValueError: the vocabulary was given, or there are no tokens in the data.
        """
        self.reset_state()
        batches = batches_of(data, steps, self.name)
        total = None
        if batches is None:
            texts = text_array([data] if isinstance(data, str | bytes) else data, "data", self.name, self.encoding)
            total = -(-len(texts) // _TEXTS_AT_ONCE)
            batches = (texts[i * _TEXTS_AT_ONCE : (i + 1) * _TEXTS_AT_ONCE] for i in range(total))
        progress = LateProgress(total, "batch")
        try:
            for step, batch in enumerate(batches):
                self.update_state(batch)
                progress.update(step + 1)
        finally:
            progress.close()
        self.finalize_state()
        if not self._lookup.tokens:
            raise ValueError(f"[{self.name}] adapt: expected data with at least one token, found none.")

    def update_state(self, data: Any) -> None:
        """Counts the tokens of one batch of texts."""
        if self._has_input_vocabulary:
            raise ValueError(
                f"[{self.name}] adapt: the vocabulary was given to the constructor; leave it out to learn one."
            )
        texts = self._texts(data)[0]
        if self._splitter.only_characters and self.output_mode != "tf_idf":
            points = np.bincount(_code_points("".join(self._splitter.strings(texts))))
            used = np.flatnonzero(points)
            self._lookup.count({chr(int(point)): int(points[point]) for point in used})
        else:
            self._lookup.count_documents(self._splitter.rows(texts))

    def finalize_state(self) -> None:
        """Makes the vocabulary of what has been counted."""
        self._lookup.finish()

    def reset_state(self) -> None:
        """Forgets what has been counted, not the vocabulary."""
        self._lookup.reset_counts()

    # -- calling -----------------------------------------------------------------------------------------------------

    def _texts(self, inputs: Any) -> tuple[list[str], tuple[int, ...]]:
        """The texts one after the other, standardised as far as a function does it, and the shape of the batch."""
        texts = text_array(inputs, "x", self.name, self.encoding)
        if self.split is not None and texts.ndim > 1:
            if texts.shape[-1] != 1:
                raise ValueError(
                    f"[{self.name}] expected texts of shape (batch,) or (batch, 1), received {texts.shape}; join the "
                    "columns to one text, or use split=None for tokens."
                )
            texts = texts[..., 0]
        texts = self._splitter.standardized(texts)
        return texts.ravel().tolist(), texts.shape

    def encode(self, inputs: Any) -> np.ndarray:
        """Indices int64 `(batch, tokens)`, or vectors floatx `(batch, size)`."""
        self._lookup.require_vocabulary()
        texts, shape = self._texts(inputs)
        if self.split is None and self._splitter.ngrams is None:
            return self._whole(texts, shape)
        if self.split is None and len(shape) > 1:  # n-grams of the tokens in a row
            width, shape = shape[-1], shape[:-1]
            strings = self._splitter.strings(texts)
            rows = [strings[i : i + width] for i in range(0, len(strings), width)] if width else []
            flat, lengths = self._looked_up([self._grams(row) for row in rows])
        elif self._splitter.only_characters:
            flat, lengths = self._characters(texts)
        else:
            flat, lengths = self._looked_up(self._splitter.rows(texts, self.output_sequence_length))
        length = self.output_sequence_length or int(lengths.max(initial=0))
        padding = 0 if self.output_mode == "int" else DROPPED
        padded = np.full((len(lengths), length), padding, dtype=np.int64)
        if padded.size:
            padded[np.arange(length) < lengths[:, None]] = flat
        return self._lookup.encoded(padded.reshape(*shape, length), self.pad_to_max_tokens, config.floatx())

    def _grams(self, tokens: list[str]) -> list[str]:
        from ranvier.layers._tokens import n_grams

        assert self._splitter.ngrams is not None
        return n_grams(tokens, self._splitter.ngrams)[: self.output_sequence_length]

    def _looked_up(self, rows: list[Any]) -> tuple[np.ndarray, np.ndarray]:
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        tokens = list(chain.from_iterable(rows))
        return self._lookup.indices(tokens), lengths

    def _characters(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        texts = [text[: self.output_sequence_length] for text in self._splitter.strings(texts)]
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        return self._lookup.character_indices(_code_points("".join(texts))), lengths

    def _whole(self, texts: list[str], shape: tuple[int, ...]) -> np.ndarray:
        """Each string is a token."""
        found = self._lookup.indices(self._splitter.strings(texts)).reshape(shape)
        if self.output_mode != "int":
            found = found[..., None] if found.ndim < 2 else found
            return self._lookup.encoded(found, self.pad_to_max_tokens, config.floatx())
        if self.output_sequence_length is None:
            return found
        found = (found[..., None] if found.ndim < 2 else found)[..., : self.output_sequence_length]
        missing = self.output_sequence_length - found.shape[-1]
        return np.pad(found, [(0, 0)] * (found.ndim - 1) + [(0, missing)])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output; ValueError where its size depends on a vocabulary that is not there yet."""
        shape = tuple(input_shape)
        if self.split is not None:
            rows = shape[:-1] if len(shape) > 1 else shape
            shape = (*rows, self.output_sequence_length)
        elif self.output_sequence_length is not None or self.output_mode != "int":
            shape = (*(shape[:-1] if len(shape) > 1 else shape), self.output_sequence_length)
        if self.output_mode == "int":
            return shape
        depth = self._lookup.depth(self.pad_to_max_tokens)
        if depth is None:
            self._lookup.require_vocabulary()
        return encoded_shape(shape, "one_hot" if self.output_mode == "one_hot" else "count", depth)

    def _result_dtype(self) -> str:
        return "int64" if self.output_mode == "int" else config.floatx()

    # -- configuration -----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; the vocabulary is among them, also a learned one. Functions go by their names."""
        from ranvier.saving import serialize_keras_object

        base = super().get_config()
        base.pop("dtype")
        return {
            **base,
            "max_tokens": self.max_tokens,
            "standardize": serialize_keras_object(self.standardize),
            "split": serialize_keras_object(self.split),
            "ngrams": self.ngrams,
            "output_mode": self.output_mode,
            "output_sequence_length": self.output_sequence_length,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "sparse": False,
            "ragged": False,
            "encoding": self.encoding,
            **self._lookup.saved(self._has_input_vocabulary),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A new layer from what `get_config` returned, Keras's or ours; `custom_objects` has functions by name."""
        settings = {key: value for key, value in config.items() if key != "build_config"}
        for key, known in (("standardize", _STANDARDIZE), ("split", _SPLIT)):
            settings[key] = _function(settings.get(key), known, custom_objects)
        if isinstance(settings.get("ngrams"), list):
            settings["ngrams"] = tuple(settings["ngrams"])
        return cls(**settings)


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _choice(value: Any, layer: str, name: str, known: tuple[str, ...]) -> Any:
    if value is not None and not callable(value) and not (isinstance(value, str) and value in known):
        listed = ", ".join(map(repr, known))
        raise ValueError(f"[{layer}] {name}: expected one of {listed}, None or a function, received {value!r:.200}.")
    return value


def _lengths(ngrams: Any, layer: str) -> tuple[int, ...] | None:
    if ngrams is None:
        return None
    single = isinstance(ngrams, int) and not isinstance(ngrams, bool) and ngrams <= _LONGEST
    given = tuple(range(1, ngrams + 1)) if single else ngrams
    if not isinstance(given, tuple) or not given or not all(isinstance(n, int) and 0 < n <= _LONGEST for n in given):
        raise ValueError(
            f"[{layer}] ngrams: expected None, a positive int or a tuple of them, received {ngrams!r:.80}."
        )
    return given


def _function(value: Any, known: tuple[str, ...], custom_objects: Mapping[str, Any] | None) -> Any:
    from ranvier._registry import get_registered_object

    name = value.get("config") if isinstance(value, Mapping) and value.get("class_name") == "function" else value
    if not isinstance(name, str) or name in known:
        return value
    found = get_registered_object(name, custom_objects)
    if found is None:
        raise ValueError(
            f"[TextVectorization] unknown function {name!r}; pass custom_objects={{{name!r}: ...}}, or register it "
            "with register_keras_serializable."
        )
    return found


__all__ = ["TextVectorization"]
