"""Moving elements within a sample: Flatten, Reshape, Permute, RepeatVector."""

from __future__ import annotations

from typing import Any

from ranvier.layers._checks import data_format as checked_data_format
from ranvier.layers._checks import ints, positive_int
from ranvier.layers.base import registry
from ranvier.layers.native import NativeLayer


@registry.register()
class Flatten(NativeLayer):
    """``(batch, a, b, ...)`` to ``(batch, a*b*...)``; ``(batch,)`` to ``(batch, 1)``.

    Args:
        data_format: ``"channels_last"`` (default), or ``"channels_first"`` to move axis 1 to the end before.
        **kwargs: name, dtype, trainable.
    """

    _arguments = ("data_format",)

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = checked_data_format(data_format, self.name)


@registry.register()
class Reshape(NativeLayer):
    """Gives each sample the shape `target_shape` (without the batch axis); one size may be -1."""

    _arguments = ("target_shape",)

    def __init__(self, target_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = ints(target_shape, self.name, "target_shape")
        if any(d < -1 for d in self.target_shape) or self.target_shape.count(-1) > 1:
            raise ValueError(
                f"[{self.name}] target_shape: expected sizes, at most one of them -1, received {target_shape!r}."
            )


@registry.register()
class Permute(NativeLayer):
    """Reorders the axes of each sample: ``Permute((2, 1))`` swaps two. `dims` counts from 1, the batch stays first."""

    _arguments = ("dims",)

    def __init__(self, dims: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = ints(dims, self.name, "dims")
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"[{self.name}] dims: expected each axis from 1 to {len(self.dims)} once, received {dims!r}; "
                "the batch axis (0) is not counted."
            )


@registry.register()
class RepeatVector(NativeLayer):
    """``(batch, features)`` to ``(batch, n, features)``: the same vector `n` times."""

    _arguments = ("n",)

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = positive_int(n, self.name, "n")


__all__ = ["Flatten", "Permute", "RepeatVector", "Reshape"]
