"""Other shapes for the same numbers, and repeated numbers."""

from __future__ import annotations

import math

import numpy as np
from onnx import TensorProto

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.assembly import numpy_type
from edgeinfer_converters.importers.tflite_graph.parts import OPEN, NoEqualError
from edgeinfer_converters.importers.tflite_graph.step import Step

MAX_ELEMENTS = 2**28
"""Of a tensor that repeats a constant: the graph's clean-up computes it."""


def reshape(step: Step) -> None:
    """The numbers in another shape; -1 is what is left."""
    source = _flat_source(step)
    step.write(step.emit("Reshape", source, _new_shape(step)))


def squeeze(step: Step) -> None:
    """Without the named axes of size 1, or without all of them."""
    tensor = step.tensor(0)
    named = step.options.wholes("squeezeDims") or ()
    axes = {tensor.axis(axis) for axis in named}
    if not axes:
        axes = {axis for axis, side in enumerate(tensor.static) if side == 1}
    if not axes:
        step.write(step.rows(0))
        return
    step.write(step.emit("Squeeze", step.rows(0), step.constant(sorted(axes))))


def expand_dims(step: Step) -> None:
    """With one more axis of size 1."""
    axis = step.out().axis(step.whole(1, "axis"))
    step.write(step.emit("Unsqueeze", step.rows(0), step.constant([axis])))


def transpose(step: Step) -> None:
    """Axis i of the result is axis perm[i]."""
    tensor = step.tensor(0)
    order = [tensor.axis(axis) for axis in step.wholes(1, "permutation")]
    if sorted(order) != list(range(tensor.rank)):
        raise ModelError(f"{step.where}: {order} is no order of {tensor.rank} axes")
    step.write(step.emit("Transpose", step.rows(0), perm=order))


def shape(step: Step) -> None:
    """The sizes of a tensor: a constant where all are fixed."""
    tensor, kind = step.tensor(0), step.out().kind
    if kind not in ("INT32", "INT64"):
        raise NoEqualError(f"its sizes are {kind.lower()}")
    if OPEN not in tensor.shape:
        step.fold(np.array(tensor.shape, kind.lower()))
        return
    name = step.emit("Shape", step.rows(0))
    step.write(step.emit("Cast", name, to=TensorProto.INT32) if kind == "INT32" else name)


def rank(step: Step) -> None:
    """The number of axes."""
    step.fold(np.array(step.tensor(0).rank, np.int32))


def tile(step: Step) -> None:
    """Repeated along each axis."""
    step.write(step.emit("Tile", step.rows(0), counts(step, 1, of=step.tensor(0).static)))


def broadcast_to(step: Step) -> None:
    """Repeated along axes of size 1 up to a shape."""
    step.write(step.emit("Expand", step.rows(0), counts(step, 1)))


def fill(step: Step) -> None:
    """One number in every place."""
    step.write(step.emit("Expand", step.rows(1), counts(step, 0)))


def zeros_like(step: Step) -> None:
    """Zero in every place."""
    zero = step.constant(0, numpy_type(step.out()).name)
    step.write(step.emit("Expand", zero, step.emit("Shape", step.rows(0))))


def counts(step: Step, place: int, *, of: tuple[int, ...] = ()) -> str:
    """An input of sizes as int64; `of`: the shape that they multiply.

    Raises ModelError for more elements than MAX_ELEMENTS.
    """
    value = step.known(place)
    if value is None:
        return step.emit("Cast", step.rows(place), to=TensorProto.INT64)
    sizes = step.wholes(place, "shape")
    if any(size < 0 for size in sizes) or math.prod(sizes) * math.prod(of) > MAX_ELEMENTS:
        raise ModelError(f"{step.where}: {sizes} is no shape, or one of more than {MAX_ELEMENTS} elements")
    return step.constant(sizes)


def _flat_source(step: Step) -> str:
    """The input in rows, or in planes where the numbers lie in the same order."""
    tensor = step.tensor(0)
    if step.in_planes(0) and (tensor.shape[1:3] == (1, 1) or tensor.shape[3] == 1):
        return step.planes(0)
    return step.rows(0)


def _new_shape(step: Step) -> str:
    if step.has(1) and step.known(1) is None:
        return step.emit("Cast", step.rows(1), to=TensorProto.INT64)
    sizes = step.wholes(1, "shape") if step.has(1) else list(step.options.wholes("newShape") or ())
    if 0 in sizes and 0 not in step.tensor(0).static:
        raise ModelError(f"{step.where}: {sizes} is no shape for {list(step.tensor(0).shape)}")
    return step.constant(sizes)
