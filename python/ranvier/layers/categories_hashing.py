"""Hashing and HashedCrossing: categories to bins without a vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ranvier import config
from ranvier.layers._category_encoding import MODES, dense_only, encode, encoded_shape, mode_of, salt_of, size
from ranvier.layers._data_layer import DataLayer
from ranvier.layers.base import registry
from ranvier.utils.hashing import combine, fingerprint64, hash_buckets, hash_strings
from ranvier.utils.strings import holds_text, text_array

_CROSS_KEY = np.uint64(0xDECAFCAFFE)  # what TensorFlow's crosses begin with


class BinLayer(DataLayer):
    """A layer whose results are bins: an integer dtype in mode "int", otherwise a floating one."""

    _takes = "both"
    _modes: tuple[str, ...] = MODES

    def __init__(self, num_bins: int, mode: str, sparse: bool, dtype: Any, name: str | None, **kwargs: Any) -> None:
        mode = mode_of(mode, name or type(self).__name__, self._modes)
        if dtype is None:
            dtype = "int64" if mode == "int" else config.floatx()
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.num_bins = size(num_bins, self.name, "num_bins")
        self.output_mode = mode
        self.sparse = dense_only(sparse, self.name)
        if mode == "int" and self.dtype not in ("int32", "int64"):
            raise ValueError(
                f"[{self.name}] dtype: expected 'int32' or 'int64' in output_mode 'int', received {self.dtype!r}."
            )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "num_bins": self.num_bins, "output_mode": self.output_mode, "sparse": False}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A new layer from what `get_config` returned, Keras's or ours."""
        settings = dict(config)
        if settings.get("output_mode", "int") == "int" and settings.get("dtype") not in ("int32", "int64"):
            settings["dtype"] = None  # Keras writes its policy of computation
        return cls(**settings)


@registry.register()
class Hashing(BinLayer):
    """Strings or integers to bins by a hash that is the same everywhere: ``hash(x) % num_bins``.

    Bins are those of Keras on TensorFlow. The hash is FarmHash's Fingerprint64, with a `salt` SipHash-2-4; integers are
    hashed as their decimal digits.

    Args:
        num_bins: number of bins, the one of `mask_value` included.
        mask_value: a value that gets bin 0, which is then kept for it.
        salt: one int or two, the key of SipHash.
        output_mode: ``"int"``, ``"one_hot"``, ``"multi_hot"`` or ``"count"``.
        sparse: only False.
        name: of the layer.
        dtype: of the result, default int64 for ``"int"``, otherwise floatx.
        **kwargs: trainable.

    Example:
        ```python
        Hashing(num_bins=3)([["A"], ["B"], ["C"], ["D"], ["E"]])  # [[1], [0], [1], [1], [2]]
        ```
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_bins, output_mode, sparse, dtype, name, **kwargs)
        if mask_value is not None and not isinstance(mask_value, str | int | float | np.number):
            raise ValueError(f"[{self.name}] mask_value: expected a string or number, received {mask_value!r:.80}.")
        self.mask_value = mask_value
        self.salt = None if salt is None else list(salt_of(salt, self.name))

    def encode(self, inputs: Any) -> np.ndarray:
        """Bins of the shape of the input, encoded as `output_mode` says."""
        which: Any = slice(None)  # of the strings each value is
        if holds_text(inputs):
            values = text_array(inputs, "x", self.name)
            strings = [text.encode("utf-8", "surrogatepass") for text in values.ravel().tolist()]
        else:
            values = self._numbers(inputs)
            different, which = np.unique(values, return_inverse=True)
            strings, which = _digits(different, self.name), which.reshape(-1)
        masked = self.mask_value is not None and self.num_bins > 1
        salt = None if self.salt is None else (self.salt[0], self.salt[1])
        bins = hash_buckets(strings, self.num_bins - masked, salt)[which].reshape(values.shape)
        if masked:
            bins = np.where(values == self.mask_value, 0, bins + 1)
        return encode(bins, self.output_mode, self.num_bins, self.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output for `input_shape`."""
        return encoded_shape(tuple(input_shape), self.output_mode, self.num_bins)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "mask_value": self.mask_value, "salt": self.salt}


def _digits(values: np.ndarray, layer: str) -> list[bytes]:
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise ValueError(f"[{layer}] x: expected finite numbers, received NaN or infinite ones; fill them first.")
        values = values.astype(np.int64)
    if values.dtype.kind == "b":
        return [b"true" if value else b"false" for value in values.ravel().tolist()]
    return [b"%d" % value for value in values.ravel().tolist()]


@registry.register()
class HashedCrossing(BinLayer):
    """Pairs (or more) of categories to bins: the hash of all of them together, modulo `num_bins`.

    Bins are those of Keras on TensorFlow.

    Args:
        num_bins: number of bins.
        output_mode: ``"int"`` or ``"one_hot"``.
        sparse: only False.
        name: of the layer.
        dtype: of the result, default int64 for ``"int"``, otherwise floatx.
        **kwargs: trainable.

    Inputs are a list of two or more arrays of strings or integers, each `(batch,)`, `(batch, 1)` or a single value.

    Example:
        ```python
        cross = HashedCrossing(num_bins=5)
        cross((np.array(["A", "B", "A"]), np.array([101, 101, 102])))  # [1, 4, 3]
        ```
    """

    _modes = ("int", "one_hot")

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_bins, output_mode, sparse, dtype, name, **kwargs)

    def encode(self, inputs: Any) -> np.ndarray:
        """Bins of the shape of each input, encoded as `output_mode` says."""
        if not isinstance(inputs, list | tuple) or len(inputs) < 2:
            raise ValueError(
                f"[{self.name}] expected a list of two or more inputs, received "
                f"{f'one of {len(inputs)}' if isinstance(inputs, list | tuple) else type(inputs).__name__}."
            )
        hashes = []
        shape: tuple[int, ...] = ()
        for i, given in enumerate(inputs):
            values, hashed = self._hashes(given, f"x[{i}]")
            if i == 0:
                shape = values.shape
            self._check_shape(values.shape, shape, i)
            hashes.append(hashed)
        total = np.full(len(hashes[0]), _CROSS_KEY)
        for hashed in hashes:
            total = combine(total, hashed)
        bins = (total % np.uint64(self.num_bins)).astype(np.int64).reshape(shape)
        return encode(bins, self.output_mode, self.num_bins, self.dtype)

    def _hashes(self, given: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
        if holds_text(given):
            values = text_array(given, name, self.name)
            strings = [text.encode("utf-8", "surrogatepass") for text in values.ravel().tolist()]
            return values, hash_strings(strings, fingerprint64)
        values = self._numbers(given, name)
        if values.dtype.kind not in "iu":
            raise ValueError(f"[{self.name}] {name}: expected integers or strings, received {values.dtype}.")
        return values, values.ravel().astype(np.int64).view(np.uint64)

    def _check_shape(self, shape: tuple[Any, ...], first: tuple[Any, ...], i: int) -> None:
        if len(shape) > 2 or (len(shape) == 2 and shape[-1] != 1):
            raise ValueError(
                f"[{self.name}] x[{i}]: expected shape (batch,), (batch, 1) or (), received {shape}; cross one column "
                "with one other."
            )
        if shape != first:
            raise ValueError(f"[{self.name}] expected inputs of one shape, received {first} and {shape}.")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output for the shapes of the inputs."""
        shapes = [tuple(shape) for shape in input_shape]
        for i, shape in enumerate(shapes):
            self._check_shape(shape, shapes[0], i)
        return encoded_shape(shapes[0], self.output_mode, self.num_bins)


__all__ = ["HashedCrossing", "Hashing"]
