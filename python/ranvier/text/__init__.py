"""Text out of a model: `generate` draws one token after the other, `CharacterVocabulary` turns characters to numbers.

vocabulary = ranvier.text.CharacterVocabulary(play)
ranvier.text.generate(model, "ROMEO:", 500, vocabulary=vocabulary, temperature=0.8, stream=True)
"""

from __future__ import annotations

from ranvier.text.generation import generate
from ranvier.text.vocabulary import CharacterVocabulary

__all__ = ["CharacterVocabulary", "generate"]
