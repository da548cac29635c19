"""The committed stubs of the engine are what the bindings say.

To renew them: `python tests/test_stubs.py`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STUBS = Path(__file__).parent.parent / "python" / "ranvier" / "_core"


def generate(folder: Path) -> dict[str, str]:
    """The stubs of the engine that is installed, by file name."""
    command = [sys.executable, "-m", "pybind11_stubgen", "ranvier._core", "-o", str(folder), "--exit-code"]
    done = subprocess.run([*command, "--numpy-array-use-type-var"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = {path.name: path.read_text() for path in (folder / "ranvier" / "_core").glob("*.pyi")}
    # The version stands in pyproject.toml only.
    return {
        name: "".join(line for line in text.splitlines(keepends=True) if "__version__" not in line)
        for name, text in made.items()
    }


def test_stubs_are_current(tmp_path: Path) -> None:
    pytest.importorskip("pybind11_stubgen")
    committed = {path.name: path.read_text() for path in STUBS.glob("*.pyi")}
    made = generate(tmp_path)
    assert sorted(committed) == sorted(made)
    for name, text in made.items():
        assert committed[name] == text, f"{name} differs from the bindings; run: python tests/test_stubs.py"


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        for file_name, content in generate(Path(temporary)).items():
            (STUBS / file_name).write_text(content)
            print(f"written {STUBS / file_name}")
