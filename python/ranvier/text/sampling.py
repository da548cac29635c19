"""Choosing the next token from what a model says about all of them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
WHERE = "generate"


class Sampler:
    """Draws a token from a row of scores.

    The scores divided by the temperature are the logits. Of these the `top_k` largest are kept, and of what is kept the
    nucleus: the fewest of the most probable tokens that together have a probability of at least `top_p` (A. Holtzman,
    J. Buys, L. Du, M. Forbes and Y. Choi (2020), "The Curious Case of Neural Text Degeneration", ICLR,
    arXiv:1904.09751). Among equals the lower id comes first. Sums are in float64.

    Args:
        temperature: 0 takes the largest score, 1 the probabilities as they are; more evens them out.
        top_k: a count of at least 1, or None for all.
        top_p: above 0, at most 1, or None for all.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(self, temperature: Any = 1.0, top_k: Any = None, top_p: Any = None) -> None:
        self.temperature = _number(temperature, "temperature", "a finite number of at least 0", lambda t: t >= 0)
        self.top_k = None
        if top_k is not None:
            try:
                self.top_k = operator.index(top_k)
            except TypeError:
                self.top_k = 0
            if self.top_k < 1 or isinstance(top_k, bool):
                raise ValueError(f"[{WHERE}] top_k: expected an integer of at least 1 or None, received {top_k!r}.")
        self.top_p = None
        if top_p is not None:
            self.top_p = _number(top_p, "top_p", "a number above 0 and at most 1, or None", lambda p: 0 < p <= 1)

    def __call__(self, scores: Array, u: float) -> int:
        """A token, given logits of shape `(tokens,)` and a number `u` drawn evenly from [0, 1).

        Raises:
            ValueError: the scores have NaN or +infinity in them, or nothing above -infinity.
        """
        if self.temperature == 0:
            token = int(scores.argmax())
            self._check(scores, float(scores[token]))
            return token
        logits = scores.astype(np.float64)
        most = logits.max()
        self._check(scores, most)
        logits -= most
        logits /= self.temperature
        weights = np.exp(logits, out=logits)
        if self.top_k is None and self.top_p is None:
            return _draw(weights, u)
        order = self._largest(weights)
        weights = weights[order]
        if self.top_p is not None:
            sums = weights.cumsum()
            # The first place at which the sum is enough. The last sum is the total, so there is one.
            weights = weights[: int(sums.searchsorted(self.top_p * sums[-1])) + 1]
        return int(order[_draw(weights, u)])

    def _largest(self, weights: Array) -> Array:
        """The ids of the `top_k` largest weights, the largest first."""
        count = self.top_k
        if count is None or count >= weights.size:
            return (-weights).argsort(kind="stable")
        limit = np.partition(weights, weights.size - count)[weights.size - count]
        kept = (weights >= limit).nonzero()[0]  # more than `count` where several equal the limit
        return kept[(-weights[kept]).argsort(kind="stable")[:count]]

    def _check(self, scores: Array, most: float) -> None:
        if not math.isfinite(most):
            place = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise ValueError(
                f"[{WHERE}] expected finite outputs of the model, received {scores[place]} for token {place} of "
                f"{scores.size}; has its training diverged?"
            )


def _draw(weights: Array, u: float) -> int:
    """The place at which the sum of the weights passes the share `u` of the whole."""
    sums = weights.cumsum()
    place = int(sums.searchsorted(u * sums[-1], "right"))
    # Rounding may take u * total up to the total itself, which lies behind the last token that can be drawn.
    return place if place < weights.size else int(weights.nonzero()[0][-1])


def _number(value: Any, name: str, expected: str, fits: Callable[[float], bool]) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and fits(number)):
        raise ValueError(f"[{WHERE}] {name}: expected {expected}, received {value!r}.")
    return number
