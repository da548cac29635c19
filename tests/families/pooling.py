"""Pooling over sequences, images and volumes."""

from __future__ import annotations

from typing import Any

from families import Case, Family, Row

SHAPES = {1: (7, 3), 2: (7, 5, 2), 3: (5, 4, 4, 1)}  # spatial sizes and channels


def pooled(size: int, window: int, stride: int, same: bool) -> int:
    """Positions along an axis."""
    return -(-size // stride) if same else (size - window) // stride + 1


def windows(kind: str, axes: int, window: int, stride: int, padding: str, first: bool) -> tuple[str, dict[str, Any]]:
    """A layer and its arguments."""
    data_format = "channels_first" if first else "channels_last"
    arguments = {"pool_size": window, "strides": stride, "padding": padding, "data_format": data_format}
    return f"{kind}Pooling{axes}D", arguments


def layout(spatial: tuple[int, ...], channels: int, first: bool) -> tuple[int, ...]:
    """A shape with its channels at their place, for two samples."""
    return (2, channels, *spatial) if first else (2, *spatial, channels)


def mean_of_what_exists(layer: Any, x: Any) -> Any:
    """Average pooling with padding "same" in PyTorch, where Keras counts repeated borders, unlike on other backends."""
    from torch import ones_like
    from torch.nn import functional

    first = layer.data_format == "channels_first"
    x = x if first else x.movedim(-1, 1)
    pads: list[int] = []
    for n, window, stride in zip(x.shape[2:], layer.pool_size, layer.strides, strict=True):
        missing = max((-(-n // stride) - 1) * stride + window - n, 0)
        pads = [missing // 2, missing - missing // 2, *pads]  # the last axis comes first
    pool = getattr(functional, f"avg_pool{x.ndim - 2}d")
    total, count = (pool(functional.pad(t, pads), layer.pool_size, layer.strides) for t in (x, ones_like(x)))
    return total / count if first else (total / count).movedim(1, -1)


def rows() -> list[Row]:
    """Every layer in both formats."""
    found = []
    for axes, (*spatial, channels) in SHAPES.items():
        for first in (False, True):
            inputs = layout(tuple(spatial), channels, first)
            data_format = "channels_first" if first else "channels_last"
            for kind in ("Max", "Average"):
                name, arguments = windows(kind, axes, 3, 2, "same" if first else "valid", first)
                output = layout(tuple(pooled(n, 3, 2, first) for n in spatial), channels, first)
                found.append(Row(name, arguments, inputs, output))
                keeps = {"data_format": data_format, "keepdims": first}
                output = layout((1,) * axes, channels, first) if first else (2, channels)
                found.append(Row(f"Global{kind}Pooling{axes}D", keeps, inputs, output))
                sized = {"output_size": 3, "data_format": data_format}
                output = layout((3,) * axes, channels, first)
                found.append(Row(f"Adaptive{kind}Pooling{axes}D", sized, inputs, output))
    return found


def cases() -> dict[str, Case]:
    """Windows that overlap, touch, leave gaps or reach beyond the input."""
    found = {
        "GlobalAveragePooling1D-mask": Case("GlobalAveragePooling1D", {}, (6, 5, 4), mask=True),
        "GlobalAveragePooling1D-mask-kept": Case("GlobalAveragePooling1D", {"keepdims": True}, (6, 5, 4), mask=True),
        "GlobalMaxPooling1D-mask": Case("GlobalMaxPooling1D", {}, (6, 5, 4), mask=True),
    }
    for axes, (*spatial, channels) in SHAPES.items():
        for kind in ("Max", "Average"):
            for window, stride, padding, first in (
                (2, 2, "valid", False),
                (3, 1, "valid", False),
                (3, 2, "same", False),
                (4, 3, "same", True),
                (2, 3, "valid", True),
            ):
                name, arguments = windows(kind, axes, window, stride, padding, first)
                inputs = layout(tuple(spatial), channels, first)
                label = f"{name}-{window}-{stride}-{padding}" + "-first" * first
                uncounted = mean_of_what_exists if kind == "Average" and padding == "same" else None
                found[label] = Case(name, arguments, inputs, reference=uncounted)
            inputs = layout(tuple(spatial), channels, False)
            found[f"Global{kind}Pooling{axes}D"] = Case(f"Global{kind}Pooling{axes}D", {}, inputs)
            for size in (2, 3, 7):
                name = f"Adaptive{kind}Pooling{axes}D"
                found[f"{name}-{size}"] = Case(name, {"output_size": size}, inputs)
    found["MaxPooling2D-uneven"] = Case("MaxPooling2D", {"pool_size": [2, 3], "strides": [1, 2]}, (1, 7, 6, 4))
    found["MaxPooling2D-default"] = Case("MaxPooling2D", {}, (1, 7, 6, 17))
    found["AveragePooling2D-uneven"] = Case(
        "AveragePooling2D",
        {"pool_size": [3, 2], "strides": [2, 1], "padding": "same"},
        (1, 7, 6, 17),
        reference=mean_of_what_exists,
    )
    return found


FAMILY = Family(contract=rows(), golden=cases())
