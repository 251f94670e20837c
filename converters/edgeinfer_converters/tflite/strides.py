"""Slices with steps as slices without: STRIDED_SLICE is no operator of XNNPACK, SLICE is one.

Where a step divides an axis, that axis is two, and the slice takes one of the second. LiteRT's own kernel
picks value by value and takes about twenty times as long.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgeinfer_converters.tflite.broadcast import MAX_AXES
from edgeinfer_converters.tflite.layouts import Shape
from edgeinfer_converters.tflite.tensors import Graph, Operator


def without_strides(graph: Graph) -> Graph:
    """The same function; slices that go backwards or end within a step stay. Changes the given graph."""
    graph.operators = [part for operator in graph.operators for part in _parts(graph, operator)]
    return graph


def _parts(graph: Graph, operator: Operator) -> Iterator[Operator]:
    found = _as_phases(graph, operator) if operator.code == "STRIDED_SLICE" else None
    if found is None:
        yield operator
        return
    begin, size, whole = found
    source, result = operator.inputs[0], operator.outputs[0]
    tensor = graph.tensors[result]
    spread = graph.tensor(f"{tensor.name}_spread", whole, tensor.dtype, tensor.quant)
    cut = graph.tensor(f"{tensor.name}_cut", size, tensor.dtype, tensor.quant)
    yield _reshape(graph, source, spread)
    yield Operator("SLICE", [spread, _constant(graph, begin), _constant(graph, size)], [cut])
    yield _reshape(graph, cut, result)


def _as_phases(graph: Graph, operator: Operator) -> tuple[Shape, Shape, Shape] | None:
    """Begin, size and shape of a tensor whose slice without steps holds the same values in their order.

    None where a step does not divide its axis, and for more axes than all kernels take.
    """
    first, steps = (graph.tensors[one].data for one in (operator.inputs[1], operator.inputs[3]))
    if first is None or steps is None:
        return None
    source, result = (graph.tensors[one].shape for one in (operator.inputs[0], operator.outputs[0]))
    parts: list[tuple[int, int, int]] = []
    for side, start, step, count in zip(source, first.tolist(), steps.tolist(), result, strict=True):
        if step != 1 and not (0 <= start < step and step * count == side):
            return None
        for part in [(start, count, side)] if step == 1 else [(0, count, count), (start, 1, step)]:
            _append(parts, *part)
    begin, size, whole = zip(*parts, strict=True)
    return (begin, size, whole) if len(parts) <= MAX_AXES else None


def _append(parts: list[tuple[int, int, int]], begin: int, size: int, whole: int) -> None:
    """Add an axis; one that is taken as a whole becomes part of the axis before it."""
    if parts and size == whole:
        begin, size, whole = (one * whole for one in parts.pop())
    parts.append((begin, size, whole))


def _reshape(graph: Graph, source: int, result: int) -> Operator:
    shape = graph.tensors[result].shape
    return Operator("RESHAPE", [source, _constant(graph, shape)], [result], {"newShape": shape})


def _constant(graph: Graph, values: Shape) -> int:
    return graph.constant(np.array(values, np.int32), "constant")
