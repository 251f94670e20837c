"""An ONNX node with its attributes by type."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import onnx
from onnx import helper

from edgeinfer_converters.tflite.faults import UnsupportedError


@dataclass(frozen=True)
class Node:
    """A node of the standard domain, as the functions that lower it want it."""

    proto: onnx.NodeProto
    opset: int

    @property
    def kind(self) -> str:
        """The operator's name."""
        return str(self.proto.op_type)

    @property
    def name(self) -> str:
        """The node's name, or its first output's."""
        return str(self.proto.name or self.outputs[0])

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs; empty for one that is left out."""
        return tuple(self.proto.input)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs; empty for one that is left out."""
        return tuple(self.proto.output)

    def input(self, index: int) -> str:
        """The name of an input, empty where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def has(self, name: str) -> bool:
        """Whether an attribute is given."""
        return name in self._attributes

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        return int(self._attributes[name].i) if name in self._attributes else default

    def real(self, name: str, default: float) -> float:
        """A float attribute."""
        return float(self._attributes[name].f) if name in self._attributes else default

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        return self._attributes[name].s.decode() if name in self._attributes else default

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of strings."""
        found = self._attributes.get(name)
        return default if found is None else tuple(one.decode() for one in found.strings)

    def integers(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """A list of integers."""
        found = self._attributes.get(name)
        return default if found is None else tuple(int(one) for one in found.ints)

    def reals(self, name: str, default: tuple[float, ...] = ()) -> tuple[float, ...]:
        """A list of numbers."""
        found = self._attributes.get(name)
        return default if found is None else tuple(float(one) for one in found.floats)

    def tensor(self, name: str) -> onnx.TensorProto | None:
        """A tensor as an attribute, None where it is not given."""
        found = self._attributes.get(name)
        return None if found is None else found.t

    def refuse(self, *names: str) -> None:
        """Raises UnsupportedError if one of the attributes is given and not zero or empty."""
        for name in names:
            if name in self._attributes and helper.get_attribute_value(self._attributes[name]):
                raise UnsupportedError(f"its attribute `{name}` has no equal")

    @cached_property
    def _attributes(self) -> dict[str, onnx.AttributeProto]:
        return {one.name: one for one in self.proto.attribute}
