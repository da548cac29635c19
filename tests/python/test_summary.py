"""The summary table as text and as HTML."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from ranvier.models.summary import BOX_CHARACTERS, LayerRow, Totals, memory_size, summary_html, summary_text

ROWS = [
    LayerRow("dense", "Dense", (None, 64), 50240, True),
    LayerRow("dropout", "Dropout", (None, 64), 0),
    LayerRow("dense_1", "Dense", (None, 10), 650, False),
]
TOTALS = Totals(50240, 4 * 50240, 650, 4 * 650)


def test_the_table_has_the_form_of_keras() -> None:
    assert summary_text(ROWS, TOTALS, "mlp") == "\n".join(
        [
            'Model: "mlp"',
            "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓",
            "┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃",
            "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩",
            "│ dense (Dense)                   │ (None, 64)             │        50,240 │",
            "├─────────────────────────────────┼────────────────────────┼───────────────┤",
            "│ dropout (Dropout)               │ (None, 64)             │             0 │",
            "├─────────────────────────────────┼────────────────────────┼───────────────┤",
            "│ dense_1 (Dense)                 │ (None, 10)             │           650 │",
            "└─────────────────────────────────┴────────────────────────┴───────────────┘",
            " Total params: 50,890 (198.79 KB)",
            " Trainable params: 50,240 (196.25 KB)",
            " Non-trainable params: 650 (2.54 KB)",
        ]
    )


def test_ascii_table_and_trainable_column() -> None:
    text = summary_text(ROWS, TOTALS, show_trainable=True, ascii_only=True)
    lines = text.splitlines()
    assert text.isascii()
    assert lines[1] == "+" + "-" * 33 + "+" + "-" * 24 + "+" + "-" * 15 + "+" + "-" * 11 + "+"
    assert lines[2].endswith("|       Param # | Trainable |")
    assert [line.split("|")[-2].strip() for line in lines[4:9:2]] == ["Y", "-", "N"]


def test_optimizer_weights_count_into_the_total() -> None:
    lines = summary_text(ROWS, Totals(10, 40, 2, 8, 21, 84)).splitlines()
    assert lines[-4:] == [
        " Total params: 33 (132.00 B)",
        " Trainable params: 10 (40.00 B)",
        " Non-trainable params: 2 (8.00 B)",
        " Optimizer params: 21 (84.00 B)",
    ]


def test_unbuilt_layers_and_empty_models() -> None:
    text = summary_text([LayerRow("dense", "Dense", None, None)], Totals(0, 0))
    assert "│ dense (Dense)                   │ ?                      │   0 (unbuilt) │" in text
    text = summary_text([], Totals(0, 0))
    assert "Total params: 0 (0.00 B)" in text and len(text.splitlines()) == 8


@pytest.mark.parametrize("length", [110, 76, 60, 50, 44])
@pytest.mark.parametrize("show_trainable", [False, True])
def test_no_line_is_longer_than_asked_and_no_text_is_lost(length: int, show_trainable: bool) -> None:
    rows = [*ROWS, LayerRow("batch_normalization_12", "BatchNormalization", (None, 12, 12, 64), 123456789, True)]
    lines = summary_text(rows, TOTALS, line_length=length, show_trainable=show_trainable).splitlines()
    table = lines[1:-3]
    least = 41 + 12 * show_trainable
    assert {len(line) for line in table} == {len(table[0])} and len(table[0]) <= max(length, least)
    last = "".join(
        line.split("│")[1].strip() for line in table[table.index(next(t for t in table if "batch" in t)) : -1]
    )
    assert last.replace(" ", "") == "batch_normalization_12(BatchNormalization)"


def test_nested_layers_are_indented() -> None:
    text = summary_text(
        [LayerRow("block", "Sequential", (None, 4), 20, True), LayerRow("d", "Dense", (None, 4), 20, True, 1)], TOTALS
    )
    assert "│   d (Dense)" in text


def test_html_has_the_same_cells_and_is_escaped() -> None:
    rows = [*ROWS, LayerRow("<lambda>", "Lambda", None, None)]
    tree = ElementTree.fromstring(summary_html(rows, TOTALS, "a & b", show_trainable=True))
    cells = [[cell.text for cell in row] for row in tree.iter("tr")]
    assert cells[0] == ["Layer (type)", "Output Shape", "Param #", "Trainable"]
    assert cells[1] == ["dense (Dense)", "(None, 64)", "50,240", "Y"]
    assert cells[4] == ["<lambda> (Lambda)", "?", "0 (unbuilt)", "-"]
    assert "Model: a & b" in "".join(tree.itertext()) and "Non-trainable params: 650" in "".join(tree.itertext())


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0.00 B"),
        (1023, "1023.00 B"),
        (1024, "1.00 KB"),
        (5 << 20, "5.00 MB"),
        (3 << 30, "3.00 GB"),
        (2 << 40, "2.00 TB"),
    ],
)
def test_memory_sizes(size: int, text: str) -> None:
    assert memory_size(size) == text


def test_box_characters_are_those_of_the_table() -> None:
    used = {c for c in summary_text(ROWS, TOTALS) if not c.isascii()}
    assert used == set(BOX_CHARACTERS)
