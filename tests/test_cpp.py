"""The engine without Python: its C++ tests (optimised, and under the sanitizers) and the package find_package finds.

RANVIER_CPP_BUILD_DIR=<folder> keeps the builds between runs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ranvier as keras

ROOT = Path(__file__).resolve().parents[1]
TESTS = sorted(path.stem for path in (ROOT / "tests" / "cpp").glob("test_*.cpp"))

# cmake and ninja of the test extra sit beside this Python, which need not be on PATH.
PATH = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
ENV = {k: v for k, v in os.environ.items() if k != "CMAKE_PREFIX_PATH"} | {"PATH": PATH}
CMAKE = shutil.which("cmake", path=PATH)
COMPILER = os.environ.get("CXX") or next((c for c in ("c++", "g++", "clang++") if shutil.which(c)), None)

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="no C++ compiler on PATH"),
    pytest.mark.skipif(CMAKE is None, reason="no cmake; pip install 'ranvier[test]'"),
]


def run(*command: object, check: bool = True, cwd: Path = ROOT) -> str:
    """Output of a command; the test fails with all of it when the command does."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=ENV, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if check and done.returncode != 0:
        pytest.fail(f"{' '.join(map(str, command))} gave {done.returncode}:\n{done.stdout[-20_000:]}", pytrace=False)
    return done.stdout


def configure(*options: object, check: bool = True) -> str:
    # CMake wraps messages at 80 columns; one space for any run of them makes sentences comparable.
    return " ".join(run(CMAKE, "-S", ROOT, *options, check=check).split())


@pytest.fixture(scope="session")
def build_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    kept = os.environ.get("RANVIER_CPP_BUILD_DIR")
    if kept:
        yield Path(kept).resolve()
        return
    root = tmp_path_factory.mktemp("cpp")
    yield root
    shutil.rmtree(root)  # pytest would keep three of them


def build(root: Path, preset: str) -> Path:
    """Configures and builds a preset of CMakePresets.json; returns its folder."""
    folder = root / preset
    # Eigen comes from where the test extra put it, through the search a plain build uses.
    configure("--preset", preset, "-B", folder, f"-DPython_EXECUTABLE={sys.executable}")
    run(CMAKE, "--build", folder)
    return folder


@pytest.fixture(scope="session")
def native(build_root: Path) -> Path:
    return build(build_root, "native")


@pytest.fixture(scope="session")
def sanitize(build_root: Path) -> Path:
    return build(build_root, "sanitize")


def ctest(folder: Path, name: str) -> None:
    output = run(Path(str(CMAKE)).with_name("ctest"), "--test-dir", folder, "-R", f"^{name}$", "--output-on-failure")
    assert "100% tests passed" in output, output


@pytest.mark.parametrize("name", TESTS)
def test_optimised(native: Path, name: str) -> None:
    ctest(native, name)


@pytest.mark.parametrize("name", TESTS)
def test_under_sanitizers(sanitize: Path, name: str) -> None:
    ctest(sanitize, name)


# Package -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def prefix(native: Path, build_root: Path) -> Path:
    """A folder the engine is installed into."""
    folder = build_root / "prefix"
    shutil.rmtree(folder, ignore_errors=True)
    run(CMAKE, "--install", native, "--prefix", folder)
    return folder


def test_installed_headers_need_no_eigen_and_no_python(prefix: Path) -> None:
    headers = sorted((prefix / "include").rglob("*.h"))
    assert len(headers) > 10
    wrong = [h.name for h in headers if re.search(r"include\s*[<\"](Eigen|pybind11|Python\.h)|Eigen::", h.read_text())]
    assert wrong == []
    assert not list(prefix.rglob("*.so")), "only the library, its headers and its CMake files belong there"


def test_a_program_finds_the_package(prefix: Path, tmp_path: Path) -> None:
    names = sorted(p.relative_to(prefix / "include").as_posix() for p in (prefix / "include").rglob("*.h"))
    lines = [f'#include "{name}"' for name in names]  # every installed header must compile
    (tmp_path / "main.cpp").write_text(
        "\n".join(lines) + "\n#include <iostream>\n"
        "int main() {\n"
        "  ranvier::parallel_for(1000, 10, [](ranvier::Index, ranvier::Index) {});\n"
        '  std::cout << ranvier::Shape{2, 3} << " " << (ranvier::num_threads() >= 1) << "\\n";\n'
        "}\n"
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.24)\n"
        "project(consumer CXX)\n"
        "find_package(ranvier 0.1 CONFIG REQUIRED)\n"
        "add_executable(consumer main.cpp)\n"
        "target_link_libraries(consumer PRIVATE ranvier::ranvier)\n"
    )
    folder = tmp_path / "build"
    run(CMAKE, "-S", tmp_path, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release")
    run(CMAKE, "--build", folder)
    assert run(folder / "consumer") == "(2, 3) 1\n"


@pytest.fixture(scope="session")
def xor(prefix: Path, build_root: Path) -> Path:
    """examples/cpp built as its reader builds it."""
    folder = build_root / "xor"
    shutil.rmtree(folder, ignore_errors=True)
    source = ROOT / "examples" / "cpp"
    run(CMAKE, "-S", source, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release")
    run(CMAKE, "--build", folder)
    return folder / "xor"


XOR_INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype="float32")


def printed_probabilities(output: str) -> list[float]:
    return [float(value) for value in re.findall(r"^[01] xor [01] = (\S+)$", output, re.MULTILINE)]


def test_the_example_learns_and_python_reads_its_file(xor: Path, tmp_path: Path) -> None:
    output = run(xor, cwd=tmp_path)
    losses = [float(value) for value in re.findall(r"^epoch \d+  loss (\S+)$", output, re.MULTILINE)]
    assert losses[0] > 0.5
    assert losses[-1] < 0.05
    probability = printed_probabilities(output)
    assert np.round(probability).tolist() == [0, 1, 1, 0]
    model = keras.saving.load_model(tmp_path / "xor.rv")
    # Six digits are printed.
    np.testing.assert_allclose(model.predict(XOR_INPUTS, verbose=0)[:, 0], probability, rtol=1e-5)
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dense"]
    model.compile("adam", "binary_crossentropy")
    assert np.isfinite(model.evaluate(XOR_INPUTS, np.array([0, 1, 1, 0]), verbose=0))


def test_the_example_reads_a_file_of_python(xor: Path, tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Rescaling(2.0, offset=-1.0),
            keras.layers.Dense(16, activation="gelu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy")  # its slots are in the file too
    model.fit(XOR_INPUTS, np.array([0, 1, 1, 0]), epochs=300, verbose=0)
    expected = model.predict(XOR_INPUTS, verbose=0)[:, 0]
    model.save(tmp_path / "python.rv")
    output = run(xor, "python.rv", cwd=tmp_path)
    np.testing.assert_allclose(printed_probabilities(output), expected, rtol=1e-5)
    (tmp_path / "bad.rv").write_bytes((tmp_path / "python.rv").read_bytes()[:500])
    assert "epoch" not in run(xor, "bad.rv", cwd=tmp_path, check=False)


# What configuring refuses --------------------------------------------------------------------------------------------


def fake_eigen(folder: Path, version: str) -> Path:
    macros = folder / "Eigen" / "src" / "Core" / "util" / "Macros.h"
    macros.parent.mkdir(parents=True)
    names = zip(("WORLD", "MAJOR", "MINOR"), version.split("."), strict=True)
    macros.write_text("".join(f"#define EIGEN_{name}_VERSION {number}\n" for name, number in names))
    return folder


def test_another_eigen_is_refused_and_the_pinned_one_preferred(tmp_path: Path) -> None:
    options = ["-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={tmp_path / 'old'};{tmp_path / 'new'}"]
    fake_eigen(tmp_path / "old" / "include" / "eigen3", "3.3.9")
    # An interpreter that is none: this machine's own cmeel-eigen must not help.
    output = configure(*options, "-DPython_EXECUTABLE=/nonexistent", check=False)
    assert "ranvier needs Eigen 3.4.1 and found none (found only: 3.3.9 in" in output
    assert "pip install cmeel-eigen==3.4.1" in output
    pinned = fake_eigen(tmp_path / "new" / "cmeel.prefix" / "include" / "eigen3", "3.4.1")
    assert f"Eigen 3.4.1 in {pinned}" in configure(*options, "-DPython_EXECUTABLE=/nonexistent")


def test_an_explicit_eigen_comes_first(tmp_path: Path) -> None:
    folder = fake_eigen(tmp_path / "mine", "3.4.0")
    assert f"Eigen 3.4.0 in {folder}" in configure("-B", tmp_path / "build", f"-DRANVIER_EIGEN_DIR={folder}")
    output = configure("-B", tmp_path / "build", f"-DRANVIER_EIGEN_DIR={tmp_path}", check=False)
    assert "holds no Eigen 3.4" in output
    assert "give the folder that contains Eigen/Core" in output


def test_an_unknown_level_is_refused(tmp_path: Path) -> None:
    output = configure("-B", tmp_path, f"-DPython_EXECUTABLE={sys.executable}", "-DRANVIER_LEVELS=v3;v9", check=False)
    assert "RANVIER_LEVELS: expected native, all or a list of" in output
    assert "received 'v3;v9'" in output
