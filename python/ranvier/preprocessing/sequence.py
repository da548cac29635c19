"""Sequences as arrays, under the name of `keras.preprocessing.sequence`."""

from ranvier.utils.sequences import pad_sequences

__all__ = ["pad_sequences"]
