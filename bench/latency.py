"""One row through small networks from Python, and the cost of `import ranvier`: ranvier against its peers.

python bench/latency.py
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import numpy as np

from measure import call_times, in_process, installed
from workloads import ROWS

PEERS = ("ranvier", "onnxruntime", "torch", "keras")


def measure(peer: str, network: str) -> None:
    """Prints the p50 and p99 of each call in µs as JSON."""
    w = ROWS[network]
    row = np.random.default_rng(0).standard_normal((1, *w.input_shape), dtype=np.float32)
    result = {}
    for name, call in importlib.import_module(f"peers.{peer}").row_calls(w, row).items():
        result[name] = call_times(call)
    print(json.dumps(result))


def import_milliseconds(statement: str) -> float:
    """The shortest of several fresh interpreters, from before to after the statement."""
    code = f"import time; t = time.perf_counter(); {statement}; print(1e3 * (time.perf_counter() - t))"
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(7)]
    return min(float(run.stdout) for run in runs)


def main() -> None:
    if len(sys.argv) == 3:
        measure(*sys.argv[1:])
        return
    for network in ROWS:
        print(f"{'one row through ' + network:<32} {'p50 µs':>9} {'p99 µs':>9} {'first ms':>9}")
        for peer in filter(installed, PEERS):
            for name, (p50, p99, first) in (in_process("latency.py", peer, network) or {}).items():
                print(f"{peer + ' ' + name:<32} {p50:>9.2f} {p99:>9.2f} {first:>9.2f}")
        print()
    numpy_alone = import_milliseconds("import numpy")
    both = import_milliseconds("import numpy, ranvier")
    print(f"import ranvier: {both - numpy_alone:.1f} ms beyond NumPy's {numpy_alone:.1f} ms")


if __name__ == "__main__":
    main()
