"""Images, sequences and volumes in another size."""

from __future__ import annotations

from typing import Any

from families import Case, Family, Row


def resampled_by_jax(layer: Any, x: Any) -> Any:
    """What Keras gives on JAX, in PyTorch: its own bicubic differs, and lanczos is missing there.

    Resampling is linear, so the matrix of an axis is what `jax.image.resize` makes of unit vectors.
    """
    import jax
    import torch

    jax.config.update("jax_enable_x64", True)
    size = (
        [layer.height, layer.width]
        if hasattr(layer, "height")
        else [n * f for n, f in zip(x.shape[1:3], layer.size, strict=True)]
    )
    for axis, n in enumerate(size, start=1):
        unit = jax.numpy.eye(x.shape[axis])
        antialias = getattr(layer, "antialias", False)
        matrix = jax.image.resize(unit, (n, x.shape[axis]), layer.interpolation, antialias=antialias)
        x = torch.moveaxis(torch.tensordot(torch.tensor(matrix.tolist(), dtype=x.dtype), x, ([1], [axis])), 0, axis)
    return x


def resizings() -> dict[str, Case]:
    """Growing, shrinking, one of each; with and without antialias."""
    found = {}
    for method in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
        for antialias in (False, True):
            for label, size in {"down": (3, 4), "up": (11, 10), "mixed": (12, 3), "one": (1, 1)}.items():
                arguments = {"height": size[0], "width": size[1], "interpolation": method, "antialias": antialias}
                found[f"Resizing-{method}-{label}" + "-antialias" * antialias] = Case(
                    "Resizing",
                    arguments,
                    (1, 9, 7, 2),
                    # JAX decides in float32 where weights of nothing start; elsewhere the difference is rounding
                    tolerance=1e-7,
                    reference=None if method in ("nearest", "bilinear") and not antialias else resampled_by_jax,
                )
        if method != "nearest":
            found[f"UpSampling2D-{method}"] = Case(
                "UpSampling2D", {"size": [2, 3], "interpolation": method}, (1, 4, 5, 2), reference=resampled_by_jax
            )
    return found


FIRST = {"data_format": "channels_first"}

FAMILY = Family(
    contract=[
        Row("UpSampling1D", {"size": 3}, (4, 5, 2), (4, 15, 2)),
        Row("UpSampling2D", {}, (4, 3, 5, 2), (4, 6, 10, 2)),
        Row("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear", **FIRST}, (4, 2, 3, 5), (4, 2, 6, 15)),
        Row("UpSampling3D", {"size": (1, 2, 3)}, (4, 2, 3, 2, 2), (4, 2, 6, 6, 2)),
        Row("ZeroPadding1D", {"padding": (1, 2)}, (4, 5, 2), (4, 8, 2)),
        Row("ZeroPadding2D", {"padding": ((1, 0), (2, 3))}, (4, 3, 5, 2), (4, 4, 10, 2)),
        Row("ZeroPadding2D", {"padding": (1, 2), **FIRST}, (4, 2, 3, 5), (4, 2, 5, 9)),
        Row("ZeroPadding3D", {}, (4, 1, 2, 3, 2), (4, 3, 4, 5, 2)),
        Row("Cropping1D", {}, (4, 5, 2), (4, 3, 2)),
        Row("Cropping2D", {"cropping": ((1, 0), (2, 1))}, (4, 3, 5, 2), (4, 2, 2, 2)),
        Row("Cropping2D", {"cropping": 1, **FIRST}, (4, 2, 3, 5), (4, 2, 1, 3)),
        Row("Cropping3D", {}, (4, 3, 4, 5, 2), (4, 1, 2, 3, 2)),
        Row("CenterCrop", {"height": 2, "width": 3}, (4, 5, 6, 2), (4, 2, 3, 2)),
        Row("CenterCrop", {"height": 7, "width": 3, **FIRST}, (4, 2, 5, 6), (4, 2, 7, 3)),
        Row("Resizing", {"height": 2, "width": 7, "antialias": True}, (4, 5, 6, 2), (4, 2, 7, 2)),
        Row("Resizing", {"height": 2, "width": 7, "crop_to_aspect_ratio": True, **FIRST}, (4, 2, 5, 6), (4, 2, 2, 7)),
    ],
    golden={
        "UpSampling1D": Case("UpSampling1D", {"size": 3}, (2, 4, 3)),
        "UpSampling2D": Case("UpSampling2D", {"size": [3, 2]}, (1, 3, 4, 17)),
        "UpSampling2D-first": Case("UpSampling2D", {"size": [3, 2], **FIRST}, (2, 3, 4, 2)),
        "UpSampling3D": Case("UpSampling3D", {"size": [1, 2, 3]}, (2, 3, 2, 2, 3)),
        "ZeroPadding1D": Case("ZeroPadding1D", {"padding": [1, 2]}, (2, 4, 3)),
        "ZeroPadding2D": Case("ZeroPadding2D", {"padding": [[1, 0], [2, 3]]}, (2, 3, 4, 3)),
        "ZeroPadding2D-first": Case("ZeroPadding2D", {"padding": [1, 2], **FIRST}, (2, 3, 4, 3)),
        "ZeroPadding3D": Case("ZeroPadding3D", {"padding": 2}, (2, 1, 2, 3, 3)),
        "Cropping1D": Case("Cropping1D", {"cropping": [1, 2]}, (2, 5, 3)),
        "Cropping2D": Case("Cropping2D", {"cropping": [[1, 0], [2, 1]]}, (2, 3, 5, 3)),
        "Cropping2D-first": Case("Cropping2D", {"cropping": [1, 2], **FIRST}, (2, 2, 4, 6)),
        "Cropping3D": Case("Cropping3D", {}, (2, 3, 4, 5, 2)),
        "CenterCrop": Case("CenterCrop", {"height": 4, "width": 3}, (2, 7, 6, 3)),
        "CenterCrop-larger": Case("CenterCrop", {"height": 9, "width": 4}, (2, 7, 6, 3)),
        "CenterCrop-first": Case("CenterCrop", {"height": 5, "width": 8, **FIRST}, (2, 3, 7, 6)),
        "Resizing-crop": Case("Resizing", {"height": 6, "width": 4, "crop_to_aspect_ratio": True}, (1, 7, 9, 2)),
        "Resizing-pad": Case(
            "Resizing", {"height": 6, "width": 4, "pad_to_aspect_ratio": True, "fill_value": 2.5}, (1, 7, 9, 2)
        ),
        "Resizing-pad-wide": Case("Resizing", {"height": 4, "width": 9, "pad_to_aspect_ratio": True}, (1, 7, 9, 2)),
        "Resizing-first": Case("Resizing", {"height": 6, "width": 4, **FIRST}, (2, 3, 7, 9)),
        **resizings(),
    },
)
