"""How much of a quantized model is integer when it runs: read from what ONNX Runtime makes of it.

Of accelerators such as TensorRT, which compute what the graph says, it is read from the graph itself.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import onnxruntime

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.foreign import RUNTIME_ERRORS, short_reason
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.operators import PROVIDER
from edgeinfer_converters.graph.view import GraphView

INTEGER_KERNELS = frozenset(
    {"ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "QGemm", "QLinearConv", "QLinearMatMul"}
)


@dataclass(frozen=True)
class IntegerShare:
    """Multiply-accumulates, all and integer, and the products that stayed float, by node name.

    `kernels`: how often the runtime uses each operator.
    """

    macs: int
    integer_macs: int
    float_nodes: tuple[str, ...]
    kernels: Mapping[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """From 0 to 1; a model that multiplies nothing has 1."""
        return self.integer_macs / self.macs if self.macs else 1.0


def integer_share(model: onnx.ModelProto) -> IntegerShare:
    """The share of multiply-accumulates that ONNX Runtime computes with integer kernels on a CPU.

    The runtime optimizes the model and writes the result; integer kernels keep the name of the node
    that they replace. Raises ModelError if the model cannot be loaded.
    """
    macs = count_macs(model)
    nodes = _optimized(model).graph.node
    kernels = {node.name: node.op_type for node in nodes}
    integer = {name for name in macs if kernels.get(name) in INTEGER_KERNELS}
    floats = tuple(name for name in macs if name not in integer)
    counts = dict(sorted(Counter(node.op_type for node in nodes).items()))
    return IntegerShare(sum(macs.values()), sum(macs[name] for name in integer), floats, counts)


def stated_share(model: onnx.ModelProto) -> IntegerShare:
    """The share of multiply-accumulates whose factors are both dequantized integers.

    TensorRT computes these in integers (NVIDIA TensorRT, "Working with Quantized Types": a quantizable layer
    with DequantizeLinear before its inputs).
    """
    macs, view = count_macs(model), GraphView(model)
    makers = {name: node.op_type for name, node in view.producers.items()}
    integer = {
        node.name
        for node in view.nodes
        if node.name in macs and all(makers.get(name) == "DequantizeLinear" for name in node.input[:2])
    }
    floats = tuple(name for name in macs if name not in integer)
    return IntegerShare(sum(macs.values()), sum(macs[name] for name in integer), floats)


def _optimized(model: onnx.ModelProto) -> onnx.ModelProto:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # it warns that the written model is for this machine only
    # On x86 the runtime turns int8 activations into uint8 where it can; ARM, which they are for, does not.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    # One level below what runs: the last one only changes layouts, and names.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with tempfile.TemporaryDirectory(prefix="edgeinfer-") as folder:
        target = Path(folder) / "optimized.onnx"
        options.optimized_model_filepath = str(target)
        try:
            onnxruntime.InferenceSession(
                model.SerializeToString(deterministic=True), options, providers=[PROVIDER]
            )
        except RUNTIME_ERRORS as error:
            raise ModelError(
                f"ONNX Runtime cannot load the model: {short_reason(error)}", hint="report this model"
            ) from error
        return onnx.load(target)
