"""What the examples share: where pictures go, and doing without matplotlib."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType


def pyplot() -> ModuleType | None:
    """matplotlib.pyplot drawing to files, or None with a hint when it is not installed."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        print("(no pictures: pip install 'ranvier[plot]' to get them)")
        return None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def save(figure: object, name: str) -> None:
    """Writes the figure beside where the example was started and says so."""
    path = Path(name)
    figure.savefig(path, dpi=120, bbox_inches="tight")  # type: ignore[attr-defined]
    print(f"picture written to {path.resolve()}")
