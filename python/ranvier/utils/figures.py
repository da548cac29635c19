"""matplotlib, where it is installed."""

from __future__ import annotations

from typing import Any


def pyplot(where: str) -> Any:
    """`matplotlib.pyplot`.

    Raises:
        ImportError: it is not installed; `where` is the caller for the message.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"[{where}] expected matplotlib, which is not installed; run: pip install 'ranvier[plot]'"
        ) from error
    return plt
