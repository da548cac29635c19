"""Sequences of different lengths as one array: `pad_sequences`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.utils.strings import holds_text

__all__ = ["pad_sequences"]

_HERE = "pad_sequences"


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences of different lengths as one array, padded and cut to one length.

    Args:
        sequences: list of sequences: lists or arrays `(length, ...)`, equal in all but the length.
        maxlen: length of the result, default that of the longest sequence.
        dtype: of the result, default ``"int32"``; object for strings of any length.
        padding: ``"pre"`` (default) or ``"post"``: whether padding comes before or after.
        truncating: ``"pre"`` (default) or ``"post"``: where what is too long is cut off.
        value: what is put in. Default 0.

    Returns:
        Array `(len(sequences), maxlen, ...)`.

    Raises:
        ValueError: something that is no sequence, steps of another shape (with the place), values that the dtype does
            not hold.

    Example:
        ```python
        pad_sequences([[1], [2, 3], [4, 5, 6]])  # [[0, 0, 1], [0, 2, 3], [4, 5, 6]]
        ```
    """
    for name, choice in (("padding", padding), ("truncating", truncating)):
        if choice not in ("pre", "post"):
            raise ValueError(f"[{_HERE}] {name}: expected 'pre' or 'post', received {choice!r:.80}.")
    if not hasattr(sequences, "__len__"):
        raise ValueError(
            f"[{_HERE}] sequences: expected a list of sequences, received {type(sequences).__name__}; collect them: "
            "list(sequences)."
        )
    wrong = next((i for i, item in enumerate(sequences) if not hasattr(item, "__len__") or isinstance(item, str)), None)
    if wrong is not None:
        raise ValueError(f"[{_HERE}] sequences[{wrong}]: expected a sequence, received {sequences[wrong]!r:.80}.")
    if maxlen is None:
        length = max(map(len, sequences), default=0)
    elif isinstance(maxlen, int | np.integer) and not isinstance(maxlen, bool) and maxlen >= 0:
        length = int(maxlen)
    else:
        raise ValueError(f"[{_HERE}] maxlen: expected an int of 0 or more, or None, received {maxlen!r:.80}.")
    kind = np.dtype(dtype)
    if isinstance(value, str) and kind.kind not in "OUST":
        raise ValueError(
            f"[{_HERE}] value: expected a number for dtype {kind}, received {value!r:.80}; use dtype=object."
        )
    filled = [i for i, item in enumerate(sequences) if len(item)]
    steps = np.asarray(sequences[filled[0]]).shape[1:] if filled else ()
    try:
        result = np.full((len(sequences), length, *steps), value, dtype=kind)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"[{_HERE}] value: expected one of dtype {kind}, received {value!r:.80} ({error}).") from None
    if length == 0:
        return result
    for i in filled:
        part = sequences[i][-length:] if truncating == "pre" else sequences[i][:length]
        found = _as_kind(part, kind, i)
        if found.shape[1:] != steps:
            raise ValueError(
                f"[{_HERE}] sequences[{i}]: expected steps of shape {steps} as in sequences[{filled[0]}], received "
                f"{found.shape[1:]}."
            )
        if padding == "pre":
            result[i, -len(part) :] = found
        else:
            result[i, : len(part)] = found
    return result


def _as_kind(part: Any, kind: np.dtype, place: int) -> np.ndarray:
    try:
        return np.asarray(part, dtype=kind)
    except (ValueError, TypeError, OverflowError) as error:
        fix = "use dtype=object, or StringLookup first" if holds_text(part) else "is it a list of numbers?"
        raise ValueError(
            f"[{_HERE}] sequences[{place}]: expected values of dtype {kind}, received {part!r:.80} ({error}); {fix}."
        ) from None
