"""StringLookup and IntegerLookup: categories to indices of a vocabulary and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ranvier import config
from ranvier.layers._category_encoding import (
    choice,
    count,
    dense_only,
    encoded_shape,
    encoding_of,
    flag,
    max_tokens_of,
    mode_of,
    salt_of,
)
from ranvier.layers._data_layer import DataLayer, LateProgress, batches_of
from ranvier.layers._lookup import Lookup
from ranvier.layers.base import registry
from ranvier.utils.strings import text_array

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_ROWS_AT_ONCE = 1 << 14  # that adapt counts between two looks at the clock


class IndexLookup(DataLayer):
    """What both layers have in common; see there for the arguments."""

    _is_text = True

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        mode: str,
        pad_to_max_tokens: bool,
        sparse: bool,
        oov_method: str,
        salt: Any,
        encoding: str,
        name: str | None,
        **kwargs: Any,
    ) -> None:
        given = kwargs.pop("has_input_vocabulary", vocabulary is not None)
        kwargs.pop("vocabulary_size", None)  # Keras's files have it; the vocabulary itself says it
        kwargs.pop("dtype", None)  # results are int64 or floatx
        super().__init__(name=name, **kwargs)
        self.max_tokens = max_tokens_of(max_tokens, self.name)
        self.num_oov_indices = count(num_oov_indices, self.name, "num_oov_indices")
        self.mask_token, self.oov_token = self._special(mask_token, "mask_token"), self._special(oov_token, "oov_token")
        self.output_mode = mode_of(mode, self.name, _MODES)
        self.invert = flag(invert, self.name, "invert")
        self.pad_to_max_tokens = flag(pad_to_max_tokens, self.name, "pad_to_max_tokens")
        self.sparse = dense_only(sparse, self.name)
        self.encoding = encoding_of(encoding, self.name)
        if self.invert and self.output_mode != "int":
            raise ValueError(f"[{self.name}] output_mode: expected 'int' with invert=True, received {mode!r}.")
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError(f"[{self.name}] pad_to_max_tokens: expected max_tokens with it, received None.")
        self.oov_method = choice(oov_method, self.name, "oov_method", ("floormod", "farmhash"))
        self.salt = None if salt is None else list(salt_of(salt, self.name))
        if salt is not None and not self._is_text and oov_method != "farmhash":
            raise ValueError(f"[{self.name}] salt: expected oov_method='farmhash' with it, received {oov_method!r}.")
        self._has_input_vocabulary = bool(given)
        self._lookup = Lookup(
            self.name,
            self._is_text,
            self.max_tokens,
            self.num_oov_indices,
            self.mask_token,
            self.oov_token,
            self.output_mode,
            self.invert,
            oov_method,
            None if salt is None else salt_of(salt, self.name),
            self.encoding,
        )
        if vocabulary is not None:
            self._lookup.set(vocabulary, idf_weights)
        elif idf_weights is not None:
            raise ValueError(f"[{self.name}] idf_weights: expected vocabulary with them, received None.")

    def _special(self, token: Any, name: str) -> Any:
        if token is None:
            return None
        if self._is_text != isinstance(token, str) or not isinstance(token, str | int | np.integer):
            wanted = "a string" if self._is_text else "an int"
            raise ValueError(f"[{self.name}] {name}: expected {wanted} or None, received {token!r:.80}.")
        return token if self._is_text else int(token)

    # -- the vocabulary ----------------------------------------------------------------------------------------------

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens; with the special ones, token i has index i."""
        return self._lookup.vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Number of indices, those of special tokens included."""
        return self._lookup.size

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Takes over a vocabulary: a list or array of tokens, or a text file with one on each line.

        Args:
            vocabulary: tokens, with the special ones in front or without them.
            idf_weights: a weight for each, in output mode ``"tf_idf"``.

        Raises:
            ValueError: repeated or reserved tokens (with their place), too many, weights that do not fit.
        """
        self._lookup.set(vocabulary, idf_weights)

    @property
    def idf_weights(self) -> np.ndarray | None:
        """The weight of each index in output mode ``"tf_idf"``."""
        return self._lookup.idf

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Makes the vocabulary of the tokens in `data`: by frequency, ties from high to low, at most `max_tokens`.

        Args:
            data: list or array of tokens, or batches of them: a DataLoader or a generator.
            steps: number of batches to look at, default all.

        Raises:
            ValueError: the vocabulary was given, or there are no tokens in the data.
        """
        self.reset_state()
        batches = batches_of(data, steps, self.name)
        if batches is None:
            tokens = self._tokens(data)
            rows = tokens[:, None] if tokens.ndim == 1 else tokens  # each a document of its own
            batches = (rows[i : i + _ROWS_AT_ONCE] for i in range(0, len(rows) if rows.ndim else 0, _ROWS_AT_ONCE))
        progress = LateProgress(None, "batch")
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
        """Counts one batch; each row is a document, a batch with one axis is a single one."""
        if self._has_input_vocabulary:
            raise ValueError(
                f"[{self.name}] adapt: the vocabulary was given to the constructor; leave it out to learn one."
            )
        tokens = self._tokens(data)
        if self.output_mode != "tf_idf":
            self._count(tokens)
        else:
            rows = tokens.reshape(1, -1) if tokens.ndim < 2 else tokens.reshape(len(tokens), -1)
            self._lookup.count_documents(rows.tolist())

    def _count(self, tokens: np.ndarray) -> None:
        self._lookup.count(tokens.ravel().tolist())

    def finalize_state(self) -> None:
        """Makes the vocabulary of what has been counted."""
        self._lookup.finish()

    def reset_state(self) -> None:
        """Forgets what has been counted, not the vocabulary."""
        self._lookup.reset_counts()

    # -- calling -----------------------------------------------------------------------------------------------------

    def _tokens(self, inputs: Any) -> np.ndarray:
        if self._is_text:
            return text_array(inputs, "x", self.name, self.encoding)
        return self._integers(inputs)

    def encode(self, inputs: Any) -> np.ndarray:
        """Indices int64 of the shape of the input, encoded as `output_mode` says; tokens with `invert`."""
        if self.invert:
            return np.asarray(self._lookup.tokens_of(self._integers(inputs)))
        tokens = self._tokens(inputs)
        flat = tokens.ravel()
        found = self._lookup.indices(flat.tolist() if self._is_text else flat, tokens.shape)
        return self._lookup.encoded(found.reshape(tokens.shape), self.pad_to_max_tokens, config.floatx())

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output; ValueError where its size depends on a vocabulary that is not there yet."""
        depth = self._lookup.depth(self.pad_to_max_tokens)
        if depth is None and self.output_mode != "int":
            self._lookup.require_vocabulary()
        return encoded_shape(tuple(input_shape), "count" if self.output_mode == "tf_idf" else self.output_mode, depth)

    def _result_dtype(self) -> str:
        if self.output_mode != "int":
            return config.floatx()
        return "string" if self.invert and self._is_text else "int64"

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; the vocabulary is among them, also a learned one."""
        base = super().get_config()
        base.pop("dtype")
        return {
            **base,
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": False,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "salt": self.salt,
            **self._lookup.saved(self._has_input_vocabulary),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A new layer from what `get_config` returned, Keras's or ours."""
        return cls(**{key: value for key, value in config.items() if key != "build_config"})


@registry.register()
class StringLookup(IndexLookup):
    """Strings to integer indices of a vocabulary (or back), also one-hot, multi-hot, counted or weighted.

    Args:
        max_tokens: largest size of the vocabulary, special tokens included. Default any.
        num_oov_indices: indices for strings outside of it: 1 for all of them, several by hash, 0 for none (an error).
        mask_token: string that gets index 0, or leaves no trace in output modes other than ``"int"``.
        oov_token: what unknown indices become with `invert`. Default ``"[UNK]"``.
        vocabulary: list or array of strings, or a text file with one on each line; instead of `adapt`.
        idf_weights: inverse document frequencies of the vocabulary, in output mode ``"tf_idf"``.
        invert: from indices to strings. Default False.
        output_mode: ``"int"``, ``"one_hot"``, ``"multi_hot"``, ``"count"`` or ``"tf_idf"``.
        pad_to_max_tokens: results of size `max_tokens` whatever the vocabulary has.
        sparse: only False.
        encoding: of bytes among the strings. Default ``"utf-8"``.
        name: of the layer.
        salt: one int or two, key of the hash where there are several `num_oov_indices`.
        **kwargs: trainable.

    The result is int64 of the input's shape, or floatx `(..., size)`; with `invert` an array of `str`.

    Raises:
        ValueError: contradicting arguments; in calls: no vocabulary, unknown strings with ``num_oov_indices=0``.

    Example:
        ```python
        lookup = StringLookup(vocabulary=["a", "b", "c", "d"])
        lookup([["a", "c", "d"], ["d", "z", "b"]])  # [[1, 3, 4], [4, 0, 2]]
        ```
    """

    _takes = "text"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("oov_method", None)  # of integers; Keras's files have it
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            pad_to_max_tokens,
            sparse,
            "farmhash",
            salt,
            encoding,
            name,
            **kwargs,
        )
        if self.invert:
            self._takes = "numbers"  # type: ignore[misc]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; the vocabulary is among them, also a learned one."""
        return {**super().get_config(), "encoding": self.encoding}


@registry.register()
class IntegerLookup(IndexLookup):
    """Integers to indices of a vocabulary (or back), also one-hot, multi-hot, counted or weighted.

    Args:
        max_tokens: largest size of the vocabulary, special tokens included. Default any.
        num_oov_indices: indices for integers outside of it: 1 for all of them, several by `oov_method`, 0 for none
            (an error).
        mask_token: integer that gets index 0, or leaves no trace in output modes other than ``"int"``.
        oov_token: what unknown indices become with `invert`. Default -1.
        vocabulary: list or array of integers, or a text file with one on each line; instead of `adapt`.
        vocabulary_dtype: only ``"int64"``.
        idf_weights: inverse document frequencies of the vocabulary, in output mode ``"tf_idf"``.
        invert: from indices to integers. Default False.
        output_mode: ``"int"``, ``"one_hot"``, ``"multi_hot"``, ``"count"`` or ``"tf_idf"``.
        sparse: only False.
        pad_to_max_tokens: results of size `max_tokens` whatever the vocabulary has.
        oov_method: ``"floormod"`` (value modulo `num_oov_indices`) or ``"farmhash"``.
        salt: one int or two, key of the hash with ``oov_method="farmhash"``.
        name: of the layer.
        **kwargs: trainable.

    The result is int64 of the input's shape, or floatx `(..., size)`.

    Raises:
        ValueError: contradicting arguments; in calls: no vocabulary, fractions, unknown integers with
            ``num_oov_indices=0``.

    Example:
        ```python
        lookup = IntegerLookup(vocabulary=[12, 36, 1138, 42])
        lookup([[12, 1138, 42], [42, 1000, 36]])  # [[1, 3, 4], [4, 0, 2]]
        ```
    """

    _is_text = False

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: Any = None,
        vocabulary_dtype: Any = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            pad_to_max_tokens,
            sparse,
            oov_method,
            salt,
            "utf-8",
            name,
            **kwargs,
        )
        choice(vocabulary_dtype, self.name, "vocabulary_dtype", ("int64",))
        if self.invert and self.oov_token is None:
            raise ValueError(f"[{self.name}] oov_token: expected an int with invert=True, received None.")

    def _count(self, tokens: np.ndarray) -> None:
        values, counts = np.unique(tokens, return_counts=True)
        self._lookup.count(dict(zip(values.tolist(), counts.tolist(), strict=True)))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; the vocabulary is among them, also a learned one."""
        return {**super().get_config(), "vocabulary_dtype": "int64", "oov_method": self.oov_method}


__all__ = ["IntegerLookup", "StringLookup"]
