"""What the golden files have in common: data made from labels, and one array of results with names."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def generator(label: str) -> np.random.Generator:
    """A generator that depends on the case's label alone."""
    return np.random.default_rng(zlib.crc32(label.encode()))


def save(name: str, golden: dict[str, np.ndarray]) -> None:
    """Writes <name>.npz; refuses what is not finite and reports what looks rounded to float32."""
    for key, value in golden.items():
        if not np.isfinite(value).all():
            raise ValueError(f"{key} is not finite")
        if np.array_equal(value, value.astype(np.float32)) and not np.array_equal(value, value.round()):
            print(f"{key} was computed in float32")
    # One array for all: an entry each would cost more than the numbers.
    np.savez_compressed(
        HERE / f"{name}.npz",
        names=np.array(list(golden)),
        shapes=np.array([",".join(map(str, v.shape)) for v in golden.values()]),
        values=np.concatenate([np.asarray(v, np.float64).ravel() for v in golden.values()]),
    )


def load(name: str) -> dict[str, np.ndarray]:
    """What `save` wrote, by name; nothing when there is no such file."""
    path = HERE / f"{name}.npz"
    if not path.exists():
        return {}
    with np.load(path) as file:
        shapes = [tuple(int(n) for n in text.split(",") if n) for text in file["shapes"].tolist()]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        parts = np.split(file["values"], ends[:-1])
        return {n: p.reshape(s) for n, p, s in zip(file["names"].tolist(), parts, shapes, strict=True)}
