"""README.md keeps its word: its Python runs as written, and what it names is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ranvier
from ranvier import activations, layers, losses, metrics, optimizers

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def row(name: str) -> str:
    """The second cell of the table row that starts with `name`."""
    found = re.search(rf"^\| {re.escape(name)} \| (.+) \|$", README, re.MULTILINE)
    assert found, f"README.md has no table row '{name}'"
    return found[1]


def all_of(name: str) -> list[str]:
    """`Conv1DTranspose–3DTranspose` is Conv1DTranspose, Conv2DTranspose, Conv3DTranspose; any other name is itself."""
    found = re.fullmatch(r"(\w+)1D(\w*)–([23])D\2", name)
    return [f"{found[1]}{n}D{found[2]}" for n in range(1, int(found[3]) + 1)] if found else [name]


@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_block_runs_without_warnings(index: int, tmp_path: Path) -> None:
    (tmp_path / "block.py").write_text(BLOCKS[index])
    done = subprocess.run(
        [sys.executable, "-W", "error", "block.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 3


def test_the_first_block_learns(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKS[0]], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    loss, accuracy = map(float, re.findall(r"\d\.\d+(?:e-\d+)?", done.stdout))
    assert loss < 0.3
    assert accuracy > 0.9


def test_layers_of_the_table_exist() -> None:
    names = [
        full
        for kind in ("layers", "convolution", "sequences", "attention", "images", "text")
        for name in row(kind).split(", and ")[0].split(",")
        for full in all_of(name.strip())
    ]
    assert len(names) > 15
    assert [name for name in names if not callable(getattr(layers, name, None))] == []
    # None is forgotten: every other public class is a base or a helper.
    classes = [getattr(layers, name) for name in layers.__all__]
    public = {made.__name__ for made in classes if isinstance(made, type)}  # aliases once
    assert public - set(names) <= {"Layer", "NativeLayer", "InputLayer", "InputSpec"}


def test_activations_of_the_table_exist() -> None:
    count = int(row("activations").split(",")[0])
    names = re.findall(r"`(\w+)`", row("activations"))
    assert [name for name in names if not callable(activations.get(name))] == []
    public = {name for name in activations.__all__ if name not in {"get", "serialize", "deserialize", "step"}}
    assert len({getattr(activations, name) for name in public}) == count, sorted(public)


def test_losses_of_the_table_exist() -> None:
    said = {
        "mean squared": "MeanSquaredError",
        "absolute": "MeanAbsoluteError",
        "percentage": "MeanAbsolutePercentageError",
        "logarithmic error": "MeanSquaredLogarithmicError",
        "Huber": "Huber",
        "log-cosh": "LogCosh",
        "binary": "BinaryCrossentropy",
        "categorical": "CategoricalCrossentropy",
        "sparse categorical": "SparseCategoricalCrossentropy",
        "hinge": "Hinge",
        "squared hinge": "SquaredHinge",
        "Poisson": "Poisson",
        "KL divergence": "KLDivergence",
    }
    for words, name in said.items():
        assert words in row("losses")
        assert issubclass(getattr(losses, name), losses.Loss)


def test_optimizers_and_metrics_of_the_table_exist() -> None:
    for name in ("SGD", "RMSprop", "Adam", "AdamW"):
        assert name in row("optimizers")
        assert issubclass(getattr(optimizers, name), optimizers.Optimizer)
    for name in ("Accuracy", "MeanSquaredError", "SparseCategoricalCrossentropy", "AUC", "Precision", "Recall"):
        assert issubclass(getattr(metrics, name), metrics.Metric)
    for name in ("F1Score", "FBetaScore"):
        assert issubclass(getattr(metrics, name), metrics.Metric)


def test_other_names_exist() -> None:
    text = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    dotted = set(re.findall(r"`ranvier((?:\.\w+)+)[`(]", text))
    assert {".show_config", ".set_num_threads", ".ops"} <= dotted
    for path in dotted:
        place: object = ranvier
        for name in path.split(".")[1:]:
            assert hasattr(place, name), f"README.md names ranvier{path}"
            place = getattr(place, name)
    assert callable(ranvier.data.DataLoader)
    assert callable(ranvier.callbacks.History.plot)


def test_linked_files_and_extras_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["readme"] == "README.md"
    assert set(re.findall(r"pip install '\.\[(\w+)\]'", README)) <= set(project["optional-dependencies"])
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
