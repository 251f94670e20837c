"""Numbers of other types, and numbers that are counted out."""

from __future__ import annotations

import math

import numpy as np
from onnx import TensorProto

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.assembly import element_type, numpy_type
from edgeinfer_converters.importers.tflite_graph.layouts import prefers_planes
from edgeinfer_converters.importers.tflite_graph.parts import NoEqualError
from edgeinfer_converters.importers.tflite_graph.shaping import MAX_ELEMENTS
from edgeinfer_converters.importers.tflite_graph.step import Step

MAX_COUNT = 2**24
"""Elements that RANGE counts out while a model is imported."""


def cast(step: Step) -> None:
    """As another type."""
    planes = prefers_planes(step, 0)
    name = step.emit("Cast", step.read(0, planes=planes), to=element_type(step.out()))
    step.write(name, planes=planes)


def dequantize(step: Step) -> None:
    """float16 weights as float32: the same numbers. Integers with a scale make a model a quantized one."""
    if step.tensor(0).kind != "FLOAT16" or step.out().kind != "FLOAT32":
        raise NoEqualError(f"it makes {step.out().kind.lower()} of {step.tensor(0).kind.lower()}")
    value = step.known(0)
    if value is None:
        step.write(step.emit("Cast", step.rows(0), to=TensorProto.FLOAT))
    else:
        step.fold(value.astype(np.float32))


def counted_out(step: Step) -> None:
    """From start up to limit, by delta."""
    start, limit, delta = (step.array(place, what) for place, what in _RANGE)
    if not start.size == limit.size == delta.size == 1 or not delta.item():
        raise ModelError(f"{step.where}: start, limit and delta must be one number each, and delta not 0")
    length = (limit.item() - start.item()) / delta.item()
    if not -math.inf < length <= MAX_COUNT:
        raise ModelError(f"{step.where} counts out more than {MAX_COUNT} elements")
    value = np.arange(start.item(), limit.item(), delta.item())
    step.fold(value.astype(numpy_type(step.out())))


_RANGE = ((0, "start"), (1, "limit"), (2, "delta"))


def one_hot(step: Step) -> None:
    """`on` at the index, `off` elsewhere, along a new axis; all off for an index that is none."""
    depth = step.whole(1, "depth")
    if not 0 < depth <= MAX_ELEMENTS:
        raise ModelError(f"{step.where} has a depth of {depth}")
    indices = _without_wrapping(step, depth)
    ends = [step.emit("Reshape", step.rows(place), step.constant([1])) for place in (3, 2)]
    values = step.emit("Concat", *ends, axis=0)
    axis = step.options.whole("axis", -1)
    step.write(step.emit("OneHot", indices, step.constant(depth), values, axis=axis))


def _without_wrapping(step: Step, depth: int) -> str:
    """Indices below zero as one that is none: ONNX counts them from the end."""
    indices = step.emit("Cast", step.rows(0), to=TensorProto.INT64)
    below = step.emit("Less", indices, step.constant(0))
    return step.emit("Where", below, step.constant(depth), indices)
