"""How much of the error is the weights', how much the activations': each at 8 bits alone.

The numbers say which of the two is worth working on. They are made of the converter's own steps
(`prepare`, `calibrate`, `to_int8`) on all calibration samples, in the plain form: without float residual
streams and padded stems, whose graphs could not be compared node by node.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from edgeinfer.backends.onnx import INTEGER_FUSIONS
from edgeinfer.frames import Array
from edgeinfer.profile import Integer, Profile, Runtime
from edgeinfer_converters.calibration.int8 import Aims, Int8Model, calibrate, to_int8
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.importers.onnx import read_onnx
from edgeinfer_converters.progress import counted
from edgeinfer_converters.quantize.operators import PRODUCTS, channel_axis
from edgeinfer_converters.shelf import shelve
from edgeinfer_converters.sources.source import serialized
from scripts.quantization.exact import SATURATES
from scripts.quantization.results import Limits
from scripts.quantization.tasks import Run, Zoo

LARGEST = 127
# Otherwise ONNX Runtime quantizes the weights of a float layer between integer tensors, and per tensor.
KEEP_FLOAT_WEIGHTS = list(INTEGER_FUSIONS) if SATURATES else ["WeightBiasQuantization"]


def measure_limits(zoo: Zoo, task: str, profile: Profile) -> Limits:
    """The SQNR of a task's test data with one of the two at 8 bits, and with both."""
    runtime = profile.runtime_for("onnxruntime")
    assert runtime is not None, "the profiles of this benchmark run ONNX"
    model, made = _quantize(zoo, task, profile.integer, runtime)
    reference = _session(model)

    def sqnr_db(other: onnx.ModelProto) -> float:
        return round(zoo.sqnr_db(task, reference, _session(other)), 2)

    return Limits(
        task=task,
        plain_weights_db=sqnr_db(round_weights(model)),
        weights_db=sqnr_db(weights_only(made.twin, made.quantized)),
        activations_db=sqnr_db(activations_only(made.twin, made.quantized)),
        both_db=sqnr_db(made.quantized),
    )


def _quantize(zoo: Zoo, task: str, integer: Integer, runtime: Runtime) -> tuple[onnx.ModelProto, Int8Model]:
    model = prepare(
        read_onnx(zoo.float_model(task)), max_opset=runtime.max_opset, max_ir_version=runtime.max_ir_version
    )
    arrays = zoo.calibration(task)
    name = model.graph.input[0].name

    def inputs() -> Iterator[Mapping[str, Array]]:
        return ({name: one[None]} for one in arrays)

    calibration = calibrate(shelve(serialized(model)), inputs, len(arrays), counted)
    return model, to_int8(calibration, inputs, len(arrays), Aims(integer, on_cpu=False), counted)


def round_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A float model whose weights are rounded to 8 bits: symmetric, per output channel, min-max."""
    view = GraphView(model)
    changed = {}
    for node in view.nodes:
        if node.op_type in PRODUCTS and node.input[1] in view.initializers:
            values = view.constant(node.input[1])
            changed[node.name] = {1: fake_quantize(values, channel_axis(node, values.ndim))}
    return _with_constants(model, changed)


def fake_quantize(values: Array, axis: int | None) -> Array:
    """Rounded to 255 steps of one size for each index of `axis`, the largest value exact."""
    others = tuple(one for one in range(values.ndim) if one != axis)
    scales = np.max(np.abs(values), axis=others, keepdims=True) / np.float32(LARGEST)
    scales = np.where(scales == 0, np.float32(1), scales)
    rounded: Array = (np.rint(values / scales) * scales).astype(np.float32)
    return rounded


def weights_only(model: onnx.ModelProto, quantized: onnx.ModelProto) -> onnx.ModelProto:
    """The float model with the weights that the quantized one computes with, and the biases that make up for
    the means of their rounding."""
    view = GraphView(quantized)
    changed = {}
    for node in view.nodes:
        if node.op_type in PRODUCTS and _stored(view, node.input[1]) is not None:
            makers = {index: _stored(view, name) for index, name in enumerate(node.input) if index}
            changed[node.name] = {
                index: _dequantize(view, maker) for index, maker in makers.items() if maker is not None
            }
    return _with_constants(model, changed)


def activations_only(model: onnx.ModelProto, quantized: onnx.ModelProto) -> onnx.ModelProto:
    """The quantized model with the float one's weights and biases."""
    before = GraphView(model)
    originals = {node.name: node for node in before.nodes}
    view = GraphView(quantized)
    changed = onnx.ModelProto()
    changed.CopyFrom(quantized)
    needed: dict[str, onnx.TensorProto] = {}
    for node in changed.graph.node:
        if node.op_type not in PRODUCTS or _stored(view, node.input[1]) is None:
            continue
        for index, name in enumerate(originals[node.name].input):
            if index and name in before.initializers:
                node.input[index] = name
                needed[name] = before.initializers[name]
    present = {tensor.name for tensor in changed.graph.initializer}
    changed.graph.initializer.extend(tensor for name, tensor in needed.items() if name not in present)
    return changed


def _stored(view: GraphView, name: str) -> onnx.NodeProto | None:
    """The DequantizeLinear that a product's weights or biases come from, if they are integer constants."""
    maker = view.producers.get(name)
    constant = maker is not None and maker.op_type == "DequantizeLinear"
    return maker if constant and maker is not None and maker.input[0] in view.initializers else None


def _dequantize(view: GraphView, node: onnx.NodeProto) -> Array:
    stored, scales = (view.constant(name) for name in node.input[:2])
    axis = next((one.i for one in node.attribute if one.name == "axis"), 1)
    if scales.ndim:
        scales = scales.reshape([-1 if index == axis else 1 for index in range(stored.ndim)])
    values: Array = (stored.astype(np.float32) * scales).astype(np.float32)
    return values


def _with_constants(model: onnx.ModelProto, values: Mapping[str, Mapping[int, Array]]) -> onnx.ModelProto:
    """The model with other constants, given by node name and the place among its inputs."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for node in changed.graph.node:
        for index, array in values.get(node.name, {}).items():
            # A name of its own: other nodes may share the old one and need it as it was.
            name = f"{node.name}_8_bits_{index}"
            changed.graph.initializer.append(numpy_helper.from_array(array, name))
            node.input[index] = name
    return changed


@dataclass(frozen=True)
class _Session:
    session: onnxruntime.InferenceSession
    name: str

    def __call__(self, one: Array) -> Array:
        output: Array = self.session.run(None, {self.name: one[None]})[0]
        return output


def _session(model: onnx.ModelProto) -> Run:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory(prefix="edgeinfer-") as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, path)
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=KEEP_FLOAT_WEIGHTS
        )
    return _Session(session, session.get_inputs()[0].name)
