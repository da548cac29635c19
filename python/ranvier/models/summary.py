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
        output_shape: with `None` for the rows, `None` as a whole when not known yet.
        params: number of weights, `None` for a layer that is not built.
        trainable: whether its weights are trained; `None` for a layer without weights.
        depth: how deep it is nested in other models.
    """

    name: str
    class_name: str
    output_shape: tuple[int | None, ...] | None
    params: int | None
    trainable: bool | None = None
    depth: int = 0


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

_NARROWEST = (12, 10, 9, 9)  # columns: names, shapes, numbers, trainable
_USUAL = (31, 22, 13, 9)
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
    table = [_cells(row, show_trainable) for row in rows]
    heads = _heads(show_trainable)
    widths = _widths([heads, *table], line_length or 100)

    def rule(characters: str) -> str:
        left, line, joint, right = list(characters)
        return left + joint.join(line * (width + 2) for width in widths) + right

    def lines(cells: Sequence[str], bar: str) -> list[str]:
        wrapped = [_wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
        out = []
        for i in range(max(len(cell) for cell in wrapped)):
            parts = [cell[i] if i < len(cell) else "" for cell in wrapped]
            aligned = [
                _align(part, width, column) for column, (part, width) in enumerate(zip(parts, widths, strict=True))
            ]
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

    def row(cells: Sequence[str], tag: str) -> str:
        aligned = (
            f'<{tag} style="text-align:{"left" if column < 2 else "right" if column == 2 else "center"}">'
            f"{html.escape(cell)}</{tag}>"
            for column, cell in enumerate(cells)
        )
        return f"<tr>{''.join(aligned)}</tr>"

    body = "".join(row(_cells(r, show_trainable), "td") for r in rows)
    below = "<br/>".join(f"{html.escape(name)}: {html.escape(value)}" for name, value in _total_lines(totals))
    return (
        f"<div><p><b>Model: {html.escape(title)}</b></p><table><thead>{row(_heads(show_trainable), 'th')}</thead>"
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


def _heads(show_trainable: bool) -> list[str]:
    return ["Layer (type)", "Output Shape", "Param #", *(["Trainable"] if show_trainable else [])]


def _cells(row: LayerRow, show_trainable: bool) -> list[str]:
    name = "  " * row.depth + f"{row.name} ({row.class_name})"
    shape = "?" if row.output_shape is None else str(tuple(row.output_shape))
    params = "0 (unbuilt)" if row.params is None else f"{row.params:,}"
    trained = "-" if row.trainable is None else "Y" if row.trainable else "N"
    return [name, shape, params, *([trained] if show_trainable else [])]


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


def _widths(table: Sequence[Sequence[str]], line_length: int) -> list[int]:
    columns = range(len(table[0]))
    content = [max(len(cells[c]) for cells in table) for c in columns]
    widths = [max(_USUAL[c], content[c]) for c in columns]
    excess = sum(widths) + 3 * len(columns) + 1 - line_length
    # Blank space goes first, then names are wrapped, and only then the rest.
    for column, least in (
        *((c, content[c]) for c in columns),
        (0, _SHORT_NAME),
        *((c, _NARROWEST[c]) for c in reversed(columns)),
    ):
        cut = min(max(excess, 0), max(widths[column] - least, 0))
        widths[column] -= cut
        excess -= cut
    return widths


def _wrap(cell: str, width: int) -> list[str]:
    indent = cell[: len(cell) - len(cell.lstrip())][: max(width - 4, 0)]
    lines = textwrap.wrap(cell.strip(), width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return lines or [""]


def _align(text: str, width: int, column: int) -> str:
    return text.ljust(width) if column < 2 else text.rjust(width) if column == 2 else text.center(width)
