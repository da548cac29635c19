"""Text whose tokens are shaded by numbers: in a terminal, in a notebook, and where there are no colours."""

from __future__ import annotations

import html
import os
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from ranvier.explain.arguments import Array
from ranvier.utils.terminal import is_notebook

_RED, _BLUE = (178, 24, 43), (33, 102, 172)  # those of the figures
_FAINT, _STRONG = 0.08, 0.5  # parts of the largest size: below the first nothing is marked
_WIDTH = 100


class ShadedText:
    """Tokens and a number for each: red speaks for, blue against.

    `print` shows colours in a terminal, and elsewhere a line of marks under each line of text: `#` and `+` under what
    speaks for, `=` and `-` under what speaks against (the first of each for at least half of the largest size). A
    notebook shows colours, and the numbers under the mouse. The environment variable NO_COLOR is heeded.

    Args:
        tokens: a string (its characters), or a list of tokens.
        values: a number for each token, such as a row of `token_attributions`.
        separator: what stands between tokens. Default `None`: nothing between single characters, else a blank.
        largest: the size that gets the full colour, for texts to be compared. Default `None`: the largest there is.

    Raises:
        ValueError: another number of values than tokens, or values that are not finite.
    """

    def __init__(
        self, tokens: str | Sequence[Any], values: Any, separator: str | None = None, largest: float | None = None
    ) -> None:
        self.tokens = [str(token) for token in tokens]
        self.values: Array = np.asarray(values, dtype=np.float64)
        if self.values.shape != (len(self.tokens),):
            raise ValueError(
                f"[ShadedText] values: expected {len(self.tokens)}, one for each token, received shape "
                f"{self.values.shape}."
            )
        if not np.isfinite(self.values).all():
            raise ValueError("[ShadedText] values: expected finite numbers, received NaN or infinity.")
        single = all(len(token) <= 1 for token in self.tokens)
        self.separator = ("" if single else " ") if separator is None else separator
        most = float(np.abs(self.values).max(initial=0)) if largest is None else float(largest)
        if not 0 <= most < float("inf"):
            raise ValueError(f"[ShadedText] largest: expected a finite number of at least 0, received {largest!r}.")
        self._shares = np.clip(self.values / most, -1, 1) if most > 0 else np.zeros(len(self.tokens))

    def ansi(self) -> str:
        """The text with background colours, for terminals that know 24-bit colours."""
        parts = []
        for token, share in zip(self.tokens, self._shares.tolist(), strict=True):
            for line, piece in enumerate(token.split("\n")):
                if line:
                    parts.append(_painted(" ", share) + "\n")  # the line break itself is seen
                if piece:
                    parts.append(_painted(_printable(piece), share))
            parts.append(self.separator)
        return "".join(parts[:-1])

    def plain(self, width: int = _WIDTH) -> str:
        """The text with a line of marks under each line, of at most `width` columns where tokens allow."""
        lines: list[tuple[str, str]] = []
        text = marks = ""
        for i, (token, share) in enumerate(zip(self.tokens, self._shares.tolist(), strict=True)):
            for part, piece in enumerate(token.split("\n")):
                if part:
                    lines.append((text, marks + _mark(share)))
                    text = marks = ""
                shown = _printable(piece)
                columns = sum(map(_columns, shown))
                if text and len(marks) + columns > width:
                    lines.append((text, marks))
                    text = marks = ""
                text += shown
                marks += _mark(share) * columns
            if i + 1 < len(self.tokens):
                text += self.separator
                marks += " " * len(self.separator)
        lines.append((text, marks))
        return "\n".join("\n".join(filter(None, (text.rstrip(), marks.rstrip()))) for text, marks in lines)

    def __str__(self) -> str:
        return self.ansi() if _has_colours(sys.stdout) else self.plain()

    def __repr__(self) -> str:
        return f"<ShadedText of {len(self.tokens)} tokens>"

    def _repr_html_(self) -> str:
        parts = []
        for token, value, share in zip(self.tokens, self.values.tolist(), self._shares.tolist(), strict=True):
            ink = "#fff" if _dark(share) else "#000"
            red, green, blue = _colour(share)
            style = f"background:#{red:02x}{green:02x}{blue:02x};color:{ink}"
            shown = html.escape(token).replace("\n", "↵<br>")
            parts.append(f'<span style="{style}" title="{value:+.4g}">{shown}</span>')
        body = html.escape(self.separator).join(parts)
        return f'<div style="font-family:monospace;white-space:pre-wrap;line-height:1.5">{body}</div>'


def _has_colours(file: Any) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        return is_notebook(file) or bool(file.isatty())
    except (AttributeError, ValueError, OSError):  # no file, or a closed one
        return False


def _colour(share: float) -> tuple[int, int, int]:
    """White for 0, red towards 1, blue towards -1."""
    end = _RED if share > 0 else _BLUE
    red, green, blue = (round(255 + (c - 255) * abs(share)) for c in end)
    return red, green, blue


def _dark(share: float) -> bool:
    return abs(share) > 0.65


def _painted(text: str, share: float) -> str:
    if abs(share) < _FAINT:
        return text
    red, green, blue = _colour(share)
    ink = "97" if _dark(share) else "30"
    return f"\x1b[{ink};48;2;{red};{green};{blue}m{text}\x1b[0m"


def _mark(share: float) -> str:
    if abs(share) < _FAINT:
        return " "
    strong = abs(share) >= _STRONG
    return ("#" if strong else "+") if share > 0 else ("=" if strong else "-")


def _printable(text: str) -> str:
    """Without characters that would move the cursor or change the terminal."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
