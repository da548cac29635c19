"""One row through a 784-128-10 network from Python, and the cost of `import ranvier`: ranvier against its peers.

python bench/latency.py
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from measure import in_process, installed

ROW = np.random.default_rng(0).standard_normal((1, 784), dtype=np.float32)


def ranvier_calls() -> dict[str, Callable[[], object]]:
    import ranvier
    from ranvier import layers

    model = ranvier.Sequential(
        [ranvier.Input((784,)), layers.Dense(128, activation="relu"), layers.Dense(10, activation="softmax")]
    )
    start = time.perf_counter()
    model.predict(ROW, verbose=0)
    first = time.perf_counter() - start
    print(f"first predict {1e3 * first:.2f} ms", file=sys.stderr)
    return {"ranvier model(x)": lambda: model(ROW), "ranvier predict": lambda: model.predict(ROW, verbose=0)}


def torch_calls() -> dict[str, Callable[[], object]]:
    import torch

    model = torch.nn.Sequential(
        torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10), torch.nn.Softmax(dim=-1)
    )
    x = torch.from_numpy(ROW)

    def call() -> object:
        with torch.inference_mode():
            return model(x)

    return {"torch model(x)": call}


def onnxruntime_calls() -> dict[str, Callable[[], object]]:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(1)

    def weight(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32) * 0.05, name)

    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w2", "b2"], ["z"]),
        helper.make_node("Softmax", ["z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 784])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])],
        [weight("w1", 784, 128), weight("b1", 128), weight("w2", 128, 10), weight("b2", 10)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = {"x": ROW}
    return {"onnxruntime run": lambda: session.run(None, feed)}


def keras_calls() -> dict[str, Callable[[], object]]:
    import os

    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    model = keras.Sequential(
        [keras.Input((784,)), keras.layers.Dense(128, activation="relu"), keras.layers.Dense(10, activation="softmax")]
    )
    return {"keras model(x)": lambda: model(ROW), "keras predict": lambda: model.predict(ROW, verbose=0)}


PEERS = {"ranvier": ranvier_calls, "onnxruntime": onnxruntime_calls, "torch": torch_calls, "keras": keras_calls}


def measure(peer: str) -> None:
    """Prints the p50 and p99 of each call in µs as JSON."""
    result = {}
    for name, call in PEERS[peer]().items():
        for _ in range(200):
            call()
        times = []
        end = time.perf_counter() + 1.5
        while time.perf_counter() < end:
            start = time.perf_counter_ns()
            call()
            times.append((time.perf_counter_ns() - start) / 1e3)
        times.sort()
        result[name] = [statistics.median(times), times[int(0.99 * len(times))]]
    print(json.dumps(result))


def import_milliseconds(statement: str) -> float:
    """The shortest of several fresh interpreters, from before to after the statement."""
    code = f"import time; t = time.perf_counter(); {statement}; print(1e3 * (time.perf_counter() - t))"
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(7)]
    return min(float(run.stdout) for run in runs)


def main() -> None:
    if len(sys.argv) == 2:
        measure(sys.argv[1])
        return
    print(f"{'one row through 784-128-10':<28} {'p50 µs':>9} {'p99 µs':>9}")
    for peer in filter(installed, PEERS):
        for name, (p50, p99) in (in_process("latency.py", peer) or {}).items():
            print(f"{name:<28} {p50:>9.2f} {p99:>9.2f}")
    numpy_alone = import_milliseconds("import numpy")
    both = import_milliseconds("import numpy, ranvier")
    print(f"\nimport ranvier: {both - numpy_alone:.1f} ms beyond NumPy's {numpy_alone:.1f} ms")


if __name__ == "__main__":
    main()
