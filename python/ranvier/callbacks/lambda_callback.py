"""A callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ranvier.callbacks.callback import HOOKS, Callback


class LambdaCallback(Callback):
    """Calls the given functions at the hooks of the same names.

    Args:
        on_epoch_begin: called with `(epoch, logs)`.
        on_epoch_end: called with `(epoch, logs)`.
        on_train_begin: called with `(logs)`.
        on_train_end: called with `(logs)`.
        on_train_batch_begin: called with `(batch, logs=logs)`.
        on_train_batch_end: called with `(batch, logs=logs)`.
        kwargs: functions for any other hook of `Callback`.

    Raises:
        TypeError: a name that is no hook, or something that cannot be called.

    Example:
        ```python
        LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
        ```
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Callable[..., Any] | None,
    ) -> None:
        functions = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in functions.items():
            if name not in HOOKS:
                raise TypeError(
                    f"[LambdaCallback] expected names of hooks, received {name!r}; "
                    f"known are {', '.join(sorted(HOOKS))}."
                )
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"[LambdaCallback] {name}: expected a function, received {function!r}.")
            setattr(self, name, function)  # on the object: overrides() sees it, and only where a function was given
