"""Texts to rows of tokens: standardising, splitting, n-grams."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Tokens = Sequence[Any]  # of one text: str, or bytes in UTF-8

_PUNCTUATION = string.punctuation.encode()
_LOWER = bytes(range(256)).lower()  # ASCII letters only, as TensorFlow's tf.strings.lower


class Splitter:
    """Standardises texts and splits them into tokens.

    Args:
        layer: its name, for messages.
        standardize: ``"lower_and_strip_punctuation"``, ``"lower"``, ``"strip_punctuation"``, a function or None.
        split: ``"whitespace"``, ``"character"``, a function or None.
        ngrams: lengths of n-grams, or None.
    """

    def __init__(self, layer: str, standardize: Any, split: Any, ngrams: tuple[int, ...] | None) -> None:
        self.layer = layer
        self.standardize = standardize
        self.split = split
        self.ngrams = ngrams

    @property
    def only_characters(self) -> bool:
        """Whether tokens are single characters."""
        return self.split == "character" and self.ngrams is None

    def standardized(self, texts: np.ndarray) -> np.ndarray:
        """The texts, an array of `str`, as the layer's function makes them; those given by name come in `rows`."""
        if not callable(self.standardize):
            return texts
        changed = self.standardize(texts.astype(str))
        found = np.asarray(changed).astype(object)
        if found.shape != texts.shape:
            raise ValueError(
                f"[{self.layer}] standardize: expected texts of shape {texts.shape} as a result, received "
                f"{found.shape}."
            )
        return found

    def strings(self, texts: list[str]) -> list[str]:
        """Standardised texts that are not split."""
        change = self._change()
        if change is None:
            return texts
        return [change(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass") for text in texts]

    def rows(self, texts: list[str], longest: int | None = None) -> list[Tokens]:
        """The tokens of each text, at most `longest` of each."""
        if callable(self.split):
            found = self._called(self.strings(texts))
        elif self.split == "character":
            found = [list(text) for text in self.strings(texts)]
        elif self.split is None:
            found = [[text] for text in self.strings(texts)]
        else:
            change = self._change()
            encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
            # bytes.split knows ASCII's white space only, as tf.strings.split does.
            found = [(text if change is None else change(text)).split() for text in encoded]
        if self.ngrams is not None:
            found = [n_grams(tokens, self.ngrams) for tokens in found]
        return found if longest is None else [tokens[:longest] for tokens in found]

    def _change(self) -> Callable[[bytes], bytes] | None:
        """What a standardisation given by name does to text in UTF-8."""
        name = self.standardize
        if name is None or callable(name):
            return None
        table = _LOWER if name.startswith("lower") else None
        removed = _PUNCTUATION if name.endswith("strip_punctuation") else b""
        return lambda text: text.translate(table, removed)

    def _called(self, texts: list[str]) -> list[Tokens]:
        result = self.split(np.array(texts, dtype=object).astype(str))
        rows: list[Tokens] = [np.asarray(row).ravel().tolist() for row in result]
        if len(rows) != len(texts) or any(not isinstance(token, str) for row in rows for token in row[:1]):
            raise ValueError(
                f"[{self.layer}] split: expected a function from {len(texts)} texts to as many lists of strings, "
                f"received {len(rows)} results{f' such as {rows[0]!r:.60}' if rows else ''}."
            )
        return rows


def n_grams(tokens: Tokens, lengths: tuple[int, ...]) -> list[Any]:
    """Runs of tokens joined by spaces: all of the first length, then all of the next."""
    if not tokens:
        return []
    space: Any = b" " if isinstance(tokens[0], bytes) else " "
    found: list[Any] = []
    for length in lengths:
        if length == 1:
            found += tokens
        else:
            found += [space.join(run) for run in zip(*(tokens[i:] for i in range(length)), strict=False)]
    return found
