"""The house keeps its rooms, and the package what it promises on import: level, version, silence, speed."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import ranvier
from ranvier import _core, _simd

ROOT = Path(__file__).resolve().parents[1]
ENGINE = ROOT / "cpp" / "ranvier"
CPP_FILES = sorted(p for p in (ROOT / "cpp").rglob("*") if p.suffix in {".h", ".cpp"})
PACKAGE_FILES = sorted((ROOT / "python" / "ranvier").rglob("*.py"))

# Which rooms of the engine a room may include; docs/design.md draws the same picture. An arrow never points up.
MAY_INCLUDE = {
    "core": {"core"},
    "autograd": {"core", "autograd"},
    "kernels": {"core", "kernels"},
    "io": {"core", "io"},
    "ops": {"core", "autograd", "kernels", "ops"},
    "nn": {"core", "autograd", "kernels", "ops", "io", "nn"},
}


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE)


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != "RANVIER_SIMD"} | environment
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)


# Rooms ---------------------------------------------------------------------------------------------------------------


def test_every_file_of_the_engine_is_in_a_known_room() -> None:
    assert {p.relative_to(ENGINE).parts[0] for p in CPP_FILES if p.is_relative_to(ENGINE)} <= set(MAY_INCLUDE)
    assert len(CPP_FILES) > 10


@pytest.mark.parametrize("room", MAY_INCLUDE)
def test_a_room_includes_only_rooms_below_it(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} includes {name}"
        for path in CPP_FILES
        if path.is_relative_to(ENGINE / room)
        for name in includes(path)
        if name.startswith(("ranvier/", "bindings/", "../"))
        and not (name.startswith("ranvier/") and name.split("/")[1] in MAY_INCLUDE[room])
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("what", "pattern", "allowed"),
    [
        ("OpenMP", r"#\s*pragma\s+omp|\bomp_\w+\s*\(|#\s*include\s*<omp\.h>", "cpp/ranvier/core/parallel.cpp"),
        ("Eigen", r"#\s*include\s*<(unsupported/)?Eigen/|\bEigen::", "cpp/ranvier/kernels/"),
        ("Python", r"#\s*include\s*[<\"](pybind11/|Python\.h)|\bPy[A-Z]\w+_\w+\s*\(", "cpp/bindings/"),
    ],
)
def test_a_library_stays_in_its_room(what: str, pattern: str, allowed: str) -> None:
    users = set()
    for path in CPP_FILES:
        code = re.sub(r"//.*", "", path.read_text())
        if re.search(pattern, code):
            users.add(path.relative_to(ROOT).as_posix())
    assert [user for user in sorted(users) if not user.startswith(allowed)] == [], f"{what} belongs to {allowed}"
    assert users, f"the pattern for {what} finds nothing: is it still right?"


def test_the_package_reaches_the_engine_only_through_core() -> None:
    wrong = []
    for path in PACKAGE_FILES:
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module or ''}.{alias.name}" for alias in node.names)]
            wrong += [f"{path.relative_to(ROOT)}: {name}" for name in names if re.search(r"\b_core_\w+", name)]
    assert wrong == []
    assert len(PACKAGE_FILES) > 10


# Version -------------------------------------------------------------------------------------------------------------


def test_one_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert ranvier.__version__ == _core.__version__ == _core.build_info()["version"] == version
    installed = [d.version for d in importlib.metadata.distributions(name="ranvier")]
    assert set(installed) <= {version}


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(ranvier.__file__).parent / "py.typed").is_file()


# Import --------------------------------------------------------------------------------------------------------------


def test_import_is_silent_and_pulls_in_no_optional_package() -> None:
    done = run_python(
        "import sys, numpy; before = set(sys.modules); import ranvier; print(*sorted(set(sys.modules) - before))"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1, "import ranvier printed something"
    new = set(done.stdout.split())
    assert "ranvier._core" in new
    unwanted = {"matplotlib", "pandas", "IPython", "scipy", "sklearn", "torch", "tensorflow", "keras", "jax", "PIL"}
    unwanted |= {"tqdm", "threadpoolctl", "urllib.request", "http.client", "ssl", "zipfile", "multiprocessing"}
    unwanted |= {"asyncio", "unittest", "tempfile", "hashlib"}
    assert new & unwanted == set()


def test_import_takes_at_most_50_ms_beyond_numpy() -> None:
    code = "import time, numpy; start = time.perf_counter(); import ranvier; print(time.perf_counter() - start)"
    # The smallest of several: the rest is what else the machine was doing.
    assert min(float(run_python(code).stdout) for _ in range(7)) <= 0.050


# SIMD levels ---------------------------------------------------------------------------------------------------------

BUILT = _simd.built_levels()
USABLE = [level for level in _simd.supported_levels(_simd.cpu_flags()) if level in BUILT]
V3 = frozenset().union(*(_simd._FLAGS[level] for level in ("v2", "v3")))


@pytest.mark.parametrize("level", USABLE)
def test_a_level_can_be_forced(level: str) -> None:
    done = run_python(
        "import ranvier, sys; from ranvier import _core; import ranvier._core as same\n"
        "assert _core is same is sys.modules['ranvier._core'] is ranvier._core\n"
        "print(_core.build_info()['simd'])",
        RANVIER_SIMD=level,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == level


def test_without_being_forced_the_best_level_is_taken() -> None:
    assert run_python("from ranvier import _core; print(_core.build_info()['simd'])").stdout.strip() == USABLE[0]


def test_only_one_level_is_loaded() -> None:
    done = run_python("import ranvier, sys; print(*[name for name in sys.modules if '_core_' in name])")
    assert done.stdout.split() == [f"ranvier._core_{USABLE[0]}"]


def test_forcing_an_unknown_level_names_the_available_ones() -> None:
    done = run_python("import ranvier", RANVIER_SIMD="avx9")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: RANVIER_SIMD: expected one of")
    assert "'avx9'" in last
    assert all(level in last for level in BUILT)


def test_forcing_a_level_the_processor_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_simd, "cpu_flags", lambda: V3)
    monkeypatch.setattr(_simd, "built_levels", lambda: ["v4", "v3", "v2"])
    monkeypatch.setenv("RANVIER_SIMD", "v4")
    with pytest.raises(ImportError, match="RANVIER_SIMD=v4: this processor supports only v3, v2 of the levels"):
        _simd.choose_level()
    monkeypatch.delenv("RANVIER_SIMD")
    assert _simd.choose_level() == "v3"


def test_a_processor_below_every_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANVIER_SIMD", raising=False)
    monkeypatch.setattr(_simd, "cpu_flags", lambda: frozenset({"sse2"}))
    monkeypatch.setattr(_simd, "built_levels", lambda: ["v3", "v2"])
    with pytest.raises(ImportError, match="built for v3, v2, and this processor supports only portable; build it on"):
        _simd.choose_level()
    monkeypatch.setattr(_simd, "built_levels", list)
    with pytest.raises(ImportError, match="no engine module for Python 3"):
        _simd.choose_level()


def test_flags_are_read_from_the_first_processor(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    padding = "x" * 5000  # longer than one read
    file.write_text(f"processor : 0\nmodel name : {padding}\nflags\t\t: sse2 avx512f\nbugs :\nflags : other\n")
    assert _simd.cpu_flags(str(file)) == {"sse2", "avx512f"}
    file.write_text("processor : 0\nFeatures : asimd\n")
    assert _simd.cpu_flags(str(file)) == frozenset()
    assert _simd.cpu_flags(str(tmp_path / "missing")) is None


def test_levels_follow_the_flags() -> None:
    everything = V3 | _simd._FLAGS["v4"]
    assert _simd.supported_levels(everything) == ["v4", "v3", "v2", "portable"]
    assert _simd.supported_levels(everything - {"avx512vl"}) == ["v3", "v2", "portable"]
    assert _simd.supported_levels(everything - {"ssse3"}) == ["portable"]  # a level needs all those below
    assert _simd.supported_levels(frozenset()) == ["portable"]
    assert _simd.supported_levels(None) == ["v2", "portable"]


def test_reading_the_flags_takes_less_than_a_millisecond() -> None:
    times = []
    for _ in range(10):
        start = time.perf_counter()
        _simd.cpu_flags()
        times.append(time.perf_counter() - start)
    assert min(times) < 1e-3


def test_cmake_and_python_ask_for_the_same_flags() -> None:
    table = dict(re.findall(r"set\(flags_(v\d) ([^)]+)\)", (ROOT / "cmake" / "RanvierLevels.cmake").read_text()))
    assert {level: frozenset(flags.split()) for level, flags in table.items()} == _simd._FLAGS


def test_a_module_that_does_not_load_gives_the_reason(tmp_path: Path) -> None:
    package = tmp_path / "ranvier"
    (package / "_core").mkdir(parents=True)
    source = ROOT / "python" / "ranvier"
    for name in ("_core/__init__.py", "_simd.py"):
        (package / name).write_text((source / name).read_text())
    (package / "__init__.py").write_text("")
    for level in ("v2", "portable"):
        (package / f"_core_{level}.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    # -S: no finder of an editable install, which would find the real modules.
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import ranvier._core"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, timeout=120)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ranvier's engine module ranvier._core_")
    assert "libgomp.so.1: cannot open shared object file; install ranvier again" in last


def test_show_config_tells_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    ranvier.show_config()
    rows = dict(re.findall(r"^(\S+(?: \S+)?) {2,}(.+)$", capsys.readouterr().out, re.MULTILINE))
    assert rows["ranvier"] == ranvier.__version__
    assert rows["SIMD level"].startswith(_core.build_info()["simd"])
    assert all(level in rows["SIMD level"] for level in BUILT)
    assert rows["threads"] == str(ranvier.get_num_threads())
    assert re.match(r"3\.4\.\d+$", rows["Eigen"])
    assert {"compiler", "NumPy", "Python", "OpenMP"} <= rows.keys()
