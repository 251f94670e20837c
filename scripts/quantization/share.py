"""The share of multiply-accumulates that are integer, in the form in which a model is timed here."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import onnxruntime

from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.naming import name_nodes
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.quantize.share import INTEGER_KERNELS


def share_of(path: Path, *, as_on_arm: bool) -> float:
    """The integer share of an .onnx file, 0 to 1, read from ONNX Runtime's optimized graph.

    On x86 the runtime turns int8 activations into uint8, which makes integer kernels of mixtures of both
    that stay float on ARM; `as_on_arm` keeps it from that.
    """
    model = name_nodes(infer_shapes(onnx.load(path)))
    macs = count_macs(model)
    kernels = {node.name: node.op_type for node in _optimized(model, as_on_arm=as_on_arm).graph.node}
    integer = sum(count for name, count in macs.items() if kernels.get(name) in INTEGER_KERNELS)
    return integer / max(sum(macs.values()), 1)


def _optimized(model: onnx.ModelProto, *, as_on_arm: bool) -> onnx.ModelProto:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # it warns that the written model is for this machine only
    options.add_session_config_entry("session.qdqisint8allowed", "1" if as_on_arm else "0")
    # One level below what runs: the last one only changes layouts, and names.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with tempfile.TemporaryDirectory(prefix="edgeinfer-") as folder:
        target = Path(folder) / "optimized.onnx"
        options.optimized_model_filepath = str(target)
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(target)
