"""Refining a quantized model layer by layer: each bias is corrected with the layers before it as they are.

The float model and the QDQ model advance side by side, from product to product; samples wait at the cut
between them, as many as fit into MEMORY_BYTES. Further on, where tensors are smaller, more samples are run
from the beginning, so that each sample runs through the whole graph a few times at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import onnx
from onnx import numpy_helper

from edgeinfer.frames import Array
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.weights import outlined
from edgeinfer_converters.quantize.activations import activation_behind
from edgeinfer_converters.quantize.bias import Floats, Shift, correction, measure_shift
from edgeinfer_converters.quantize.operators import PRODUCTS, bias_input
from edgeinfer_converters.quantize.segments import (
    Cut,
    PlainConstants,
    Runner,
    Values,
    needed_behind,
    with_plain_constants,
)
from edgeinfer_converters.quantize.two_part import result_of

MEMORY_BYTES = 32_000_000
MAX_SAMPLES = 128
_WORTHWHILE = 4
"""Samples are added when as many times more of them fit."""

Samples = Callable[[], Iterable[Mapping[str, Array]]]


def correct_biases(
    reference: onnx.ModelProto, quantized: onnx.ModelProto, samples: Samples, count: int
) -> onnx.ModelProto:
    """The QDQ model with int32 biases such that the products' mean outputs are those of the float model.

    `quantized` was made from `reference` and has its node names. `samples` yields the same `count` inputs
    each time. Products without a bias, or with one that another node shares, stay as they are.
    """
    corrected = onnx.ModelProto()
    corrected.CopyFrom(quantized)
    names = _correctable(reference, quantized)
    pair = _Pair(reference, quantized, samples, min(count, MAX_SAMPLES))
    constants = {tensor.name: tensor for tensor in corrected.graph.initializer}
    for name in names:
        pair.advance_to(name)
        change = correction(pair.shifts(name))
        stored, applied = _changed_bias(corrected, constants, name, change)
        constants[stored.name].CopyFrom(stored)
        pair.shift(name, applied)
    return corrected


def _correctable(reference: onnx.ModelProto, quantized: onnx.ModelProto) -> list[str]:
    """Names of the products whose bias can be changed alone, in topological order."""
    dequantized = _dequantizers(quantized)
    kept = {node.name for node in reference.graph.node}
    biases = [
        (node.name, dequantized[node.input[2]].input[0])
        for node in quantized.graph.node
        if node.op_type in PRODUCTS and node.name in kept and bias_input(node) in dequantized
    ]
    stored = [name for _, name in biases]
    return [node for node, name in biases if stored.count(name) == 1]


def _dequantizers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    constants = {tensor.name for tensor in model.graph.initializer}
    return {
        node.output[0]: node
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in constants
    }


def _changed_bias(
    model: onnx.ModelProto, constants: Mapping[str, onnx.TensorProto], name: str, change: Floats
) -> tuple[onnx.TensorProto, Floats]:
    """The stored bias with the change in it, and the change that this really makes."""
    node = next(one for one in model.graph.node if one.name == name)
    source, scale_name = _dequantizers(model)[node.input[2]].input[:2]
    stored = numpy_helper.to_array(constants[source]).astype(np.int64)
    scale = numpy_helper.to_array(constants[scale_name]).astype(np.float64)
    info = np.iinfo(np.int32)
    new = np.clip(stored + np.rint(change / scale), info.min, info.max).astype(np.int32)
    return numpy_helper.from_array(new, source), (new - stored) * scale


@dataclass
class _Half:
    """One of the two models in outlines, its constants, and its samples waiting behind node `position`."""

    model: onnx.ModelProto
    constants: Mapping[str, onnx.TensorProto]
    changed: dict[str, onnx.TensorProto] = field(default_factory=dict)
    position: int = 0

    def constant(self, name: str) -> onnx.TensorProto:
        """What has changed, or else what there was."""
        return self.changed[name] if name in self.changed else self.constants[name]

    def runner(self, start: int, end: int) -> Runner:
        """What runs the nodes from `start` to `end`, the latter not included."""
        return Cut(self.model, start, end, constants=self.constant).runner()

    def index(self, name: str) -> int:
        return next(index for index, node in enumerate(self.model.graph.node) if node.name == name)

    def result(self, name: str) -> str:
        """The tensor that holds a product's result."""
        return result_of(self.model.graph.node[self.index(name)], GraphView(self.model))

    def end(self, name: str) -> int:
        """The position behind the node that makes a product's result."""
        result = self.result(name)
        nodes = self.model.graph.node
        return 1 + next(index for index, node in enumerate(nodes) if result in node.output)


class _Pair:
    def __init__(
        self, reference: onnx.ModelProto, quantized: onnx.ModelProto, samples: Samples, count: int
    ) -> None:
        stored = {tensor.name: tensor for tensor in reference.graph.initializer}
        self._halves = (
            _Half(infer_shapes(outlined(reference)), stored),
            _Half(infer_shapes(with_plain_constants(quantized)), PlainConstants(quantized)),
        )
        self._sizes = [_sizes(half.model) for half in self._halves]
        self._view = GraphView(self._halves[0].model)
        self._samples = samples
        self._count = count
        self._waiting: list[list[Values]] = []

    def advance_to(self, name: str) -> None:
        """Run both models up to the node `name`, it included."""
        ends = [half.end(name) for half in self._halves]
        fitting = self._fitting(ends)
        if (
            not self._waiting
            or fitting >= _WORTHWHILE * len(self._waiting)
            or (fitting == self._count > len(self._waiting))
        ):
            self._fill(ends, fitting)
        else:
            self._waiting = self._waiting[:fitting]
            self._run(ends)
        for half, end in zip(self._halves, ends, strict=True):
            half.position = end

    def shifts(self, name: str) -> Sequence[Shift]:
        """What is wrong with the node's output, by sample."""
        float_half = self._halves[0]
        axis = -1 if float_half.model.graph.node[float_half.index(name)].op_type == "MatMul" else 1
        outputs = [half.result(name) for half in self._halves]
        activation = activation_behind(self._view, outputs[0])
        return [
            measure_shift(wanted[outputs[0]], found[outputs[1]], activation, axis)
            for wanted, found in self._waiting
        ]

    def shift(self, name: str, change: Floats) -> None:
        """Bring the quantized model and what waits behind the node up to date with a changed bias."""
        half = self._halves[1]
        output, node = half.result(name), half.model.graph.node[half.index(name)]
        bias = numpy_helper.to_array(half.constant(node.input[2]))
        half.changed[node.input[2]] = numpy_helper.from_array(
            (bias + change).astype(np.float32), node.input[2]
        )
        for _, values in self._waiting:
            array = values[output]
            values[output] = array + change.astype(np.float32).reshape(-1, *(1,) * (array.ndim - 2))

    def _fitting(self, ends: Sequence[int]) -> int:
        """How many samples may wait at most on the way to `ends`."""
        size = 1
        for half, sizes, end in zip(self._halves, self._sizes, ends, strict=True):
            size += max(
                _waiting_bytes(half.model, sizes, half.position), _waiting_bytes(half.model, sizes, end)
            )
        return int(np.clip(MEMORY_BYTES // size, 2, self._count))

    def _fill(self, ends: Sequence[int], count: int) -> None:
        runners = [half.runner(0, end) for half, end in zip(self._halves, ends, strict=True)]
        needed = self._needed(ends)
        self._waiting = [
            [_kept(names, dict(one), runner) for names, runner in zip(needed, runners, strict=True)]
            for one in islice(self._samples(), count)
        ]

    def _run(self, ends: Sequence[int]) -> None:
        for side, half in enumerate(self._halves):
            runner = half.runner(half.position, ends[side])
            needed = self._needed(ends)[side]
            for pair in self._waiting:
                pair[side] = _kept(needed, pair[side], runner)

    def _needed(self, ends: Sequence[int]) -> list[frozenset[str]]:
        """What waits behind `ends` in each half: what is still read, and the last node's results."""
        return [
            needed_behind(half.model, end) | frozenset(half.model.graph.node[end - 1].output)
            for half, end in zip(self._halves, ends, strict=True)
        ]


def _kept(names: frozenset[str], values: Values, runner: Runner) -> Values:
    """What of the values and the piece's results waits; copies of the latter, as theirs is the runtime's
    memory, which comes in larger parts."""
    made = runner.run(values)
    kept = {name: array for name, array in values.items() if name in names}
    return kept | {name: array.copy() for name, array in made.items() if name in names}


def _sizes(model: onnx.ModelProto) -> Mapping[str, int]:
    """Bytes of each tensor; integers count as one, everything else as four a value."""
    view = GraphView(model)
    return {
        name: int(np.prod([max(dim, 1) for dim in shape])) * (4 if name in view.floats else 1)
        for name, shape in view.shapes.items()
        if name not in view.initializers
    }


def _waiting_bytes(model: onnx.ModelProto, sizes: Mapping[str, int], position: int) -> int:
    if not position:
        return 0
    before = {name for node in model.graph.node[:position] for name in node.output}
    before.update(value.name for value in model.graph.input)
    needed = needed_behind(model, position) | set(model.graph.node[position - 1].output)
    return sum(sizes.get(name, 0) for name in needed & before)
