"""How many steps one visit to the engine does."""

from __future__ import annotations

VISIT = 0.1  # seconds: often enough for a progress bar and for Ctrl-C, rarely enough to cost nothing
FIRST = 8  # steps, while nothing is known: the first one also records the plan
GROWTH = 16


class Pace:
    """Chooses the number of steps so that a visit lasts about a tenth of a second; learns from the visits before."""

    def __init__(self) -> None:
        self._seconds: float | None = None  # per step
        self._last = 0

    def steps(self, remaining: int) -> int:
        """Steps for the next visit, from 1 to `remaining`; an epoch that is little longer is not cut in two."""
        if self._seconds is None:
            chosen = FIRST
        else:
            chosen = min(int(VISIT / self._seconds) + 1, max(self._last * GROWTH, FIRST))
        return remaining if remaining <= chosen + chosen // 2 else chosen

    def note(self, steps: int, seconds: float) -> None:
        """Learns how long `steps` steps took."""
        if steps < 1:
            return
        now = max(seconds, 1e-9) / steps
        # Slower news count at once: a visit that is too long is felt, one that is too short is not.
        self._seconds = now if self._seconds is None or now > self._seconds else 0.5 * (self._seconds + now)
        self._last = max(steps, self._last)
