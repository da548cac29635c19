"""Scaled dot-product attention."""

from __future__ import annotations

import math
from typing import Any

from ranvier import config
from ranvier._core import Tensor
from ranvier.ops import manipulation as s
from ranvier.ops import math as m
from ranvier.ops._convert import engine, flag, tensor
from ranvier.ops._recording import record_all

__all__ = ["dot_product_attention"]


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """``softmax(scale * query key^T + bias) value`` for every head: ``(batch, Tq, heads, value_size)``.

    Scores are computed block by block and not stored, unless there is a bias or a cap. A query that sees no key gets
    zeros.

    Args:
        query: ``(batch, Tq, heads, size)``.
        key: ``(batch, Tk, key_heads, size)``; ``heads / key_heads`` neighbouring heads share a key.
        value: ``(batch, Tk, key_heads, value_size)``.
        bias: added to the scores, of a shape that repeats over ``(batch, heads, Tq, Tk)``.
        mask: which key each query sees, of such a shape.
        scale: of the scores, default ``1 / sqrt(size)``.
        is_causal: whether query i sees keys up to i only.
        flash_attention: accepted for Keras's sake; True is refused with a bias or a cap.
        attn_logits_soft_cap: scores become ``cap * tanh(scores / cap)``.

    Raises:
        ValueError: shapes that do not fit.
    """
    q, k, v = tensor(query), tensor(key), tensor(value)
    dtype = _dtype_of(q, k, v)
    for name, x in (("query", q), ("key", k), ("value", v)):
        if x.ndim != 4:
            raise ValueError(
                f"[dot_product_attention] {name}: expected (batch, time, heads, size), received shape {x.shape}."
            )
    q, k, v = (tensor(x, dtype) for x in (q, k, v))
    heads, shared = q.shape[2], k.shape[2]
    if q.shape[0] != k.shape[0] or q.shape[3] != k.shape[3] or k.shape[:3] != v.shape[:3] or heads % max(shared, 1):
        raise ValueError(
            "[dot_product_attention] expected query (batch, Tq, heads, size), key (batch, Tk, key_heads, size) and "
            "value (batch, Tk, key_heads, value_size) with heads a multiple of key_heads, received shapes "
            f"{q.shape}, {k.shape} and {v.shape}."
        )
    factor = 1 / math.sqrt(max(q.shape[3], 1)) if scale is None else float(scale)
    seen = None if mask is None else tensor(mask, "bool")
    causal = flag(is_causal, "dot_product_attention", "is_causal")
    if bias is None and attn_logits_soft_cap is None:
        return engine.attention(q, k, v, seen, factor, causal)
    if flash_attention:
        raise ValueError("[dot_product_attention] expected flash_attention to be off next to a bias or a cap.")
    if shared != heads:
        k, v = (s.repeat(x, heads // shared, axis=2) for x in (k, v))
    scores = m.multiply(engine.einsum("btnh,bsnh->bnts", [q, k]), factor)
    if attn_logits_soft_cap is not None:
        cap = float(attn_logits_soft_cap)
        if not cap > 0:
            raise ValueError(
                f"[dot_product_attention] attn_logits_soft_cap: expected a positive number, received {cap}."
            )
        scores = m.multiply(engine.unary("tanh", m.multiply(scores, 1 / cap)), cap)
    if bias is not None:
        added = tensor(bias, dtype)
        full = scores.shape[4 - added.ndim :] if added.ndim <= 4 else ()
        if added.ndim > 4 or any(n not in (1, whole) for n, whole in zip(added.shape, full, strict=True)):
            raise ValueError(
                f"[dot_product_attention] bias: expected a shape that repeats over {scores.shape}, "
                f"received {added.shape}."
            )
        scores = m.add(scores, added)
    return engine.einsum("bnts,bsnh->btnh", [engine.masked_softmax(scores, seen, causal), v])


def _dtype_of(*xs: Tensor) -> str:
    floats = {x.dtype for x in xs if x.dtype in config.FLOATS}
    return "float64" if "float64" in floats else "float32" if floats else config.floatx()


record_all(globals())
