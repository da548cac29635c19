"""Hashes of short byte strings, for many at once: FarmHash's Fingerprint64 and SipHash-2-4.

Both are what TensorFlow puts categories into bins with, so that models keep their bins. Strings of one length form a
matrix of bytes, and NumPy computes all of its rows together.

References: farmhash (Pike, Google, 2014), the function ``Fingerprint64``; Aumasson & Bernstein 2012, "SipHash: a fast
short-input PRF".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

Words: TypeAlias = np.ndarray  # uint64, one for each string

_K0 = np.uint64(0xC3A5C85C97CB3127)
_K1 = np.uint64(0xB492B66FBE98F273)
_K2 = np.uint64(0x9AE16A3B2F90404F)
_MIX = np.uint64(47)
_WORD = np.dtype("<u8")
_HALF = np.dtype("<u4")


def hash_strings(strings: Sequence[bytes], function: Callable[[np.ndarray], Words]) -> Words:
    """The hash of each string, uint64 `(n,)`.

    Args:
        strings: bytes, equal ones are hashed once.
        function: `fingerprint64`, or `siphash24` with its key: bytes `(n, length)` to uint64 `(n,)`.
    """
    places: dict[bytes, int] = {}
    rows = np.fromiter((places.setdefault(text, len(places)) for text in strings), dtype=np.intp, count=len(strings))
    different = list(places)
    lengths = np.fromiter(map(len, different), dtype=np.intp, count=len(different))
    found = np.empty(len(different), dtype=np.uint64)
    order = np.argsort(lengths, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
        if len(group):
            joined = b"".join([different[i] for i in group])
            found[group] = function(np.frombuffer(joined, dtype=np.uint8).reshape(len(group), -1))
    return found[rows]


def hash_buckets(strings: Sequence[bytes], bins: int, salt: tuple[int, int] | None = None) -> np.ndarray:
    """The bin of each string, int64 `(n,)` below `bins`: Fingerprint64, or SipHash-2-4 under `salt`, modulo `bins`."""

    def salted(rows: np.ndarray) -> Words:
        assert salt is not None
        return siphash24(rows, *salt)

    hashes = hash_strings(strings, fingerprint64 if salt is None else salted)
    return (hashes % np.uint64(bins)).astype(np.int64)


def combine(first: Words, second: Words) -> Words:
    """The hash of a pair of hashes, as TensorFlow's crosses of features make it (``FingerprintCat64``)."""
    factor = np.uint64(0xC6A4A7935BD1E995)
    result = (first ^ factor) ^ (_shift_mix(second * factor) * factor)
    return _shift_mix(_shift_mix(result * factor) * factor)


# -- FarmHash ----------------------------------------------------------------------------------------------------------


def fingerprint64(rows: np.ndarray) -> Words:
    """Fingerprint64 of each row of bytes `(n, length)`."""
    length = rows.shape[1]
    if length <= 16:
        return _up_to_16(rows)
    if length <= 32:
        return _up_to_32(rows)
    return _up_to_64(rows) if length <= 64 else _longer(rows)


def _word(rows: np.ndarray, at: int) -> Words:
    return np.ascontiguousarray(rows[:, at : at + 8]).view(_WORD)[:, 0].astype(np.uint64)


def _half(rows: np.ndarray, at: int) -> Words:
    return np.ascontiguousarray(rows[:, at : at + 4]).view(_HALF)[:, 0].astype(np.uint64)


def _turn(value: Words, right: int) -> Words:
    """Rotated to the right."""
    return (value >> np.uint64(right)) | (value << np.uint64(64 - right))


def _shift_mix(value: Words) -> Words:
    return value ^ (value >> _MIX)


def _pair(u: Words, v: Words, factor: np.uint64 | Words) -> Words:
    return _shift_mix((v ^ _shift_mix((u ^ v) * factor)) * factor) * factor


def _factor(length: int) -> np.uint64:
    return np.uint64((int(_K2) + 2 * length) % 2**64)


def _up_to_16(rows: np.ndarray) -> Words:
    length = rows.shape[1]
    factor = _factor(length)
    if length >= 8:
        a, b = _word(rows, 0) + _K2, _word(rows, length - 8)
        return _pair(_turn(b, 37) * factor + a, (_turn(a, 25) + b) * factor, factor)
    if length >= 4:
        return _pair((_half(rows, 0) << np.uint64(3)) + np.uint64(length), _half(rows, length - 4), factor)
    if length:
        first, middle, last = (rows[:, i].astype(np.uint64) for i in (0, length >> 1, length - 1))
        y = first + (middle << np.uint64(8))
        z = (last << np.uint64(2)) + np.uint64(length)
        return _shift_mix(y * _K2 ^ z * _K0) * _K2
    return np.full(len(rows), _K2)


def _up_to_32(rows: np.ndarray) -> Words:
    length = rows.shape[1]
    factor = _factor(length)
    a, b = _word(rows, 0) * _K1, _word(rows, 8)
    c, d = _word(rows, length - 8) * factor, _word(rows, length - 16) * _K2
    return _pair(_turn(a + b, 43) + _turn(c, 30) + d, a + _turn(b + _K2, 18) + c, factor)


def _up_to_64(rows: np.ndarray) -> Words:
    length = rows.shape[1]
    factor = _factor(length)
    a, b = _word(rows, 0) * _K2, _word(rows, 8)
    c, d = _word(rows, length - 8) * factor, _word(rows, length - 16) * _K2
    y = _turn(a + b, 43) + _turn(c, 30) + d
    z = _pair(y, a + _turn(b + _K2, 18) + c, factor)
    e, f = _word(rows, 16) * factor, _word(rows, 24)
    g, h = (y + _word(rows, length - 32)) * factor, (z + _word(rows, length - 24)) * factor
    return _pair(_turn(e + f, 43) + _turn(g, 30) + h, e + _turn(f + a, 18) + g, factor)


def _weak_32(rows: np.ndarray, at: int, a: Words, b: Words) -> tuple[Words, Words]:
    w, x, y, z = (_word(rows, at + 8 * i) for i in range(4))
    a = a + w
    b = _turn(b + a + z, 21)
    c = a
    a = a + x + y
    return a + z, b + _turn(a, 44) + c


def _longer(rows: np.ndarray) -> Words:
    length = rows.shape[1]
    x = np.uint64(81 * int(_K2) % 2**64) + _word(rows, 0)
    y = np.full(len(rows), np.uint64((81 * int(_K1) + 113) % 2**64))
    z = _shift_mix(y * _K2 + np.uint64(113)) * _K2
    v = w = (np.zeros(len(rows), dtype=np.uint64),) * 2
    for at in range(0, 64 * ((length - 1) // 64), 64):
        x = _turn(x + y + v[0] + _word(rows, at + 8), 37) * _K1 ^ w[1]
        y = _turn(y + v[1] + _word(rows, at + 48), 42) * _K1 + v[0] + _word(rows, at + 40)
        z = _turn(z + w[0], 33) * _K1
        v = _weak_32(rows, at, v[1] * _K1, x + w[0])
        w = _weak_32(rows, at + 32, z + w[1], y + _word(rows, at + 16))
        z, x = x, z
    factor = _K1 + ((z & np.uint64(0xFF)) << np.uint64(1))
    at = length - 64  # the last 64 bytes, some of which have been seen
    w0 = w[0] + np.uint64((length - 1) & 63)
    v0 = v[0] + w0
    w0 = w0 + v0
    x = _turn(x + y + v0 + _word(rows, at + 8), 37) * factor ^ (w[1] * np.uint64(9))
    y = _turn(y + v[1] + _word(rows, at + 48), 42) * factor + v0 * np.uint64(9) + _word(rows, at + 40)
    z = _turn(z + w0, 33) * factor
    v = _weak_32(rows, at, v[1] * factor, x + w0)
    w = _weak_32(rows, at + 32, z + w[1], y + _word(rows, at + 16))
    z, x = x, z
    return _pair(_pair(v[0], w[0], factor) + _shift_mix(y) * _K0 + z, _pair(v[1], w[1], factor) + x, factor)


# -- SipHash -----------------------------------------------------------------------------------------------------------


def siphash24(rows: np.ndarray, key0: int, key1: int) -> Words:
    """SipHash-2-4 of each row of bytes `(n, length)` under the key of two 64-bit numbers."""
    count, length = rows.shape
    padded = np.zeros((count, 8 * (length // 8 + 1)), dtype=np.uint8)
    padded[:, :length] = rows
    padded[:, -1] = length & 0xFF
    keys = [np.uint64(key % 2**64) for key in (key0, key1)]
    start = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    state = [np.full(count, np.uint64(word) ^ keys[i % 2]) for i, word in enumerate(start)]
    for at in range(0, padded.shape[1], 8):
        word = _word(padded, at)
        state[3] = state[3] ^ word
        state = _sip_round(_sip_round(state))
        state[0] = state[0] ^ word
    state[2] = state[2] ^ np.uint64(0xFF)
    for _ in range(4):
        state = _sip_round(state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_round(state: list[Words]) -> list[Words]:
    a, b, c, d = state
    a, c = a + b, c + d
    b, d = _turn(b, 64 - 13) ^ a, _turn(d, 64 - 16) ^ c
    a = _turn(a, 32)
    c, a = c + b, a + d
    b, d = _turn(b, 64 - 17) ^ c, _turn(d, 64 - 21) ^ a
    return [a, b, _turn(c, 32), d]
