"""Characters as numbers."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

__all__ = ["CharacterVocabulary"]


class CharacterVocabulary:
    """The different characters of a text, sorted; a character's id is its place among them, from 0 on.

    Args:
        text: any text that has all the characters, or the characters themselves.

    Raises:
        TypeError: no string.
        ValueError: an empty one.

    `get_config` gives plain values for JSON, `from_config` makes the same vocabulary of them.
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"[CharacterVocabulary] text: expected a string, received {type(text).__name__}.")
        if not text:
            raise ValueError("[CharacterVocabulary] text: expected at least one character, received an empty string.")
        self._codes = np.unique(_codes(text))
        self.characters = "".join(map(chr, self._codes.tolist()))

    def __len__(self) -> int:
        return len(self.characters)

    def __repr__(self) -> str:
        return f"<CharacterVocabulary of {len(self)} characters>"

    def encode(self, text: str) -> np.ndarray:
        """The ids of the characters of `text`, shape `(len(text),)`, int32.

        Raises:
            TypeError: no string.
            ValueError: a character that is not in the vocabulary; names it and its position.
        """
        if not isinstance(text, str):
            raise TypeError(f"[CharacterVocabulary] text: expected a string, received {type(text).__name__}.")
        codes = _codes(text)
        ids = np.minimum(np.searchsorted(self._codes, codes), len(self) - 1)
        unknown = np.flatnonzero(self._codes[ids] != codes)
        if len(unknown):
            place = int(unknown[0])
            raise ValueError(
                f"[CharacterVocabulary] expected one of the {len(self)} characters of the vocabulary, received "
                f"{text[place]!r} (U+{ord(text[place]):04X}) at position {place} of the text."
            )
        return ids.astype(np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids` (integers, or an array of one axis).

        Raises:
            TypeError: something else than integers.
            ValueError: an id out of range; names it and its position.
        """
        characters = self.characters
        found = []
        for place, item in enumerate(ids.tolist() if hasattr(ids, "tolist") else ids):
            try:
                number = operator.index(item)
            except TypeError:
                raise TypeError(
                    f"[CharacterVocabulary] ids: expected integers in one axis, received {item!r} at position {place}."
                ) from None
            if not 0 <= number < len(characters):
                raise ValueError(
                    f"[CharacterVocabulary] expected ids from 0 to {len(characters) - 1}, received {number} at "
                    f"position {place}."
                )
            found.append(characters[number])
        return "".join(found)

    def get_config(self) -> dict[str, Any]:
        """`{"characters": ...}`, the vocabulary in order."""
        return {"characters": self.characters}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> CharacterVocabulary:
        """The inverse of `get_config`."""
        return cls(config["characters"])


def _codes(text: str) -> np.ndarray:
    # Lone surrogates, which Python allows in a string, are characters like any other here.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
