"""What the place we print to can do: redraw a line, show box characters, and how wide it is."""

from __future__ import annotations

import os
import sys
from typing import Any


def can_redraw(file: Any) -> bool:
    """Whether a carriage return takes the cursor back to the start of the line: in terminals and in notebooks."""
    if is_notebook(file):
        return True
    try:
        return bool(file.isatty()) and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError, OSError):  # no file, or a closed one
        return False


def is_notebook(file: Any) -> bool:
    """Whether `file` is the output of a Jupyter kernel."""
    return type(file).__module__.partition(".")[0] == "ipykernel"


def can_show(file: Any, text: str) -> bool:
    """Whether the encoding of `file` has all the characters of `text`; a file without an encoding takes anything."""
    encoding = getattr(file, "encoding", None)
    if not isinstance(encoding, str):
        return True
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def width(file: Any, default: int = 100) -> int:
    """The columns of a terminal; `default` for everything else."""
    if is_notebook(file) or not can_redraw(file):
        return default
    import shutil

    try:
        return os.get_terminal_size(file.fileno()).columns or default
    except (AttributeError, ValueError, OSError):
        return shutil.get_terminal_size((default, 24)).columns


def write(file: Any, text: str) -> bool:
    """Writes and flushes; characters the encoding lacks become `?`. `False` when nothing can be written there."""
    if file is None:  # no console, as under pythonw
        return False
    try:
        try:
            file.write(text)
        except UnicodeEncodeError:
            encoding = getattr(file, "encoding", None) or sys.getdefaultencoding()
            file.write(text.encode(encoding, "replace").decode(encoding))
        file.flush()
    except (AttributeError, OSError, ValueError):  # closed, a broken pipe, or not quite a file
        return False
    return True
