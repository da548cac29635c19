"""A vocabulary and its table: tokens to indices and back, counted from data or given."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from ranvier.layers._category_encoding import encode
from ranvier.utils.hashing import hash_buckets
from ranvier.utils.strings import positions

DROPPED = np.iinfo(np.int64).max  # index of masked tokens where they leave no trace
_UNKNOWN = -1

Token = Any  # str, or int


class Lookup:
    """Tokens, numbered: first the mask token (in output mode "int"), then the out-of-vocabulary ones, then the rest.

    Args:
        layer: its name, for messages.
        is_text: tokens are strings, otherwise integers.
        max_tokens: largest size, special tokens included; None for any.
        num_oov_indices: indices for unknown tokens.
        mask_token: the token that stands for "nothing here", or None.
        oov_token: what unknown indices mean where the layer is inverted.
        output_mode: of the layer.
        invert: from indices to tokens.
        oov_method: ``"floormod"`` or ``"farmhash"``: which of several such indices an unknown integer gets.
        salt: key of SipHash for the same.
        encoding: of strings, for files and hashes.
    """

    def __init__(
        self,
        layer: str,
        is_text: bool,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Token,
        oov_token: Token,
        output_mode: str,
        invert: bool = False,
        oov_method: str = "farmhash",
        salt: tuple[int, int] | None = None,
        encoding: str = "utf-8",
    ) -> None:
        self.layer = layer
        self.is_text = is_text
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.output_mode = output_mode
        self.invert = invert
        self.oov_method = oov_method
        self.salt = salt
        self.encoding = encoding
        self.oov_start = int(mask_token is not None and output_mode == "int")
        self.start = self.oov_start + num_oov_indices  # index of the first token
        if max_tokens is not None and max_tokens <= self.start:
            raise ValueError(
                f"[{layer}] max_tokens: expected more than the {self.start} special tokens, received {max_tokens}."
            )
        self.tokens: list[Token] = []  # without the special ones
        self.idf: np.ndarray | None = None  # a weight for each index
        self._tables: dict[str, Any] = {}
        self.reset_counts()

    # -- the vocabulary ----------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Number of indices, those of special tokens included."""
        return self.start + len(self.tokens)

    def vocabulary(self, special: bool = True) -> list[Token]:
        """Tokens in the order of their indices; with `special` from index 0 on."""
        front = [self.mask_token] * self.oov_start + [self.oov_token] * self.num_oov_indices
        return [*front, *self.tokens] if special else list(self.tokens)

    def set(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Takes over tokens, with or without the special ones in front, and their weights.

        Raises:
            ValueError, TypeError: repeated or reserved tokens, too many of them, weights that do not fit; nothing has
                changed then.
        """
        if (idf_weights is not None) != (self.output_mode == "tf_idf"):
            wanted = "one weight for each token" if idf_weights is None else "None"
            raise ValueError(
                f"[{self.layer}] idf_weights: expected {wanted} in output_mode {self.output_mode!r}, received "
                f"{idf_weights!r:.80}."
            )
        if isinstance(vocabulary, str | os.PathLike):
            if idf_weights is not None:
                raise ValueError(
                    f"[{self.layer}] vocabulary: expected a list of tokens in output_mode 'tf_idf', received the file "
                    f"{os.fspath(vocabulary)!r}."
                )
            given = self._read(os.fspath(vocabulary))
        else:
            given = self._listed(vocabulary)
        if not given:
            raise ValueError(f"[{self.layer}] vocabulary: expected at least one token, received none.")
        front = self.vocabulary()[: self.start]
        has_front = given[: self.start] == front
        tokens = given[self.start :] if has_front else given
        self._check_tokens(tokens, len(given) - len(tokens), front)
        weights = None if idf_weights is None else self._weights(idf_weights, len(given), has_front)
        self._take(tokens, weights)

    def _take(self, tokens: list[Token], weights: np.ndarray | None) -> None:
        self.tokens, self.idf, self._tables = tokens, weights, {}

    def _listed(self, vocabulary: Any) -> list[Token]:
        if not hasattr(vocabulary, "__array__") and not hasattr(vocabulary, "__iter__"):
            raise TypeError(
                f"[{self.layer}] vocabulary: expected a list of tokens or a file of them, received {vocabulary!r:.80}."
            )
        found = np.atleast_1d(np.asarray(vocabulary)) if hasattr(vocabulary, "__array__") else list(vocabulary)
        values = found.tolist() if isinstance(found, np.ndarray) else found
        tokens: list[Token] = []
        for i, value in enumerate(values):
            if self.is_text and isinstance(value, bytes):
                value = value.decode(self.encoding)
            if self.is_text != isinstance(value, str) or not isinstance(value, str | int | np.integer):
                wanted = "strings" if self.is_text else "integers"
                raise TypeError(f"[{self.layer}] vocabulary: expected {wanted}, received {value!r:.60} at [{i}].")
            tokens.append(str(value) if self.is_text else int(value))
        return tokens

    def _read(self, path: str) -> list[Token]:
        if not os.path.exists(path):
            raise ValueError(
                f"[{self.layer}] vocabulary: expected tokens or a file of them, there is no file {path!r}."
            )
        with open(path, encoding=self.encoding) as file:
            lines = file.read().split("\n")
        if lines[-1] == "":
            lines.pop()
        if self.is_text:
            return list(lines)
        try:
            return [int(line) for line in lines]
        except ValueError:
            raise ValueError(f"[{self.layer}] vocabulary: expected one integer on each line of {path!r}.") from None

    def _check_tokens(self, tokens: list[Token], offset: int, front: list[Token]) -> None:
        if len(set(tokens)) != len(tokens):
            repeated = [token for token, count in Counter(tokens).items() if count > 1]
            raise ValueError(
                f"[{self.layer}] vocabulary: expected every token once, received {', '.join(map(repr, repeated[:5]))} "
                f"more than once; make it unique, e.g. list(dict.fromkeys(vocabulary))."
            )
        reserved = [("mask_token", self.mask_token)]
        if self.invert:
            reserved.append(("oov_token", self.oov_token))
        for name, token in reserved:
            if token is not None and token in tokens:
                raise ValueError(
                    f"[{self.layer}] vocabulary: expected tokens other than {name}={token!r}, received it at "
                    f"[{tokens.index(token) + offset}]; leave special tokens out, or begin with exactly {front}."
                )
        if self.max_tokens is not None and self.start + len(tokens) > self.max_tokens:
            raise ValueError(
                f"[{self.layer}] vocabulary: expected at most max_tokens={self.max_tokens} tokens, {self.start} "
                f"special ones among them, received {self.start + len(tokens)}."
            )

    def _weights(self, idf_weights: Any, count: int, has_front: bool) -> np.ndarray:
        try:
            weights = np.asarray(idf_weights, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            weights = np.array(np.nan)
        if weights.shape != (count,):
            raise ValueError(
                f"[{self.layer}] idf_weights: expected {count} numbers, one for each token, received shape "
                f"{weights.shape}."
            )
        if not np.isfinite(weights).all():
            raise ValueError(f"[{self.layer}] idf_weights: expected finite numbers, received {weights!r:.80}.")
        return weights if has_front else np.concatenate([np.full(self.start, weights.mean()), weights])

    # -- counting ----------------------------------------------------------------------------------------------------

    def reset_counts(self) -> None:
        """Forgets what has been counted."""
        self._counts: Counter[Any] = Counter()
        self._in_documents: Counter[Any] = Counter()
        self._documents = 0

    def count(self, tokens: Iterable[Any] | Mapping[Any, int]) -> None:
        """Counts tokens, or adds counts; `bytes` count as the text in them."""
        self._counts.update(tokens)

    def count_documents(self, documents: Iterable[Iterable[Any]]) -> None:
        """Counts the tokens of each document and, for inverse document frequencies, the documents that have them."""
        weighs = self.output_mode == "tf_idf"
        for document in documents:
            self._counts.update(document)
            if weighs:
                self._in_documents.update(set(document))
                self._documents += 1

    def finish(self) -> None:
        """Makes the counted tokens the vocabulary: by frequency, then from high to low."""
        counts = self._decoded(self._counts)
        for token in (self.mask_token, self.oov_token):
            counts.pop(token, None)
        if not counts:
            self.reset_counts()
            return
        # Strings by the order of their bytes in UTF-8, which is that of their code points.
        tokens = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        if self.max_tokens is not None:
            tokens = tokens[: max(self.max_tokens - self.start, 0)]
        weights = None
        if self.output_mode == "tf_idf":
            known = self._decoded(self._in_documents)
            within = np.array([known[token] for token in tokens], dtype=np.float64)
            weights = np.log(1 + self._documents / (1 + within))
            weights = np.concatenate([np.full(self.start, weights.mean() if len(weights) else 0.0), weights])
        self._take(tokens, weights)
        self.reset_counts()

    def _decoded(self, counts: Counter[Any]) -> Counter[Any]:
        found: Counter[Any] = Counter()
        for token, count in counts.items():
            found[token.decode("utf-8", "replace") if isinstance(token, bytes) else token] += count
        return found

    # -- tokens to indices -------------------------------------------------------------------------------------------

    def require_vocabulary(self) -> None:
        """ValueError while there is no vocabulary."""
        if not self.tokens:
            raise ValueError(f"[{self.layer}] has no vocabulary yet; call adapt(data) first, or pass vocabulary=[...].")

    def indices(self, tokens: Sequence[Any] | np.ndarray, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """The index of each token, int64 `(n,)`.

        Args:
            tokens: `str`, or `bytes` in UTF-8, all of one kind; integers as an array.
            shape: of the data they come from, for messages.

        Raises:
            ValueError: no vocabulary, or an unknown token where `num_oov_indices` is 0.
        """
        self.require_vocabulary()
        if not self.is_text:
            return self._of_integers(np.asarray(tokens, dtype=np.int64), shape)
        kind = "bytes" if len(tokens) and isinstance(tokens[0], bytes) else "str"
        table = self._text_table(kind)
        found = np.fromiter(map(table.get, tokens, repeat(_UNKNOWN)), dtype=np.int64, count=len(tokens))
        return self._with_unknown(found, tokens, shape)

    def character_indices(self, points: np.ndarray) -> np.ndarray:
        """The indices of single characters, given as code points uint32 `(n,)`."""
        self.require_vocabulary()
        table = self._tables.get("characters")
        if table is None:
            single = {ord(token): i for token, i in self._text_table("str").items() if len(token) == 1}
            table = np.full(max(single, default=0) + 2, _UNKNOWN, dtype=np.int64)  # the last: all that are higher
            table[list(single)] = list(single.values())
            self._tables["characters"] = table
        found = table[np.minimum(points, len(table) - 1)]
        return self._with_unknown(found, points, None)

    def _text_table(self, kind: str) -> dict[Any, int]:
        if kind not in self._tables:
            tokens = [t.encode("utf-8", "surrogatepass") for t in self.tokens] if kind == "bytes" else self.tokens
            table = dict(zip(tokens, range(self.start, self.size), strict=True))
            if self.mask_token is not None:
                mask = self.mask_token.encode() if kind == "bytes" else self.mask_token
                table[mask] = 0 if self.output_mode == "int" else DROPPED
            self._tables[kind] = table
        found: dict[Any, int] = self._tables[kind]
        return found

    def _of_integers(self, values: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:
        if "integers" not in self._tables:
            self._tables["integers"] = _integer_table(np.array(self.tokens, dtype=np.int64))
        tokens, order, direct = self._tables["integers"]
        if direct is not None:  # a place for every integer between the smallest and the largest
            inside = (values >= tokens[0]) & (values <= tokens[-1])
            rank = direct[np.where(inside, values - tokens[0], 0)]
            found = np.where(inside & (rank >= 0), rank + self.start, _UNKNOWN)
        else:
            place = np.minimum(np.searchsorted(tokens, values), len(tokens) - 1)
            found = np.where(tokens[place] == values, order[place] + self.start, _UNKNOWN)
        if self.mask_token is not None:
            found[values == self.mask_token] = 0 if self.output_mode == "int" else DROPPED
        return self._with_unknown(found, values, shape)

    def _with_unknown(self, found: np.ndarray, tokens: Any, shape: tuple[int, ...] | None) -> np.ndarray:
        """Unknown tokens get their indices, or are complained about."""
        unknown = np.flatnonzero(found == _UNKNOWN)
        if not len(unknown):
            return found
        if self.num_oov_indices == 1:
            found[unknown] = self.oov_start
            return found
        if self.num_oov_indices == 0:
            first = int(unknown[0])
            value = self._plain(tokens[first])
            place = "" if shape is None else f" at {positions(first, shape)}"
            raise ValueError(
                f"[{self.layer}] expected values of the vocabulary, received {value!r}{place} ({len(unknown)} unknown "
                "in all); add it, or allow for unknown ones with num_oov_indices=1."
            )
        strange = [self._plain(tokens[int(i)]) for i in unknown]
        if not self.is_text and self.oov_method == "floormod":
            bins = np.array(strange, dtype=np.int64) % self.num_oov_indices
        else:
            as_bytes = [str(token).encode(self.encoding, "surrogatepass") for token in strange]
            bins = hash_buckets(as_bytes, self.num_oov_indices, self.salt)
        found[unknown] = bins + self.oov_start
        return found

    def _plain(self, token: Any) -> Token:
        if isinstance(token, bytes):
            return token.decode("utf-8", "replace")
        if isinstance(token, np.integer):
            return chr(int(token)) if self.is_text else int(token)
        return token

    def tokens_of(self, indices: np.ndarray) -> np.ndarray:
        """The token of each index, of the shape of `indices`; unknown indices give `oov_token`."""
        self.require_vocabulary()
        kind = object if self.is_text else np.int64
        names = np.array([*self.vocabulary(), self.oov_token], dtype=kind)
        known = (indices >= 0) & (indices < self.size)
        return names[np.where(known, indices, self.size)]

    # -- results -----------------------------------------------------------------------------------------------------

    def depth(self, pad_to_max_tokens: bool) -> int | None:
        """Size of encoded results; None while it is not known."""
        if pad_to_max_tokens:
            return self.max_tokens
        return self.size if self.tokens else None

    def encoded(self, indices: np.ndarray, pad_to_max_tokens: bool, dtype: str) -> np.ndarray:
        """The indices in the output mode of the layer."""
        if self.output_mode == "int":
            return indices
        depth = self.depth(pad_to_max_tokens)
        assert depth is not None
        if self.output_mode != "tf_idf":
            return encode(indices, self.output_mode, depth, dtype)
        weights = np.zeros(depth)
        assert self.idf is not None
        weights[: len(self.idf)] = self.idf
        result: np.ndarray = (encode(indices, "count", depth, "float64") * weights).astype(dtype)
        return result

    def saved(self, given: bool) -> dict[str, Any]:
        """What `get_config` says about the vocabulary, so that a copy needs no `adapt`."""
        weights = None if self.idf is None else self.idf.tolist()
        if not self.tokens:
            return {"vocabulary": None, "idf_weights": None, "has_input_vocabulary": given}
        listed = self.vocabulary(special=weights is not None)  # with weights of their own for special tokens
        return {"vocabulary": listed, "idf_weights": weights, "has_input_vocabulary": given}


def _integer_table(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The tokens in ascending order, the place of each in the vocabulary, and a table by value where that is small."""
    order = np.argsort(tokens)
    ascending = tokens[order]
    span = int(ascending[-1]) - int(ascending[0]) + 1
    if span > max(1 << 20, 8 * len(tokens)):
        return ascending, order, None
    direct = np.full(span, _UNKNOWN, dtype=np.int64)
    direct[ascending - ascending[0]] = order
    return ascending, order, direct
