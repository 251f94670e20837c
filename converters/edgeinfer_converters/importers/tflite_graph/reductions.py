"""Reductions: sums, means, extremes over axes, and the places of extremes."""

from __future__ import annotations

from collections.abc import Callable

from onnx import TensorProto

from edgeinfer_converters.importers.tflite_graph.layouts import prefers_planes
from edgeinfer_converters.importers.tflite_graph.parts import NoEqualError
from edgeinfer_converters.importers.tflite_graph.step import Step, moved

Convert = Callable[[Step], None]
_PICTURE = [1, 2]
"""The axes of height and width in rows."""


def reduction(kind: str) -> Convert:
    """A reduction that ONNX has under this name. Of opset 13, ReduceSum alone takes the axes as an input."""

    def convert(step: Step) -> None:
        axes, keep = _axes(step), step.options.flag("keepDims")
        planes = prefers_planes(step, 0) and keep
        name = _reduce(step, kind, step.read(0, planes=planes), axes, keep=keep, planes=planes)
        step.write(name, planes=planes)

    return convert


def mean(step: Step) -> None:
    """The mean over axes; over height and width it is a pooling, for which there are integer kernels."""
    if _axes(step) != _PICTURE or step.tensor(0).rank != 4 or not step.tensor(0).kind.startswith("FLOAT"):
        reduction("ReduceMean")(step)
        return
    name = step.emit("GlobalAveragePool", step.planes(0))
    if step.options.flag("keepDims"):
        step.write(name, planes=True)
    else:
        step.write(step.emit("Flatten", name, axis=1))


def reduce_any(step: Step) -> None:
    """Whether any is true."""
    _reduce_truth(step, "ReduceMax")


def reduce_all(step: Step) -> None:
    """Whether all are true."""
    _reduce_truth(step, "ReduceMin")


def extreme_place(kind: str) -> Convert:
    """ArgMax or ArgMin over one axis, the first place where there are several."""

    def convert(step: Step) -> None:
        axis = step.tensor(0).axis(step.whole(1, "axis"))
        name = step.emit(kind, step.rows(0), axis=axis, keepdims=0)
        step.write(_as_indices(step, name))

    return convert


def top_k(step: Step) -> None:
    """The largest along the last axis, and their places."""
    count = step.constant([step.whole(1, "count")])
    values, places = step.emit_all("TopK", 2, step.rows(0), count, axis=-1, largest=1, sorted=1)
    step.write(values)
    step.write(_as_indices(step, places, 1), 1)


def cumsum(step: Step) -> None:
    """Sums of all before along an axis."""
    axis = step.constant(step.tensor(0).axis(step.whole(1, "axis")))
    flags = {name: step.options.whole(name) for name in ("exclusive", "reverse")}
    step.write(step.emit("CumSum", step.rows(0), axis, **flags))


def _axes(step: Step) -> list[int]:
    """Sorted, each once, counted from the front."""
    return sorted({step.tensor(0).axis(axis) for axis in step.wholes(1, "axes")})


def _reduce(step: Step, kind: str, name: str, axes: list[int], *, keep: bool, planes: bool) -> str:
    places = sorted(moved(axis, planes=planes) for axis in axes)
    if not places:  # ONNX would take none for all
        return step.emit("Identity", name)
    if kind == "ReduceSum":
        return step.emit(kind, name, step.constant(places), keepdims=int(keep))
    return step.emit(kind, name, axes=places, keepdims=int(keep))


def _reduce_truth(step: Step, kind: str) -> None:
    number = step.emit("Cast", step.rows(0), to=TensorProto.INT32)
    keep = step.options.flag("keepDims")
    reduced = _reduce(step, kind, number, _axes(step), keep=keep, planes=False)
    step.write(step.emit("Cast", reduced, to=TensorProto.BOOL))


def _as_indices(step: Step, name: str, place: int = 0) -> str:
    """ONNX's indices are int64; TFLite's are what the output says."""
    kind = step.out(place).kind
    if kind not in ("INT32", "INT64"):
        raise NoEqualError(f"its indices are {kind.lower()}")
    return step.emit("Cast", name, to=TensorProto.INT32) if kind == "INT32" else name
