"""A History to look at: a matplotlib figure, or a table with curves for notebooks that needs nothing installed."""

from __future__ import annotations

import html
import math
from typing import Any

_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 300, 150, 52, 22


def metric_names(history: dict[str, list[Any]]) -> list[str]:
    """The names to draw: `loss` first, then the metrics, without validation twins and without the learning rate."""
    names = [name.removeprefix("val_") if name.removeprefix("val_") in history else name for name in history]
    unique = [name for name in dict.fromkeys(names) if not name.startswith("learning_rate")]
    return sorted(unique, key=lambda name: name.removeprefix("val_") != "loss")


def plot_history(record: Any, figsize: tuple[float, float] | None) -> Any:
    """See `History.plot`."""
    from ranvier.utils.figures import pyplot

    plt = pyplot("History.plot")
    from matplotlib.ticker import MaxNLocator

    names = metric_names(record.history)
    if not names or not record.epoch:
        raise ValueError("[History.plot] expected at least one epoch, received an empty history; call fit first.")
    pictures = [group for group in (names[:1], names[1:]) if group]
    figure, axes = plt.subplots(
        1, len(pictures), figsize=figsize or (4.5 * len(pictures), 3.2), squeeze=False, layout="constrained"
    )
    for axis, group in zip(axes[0], pictures, strict=True):
        for name, colour in zip(group, _COLOURS * len(group), strict=False):
            for key, style, kind in ((name, "-", "training"), (f"val_{name}", "--", "validation")):
                values = record.history.get(key)
                if values:
                    epochs = _epochs(record, len(values))
                    label = kind if len(group) == 1 else f"{name}, {kind}"
                    marker = "o" if len(values) == 1 else ""
                    axis.plot(epochs, values, style, color=colour, label=label, marker=marker)
        axis.set_xlabel("epoch")
        axis.set_title("loss" if group == ["loss"] else ", ".join(group), fontsize="medium")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)
    return figure


def _epochs(record: Any, count: int) -> list[int]:
    """The epochs of `count` values, from 1; fewer values than epochs belong to the last ones."""
    epochs = [epoch + 1 for epoch in record.epoch[-count:]]
    return epochs if len(epochs) == count else list(range(1, count + 1))


def history_to_html(record: Any) -> str:
    """A table of last and best values, and one small curve per metric as SVG."""
    from ranvier.callbacks.monitor import better_direction

    names = metric_names(record.history)
    if not names or not record.epoch:
        return "<p>History: no epochs yet.</p>"
    rows = []
    for name, values in record.history.items():
        epochs, finite = _epochs(record, len(values)), [v for v in values if math.isfinite(v)]
        direction = better_direction(name)
        best = ""
        if finite and direction:
            value = max(finite) if direction > 0 else min(finite)
            best = f"{value:.4g} (epoch {epochs[values.index(value)]})"
        rows.append(f"<tr><th>{html.escape(name)}</th><td>{values[-1]:.4g}</td><td>{best}</td></tr>")
    table = f"<table><thead><tr><th></th><th>last</th><th>best</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    charts = "".join(_chart(record, name) for name in names)
    count = len(record.epoch)
    return (
        f"<div><p>History of {count} epoch{'s' if count != 1 else ''}</p>{table}"
        f'<div style="display:flex;flex-wrap:wrap;gap:12px">{charts}</div></div>'
    )


def _chart(record: Any, name: str) -> str:
    series = [
        (label, colour, record.history[key])
        for key, label, colour in ((name, "training", _COLOURS[0]), (f"val_{name}", "validation", _COLOURS[1]))
        if record.history.get(key)
    ]
    finite = [value for _, _, values in series for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    span = (high - low) or 1.0
    epochs = [epoch for _, _, values in series for epoch in _epochs(record, len(values))]
    first, last = min(epochs), max(epochs)

    def point(epoch: int, value: float) -> str:
        x = _LEFT + (_WIDTH - _LEFT - 6) * ((epoch - first) / (last - first) if last > first else 0.5)
        y = 20 + (_HEIGHT - 20 - _BOTTOM) * (1 - (value - low) / span)
        return f"{x:.1f},{y:.1f}"

    lines = []
    for _, colour, values in series:
        for run in _finite_runs(list(zip(_epochs(record, len(values)), values, strict=True))):
            points = " ".join(point(epoch, value) for epoch, value in run)
            if len(run) == 1:
                x, y = points.split(",")
                lines.append(f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>')
            else:
                lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    bottom = _HEIGHT - _BOTTOM
    text = '<text font-size="10" fill="currentColor" x="{}" y="{}" text-anchor="{}">{}</text>'
    labels = [
        text.format(_LEFT, 12, "start", html.escape(name)),
        text.format(_LEFT - 4, 24, "end", f"{high:.3g}"),
        text.format(_LEFT - 4, bottom, "end", f"{low:.3g}"),
        text.format(_LEFT, _HEIGHT - 8, "start", first),
        text.format(_WIDTH - 6, _HEIGHT - 8, "end", last),
    ]
    for i, (label, colour, _) in enumerate(series):
        right = _WIDTH - 6 - 62 * (len(series) - 1 - i)
        labels.append(f'<text font-size="10" fill="{colour}" x="{right}" y="12" text-anchor="end">{label}</text>')
    frame = f'<path d="M{_LEFT},16 V{bottom} H{_WIDTH - 6}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{html.escape(name, quote=True)} by epoch">{frame}{"".join(lines)}{"".join(labels)}</svg>'
    )


def _finite_runs(points: list[tuple[int, float]]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for epoch, value in points:
        if math.isfinite(value):
            runs[-1].append((epoch, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
