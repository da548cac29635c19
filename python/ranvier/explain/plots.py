"""Figures of attributions, layers and images. Signed values are red above zero and blue below, zero is white."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ranvier.explain.arguments import Array
from ranvier.utils.arrays import as_array
from ranvier.utils.figures import pyplot

# Both are told apart by people who do not see all colours.
SIGNED, POSITIVE = "RdBu_r", "viridis"
_RED, _BLUE = "#b2182b", "#2166ac"
_MOST_BARS, _MOST_PANELS = 20, 64


def plot(
    attributions: Any,
    x: Any = None,
    titles: Sequence[Any] | None = None,
    feature_names: Sequence[Any] | None = None,
    kind: str | None = None,
    shared: bool = True,
    columns: int = 8,
) -> Any:
    """A figure of attributions: heat maps over images, colours behind signals, bars for tables.

    Args:
        attributions: what `saliency`, `grad_cam`, `occlusion` and the others return, `(rows, ...)`. Colours of images
            are added up.
        x: the rows they were made for; shown beside them.
        titles: a title for each row.
        feature_names: names of the features of a table; by default those of `x` if it is a DataFrame.
        kind: `"image"`, `"signal"` or `"table"`. Default `None`: told by the shapes.
        shared: whether all rows share one scale. False divides each row by its largest size, which makes a faint map
            as clear as a strong one. Default True.
        columns: images beside each other. Default 8.

    Returns:
        The matplotlib figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: shapes that do not belong together, or nothing to draw.
    """
    values, inputs = _array(attributions, "attributions", "plot"), None
    if x is not None:
        feature_names = feature_names if feature_names is not None else _names_of(x)
        inputs = _array(x, "x", "plot")
        if len(inputs) != len(values) or inputs.shape[1 : values.ndim] != values.shape[1 : inputs.ndim]:
            raise ValueError(
                f"[plot] x: expected the rows of attributions of shape {values.shape}, received shape {inputs.shape}."
            )
    kind = _kind(values, inputs) if kind is None else kind
    if kind not in ("image", "signal", "table"):
        raise ValueError(f"[plot] kind: expected 'image', 'signal' or 'table', received {kind!r}.")
    _check_titles(titles, len(values), "plot")
    if not shared:
        largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
        values = values / np.where(largest > 0, largest, 1)
    if kind == "table":
        return _bars(values.reshape(len(values), -1), titles, feature_names)
    if kind == "signal":
        return _signals(values, inputs, titles)
    return _heat_maps(values, inputs, titles, columns)


def plot_images(images: Any, titles: Sequence[Any] | None = None, columns: int = 8, title: str | None = None) -> Any:
    """A figure of images beside each other: filters, or what `activation_maximization` returns.

    Args:
        images: `(images, height, width)` or `(images, height, width, channels)`. Three channels of values from 0 to 1
            are shown in colour, other channels as their mean; with negative values the scale has zero in the middle.
        titles: a title for each image.
        columns: images beside each other. Default 8.
        title: one above all.

    Returns:
        The matplotlib figure. All images share one scale.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: another shape, or more than 64 images.
    """
    values = _array(images, "images", "plot_images")
    if values.ndim not in (3, 4):
        raise ValueError(
            f"[plot_images] images: expected shape (images, height, width) or with channels last, received "
            f"{values.shape}."
        )
    _check_titles(titles, len(values), "plot_images")
    plt = pyplot("plot_images")
    figure, axes = _grid(plt, len(values), columns, 1, values.shape[2] / values.shape[1], "plot_images")
    shown = _as_picture(values)
    scale = _scale(shown, positive="gray", robust=True) if shown.ndim == 3 else {}
    for i, axis in enumerate(axes[0]):
        mappable = axis.imshow(shown[i], interpolation="nearest", **scale)
        _label(axis, titles, i)
    if shown.ndim == 3:
        figure.colorbar(mappable, ax=list(axes[0]), shrink=0.8, pad=0.02)
    if title:
        figure.suptitle(title)
    return figure


def plot_feature_maps(maps: Any, titles: Sequence[Any] | None = None, channels: int = 16) -> Any:
    """A figure of what a layer made of each row: one line of images per row, one column per channel.

    Args:
        maps: what `feature_maps` returns: `(rows, height, width, channels)`, `(rows, length, channels)` as lines, or
            `(rows, units)` as one picture.
        titles: a title for each row.
        channels: how many of the first channels are shown. Default 16.

    Returns:
        The matplotlib figure. All maps share one scale.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: another shape, or more than 64 rows.
    """
    where = "plot_feature_maps"
    values = _array(maps, "maps", where)
    if values.ndim not in (2, 3, 4):
        raise ValueError(f"[{where}] maps: expected 2, 3 or 4 axes, received shape {values.shape}.")
    _check_titles(titles, len(values), where)
    plt = pyplot(where)
    scale = _scale(values)
    if values.ndim == 2:
        figure, axis = plt.subplots(figsize=(9, min(1.5 + 0.3 * len(values), 8)), layout="constrained")
        mappable = axis.imshow(values, aspect="auto", interpolation="nearest", **scale)
        axis.set(xlabel="unit", ylabel="row")
        if titles is not None:
            axis.set_yticks(range(len(values)), labels=[str(title) for title in titles])
            axis.set_ylabel("")
        figure.colorbar(mappable, ax=axis, pad=0.02)
        return figure
    if len(values) > _MOST_PANELS:
        raise ValueError(f"[{where}] maps: expected at most {_MOST_PANELS} rows, received {len(values)}.")
    shown = min(values.shape[-1], max(1, int(channels)))
    ratio = values.shape[1] / values.shape[2] if values.ndim == 4 else 0.8
    wide = min(1.1, 14 / shown) * shown
    figure, axes = plt.subplots(
        len(values),
        shown,
        figsize=(wide + 1.2, (wide / shown * ratio + 0.1) * len(values) + 0.5),
        squeeze=False,
        layout="constrained",
    )
    for row, line in enumerate(axes):
        for channel, axis in enumerate(line):
            if values.ndim == 4:
                mappable = axis.imshow(values[row, ..., channel], interpolation="nearest", **scale)
            else:
                axis.plot(values[row, :, channel], color=_BLUE, lw=1)
                axis.set_ylim(float(values.min()), float(values.max()) or 1.0)
            _bare(axis)
            if row == 0:
                axis.set_title(str(channel), fontsize="small")
        if titles is not None:
            line[0].set_ylabel(str(titles[row]), fontsize="small")
    if values.ndim == 4:
        figure.colorbar(mappable, ax=list(axes.flat), shrink=0.8, pad=0.02)
    return figure


# -- kinds -------------------------------------------------------------------------------------------------------------


def _kind(values: Array, inputs: Array | None) -> str:
    like = values if inputs is None else inputs
    if like.ndim == 4:
        return "image"
    if like.ndim == 2:
        return "table"
    if like.ndim == 3:  # an image without channels, or a signal of few
        return "image" if like.shape[2] > 4 and values.ndim == 3 else "signal"
    raise ValueError(
        f"[plot] attributions: expected 2 to 4 axes, received shape {values.shape}; of volumes, pass a slice of each."
    )


def _heat_maps(values: Array, inputs: Array | None, titles: Any, columns: int) -> Any:
    plt = pyplot("plot")
    if values.ndim == 4:
        values = values.sum(axis=-1)
    if values.ndim != 3:
        raise ValueError(f"[plot] attributions: expected images, received shape {values.shape}.")
    lines = 1 if inputs is None else 2
    figure, axes = _grid(plt, len(values), columns, lines, values.shape[2] / values.shape[1], "plot")
    scale = _scale(values, robust=True)
    if inputs is not None:
        shown = _as_picture(inputs)
        grey = {"cmap": "gray"} | ({"vmin": shown.min(), "vmax": shown.max()} if shown.ndim == 3 else {})
        for i, axis in enumerate(axes[0]):
            axis.imshow(shown[i], interpolation="nearest", **grey)
            _label(axis, titles, i)
    for i, axis in enumerate(axes[-1]):
        mappable = axis.imshow(values[i], interpolation="nearest", **scale)
        if inputs is None:
            _label(axis, titles, i)
        else:
            _outline(axis, shown[i] if shown.ndim == 3 else shown[i].mean(axis=-1), scale["cmap"])
            _bare(axis)
    figure.colorbar(mappable, ax=[axis for line in axes for axis in line], shrink=0.8, pad=0.02)
    return figure


def _outline(axis: Any, image: Array, cmap: str) -> None:
    """The shape of the image over its heat map."""
    low, high = float(image.min()), float(image.max())
    if high > low:
        colour = "white" if cmap == POSITIVE else "black"
        axis.contour(image, levels=[(low + high) / 2], colors=colour, linewidths=0.7, alpha=0.7)


def _signals(values: Array, inputs: Array | None, titles: Any) -> Any:
    plt = pyplot("plot")
    if values.ndim == 3:
        values = values.sum(axis=-1)
    if values.ndim != 2 or len(values) > _MOST_PANELS:
        raise ValueError(f"[plot] attributions: expected at most {_MOST_PANELS} signals, received {values.shape}.")
    figure, axes = plt.subplots(
        len(values), 1, figsize=(9, 1.9 * len(values) + 0.5), squeeze=False, sharex=True, layout="constrained"
    )
    scale = _scale(values, robust=True)
    for i, axis in enumerate(axes[:, 0]):
        lines = values[i][:, None] if inputs is None else inputs[i].reshape(values.shape[1], -1)
        low, high = float(lines.min()), float(lines.max())
        margin = 0.08 * (high - low) or 1.0
        mappable = axis.imshow(
            values[i][None],
            aspect="auto",
            alpha=0.8,
            extent=(-0.5, values.shape[1] - 0.5, low - margin, high + margin),
            **scale,
        )
        axis.plot(lines, color="black", lw=1.2)
        if titles is not None:
            axis.set_title(str(titles[i]), fontsize="medium")
    axes[-1, 0].set_xlabel("time step")
    figure.colorbar(mappable, ax=list(axes[:, 0]), label="attribution", pad=0.02)
    return figure


def _bars(values: Array, titles: Any, feature_names: Any) -> Any:
    plt = pyplot("plot")
    names = [f"feature {i}" for i in range(values.shape[1])] if feature_names is None else list(map(str, feature_names))
    if len(names) != values.shape[1]:
        raise ValueError(f"[plot] feature_names: expected {values.shape[1]} names, received {len(names)}.")
    if len(values) > 4:  # too many for a picture of each: what counts on average
        values, titles, label = np.abs(values).mean(axis=0, keepdims=True), None, f"mean |attribution| of {len(values)}"
    else:
        label = "attribution"
    order = np.argsort(-np.abs(values).mean(axis=0), kind="stable")[:_MOST_BARS][::-1]
    figure, axes = plt.subplots(
        1,
        len(values),
        figsize=(3.2 + 2.6 * len(values), 1.2 + 0.28 * len(order)),
        squeeze=False,
        sharex=True,
        sharey=True,
        layout="constrained",
    )
    for i, axis in enumerate(axes[0]):
        row = values[i][order]
        axis.barh([names[k] for k in order], row, color=np.where(row < 0, _BLUE, _RED))
        axis.axvline(0, color="black", lw=0.8)
        axis.set_xlabel(label)
        axis.grid(axis="x", alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        if titles is not None:
            axis.set_title(str(titles[i]), fontsize="medium")
    if len(order) < values.shape[1]:
        figure.suptitle(f"the {len(order)} largest of {values.shape[1]} features", fontsize="small")
    return figure


# -- parts -------------------------------------------------------------------------------------------------------------


def _array(values: Any, name: str, where: str) -> Array:
    array = as_array(values, name, where)
    if array.ndim < 2 or array.size == 0:
        raise ValueError(f"[{where}] {name}: expected rows, shape (rows, ...), received shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"[{where}] {name}: expected finite numbers, received NaN or infinity.")
    return array.astype(np.float64) if array.dtype.kind in "biu" else array


def _names_of(x: Any) -> list[str] | None:
    from ranvier.utils.arrays import column_names

    return column_names(x)


def _check_titles(titles: Any, count: int, where: str) -> None:
    if titles is not None and not hasattr(titles, "__len__"):
        raise TypeError(f"[{where}] titles: expected a list, received {titles!r}.")
    if titles is not None and len(titles) != count:
        raise ValueError(f"[{where}] titles: expected {count}, one for each row, received {len(titles)}.")


def _grid(plt: Any, count: int, columns: int, lines: int, ratio: float, where: str) -> tuple[Any, list[list[Any]]]:
    """A figure for `count` images in blocks of `lines` rows, and its axes: one list for each line of a block."""
    if count > _MOST_PANELS:
        raise ValueError(f"[{where}] expected at most {_MOST_PANELS} images, received {count}; pass some of them.")
    columns = max(1, min(int(columns), count))
    blocks = -(-count // columns)
    wide = 1.5 if columns > 3 else 2.4
    figure, grid = plt.subplots(
        blocks * lines,
        columns,
        figsize=(wide * columns + 1.0, (wide / ratio + 0.08) * blocks * lines + 0.25 * blocks),
        squeeze=False,
        layout="constrained",
    )
    figure.get_layout_engine().set(hspace=0.03, wspace=0.03)
    for axis in grid.flat:
        axis.set_axis_off()
    chosen = [[grid[lines * (i // columns) + line, i % columns] for i in range(count)] for line in range(lines)]
    for line in chosen:
        for axis in line:
            axis.set_axis_on()
            _bare(axis)
    return figure, chosen


def _bare(axis: Any) -> None:
    axis.set_xticks([])
    axis.set_yticks([])


def _label(axis: Any, titles: Any, i: int) -> None:
    if titles is not None:
        axis.set_title(str(titles[i]), fontsize="small")


def _as_picture(images: Array) -> Array:
    """`(n, h, w)`, or `(n, h, w, 3)` of values from 0 to 1 for colours."""
    if images.ndim == 3:
        return images
    if images.shape[-1] == 1:
        return images[..., 0]
    if images.shape[-1] == 3 and images.min() >= 0:
        return images / 255 if images.max() > 1 else images
    return images.mean(axis=-1)


def _scale(values: Array, positive: str = POSITIVE, robust: bool = False) -> dict[str, Any]:
    """Colours and limits: zero in the middle where there are negative values. `robust` lets single peaks saturate."""
    sizes = np.abs(values)
    most = float(np.percentile(sizes, 99.5)) if robust else float(sizes.max())
    most = most or float(sizes.max()) or 1.0
    if values.min() < 0:
        return {"cmap": SIGNED, "vmin": -most, "vmax": most}
    return {"cmap": positive, "vmin": 0.0, "vmax": most}
