"""One operator on its way into the ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.importers.tflite_graph.assembly import TO_PLANES, Assembly
from edgeinfer_converters.importers.tflite_graph.parts import OPEN, NoEqualError, Operator, Options, Tensor


@dataclass
class Step:
    """What the function of an operator works with: its inputs, its options, and a place for its nodes.

    Names are those of ONNX values. Everything that reads an input raises ModelError where it is left out.
    """

    assembly: Assembly
    operator: Operator
    _mine: list[onnx.NodeProto] = field(default_factory=list)

    @property
    def options(self) -> Options:
        return self.operator.options

    def has(self, place: int) -> bool:
        """Whether the optional input is there."""
        return place < len(self.operator.inputs) and self.operator.inputs[place] != OPEN

    def tensor(self, place: int) -> Tensor:
        """An input."""
        return self.assembly.tensor(self._index(place))

    def out(self, place: int = 0) -> Tensor:
        """An output."""
        return self.assembly.tensor(self._output(place))

    def stored(self, value: Array, place: int, what: str) -> str:
        """The name of a constant that an input becomes, under that of the input and `what` it is."""
        return self.assembly.constant(value, f"{self.assembly.name(self._index(place))}/{what}")

    def rows(self, place: int) -> str:
        """The name of an input in TFLite's layout."""
        return self.assembly.rows(self._index(place))

    def planes(self, place: int) -> str:
        """The name of an input of rank 4 in NCHW; of a constant of lower rank as if broadcast to 4."""
        tensor = self.tensor(place)
        if tensor.rank > 4:
            raise ModelError(f"{self.where}: `{tensor.name}` has rank {tensor.rank}, not 4")
        return self.assembly.planes(self._index(place))

    def read(self, place: int, *, planes: bool) -> str:
        """The name of an input in one layout or the other."""
        return self.planes(place) if planes else self.rows(place)

    def in_planes(self, place: int) -> bool:
        """Whether an input was written in planes."""
        return self.assembly.in_planes(self._index(place))

    def known(self, place: int) -> Array | None:
        """The value of a constant input; None for one that is computed or left out."""
        return self.assembly.array(self._index(place)) if self.has(place) else None

    def array(self, place: int, what: str) -> Array:
        """The value of an input. Raises NoEqualError, with `what` it is, unless it is constant."""
        self._index(place)
        value = self.known(place)
        if value is None:
            raise NoEqualError(f"it is given its {what} only while the model runs")
        return value

    def wholes(self, place: int, what: str) -> list[int]:
        """The integers of a constant input of any rank."""
        value = self.array(place, what)
        if value.dtype.kind not in "iu":
            raise ModelError(f"{self.where}: its {what} is {value.dtype}, not integers")
        return [int(one) for one in value.reshape(-1)]

    def whole(self, place: int, what: str) -> int:
        """The integer of a constant input that holds one."""
        found = self.wholes(place, what)
        if len(found) != 1:
            raise ModelError(f"{self.where}: its {what} is {len(found)} numbers, not one")
        return found[0]

    def constant(self, values: Any, dtype: str = "int64") -> str:
        """The name of a constant with these values. Raises ModelError for integers that are too large."""
        try:
            value = np.asarray(values, dtype)
        except OverflowError as error:
            raise ModelError(f"{self.where} leads to numbers beyond 64 bits: {values}") from error
        return self.assembly.constant(value, self._wish("constant"))

    def emit(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output; its name."""
        return self.emit_all(kind, 1, *inputs, **attributes)[0]

    def emit_all(self, kind: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """A node with several outputs; their names."""
        outputs = [self.assembly.unique(self._wish(kind.lower())) for _ in range(count)]
        self.assembly.add(kind, inputs, outputs, **attributes)
        self._mine.append(self.assembly.nodes[-1])
        return outputs

    def write(self, name: str, place: int = 0, *, planes: bool = False) -> None:
        """Let a value be an output, under the output's name."""
        final = self.assembly.write(self._output(place), planes=planes)
        made = [node for node in self._mine if name in node.output]
        if not made:
            self.assembly.add("Identity", [name], [final])
            return
        for node in self._mine:
            _rename(node, name, final)

    def fold(self, value: Array) -> None:
        """Let the output be a constant."""
        self.assembly.fold(self._output(0), value)

    @property
    def where(self) -> str:
        """The operator, for messages."""
        return f"operator {self.operator.number} ({self.operator.kind})"

    def _wish(self, what: str) -> str:
        return f"{self.assembly.name(self._output(0))}/{what}"

    def _index(self, place: int) -> int:
        if not self.has(place):
            raise ModelError(f"{self.where} has no input {place}")
        return self.operator.inputs[place]

    def _output(self, place: int) -> int:
        if place >= len(self.operator.outputs):
            raise ModelError(f"{self.where} has no output {place}")
        return self.operator.outputs[place]


def permuted(values: Sequence[int], *, planes: bool) -> list[int]:
    """Numbers by axis of a tensor in rows, in the order of the layout."""
    return [values[axis] for axis in TO_PLANES] if planes else list(values)


def moved(axis: int, *, planes: bool) -> int:
    """Where an axis of a tensor in rows, counted from the front, lies in the layout."""
    return TO_PLANES.index(axis) if planes else axis


def _rename(node: onnx.NodeProto, old: str, new: str) -> None:
    for names in (node.input, node.output):
        for place, name in enumerate(names):
            if name == old:
                names[place] = new
    if new in node.output:
        node.name = node.output[0]
