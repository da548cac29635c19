"""The table of `model.summary()`, as text and as HTML, from plain rows."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LayerRow:
    """One line of the table.

    Attributes:
        name: the layer's name.
        class_name: its class.
        output_shape: with `None` for the rows, a list of shapes for several outputs, `None` when not known yet.
        params: number of weights, `None` for a layer that is not built.
        trainable: whether its weights are trained; `None` for a layer without weights.
        depth: how deep it is nested in other models.
        connected: what it is called on, `None` where that goes without saying.
    """

    name: str
    class_name: str
    output_shape: tuple[int | None, ...] | list[tuple[int | None, ...]] | None
    params: int | None
    trainable: bool | None = None
    depth: int = 0
    connected: str | None = None


@dataclass(frozen=True)
class Totals:
    """Numbers of weights and their sizes in bytes."""

    trainable: int
    trainable_bytes: int
    non_trainable: int = 0
    non_trainable_bytes: int = 0
    optimizer: int = 0
    optimizer_bytes: int = 0


@dataclass(frozen=True)
class _Box:
    top: str  # left, line, joint, right of each rule
    head: str
    rule: str
    bottom: str
    head_bar: str
    bar: str


_UNICODE = _Box("┏━┳┓", "┡━╇┩", "├─┼┤", "└─┴┘", "┃", "│")
_ASCII = _Box("+-++", "+=++", "+-++", "+-++", "|", "|")
BOX_CHARACTERS = _UNICODE.top + _UNICODE.head + _UNICODE.rule + _UNICODE.bottom + "┃│"


@dataclass(frozen=True)
class _Column:
    head: str
    narrowest: int
    usual: int
    align: str


_NAME = _Column("Layer (type)", 12, 31, "left")
_SHAPE = _Column("Output Shape", 10, 22, "left")
_PARAMS = _Column("Param #", 9, 13, "right")
_CONNECTED = _Column("Connected to", 12, 22, "left")
_TRAINABLE = _Column("Trainable", 9, 9, "center")
_SHORT_NAME = 24


def summary_text(
    rows: Sequence[LayerRow],
    totals: Totals,
    title: str = "sequential",
    line_length: int | None = None,
    show_trainable: bool = False,
    ascii_only: bool = False,
) -> str:
    """The table with its totals, without a newline at the end.

    Args:
        rows: the layers in order.
        totals: what stands below the table.
        title: name of the model.
        line_length: longest line allowed; cells are wrapped to fit. `None`: 100.
        show_trainable: add a column with Y, N, or - for layers without weights.
        ascii_only: for outputs that lack box characters.
    """
    box = _ASCII if ascii_only else _UNICODE
    columns = _columns(rows, show_trainable)
    table = [_cells(row, columns) for row in rows]
    heads = [column.head for column in columns]
    widths = _widths(columns, [heads, *table], line_length or 100)

    def rule(characters: str) -> str:
        left, line, joint, right = list(characters)
        return left + joint.join(line * (width + 2) for width in widths) + right

    def lines(cells: Sequence[str], bar: str) -> list[str]:
        wrapped = [_wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
        out = []
        for i in range(max(len(cell) for cell in wrapped)):
            parts = [cell[i] if i < len(cell) else "" for cell in wrapped]
            aligned = [_align(part, width, column) for column, part, width in zip(columns, parts, widths, strict=True)]
            out.append(f"{bar} " + f" {bar} ".join(aligned) + f" {bar}")
        return out

    out = [f'Model: "{title}"', rule(box.top), *lines(heads, box.head_bar), rule(box.head)]
    for i, cells in enumerate(table):
        if i > 0:
            out.append(rule(box.rule))
        out += lines(cells, box.bar)
    out.append(rule(box.bottom))
    out += [f" {name}: {value}" for name, value in _total_lines(totals)]
    return "\n".join(out)


def summary_html(
    rows: Sequence[LayerRow], totals: Totals, title: str = "sequential", show_trainable: bool = False
) -> str:
    """The same table for notebooks; numbers are right-aligned, everything is escaped."""
    import html

    columns = _columns(rows, show_trainable)

    def row(cells: Sequence[str], tag: str) -> str:
        aligned = (
            f'<{tag} style="text-align:{column.align}">{html.escape(cell)}</{tag}>'
            for column, cell in zip(columns, cells, strict=True)
        )
        return f"<tr>{''.join(aligned)}</tr>"

    head = row([column.head for column in columns], "th")
    body = "".join(row(_cells(r, columns), "td") for r in rows)
    below = "<br/>".join(f"{html.escape(name)}: {html.escape(value)}" for name, value in _total_lines(totals))
    return (
        f"<div><p><b>Model: {html.escape(title)}</b></p><table><thead>{head}</thead>"
        f"<tbody>{body}</tbody></table><p>{below}</p></div>"
    )


def memory_size(size: int) -> str:
    """Bytes as `512.00 B`, `31.09 KB`, `4.01 MB`, ... in steps of 1024."""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024:
            return f"{value:.2f} {unit}"
        value /= 1024
    return f"{value:.2f} TB"


def _columns(rows: Sequence[LayerRow], show_trainable: bool) -> list[_Column]:
    connected = [_CONNECTED] if any(row.connected is not None for row in rows) else []
    return [_NAME, _SHAPE, _PARAMS, *connected, *([_TRAINABLE] if show_trainable else [])]


def _cells(row: LayerRow, columns: Sequence[_Column]) -> list[str]:
    shapes = row.output_shape if isinstance(row.output_shape, list) else [row.output_shape]
    cells = {
        _NAME.head: "  " * row.depth + f"{row.name} ({row.class_name})",
        _SHAPE.head: ", ".join("?" if shape is None else str(tuple(shape)) for shape in shapes),
        _PARAMS.head: "0 (unbuilt)" if row.params is None else f"{row.params:,}",
        _CONNECTED.head: row.connected or "-",
        _TRAINABLE.head: "-" if row.trainable is None else "Y" if row.trainable else "N",
    }
    return [cells[column.head] for column in columns]


def _total_lines(totals: Totals) -> list[tuple[str, str]]:
    def amount(count: int, size: int) -> str:
        return f"{count:,} ({memory_size(size)})"

    t = totals
    lines = [
        (
            "Total params",
            amount(
                t.trainable + t.non_trainable + t.optimizer,
                t.trainable_bytes + t.non_trainable_bytes + t.optimizer_bytes,
            ),
        ),
        ("Trainable params", amount(t.trainable, t.trainable_bytes)),
        ("Non-trainable params", amount(t.non_trainable, t.non_trainable_bytes)),
    ]
    if t.optimizer:
        lines.append(("Optimizer params", amount(t.optimizer, t.optimizer_bytes)))
    return lines


def _widths(columns: Sequence[_Column], table: Sequence[Sequence[str]], line_length: int) -> list[int]:
    content = [max(len(cells[c]) for cells in table) for c in range(len(columns))]
    widths = [max(column.usual, width) for column, width in zip(columns, content, strict=True)]
    excess = sum(widths) + 3 * len(columns) + 1 - line_length
    shrinking = [c for c in reversed(range(len(columns))) if columns[c] is not _CONNECTED]
    lists = [c for c in range(len(columns)) if columns[c] is _CONNECTED]
    # Blank space goes first, then lists and names are wrapped, and only then the rest.
    for column, least in (
        *((c, content[c]) for c in range(len(columns))),
        *((c, columns[c].usual) for c in lists),
        (0, _SHORT_NAME),
        *((c, columns[c].narrowest) for c in (*lists, *shrinking)),
    ):
        cut = min(max(excess, 0), max(widths[column] - least, 0))
        widths[column] -= cut
        excess -= cut
    return widths


def _wrap(cell: str, width: int) -> list[str]:
    indent = cell[: len(cell) - len(cell.lstrip())][: max(width - 4, 0)]
    lines = textwrap.wrap(cell.strip(), width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return lines or [""]


def _align(text: str, width: int, column: _Column) -> str:
    return {"left": text.ljust, "right": text.rjust, "center": text.center}[column.align](width)
