"""Which tensors of a float graph and of the quantized graph made of it stand for each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.two_part import result_of

_FULL = 3  # inputs of a QuantizeLinear: values, scale, zero point

MOVING = frozenset(
    {
        "Flatten",
        "Gather",
        "Identity",
        "Reshape",
        "Shape",
        "Slice",
        "Split",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
)
"""Operators that compute nothing: their error is that of what they move."""


@dataclass(frozen=True)
class Quantizer:
    """The scale, zero point and integer limits of a QuantizeLinear for a whole tensor."""

    scale: float
    zero_point: int
    lowest: int
    highest: int

    @property
    def low(self) -> float:
        """The lowest real number that it can hold."""
        return (self.lowest - self.zero_point) * self.scale

    @property
    def high(self) -> float:
        """The highest real number that it can hold."""
        return (self.highest - self.zero_point) * self.scale


@dataclass(frozen=True)
class Probe:
    """A tensor of the float graph and the one of the quantized graph that stands for it.

    `node` is the operator's name, empty for an input of the model.
    """

    node: str
    operator: str
    tensor: str
    twin: str
    quantizer: Quantizer | None


def find_probes(reference: GraphView, quantized: GraphView) -> list[Probe]:
    """The pairs of tensors that can be compared, inputs first."""
    twins = {node.name: node for node in quantized.nodes}
    probes = []
    for name in quantized.inputs:
        twin, quantizer = _stored(name, quantized)
        if quantizer is not None and name in reference.inputs:
            probes.append(Probe("", "input", name, twin, quantizer))
    for node in reference.nodes:
        same = twins.get(node.name)
        if same is None or same.op_type != node.op_type or node.op_type in MOVING:
            continue
        tensor = _behind_dropped(node.output[0], reference, twins)
        if tensor in reference.floats:
            twin, quantizer = _stored(result_of(same, quantized), quantized)
            probes.append(Probe(node.name, node.op_type, tensor, twin, quantizer))
    return probes


def _behind_dropped(tensor: str, view: GraphView, twins: Mapping[str, onnx.NodeProto]) -> str:
    """Where a tensor arrives through operators that the quantized graph no longer has."""
    while view.is_private(tensor):
        (reader,) = view.readers[tensor]
        if reader.name in twins or not reader.output or reader.op_type in MOVING:
            break
        tensor = reader.output[0]
    return tensor


def _stored(tensor: str, view: GraphView) -> tuple[str, Quantizer | None]:
    """The tensor behind the QuantizeLinear that reads it, and how that stores; itself where none does."""
    for reader in view.readers.get(tensor, ()):
        quantizer = _quantizer(reader, view)
        if quantizer is None:
            continue
        for behind in view.readers.get(reader.output[0], ()):
            if behind.op_type == "DequantizeLinear":
                return behind.output[0], quantizer
    return tensor, None


def _quantizer(node: onnx.NodeProto, view: GraphView) -> Quantizer | None:
    if node.op_type != "QuantizeLinear" or any(name not in view.initializers for name in node.input[1:]):
        return None
    scale = view.constant(node.input[1])
    # Without a zero point it is that of uint8, as ONNX defines it.
    zero = view.constant(node.input[2]) if len(node.input) == _FULL else np.zeros((), np.uint8)
    if scale.size != 1 or zero.dtype not in (np.int8, np.uint8):
        return None
    limits = np.iinfo(zero.dtype)
    return Quantizer(float(scale.reshape(())), int(zero.reshape(())), int(limits.min), int(limits.max))
