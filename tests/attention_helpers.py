"""What the tests of attention share: the formula, masks, layers with weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier import layers, ops


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def masked(x: np.ndarray, mask: np.ndarray) -> Any:
    tensor = ops.convert_to_tensor(x)
    tensor._keras_mask = ops.convert_to_tensor(mask)
    return tensor


def probabilities(scores: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Softmax over the keys that are seen, zeros for queries that see none."""
    scores = np.where(seen, scores, -np.inf)
    e = np.exp(scores - np.where(seen.any(-1, keepdims=True), scores.max(-1, keepdims=True), 0))
    return e / np.maximum(e.sum(-1, keepdims=True), 1e-300)


def attended(layer: Any, query: Any, value: Any, key: Any, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The formula of both layers, from their weights; seen (batch, heads, Tq, Tk) or what repeats over it."""

    def project(x: np.ndarray, part: Any) -> np.ndarray:
        return np.einsum("btf,fhs->bhts", x, part.kernel.numpy()) + part.bias.numpy()[:, None]

    q, k, v = (
        project(x, part) for x, part in ((query, layer.query_dense), (key, layer.key_dense), (value, layer.value_dense))
    )
    k, v = (np.repeat(x, q.shape[1] // k.shape[1], axis=1) for x in (k, v))
    weights = probabilities(
        q @ k.swapaxes(2, 3) / np.sqrt(q.shape[-1]), np.broadcast_to(seen, (*q.shape[:3], k.shape[2]))
    )
    out = np.einsum("bhts,hsf->btf", weights @ v, layer.output_dense.kernel.numpy())
    return out + layer.output_dense.bias.numpy(), weights


def with_weights(layer: Any, *shapes: Any) -> Any:
    layer.build(*shapes)
    layer.set_weights([normal(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


KINDS = {
    "heads": lambda **kwargs: layers.MultiHeadAttention(4, 3, value_dim=2, **kwargs),
    "groups": lambda **kwargs: layers.GroupQueryAttention(3, 4, 2, **kwargs),
}
