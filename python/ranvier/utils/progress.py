"""The lines that fit, evaluate and predict print."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from typing import Any

from ranvier.utils import terminal

WIDTH = 20  # of the bar
NARROWEST = 5


def resolve_verbose(verbose: Any, file: Any = None) -> int:
    """`verbose` as 0 (silent), 1 (progress bar) or 2 (one line per epoch); `"auto"` asks where output goes to.

    `"auto"` is 1 in a terminal or notebook and 2 elsewhere, where redrawn lines would pile up.

    Raises:
        ValueError: anything else.
    """
    if verbose == "auto":
        return 1 if terminal.can_redraw(sys.stdout if file is None else file) else 2
    if isinstance(verbose, bool | int) and int(verbose) in (0, 1, 2):
        return int(verbose)
    raise ValueError(
        f"[fit] verbose: expected 0 (silent), 1 (bar), 2 (a line per epoch) or 'auto', received {verbose!r}."
    )


class ProgressBar:
    """Progress of one run over `target` steps, or of several such epochs.

    ```
    Epoch 3/10
    45/57 ━━━━━━━━━━━━━━━───── 31ms 2.6ms/step - accuracy: 0.9712 - loss: 0.1021
    ```

    While running, the first time is the estimated rest and at the end the whole; the second one is the time per step
    without validation. The loop may call `update` as often as it likes: a line is drawn at most every `interval`
    seconds, and `due()` tells cheaply whether a call would draw. Where a line cannot be redrawn only the last one is
    printed, and where nothing can be printed the bar falls silent.

    Args:
        target: number of steps, `None` when unknown.
        verbose: 0, 1, 2 or `"auto"` (see `resolve_verbose`).
        epochs: number of epochs for the headline `Epoch 3/10`; `None` for evaluate and predict.
        unit: what is counted, for the time per unit. Default `"step"`.
        interval: seconds between two drawings. Default 0.2.
        file: where to; `None` is the standard output at the time of each epoch's start.
    """

    def __init__(
        self,
        target: int | None,
        verbose: int | str = "auto",
        epochs: int | None = None,
        unit: str = "step",
        interval: float = 0.2,
        file: Any = None,
    ) -> None:
        self.target = target
        self.epochs = epochs
        self.unit = unit
        self.interval = interval
        self.verbose = resolve_verbose(verbose, file)
        self._given_file = file
        self._file = file
        self._redraws = False
        self._fancy = True
        self._step = self._first = 0
        self._epoch = 0
        self._start = self._next = time.perf_counter()
        self._stepping = 0.0  # seconds from the start to the last step
        self._drawn = 0  # characters of the line that is on the screen

    def begin(self, epoch: int = 0, step: int = 0) -> None:
        """Starts the clock of an epoch (counted from 0), at `step` steps done, and prints its headline."""
        self._file = sys.stdout if self._given_file is None else self._given_file
        self._redraws = self.verbose == 1 and terminal.can_redraw(self._file)
        self._fancy = terminal.can_show(self._file, "━─")
        self._epoch, self._step, self._first = epoch, step, step
        self._drawn, self._stepping = 0, 0.0
        self._start = time.perf_counter()
        self._next = self._start
        if self.verbose == 1 and self.epochs is not None:
            self._write(f"{self._headline()}\n")

    def due(self) -> bool:
        """Whether enough time has passed for `update` to draw."""
        return self._redraws and time.perf_counter() >= self._next

    def update(self, step: int, logs: Mapping[str, Any] | None = None) -> None:
        """Notes that `step` steps are done, and draws them with the values of `logs` when it is time."""
        now = time.perf_counter()
        if step != self._step:
            self._step, self._stepping = step, now - self._start
        if self._redraws and now >= self._next:
            self._next = now + self.interval
            self._draw(self._rest(), logs, last=False)

    def finish(self, logs: Mapping[str, Any] | None = None) -> None:
        """Prints the last line of the epoch, with all values of `logs`."""
        total = _duration(time.perf_counter() - self._start)
        if self.verbose == 1:
            self._draw(total, logs, last=True)
        elif self.verbose == 2:
            headline = f"{self._headline()} - " if self.epochs is not None else ""
            self._write(f"{headline}{self._count()} - {total} - {self._per_step()}{_values(logs)}\n")

    def close(self) -> None:
        """Ends a line that is still open, as after Ctrl-C, so that what is printed next starts on its own line."""
        if self._drawn:
            self._drawn = 0
            self._write("\n")

    def _headline(self) -> str:
        return f"Epoch {self._epoch + 1}/{self.epochs}"

    def _count(self) -> str:
        if self.target is None:
            return f"{self._step}/Unknown"
        return f"{self._step:>{len(str(self.target))}}/{self.target}"

    def _rest(self) -> str:
        done = self._step - self._first
        if self.target is None or done <= 0:
            return _duration(time.perf_counter() - self._start)
        return _duration(self._stepping / done * max(self.target - self._step, 0))

    def _per_step(self) -> str:
        done = self._step - self._first
        return f"{_duration(self._stepping / done if done > 0 else 0.0)}/{self.unit}"

    def _bar(self, cells: int) -> str:
        if self.target is None or cells <= 0:
            return ""
        full = cells if self.target == 0 else min(cells, cells * self._step // self.target)
        done, rest = ("━", "─") if self._fancy else ("=", ".")
        return done * full + rest * (cells - full) + " "

    def _draw(self, clock: str, logs: Mapping[str, Any] | None, last: bool) -> None:
        head, tail = f"{self._count()} ", f"{clock} {self._per_step()}{_values(logs)}"
        cells = WIDTH
        if self._redraws and not terminal.is_notebook(self._file):
            # A line that wraps cannot be redrawn: first the bar shrinks, then the end is cut; the last line is whole.
            columns = terminal.width(self._file) - 1
            spare = columns - len(head) - len(tail) - 1
            cells = min(max(spare, NARROWEST), WIDTH)
            if last and spare < NARROWEST:
                cells = WIDTH  # it wraps anyhow
            if not last:
                line = head + self._bar(cells) + tail
                self._put(line if len(line) <= columns else line[: max(columns - 3, 0)] + "...")
                return
        self._put(head + self._bar(cells) + tail)
        if last:
            self._drawn = 0
            self._write("\n")

    def _put(self, line: str) -> None:
        back = "\r" if self._redraws else ""
        self._write(back + line + " " * (self._drawn - len(line) if self._redraws else 0))
        self._drawn = len(line)

    def _write(self, text: str) -> None:
        if not terminal.write(self._file, text):
            self.verbose, self._redraws, self._drawn = 0, False, 0


def _duration(seconds: float) -> str:
    """A time in two or three digits: `850us`, `2.3ms`, `45ms`, `1.2s`, `34s`, `1:05`, `2:00:07`."""
    if seconds >= 3599.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
    if seconds >= 59.5:
        return f"{round(seconds) // 60}:{round(seconds) % 60:02d}"
    if seconds == 0:
        return "0s"
    scale, name = (1.0, "s") if seconds >= 0.9995 else (1e3, "ms") if seconds >= 0.9995e-3 else (1e6, "us")
    value = seconds * scale
    return f"{value:.0f}{name}" if value >= 9.95 else f"{value:.1f}{name}"


def _values(logs: Mapping[str, Any] | None) -> str:
    return "".join(f" - {name}: {_value(value)}" for name, value in (logs or {}).items())


def _value(value: Any) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    if number == 0 or not math.isfinite(number) or 1e-3 <= abs(number) < 1e6:
        return f"{number:.4f}"
    return f"{number:.4e}"
