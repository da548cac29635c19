"""Sequences step by step from Python: an LSTM carrying its state, a GPT that generates; ranvier against PyTorch.

python bench/streaming.py
"""

from __future__ import annotations

import importlib
import json
import sys
import time

import numpy as np

from measure import call_times, in_process, installed
from workloads import GENERATORS, STEP, WORKLOADS

PEERS = ("ranvier", "torch")


def measure_step(peer: str) -> None:
    """Prints p50 and p99 in µs of each way to make a step."""
    x = np.random.default_rng(0).standard_normal((1, 1, STEP[0]), dtype=np.float32)
    calls = importlib.import_module(f"peers.{peer}").step_calls(*STEP, x)
    print(json.dumps({name: call_times(call)[:2] for name, call in calls}))


def measure_generation(peer: str, network: str) -> None:
    """Prints tokens per second of each way to generate, the best of several runs over all places but the first."""
    w = WORKLOADS[network]
    count = w.input_shape[0] - 1
    result = {}
    for name, generate in importlib.import_module(f"peers.{peer}").generations(w):
        generate(count)
        best = float("inf")
        end = time.perf_counter() + 2.0
        while time.perf_counter() < end:
            before = time.perf_counter()
            generate(count)
            best = min(best, time.perf_counter() - before)
        result[name] = count / best
    print(json.dumps(result))


def main() -> None:
    if len(sys.argv) > 1:
        (measure_step if len(sys.argv) == 2 else measure_generation)(*sys.argv[1:])
        return
    peers = [p for p in PEERS if installed(p)]
    print(f"{'LSTM {}→{}, one step'.format(*STEP):<32} {'p50 µs':>9} {'p99 µs':>9}")
    for peer in peers:
        for name, (p50, p99) in (in_process("streaming.py", peer) or {}).items():
            print(f"{peer + ' ' + name:<32} {p50:>9.2f} {p99:>9.2f}")
    for network in GENERATORS:
        print(f"\n{'one sequence of ' + network:<32} {'tokens/s':>9}")
        for peer in peers:
            for name, tokens in (in_process("streaming.py", peer, network) or {}).items():
                print(f"{peer + ' ' + name:<32} {tokens:>9.0f}")


if __name__ == "__main__":
    main()
