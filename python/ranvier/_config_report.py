"""What this installation of ranvier consists of, for bug reports."""

from __future__ import annotations

import sys

import numpy as np

from ranvier import _core
from ranvier._simd import built_levels, cpu_flags, supported_levels


def show_config() -> None:
    """Prints version, SIMD level, levels available, threads, compiler, Eigen, Python and NumPy.

    A level is available when this installation has a module for it and the processor supports it; the environment
    variable RANVIER_SIMD chooses among them.
    """
    info = _core.build_info()
    built = built_levels()
    available = [level for level in supported_levels(cpu_flags()) if level in built]
    rows = {
        "ranvier": info["version"],
        "SIMD level": f"{info['simd']} (available: {', '.join(available)}; built: {', '.join(built)})",
        "threads": _core.get_num_threads(),
        "compiler": info["compiler"],
        "OpenMP": info["openmp"],
        "Eigen": info["eigen"],
        "Python": ".".join(map(str, sys.version_info[:3])),
        "NumPy": np.__version__,
    }
    for name, value in rows.items():
        print(f"{name:<12}{value}")
