"""What each operator of a graph asks of a processor: multiply-accumulates, and bytes read and written.

Counted as runtimes run a float or a QDQ graph: a clamp (Relu, Clip) belongs to the operator before it, so
does a QuantizeLinear that alone reads a result, and a DequantizeLinear to its integer readers. Views such as
Reshape cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import onnx

from edgeinfer_converters.graph.macs import macs_of
from edgeinfer_converters.graph.shapes import Shape, known_types
from edgeinfer_converters.graph.view import GraphView, attribute
from edgeinfer_converters.quantize.operators import (
    CLAMPS,
    COMPUTES,
    FLOAT_RESULT,
    MOVES,
    PRODUCTS,
    data_inputs,
)

Arithmetic = Literal["float32", "int8"]

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
CONVERSIONS = frozenset({QUANTIZE, DEQUANTIZE})
VIEWS = frozenset({"Constant", "Dropout", "Flatten", "Identity", "Reshape", "Shape", "Squeeze", "Unsqueeze"})
"""Operators that copy nothing, or a few numbers."""

INTEGER_FORMS = PRODUCTS | MOVES | COMPUTES | CLAMPS
"""Operators whose other inputs, such as bounds, stay as they are in an integer kernel."""

PICKS = frozenset({"Gather", "Slice"})
"""Operators that read no more of their input than they write."""


@dataclass(frozen=True)
class Work:
    """What one operator asks for.

    `arithmetic`: int8 if it reads dequantized integers, and ends in integers where its kernel must.
    `macs`: multiply-accumulates, 0 of what is no product. `depthwise`: a product that sums over one channel.
    `moved_bytes`: of all tensors that it reads or writes, weights included.
    """

    name: str
    operator: str
    arithmetic: Arithmetic
    macs: int
    depthwise: bool
    moved_bytes: int


def work_of(model: onnx.ModelProto) -> tuple[Work, ...]:
    """The work of the main graph, in its order, without the operators that cost nothing by themselves.

    Shapes must have been inferred; open dimensions count as 1, tensors of unknown shape as nothing.
    """
    return tuple(_Ledger(GraphView(model)).entries())


class _Ledger:
    """Which tensors are really read and written, and what they weigh."""

    def __init__(self, view: GraphView) -> None:
        self._view = view

    def entries(self) -> Iterator[Work]:
        for node in self._view.nodes:
            if node.op_type not in VIEWS and not self._is_fused(node):
                yield self._entry(node)

    def _entry(self, node: onnx.NodeProto) -> Work:
        integer = self._is_integer(node)
        macs = macs_of(node, self._shapes) or 0
        return Work(
            name=node.name,
            operator=node.op_type,
            arithmetic="int8" if integer else "float32",
            macs=macs,
            depthwise=macs > 0 and attribute(node, "group", 1) > 1 and self._shapes[node.input[1]][1] == 1,
            moved_bytes=self._moved_bytes(node, integer=integer),
        )

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        return {name: tuple(max(dim, 1) for dim in shape) for name, shape in self._view.shapes.items()}

    @cached_property
    def _types(self) -> dict[str, np.dtype[Any]]:
        return dict(known_types(self._view.model))

    def _moved_bytes(self, node: onnx.NodeProto, *, integer: bool) -> int:
        written = sum(self._bytes(self._written(name)) for name in node.output if name)
        if node.op_type in PICKS:
            return 2 * written
        inputs = [name for name in dict.fromkeys(node.input) if name]
        return written + sum(self._bytes(self._read(name, integer=integer)) for name in inputs)

    def _bytes(self, name: str) -> int:
        if name not in self._shapes or name not in self._types:
            return 0
        return math.prod(self._shapes[name]) * self._types[name].itemsize

    def _read(self, name: str, *, integer: bool) -> str:
        """The tensor that is read: integers, where the file dequantizes them for an integer kernel."""
        maker = self._view.producers.get(name)
        return maker.input[0] if integer and maker is not None and maker.op_type == DEQUANTIZE else name

    def _written(self, name: str) -> str:
        """The tensor that is written: behind the clamp and the quantizer that belong to the operator."""
        reader = self._view.readers[name][0] if self._view.is_private(name) else None
        if reader is None or reader.input[0] != name:
            return name
        if reader.op_type in CLAMPS:
            return self._written(reader.output[0])
        return reader.output[0] if reader.op_type == QUANTIZE else name

    def _is_fused(self, node: onnx.NodeProto) -> bool:
        """Whether another operator does the work of this one on its way."""
        if node.op_type in CLAMPS or node.op_type == QUANTIZE:
            maker = self._view.producers.get(node.input[0])
            return maker is not None and maker.op_type != DEQUANTIZE and self._view.is_private(node.input[0])
        if node.op_type != DEQUANTIZE:
            return False
        if node.input[0] in self._view.initializers:
            return True
        readers = self._view.readers.get(node.output[0], ())
        return node.output[0] not in self._view.outputs and all(map(self._is_integer, readers))

    def _is_integer(self, node: onnx.NodeProto) -> bool:
        if node.op_type in CONVERSIONS:
            return False
        operands = data_inputs(node) if node.op_type in INTEGER_FORMS else tuple(node.input)
        floats = [name for name in operands if self._types.get(name) == np.float32]
        if not floats or not all(map(self._is_dequantized, floats)):
            return False
        return node.op_type in FLOAT_RESULT or all(map(self._ends_quantized, filter(None, node.output)))

    def _is_dequantized(self, name: str) -> bool:
        maker = self._view.producers.get(name)
        return maker is not None and maker.op_type == DEQUANTIZE

    def _ends_quantized(self, name: str) -> bool:
        return self._types.get(self._written(name)) in (np.int8, np.uint8)
