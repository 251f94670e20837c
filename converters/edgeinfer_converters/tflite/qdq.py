"""Where a QDQ graph computes with integers: read off its QuantizeLinear and DequantizeLinear nodes.

A float tensor that only a QuantizeLinear reads is *wanted* in 8 bits: an operator with an integer kernel
writes it so at once. uint8 becomes int8 with a zero point that is 128 less, the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.graph.view import GraphView, attribute
from edgeinfer_converters.tflite.tensors import Quant

_SHIFT = 128
"""What uint8 numbers have more than their int8 equals."""


@dataclass(frozen=True)
class QuantizedConstant:
    """Constant integers behind a DequantizeLinear; `axis` is that of the channels, None for one scale."""

    integers: Array
    scales: Array
    zero_points: Array
    axis: int | None

    @property
    def fits_int8(self) -> bool:
        """Whether it can be a tensor of 8 bits with one scale."""
        return self.integers.dtype in (np.int8, np.uint8) and self.axis is None

    def int8(self) -> Array:
        """The integers as int8."""
        return as_int8(self.integers)

    def quant(self) -> Quant:
        """Scale and zero point of the int8 form."""
        shift = _SHIFT if self.integers.dtype == np.uint8 else 0
        return Quant.whole(float(self.scales.reshape(-1)[0]), int(self.zero_points.reshape(-1)[0]) - shift)

    def real(self) -> Array:
        """The numbers that it stands for, float32 of the same shape."""
        shape = [1] * self.integers.ndim
        if self.axis is not None:
            shape[self.axis] = -1
        scales, zeros = self.scales.reshape(shape), self.zero_points.astype(np.int32).reshape(shape)
        real: Array = ((self.integers.astype(np.int32) - zeros) * scales).astype(np.float32)
        return real.reshape(self.integers.shape)


@dataclass(frozen=True)
class Sites:
    """`targets`: scale by float tensor that is wanted in 8 bits. `stored`: scale by integer tensor.

    `constants`: integer constants, by the name of the float tensor that they stand for.
    """

    targets: Mapping[str, Quant]
    stored: Mapping[str, Quant]
    constants: Mapping[str, QuantizedConstant]


def find_sites(view: GraphView) -> Sites:
    """The sites of a graph; a float graph has none."""
    targets: dict[str, Quant] = {}
    stored: dict[str, Quant] = {}
    constants: dict[str, QuantizedConstant] = {}
    for node in view.nodes:
        if node.op_type == "DequantizeLinear":
            constant = _constant(node, view)
            if constant is not None:
                constants[node.output[0]] = constant
            elif node.input[0] in view.inputs and (quant := _quant(node, view)) and _stays_so(node, view):
                stored[node.input[0]] = quant
        elif node.op_type == "QuantizeLinear" and (quant := _quant(node, view)) and _stays(node, view):
            stored[node.output[0]] = quant
            if view.is_private(node.input[0]):
                targets[node.input[0]] = quant
    return Sites(targets, stored, constants)


def as_int8(integers: Array) -> Array:
    """uint8 numbers as int8 ones that are 128 less; int8 numbers as they are."""
    if integers.dtype != np.uint8:
        return integers
    return (integers.astype(np.int16) - _SHIFT).astype(np.int8)


def _stays(node: onnx.NodeProto, view: GraphView) -> bool:
    """Whether nobody sees the integers but operators that dequantize them at the scale of the node."""
    return _is_dequantized(node.output[0], _quant(node, view), view)


def _stays_so(node: onnx.NodeProto, view: GraphView) -> bool:
    """The same of the integers that a DequantizeLinear reads."""
    return _is_dequantized(node.input[0], _quant(node, view), view)


def _is_dequantized(name: str, quant: Quant | None, view: GraphView) -> bool:
    return name not in view.outputs and all(
        reader.op_type == "DequantizeLinear" and reader.input[0] == name and _quant(reader, view) == quant
        for reader in view.readers.get(name, ())
    )


def _quant(node: onnx.NodeProto, view: GraphView) -> Quant | None:
    """The scale of a QuantizeLinear or DequantizeLinear of a whole int8 or uint8 tensor."""
    names = [name for name in node.input[1:] if name]
    if any(name not in view.initializers for name in names):
        return None
    scale = view.constant(names[0])
    zero = view.constant(names[1]) if len(names) > 1 else np.zeros((), np.uint8)
    if scale.size != 1 or scale.dtype != np.float32 or zero.dtype not in (np.int8, np.uint8):
        return None
    shift = _SHIFT if zero.dtype == np.uint8 else 0
    return Quant.whole(float(scale.item()), int(zero.item()) - shift)


def _constant(node: onnx.NodeProto, view: GraphView) -> QuantizedConstant | None:
    names = [name for name in node.input if name]
    if any(name not in view.initializers for name in names):
        return None
    integers, scales = view.constant(names[0]), view.constant(names[1])
    zeros = view.constant(names[2]) if len(names) > 2 else np.zeros(scales.shape, np.int32)
    if scales.dtype != np.float32 or attribute(node, "block_size", 0):
        return None
    axis = attribute(node, "axis", 1) % max(integers.ndim, 1) if scales.size > 1 else None
    return QuantizedConstant(integers, scales, zeros, axis)
