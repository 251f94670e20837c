"""Operators and constants appended to a TFLite graph: tensors by number, whatever they hold of ONNX's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.kernels import check_types
from edgeinfer_converters.tflite.layouts import plain, same_order, stored_shape
from edgeinfer_converters.tflite.tensors import Graph, OptionValue, Quant

_COMPUTED_AS = {
    "float16": "float32",
    "float64": "float32",
    "bfloat16": "float32",
    "int8": "int32",
    "uint8": "int32",
    "int16": "int32",
    "uint16": "int32",
    "uint32": "int64",
}


def computed_as(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The element type in which kernels compute what ONNX has in another."""
    return np.dtype(_COMPUTED_AS.get(dtype.name, dtype))


def narrowed(values: Array) -> Array:
    """Constants in the type that kernels compute in. Raises UnsupportedError for what float32 cannot hold."""
    with np.errstate(over="ignore"):
        found = values.astype(computed_as(values.dtype), copy=False)
    if values.dtype == np.float64 and not np.array_equal(np.isfinite(found), np.isfinite(values)):
        raise UnsupportedError("a constant of float64 exceeds what float32 can hold")
    return found


@dataclass
class Writer:
    """A graph that grows. Copies of a tensor in another order of axes or type are made once."""

    graph: Graph
    _copies: dict[tuple[int, str, tuple[int, ...]], int] = field(default_factory=dict, kw_only=True)

    def add(
        self,
        code: str,
        inputs: Sequence[int],
        shape: Sequence[int],
        dtype: str | np.dtype[Any],
        quant: Quant | None = None,
        /,
        **options: OptionValue,
    ) -> int:
        """Append an operator of one result; returns the result's number.

        Raises UnsupportedError where the kernel does not compute with the type of the first operand.
        """
        first = self.graph.tensors[inputs[0]]
        check_types(code, first.dtype, quantized=first.quant is not None)
        name = np.dtype(dtype).name
        result = self.graph.tensor(f"{code.lower()}_{len(self.graph.operators)}", shape, name, quant)
        self.graph.add(code, inputs, [result], **options)
        return result

    def const(self, values: Any, dtype: str | None = None) -> int:
        """A constant of our own, such as a shape or an axis (int32 unless said otherwise)."""
        array = np.asarray(values, dtype or (None if isinstance(values, np.ndarray) else np.int32))
        return self.graph.constant(array, "constant")

    def transpose(self, tensor: int, permutation: Sequence[int]) -> int:
        """A tensor with its axes permuted; a reshape where only axes of length 1 change places."""
        found = self.graph.tensors[tensor]
        order = tuple(permutation)
        if order == plain(len(order)):
            return tensor
        key = (tensor, "TRANSPOSE", order)
        if key not in self._copies:
            shape = stored_shape(found.shape, order)
            if found.data is not None and found.quant is None:
                self._copies[key] = self.graph.constant(found.data.transpose(order), found.name)
            elif same_order(found.shape, plain(len(order)), order):
                self._copies[key] = self.reshape(tensor, shape)
            else:
                self._copies[key] = self.add(
                    "TRANSPOSE", [tensor, self.const(order)], shape, found.dtype, found.quant
                )
        return self._copies[key]

    def reshape(self, tensor: int, shape: Sequence[int]) -> int:
        """A tensor under another shape."""
        found = self.graph.tensors[tensor]
        sides = tuple(int(side) for side in shape)
        if found.shape == sides:
            return tensor
        if found.data is not None and found.quant is None:
            return self.graph.constant(found.data.reshape(sides), found.name)
        inputs = [tensor, self.const(sides or np.zeros(0, np.int32))]
        return self.add("RESHAPE", inputs, sides, found.dtype, found.quant, newShape=sides)

    def reshape_anew(self, tensor: int) -> int:
        """A copy of a tensor."""
        found = self.graph.tensors[tensor]
        inputs = [tensor, self.const(found.shape or np.zeros(0, np.int32))]
        return self.add("RESHAPE", inputs, found.shape, found.dtype, found.quant, newShape=found.shape)

    def cast(self, tensor: int, dtype: str | np.dtype[Any]) -> int:
        """A tensor in another element type."""
        found, name = self.graph.tensors[tensor], np.dtype(dtype).name
        if found.dtype == name:
            return tensor
        if found.data is not None:
            with np.errstate(all="ignore"):
                return self.graph.constant(found.data.astype(name), found.name)
        key = (tensor, f"CAST {name}", ())
        if key not in self._copies:
            self._copies[key] = self.add("CAST", [tensor], found.shape, name)
        return self._copies[key]

    def requantize(self, tensor: int, quant: Quant) -> int:
        """An 8-bit tensor at another scale; floats become integers."""
        found = self.graph.tensors[tensor]
        if found.quant == quant:
            return tensor
        return self.add("QUANTIZE", [tensor], found.shape, "int8", quant)

    def real(self, tensor: int) -> int:
        """A tensor's values in the type that they are computed in: float32 if it is quantized."""
        found = self.graph.tensors[tensor]
        if found.quant is None:
            return self.cast(tensor, computed_as(np.dtype(found.dtype)))
        key = (tensor, "DEQUANTIZE", ())
        if key not in self._copies:
            self._copies[key] = self.add("DEQUANTIZE", [tensor], found.shape, "float32")
        return self._copies[key]
