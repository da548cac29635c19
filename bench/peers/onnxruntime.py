"""ONNX Runtime on one thread: inference only, the graph written by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import networks as nets
from workloads import Workload

ACTIVATIONS = {"relu": "Relu", "softmax": "Softmax"}


class Graph:
    """Nodes and weights, collected layer by layer; images are (batch, channels, height, width) inside."""

    def __init__(self, shape: nets.Shape) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.rng = np.random.default_rng(1)
        self.shape = shape
        self.last = "x"

    def weight(self, *shape: int) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(self.rng.standard_normal(shape).astype(np.float32) * 0.05, name))
        return name

    def add(self, op: str, *weights: str, **attributes: object) -> None:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [self.last, *weights], [name], **attributes))
        self.last = name

    def layer(self, layer: object) -> None:
        channels = self.shape[-1]
        match layer:
            case nets.Dense(units=units):
                self.add("Gemm", self.weight(channels, units), self.weight(units))
            case nets.Conv(filters=filters, kernel=kernel, stride=stride, padding="valid"):
                weights = self.weight(filters, channels, kernel, kernel), self.weight(filters)
                self.add("Conv", *weights, kernel_shape=[kernel] * 2, strides=[stride] * 2)
            case nets.MaxPool(size=size):
                self.add("MaxPool", kernel_shape=[size] * 2, strides=[size] * 2)
            case nets.Flatten():
                self.add("Flatten")
            case nets.Dropout():
                pass
            case _:
                raise TypeError(f"not written for ONNX: {layer!r}")
        if getattr(layer, "activation", None) is not None:
            self.add(ACTIVATIONS[layer.activation])
        self.shape = nets.walk((layer,), self.shape)[0]


def row_calls(w: Workload, row: np.ndarray) -> dict[str, Callable[[], object]]:
    """One row, which NCHW images of one channel share with NHWC."""
    channels_first = row if row.ndim == 2 else np.ascontiguousarray(row.transpose(0, 3, 1, 2))
    graph = Graph(w.input_shape)
    if row.ndim == 4:
        graph.nodes.append(helper.make_node("Identity", ["x"], ["image"]))
        graph.last = "image"
    for layer in w.layers:
        graph.layer(layer)
    made = helper.make_graph(
        graph.nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *channels_first.shape[1:]])],
        [helper.make_tensor_value_info(graph.last, TensorProto.FLOAT, ["n", w.outputs])],
        graph.weights,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = {"x": channels_first}
    return {"run": lambda: session.run(None, feed)}
