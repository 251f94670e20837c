"""The state of a conversion: which TFLite tensor holds which ONNX tensor, in which layout and type.

The functions in `operators` lower one ONNX node each with the methods of `Lowering`:

- `read` gives a tensor's number, in float (or its own integer or boolean type) and in the layout that the
  kernel wants; transposes and dequantizations are written only where nothing cheaper will do, and once.
- `stored` gives an 8-bit tensor as it is, where the kernel computes with integers.
- `add` (of `Writer`) appends an operator; `write` says which ONNX tensor its result holds, in which layout.

A Transpose writes no operator: it only changes the layout in which its result is said to be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.tflite.facts import Facts
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import Layout, Shape, plain, transposition
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.qdq import QuantizedConstant, Sites
from edgeinfer_converters.tflite.tensors import Quant
from edgeinfer_converters.tflite.writing import Writer, computed_as, narrowed


@dataclass(frozen=True)
class Value:
    """Where an ONNX tensor is: the number of a TFLite tensor, and its layout.

    `order`: for a flattened image that was stored channels last, where each of its values is; None if
    they are in their places. Only matrix products with constant weights can read such a tensor.
    """

    tensor: int
    layout: Layout
    order: tuple[int, ...] | None = None


@dataclass
class Lowering(Writer):
    """A conversion under way.

    `integer_results`: the file gives its results in integers. `doubles`: nodes that ONNX computes in float64.
    """

    facts: Facts
    sites: Sites
    view: GraphView
    inputs: dict[str, Layout] = field(default_factory=dict)
    outputs: dict[str, Layout] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    fused: set[str] = field(default_factory=set)
    unrounded: set[str] = field(default_factory=set)
    doubles: list[str] = field(default_factory=list)
    integer_results: bool = False

    # -- what is known

    @cached_property
    def macs(self) -> Mapping[str, int]:
        """Multiply-accumulates by the name of the node."""
        return count_macs(infer_shapes(self.view.model))

    def shape(self, name: str) -> Shape:
        """The ONNX shape."""
        return self.facts.shape(name)

    def rank(self, name: str) -> int:
        """The number of axes."""
        return len(self.shape(name))

    def dtype(self, name: str) -> np.dtype[Any]:
        """The element type in which a tensor is computed: float32 for floats, int32 for small integers."""
        return computed_as(self.facts.dtype(name))

    def constant(self, name: str) -> Array | None:
        """The values of a constant tensor, those of quantized weights included; None for any other."""
        values = self.facts.constant(name) if name else None
        if values is None and name in self.sites.constants:
            return self.sites.constants[name].real()
        return None if values is None else narrowed(values)

    def need_constant(self, node: Node, index: int, what: str) -> Array:
        """The values of an input that must be constant. Raises UnsupportedError."""
        values = self.constant(node.input(index))
        if values is None:
            raise UnsupportedError(f"its {what} are known only when the model runs")
        return values

    def quantized_constant(self, name: str) -> QuantizedConstant | None:
        """Weights that are stored as integers."""
        return self.sites.constants.get(name)

    # -- reading

    def layout(self, name: str) -> Layout:
        """The layout in which a tensor is stored now; constants adapt to any, and say the plain one."""
        value = self.values.get(name)
        return plain(self.rank(name)) if value is None else value.layout

    def quant(self, name: str) -> Quant | None:
        """Scale and zero point of a tensor that is stored in 8 bits."""
        if name in self.values:
            return self.graph.tensors[self.values[name].tensor].quant
        constant = self.sites.constants.get(name)
        return constant.quant() if constant is not None and constant.fits_int8 else None

    def stored(self, name: str, layout: Layout | None = None) -> int:
        """The tensor as it is stored, integers as integers, in a layout (ONNX's own by default)."""
        wanted = plain(self.rank(name)) if layout is None else layout
        if name not in self.values:
            return self._constant(name, wanted)
        value = self.values[name]
        if value.order is not None:
            self.values[name] = value = self._in_order(name, value)
        return self.transpose(value.tensor, transposition(value.layout, wanted))

    def read(self, name: str, layout: Layout | None = None) -> int:
        """The tensor in the type that it is computed in, in a layout (ONNX's own by default)."""
        if name not in self.values:
            values = self.constant(name)
            if values is None:
                raise UnsupportedError(f"nothing has computed `{name}`")
            wanted = plain(values.ndim) if layout is None else layout
            return self.graph.constant(values.transpose(wanted), name)
        return self.real(self.stored(name, layout))

    def read_as(self, name: str, dtype: str, layout: Layout | None = None) -> int:
        """The tensor in another type."""
        return self.cast(self.read(name, layout), dtype)

    # -- writing

    def write(self, name: str, tensor: int, layout: Layout | None = None) -> None:
        """Say that a TFLite tensor holds an ONNX tensor, in a layout (ONNX's own by default)."""
        tensor = self._narrowed(tensor, self.facts.dtype(name))
        found = self.graph.tensors[tensor]
        self.values[name] = Value(tensor, plain(len(found.shape)) if layout is None else layout)
        if found.data is None and tensor not in self.graph.inputs:
            found.name = name

    # -- integers

    def target(self, name: str) -> Quant | None:
        """The scale at which a result is wanted in 8 bits; None where it is wanted in float."""
        return self.sites.targets.get(name)

    def is_integer(self, node: Node, *names: str) -> bool:
        """Whether a node reads 8-bit tensors only and its result is wanted in 8 bits.

        `names` are the inputs that count, all of them by default.
        """
        if any(self.target(name) is None for name in node.outputs if name):
            return False
        return all(self.quant(name) is not None for name in names or node.inputs if name)

    # -- inside

    def _narrowed(self, tensor: int, wanted: np.dtype[Any]) -> int:
        """A result of small integers in their own type: so it wraps around as ONNX's does."""
        found = self.graph.tensors[tensor]
        is_small = wanted.kind in "iu" and computed_as(wanted) != wanted
        return self.cast(tensor, wanted) if is_small and found.quant is None else tensor

    def _constant(self, name: str, layout: Layout) -> int:
        constant = self.sites.constants.get(name)
        if constant is None or not constant.fits_int8:
            return self.read(name, layout)
        return self.graph.constant(constant.int8().transpose(layout), name, constant.quant())

    def _in_order(self, name: str, value: Value) -> Value:
        """Bring the values of a flattened image to their places."""
        found = self.graph.tensors[value.tensor]
        indices = self.const(np.argsort(value.order or ()).astype(np.int32))
        gathered = self.add(
            "GATHER",
            [value.tensor, indices],
            found.shape,
            found.dtype,
            found.quant,
            axis=len(found.shape) - 1,
            batchDims=0,
        )
        return Value(gathered, value.layout)


Lower = Callable[[Node, Lowering], None]
"""Lowers one node. Raises UnsupportedError, with the reason, where TFLite has no equal."""

Table = Mapping[str, Lower]
"""Such functions by ONNX operator."""
