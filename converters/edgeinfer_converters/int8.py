"""From a float graph and samples to an int8 model: the steps of post-training quantization in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import onnx

from edgeinfer.frames import Array
from edgeinfer.profile import Integer
from edgeinfer_converters.calibrate import observe, stream
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.equalize import ChannelRanges, equalize, equalized_tensors
from edgeinfer_converters.quantize.gates import gate_tensors, open_gates
from edgeinfer_converters.quantize.sequential import MAX_SAMPLES, correct_biases
from edgeinfer_converters.quantize.static import quantize_int8

Inputs = Callable[[], Iterable[Mapping[str, Array]]]
"""The calibration samples, each time from the beginning."""

Progress = Callable[[int, str], AbstractContextManager[Callable[[int], None]]]
"""Given the number of samples and the name of a step: a context with a function that counts them."""


@dataclass(frozen=True)
class Int8Model:
    """A quantized graph, and the float graph of the same function whose tensors its own stand for."""

    quantized: onnx.ModelProto
    twin: onnx.ModelProto


def to_int8(
    graph: onnx.ModelProto, inputs: Inputs, count: int, integer: Integer, progress: Progress
) -> Int8Model:
    """The QDQ model of a prepared float graph, in the integer form that a profile asks for.

    `inputs` yields the same `count` samples each time; they run through the graph about four times. The
    same samples give the same bytes, on any number of threads.
    Raises DataError for samples that do not fit, ModelError for a graph that cannot be quantized.
    """
    with_biases = onnx.ModelProto()
    with_biases.CopyFrom(graph)
    add_biases(with_biases)
    equal, floats = _equalized(with_biases, inputs, count, progress)
    with progress(count, "calibrating") as advance:
        ranges = observe(equal, inputs(), total=count, progress=advance, grams=True)
    quantized = quantize_int8(equal, ranges, integer, exclude=floats)
    with progress(min(count, MAX_SAMPLES), "correcting biases") as advance:
        return Int8Model(correct_biases(equal, quantized, inputs, count), equal)


def _equalized(
    graph: onnx.ModelProto, inputs: Inputs, count: int, progress: Progress
) -> tuple[onnx.ModelProto, frozenset[str]]:
    """A graph of the same function with channels more alike, and the operators that must stay float."""
    view = GraphView(graph)
    names = tuple(dict.fromkeys((*equalized_tensors(view), *gate_tensors(view))))
    if not names:
        return graph, frozenset()
    ranges = ChannelRanges(names)
    with progress(count, "equalizing channels") as advance:
        for values in stream(graph, names, inputs(), total=count):
            ranges.update(values)
            advance(1)
    opened, floats = open_gates(equalize(graph, ranges.result()), ranges.result())
    return infer_shapes(opened), floats
