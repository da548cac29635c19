"""Measuring helpers: the machine's peaks, and one peer in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
NOT_COMPARED = 77  # exit status of a peer that sits this one out


def machine_peaks() -> dict[str, float]:
    """FMA peak (FLOP/s) and memory bandwidth (bytes/s) of all cores, by a small C++ program compiled on the spot."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "machine"
        compiler = os.environ.get("CXX", "c++")
        flags = ["-std=c++20", "-O3", "-march=native", "-mprefer-vector-width=512", "-fopenmp"]
        subprocess.run([compiler, *flags, str(HERE / "cpp" / "machine.cpp"), "-o", str(program)], check=True)
        return json.loads(subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout)


def in_process(script: str, *arguments: str) -> dict | None:
    """Runs `bench/<script>` in a fresh interpreter; its last line is JSON. None when the peer is absent or sits out."""
    done = subprocess.run([sys.executable, str(HERE / script), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if done.returncode == NOT_COMPARED or "ModuleNotFoundError" in done.stderr:
            return None
        raise RuntimeError(f"{script} {' '.join(arguments)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def installed(peer: str) -> bool:
    """Whether this interpreter can import the peer."""
    return importlib.util.find_spec(peer) is not None


def best_seconds(run, seconds: float, at_least: int = 3) -> float:
    """The shortest of repeated runs within about `seconds`, after a warm-up."""
    run()
    run()
    best = float("inf")
    start = time.perf_counter()
    count = 0
    while count < at_least or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - before)
        count += 1
    return best


def call_times(call, seconds: float = 1.5) -> list[float]:
    """p50 and p99 of repeated calls in µs, and what the first one took in ms."""
    start = time.perf_counter()
    call()
    first = 1e3 * (time.perf_counter() - start)
    for _ in range(200):
        call()
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        before = time.perf_counter_ns()
        call()
        times.append((time.perf_counter_ns() - before) / 1e3)
    times.sort()
    return [statistics.median(times), times[int(0.99 * len(times))], first]
