"""Step times of training: ranvier against PyTorch, JAX and Keras, in one run, as ratios, with the machine's floor.

    python bench/train.py                       # all workloads, every peer that is installed here
    python bench/train.py --only sequences      # or dense, images, or names: --only 784-128-10 vgg-bn

Every measurement is a fresh process; the peers take turns, `--rounds` times, and the median of their best
epochs counts. All use the same data, float32, Adam, no shuffling, all cores.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from measure import in_process, installed, machine_peaks
from workloads import GROUPS, WORKLOADS

PEERS = ("ranvier", "torch", "jax", "keras")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=[*GROUPS, *WORKLOADS], help="workloads to run")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=PEERS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement")
    options = parser.parse_args()
    peers = [p for p in options.peers if installed(p)]
    absent = sorted(set(options.peers) - set(peers))
    if absent:
        print(f"not installed, left out: {', '.join(absent)}", file=sys.stderr)
    peaks = machine_peaks()
    cores, flops, memory = peaks["cores"], peaks["flops"] / 1e9, peaks["bytes"] / 1e9
    print(f"{cores:.0f} cores, FMA peak {flops:.0f} GFLOP/s, memory {memory:.0f} GB/s")
    heads = " ".join(f"{p + ' µs':>11}" for p in peers)
    print(f"\n{'workload':<24} {'batch':>5} {heads} {'floor µs':>9} {'best peer / ranvier':>20} {'target':>7}")
    for name in [n for chosen in options.only or GROUPS for n in GROUPS.get(chosen, [chosen])]:
        w = WORKLOADS[name]
        times: dict[str, list[float]] = {p: [] for p in peers}
        for _ in range(options.rounds):
            for peer in peers:
                result = in_process("_worker.py", peer, name, str(options.seconds))
                if result is not None:
                    times[peer].append(result["us"])
        medians = {p: statistics.median(t) for p, t in times.items() if t}
        others = [t for p, t in medians.items() if p != "ranvier"]
        ratio = f"{min(others) / medians['ranvier']:.2f} ×" if others and "ranvier" in medians else ""
        cells = " ".join(f"{medians[p]:>11.2f}" if p in medians else f"{'—':>11}" for p in peers)
        floor = w.floor_us(peaks["flops"], peaks["bytes"])
        print(f"{name:<24} {w.batch:>5} {cells} {floor:>9.2f} {ratio:>20} {w.target:>5.2f} ×", flush=True)


if __name__ == "__main__":
    main()
