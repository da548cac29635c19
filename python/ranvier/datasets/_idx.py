"""The IDX format of the MNIST files: two zero bytes, a type, the number of axes, their lengths, the values."""

from __future__ import annotations

import math
import struct

import numpy as np

# Type byte -> dtype; numbers are big-endian (format description on the MNIST page of Y. LeCun).
_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def parse_idx(content: bytes, name: str, axes: int | None = None) -> np.ndarray:
    """The array in the bytes of an IDX file, writable and in native byte order.

    Args:
        content: the uncompressed file.
        name: the file's name, for messages.
        axes: number of axes it has to have, or `None`.

    Raises:
        ValueError: the bytes are no IDX file, or too few, or too many.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _DTYPES:
        raise ValueError(
            f"[{name}] expected an IDX file (two zero bytes, then a type from 0x08 to 0x0e), "
            f"received bytes {content[:4].hex(' ') or '(none)'}."
        )
    dtype, ndim = np.dtype(_DTYPES[content[2]]), content[3]
    if ndim == 0 or (axes is not None and ndim != axes):
        raise ValueError(f"[{name}] expected {axes or 'at least 1'} axes, received an IDX file of {ndim}.")
    start = 4 + 4 * ndim
    if len(content) < start:
        raise ValueError(
            f"[{name}] expected a header of {start} bytes, received {len(content)}: the file is truncated."
        )
    shape = struct.unpack_from(f">{ndim}I", content, 4)
    expected, received = math.prod(shape) * dtype.itemsize, len(content) - start
    if expected != received:
        state = "truncated" if received < expected else "followed by something else"
        raise ValueError(
            f"[{name}] expected {expected:,} bytes for shape {shape}, received {received:,}: the file is {state}."
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
