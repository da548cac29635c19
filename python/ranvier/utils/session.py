"""A fresh start within one process."""

from __future__ import annotations

from ranvier._registry import reset_auto_names

__all__ = ["clear_session"]


def clear_session(free_memory: bool = True) -> None:
    """Starts the counters of automatic names anew: the next Dense is called ``"dense"`` again.

    Args:
        free_memory: also run Python's garbage collector, so that models no longer referred to are freed.
    """
    reset_auto_names()
    if free_memory:
        import gc

        gc.collect()
