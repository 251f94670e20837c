"""Write a small convolutional classifier as an ONNX file, node by node.

A file written here holds the network and nothing of the machine that trained it, and needs no exporter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, checker, helper, numpy_helper

OPSET = 17
IR_VERSION = 8  # what every runtime that reads opset 17 reads
Weights = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Convolution:
    """A square convolution that keeps the size (or halves it), followed by a ReLU.

    `weight` is (outer, inner / groups, size, size), `bias` is (outer,).
    """

    weight: Weights
    bias: Weights
    stride: int
    groups: int


def build_onnx(
    layers: Sequence[Convolution],
    head: Weights,
    head_bias: Weights,
    shape: tuple[int, int, int],
    grid: tuple[int, int],
) -> bytes:
    """Convolutions, maximum over the picture, linear layer; `image` (1, *shape) to `logits` (1, classes).

    `head` is (classes, channels), `grid` the rows and columns of the last convolution's output.
    """
    nodes: list[NodeProto] = []
    weights: list[TensorProto] = []
    value = "image"
    for number, layer in enumerate(layers, start=1):
        value = _add_convolution(nodes, weights, layer, value, f"conv{number}")
    # Not GlobalMaxPool: every runtime has an integer kernel for a maximum over a window.
    nodes.append(helper.make_node("MaxPool", [value], ["pooled"], "pool", kernel_shape=list(grid)))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["features"], "flatten"))
    weights += [_tensor("head.weight", head), _tensor("head.bias", head_bias)]
    inputs = ["features", "head.weight", "head.bias"]
    nodes.append(helper.make_node("Gemm", inputs, ["logits"], "head", transB=1))
    return _finish(nodes, weights, shape, len(head_bias))


def _add_convolution(
    nodes: list[NodeProto], weights: list[TensorProto], layer: Convolution, value: str, name: str
) -> str:
    size = layer.weight.shape[2]
    weights += [_tensor(f"{name}.weight", layer.weight), _tensor(f"{name}.bias", layer.bias)]
    attributes: dict[str, Any] = {
        "kernel_shape": [size, size],
        "strides": [layer.stride, layer.stride],
        "pads": [size // 2] * 4,
        "group": layer.groups,
    }
    inputs = [value, f"{name}.weight", f"{name}.bias"]
    nodes.append(helper.make_node("Conv", inputs, [f"{name}.out"], name, **attributes))
    nodes.append(helper.make_node("Relu", [f"{name}.out"], [f"{name}.relu"], f"{name}.relu"))
    return f"{name}.relu"


def _tensor(name: str, values: Weights) -> TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name)


def _finish(
    nodes: list[NodeProto], weights: list[TensorProto], shape: tuple[int, int, int], classes: int
) -> bytes:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, *shape])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, classes])
    graph = helper.make_graph(nodes, "parts", [image], [logits], weights)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="edgeinfer")
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
