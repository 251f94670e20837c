"""From a float graph and samples to an int8 model: the steps of post-training quantization in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice

import onnx

from edgeinfer.frames import Array
from edgeinfer.profile import Integer
from edgeinfer_converters.calibrate import observe, stream
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.rows import as_rows
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import activation_form
from edgeinfer_converters.quantize.equalize import ChannelRanges, equalize, equalized_tensors
from edgeinfer_converters.quantize.gates import gate_tensors, open_gates
from edgeinfer_converters.quantize.noise import noise_meter
from edgeinfer_converters.quantize.placement import place
from edgeinfer_converters.quantize.ranges import Ranges
from edgeinfer_converters.quantize.residual import choose_streams, find_streams
from edgeinfer_converters.quantize.scales import choose_scales
from edgeinfer_converters.quantize.sequential import MAX_SAMPLES, correct_biases
from edgeinfer_converters.quantize.static import quantize_int8

NOISE_SAMPLES = 8
"""Enough to tell a stream that carries a tenth of the noise from one that carries a hundredth."""

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
    graph: onnx.ModelProto,
    inputs: Inputs,
    count: int,
    integer: Integer,
    progress: Progress,
    *,
    on_cpu: bool = True,
) -> Int8Model:
    """The QDQ model of a prepared float graph, in the integer form that a profile asks for.

    `on_cpu`: it runs on ONNX Runtime's own kernels, and may use what only they are good at.

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
    plan = _widened(equal, ranges, integer, floats, inputs) if on_cpu else _Plan(equal, ranges, floats)
    quantized = quantize_int8(
        plan.graph,
        plan.ranges,
        integer,
        exclude=plan.floats,
        two_part=plan.two_part,
        pad_channels=on_cpu,
    )
    with progress(min(count, MAX_SAMPLES), "correcting biases") as advance:
        return Int8Model(correct_biases(plan.graph, quantized, inputs, count), plan.graph)


@dataclass(frozen=True)
class _Plan:
    """A float graph as it will be quantized, its ranges, and what is special in it."""

    graph: onnx.ModelProto
    ranges: Ranges
    floats: frozenset[str]
    two_part: frozenset[str] = frozenset()


def _widened(
    graph: onnx.ModelProto, ranges: Ranges, integer: Integer, floats: frozenset[str], inputs: Inputs
) -> _Plan:
    """Residual streams in float where they carry much of the noise."""
    view = GraphView(graph)
    placement = place(view, floats)
    if not find_streams(view, placement):
        return _Plan(graph, ranges, floats)
    scales = choose_scales(view, placement, ranges, activation_form(integer), "mse")
    meter = noise_meter(graph, islice(inputs(), NOISE_SAMPLES))
    chosen = choose_streams(graph, placement, scales, meter)
    rows = as_rows(graph, chosen.float_results | chosen.two_part)
    moves = [rows.back[name] for name in chosen.float_results]
    moves += [rows.into[name] for name in chosen.two_part]
    histograms = dict(ranges.histograms)
    histograms |= {name: histograms[of] for name, of in rows.tensors.items() if of in histograms}
    return _Plan(
        rows.model,
        replace(ranges, histograms=histograms),
        floats.union(chosen.adds, *moves),
        chosen.two_part,
    )


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
