"""Times one peer on one workload in this process: `_worker.py PEER WORKLOAD SECONDS` prints {"us": ...}."""

from __future__ import annotations

import importlib
import json
import sys

from measure import best_seconds
from workloads import WORKLOADS


def main(peer: str, workload: str, seconds: str) -> None:
    w = WORKLOADS[workload]
    run = importlib.import_module(f"peers.{peer}").epoch_runner(w)
    print(json.dumps({"us": 1e6 * best_seconds(run, float(seconds)) / w.steps}))


if __name__ == "__main__":
    main(*sys.argv[1:])
