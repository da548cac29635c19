"""Drawings of models: the text in the DOT language, files, and what happens without Graphviz."""

from __future__ import annotations

import re
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import ranvier as keras
from functional_models import chain, two_ends
from ranvier import layers
from ranvier.utils import model_to_dot, plot_model


def parts(text: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Nodes as number -> label without tags, and edges."""
    labels = dict(re.findall(r"(n\d+) \[label=<(.*)>\];", text))
    plain = {key: re.sub(r"<[^>]*>", " ", label) for key, label in labels.items()}
    return {key: " ".join(label.split()) for key, label in plain.items()}, re.findall(r"(n\d+) -> (n\d+);", text)


def test_layers_are_nodes_and_calls_are_edges() -> None:
    text = str(model_to_dot(two_ends()))
    nodes, edges = parts(text)
    named = [(nodes[a].split()[0], nodes[b].split()[0]) for a, b in edges]
    assert sorted(named) == sorted(
        [
            ("a", "x"),
            ("x", "bn"),
            ("b", "y"),
            ("bn", "shared"),
            ("y", "shared"),
            ("shared", "sum"),
            ("sum", "joined"),
            ("bn", "joined"),
            ("joined", "drop"),
            ("drop", "kind"),
            ("drop", "size"),
        ]
    )
    assert "x (Dense)" in nodes.values() and "rankdir=TB" in text and "dpi=200" in text


def test_what_is_shown() -> None:
    model = chain()
    model.layers[1].trainable = False
    options = dict.fromkeys(("show_shapes", "show_dtype", "show_layer_activations", "show_trainable"), True)
    nodes, _ = parts(str(model_to_dot(model, rankdir="LR", dpi=96, **options)))
    expected = "x (Dense) Activation relu Input (None, 4) Output (None, 5) Output dtype float32 Trainable no"
    assert expected in nodes.values()
    assert "Dense" in parts(str(model_to_dot(model, show_layer_names=False)))[0].values()


def test_names_are_escaped() -> None:
    a = keras.Input((2,), name='<b>&"')
    text = str(model_to_dot(keras.Model(a, layers.Dense(1, name="-> n1;")(a))))
    assert "&lt;b&gt;&amp;&quot;" in text and "-&gt; n1;" in text
    assert parts(text)[1] == [("n1", "n2")]


def test_models_inside_are_framed() -> None:
    inner = keras.Sequential([keras.Input((4,), name="in"), layers.Dense(4, name="p"), layers.Dense(4, name="q")])
    a = keras.Input((4,), name="a")
    model = keras.Model(a, chain()(inner(a)))
    closed, edges = parts(str(model_to_dot(model)))
    assert len(closed) == 3 and len(edges) == 2
    text = str(model_to_dot(model, expand_nested=True))
    nodes, edges = parts(text)
    names = [(nodes[a].split()[0], nodes[b].split()[0]) for a, b in edges]
    assert text.count("subgraph cluster_") == 2
    assert {("a", "in"), ("in", "p"), ("p", "q"), ("q", "a"), ("x", "y")} <= set(names)


def test_sequential_and_subclassed_models() -> None:
    stack = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="p"), layers.Dense(2, name="q")])
    nodes, edges = parts(str(model_to_dot(stack)))
    assert len(nodes) == 3 and len(edges) == 2

    class Free(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2, name="only")

        def call(self, x: Any, training: bool = False) -> Any:
            return self.dense(x)

    free = Free()
    free.build((None, 3))
    assert parts(str(model_to_dot(free)))[0] == {"n1": "only (Dense)"}


def test_text_files_need_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for ending in ("dot", "gv"):
        assert plot_model(chain(), tmp_path / f"m.{ending}", show_layer_names=True) is None
        assert (tmp_path / f"m.{ending}").read_text() == str(model_to_dot(chain()))
    with pytest.raises(RuntimeError, match=r"the program 'dot' of Graphviz.*not installed; install it"):
        plot_model(chain(), tmp_path / "m.png")
    assert not (tmp_path / "m.png").exists()


def test_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A stand-in for Graphviz: what matters is how it is called and what becomes of its answer.
    script = tmp_path / "dot"
    script.write_text(f"#!{sys.executable}\nimport sys\nsys.stdout.write(sys.argv[1] + sys.stdin.readline())\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    plot_model(chain(), tmp_path / "m.svg")
    assert (tmp_path / "m.svg").read_text() == "-Tsvgdigraph model {\n"
    assert model_to_dot(chain())._repr_svg_() == "-Tsvgdigraph model {\n"
    shown = types.SimpleNamespace(Image=lambda data: ("image", data), SVG=lambda data: ("svg", data))
    notebook = types.ModuleType("IPython")
    notebook.get_ipython = lambda: object()  # type: ignore[attr-defined]
    notebook.display = shown  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    assert plot_model(chain(), tmp_path / "m.png") == ("image", b"-Tpngdigraph model {\n")
    assert plot_model(chain(), tmp_path / "m.svg")[0] == "svg"
    script.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no such font')\n")
    with pytest.raises(RuntimeError, match="dot failed: no such font"):
        plot_model(chain(), tmp_path / "m.pdf")


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_the_text(tmp_path: Path) -> None:
    options = dict.fromkeys(("show_shapes", "show_dtype", "expand_nested", "show_trainable"), True)
    plot_model(two_ends(), tmp_path / "m.png", show_layer_activations=True, show_layer_names=True, **options)
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"to_file": "m.docx"}, ValueError, r"ending in \.png, \.svg, \.pdf or \.dot, received 'm\.docx'"),
        ({"to_file": "png"}, ValueError, "ending in"),
        ({"rankdir": "up"}, ValueError, "rankdir: expected one of TB, BT, LR, RL, received 'up'"),
        ({"dpi": 0}, ValueError, "dpi: expected a number from 1 to 10000"),
        ({"dpi": "large"}, ValueError, "dpi"),
        ({"colour": 1}, ValueError, "unknown argument 'colour'"),
        ({"model": 3}, TypeError, "expected a model, received 3"),
        ({"model": keras.Sequential([layers.Dense(2)])}, ValueError, "is not built"),
        ({"model": layers.Dense(2)}, TypeError, "expected a model"),
    ],
)
def test_mistakes_are_named(arguments: Any, kind: type[Exception], text: str, tmp_path: Path) -> None:
    given = {"model": chain(), "to_file": str(tmp_path / "m.dot"), **arguments}
    with pytest.raises(kind, match=text):
        plot_model(**given)
    with pytest.raises(ValueError, match="subgraph"):
        model_to_dot(chain(), subgraph=True)
