"""Parts of tensors: slices, pieces and gathered elements."""

from __future__ import annotations

from dataclasses import dataclass, field

from onnx import TensorProto

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.layouts import prefers_planes
from edgeinfer_converters.importers.tflite_graph.parts import NoEqualError
from edgeinfer_converters.importers.tflite_graph.step import Step, moved

END = 2**31 - 1
"""Behind the last element, however many there are; -END lies before the first."""


def cut(step: Step) -> None:
    """From `begin` on, `size` elements of each axis, -1 for all that are left."""
    rank = step.tensor(0).rank
    begins, sizes = step.wholes(1, "begin"), step.wholes(2, "size")
    if len(begins) != rank or len(sizes) != rank or min((*begins, 0)) < 0 or min((*sizes, 0)) < -1:
        raise ModelError(f"{step.where}: {begins} and {sizes} do not fit a tensor of rank {rank}")
    ends = [END if size == -1 else begin + size for begin, size in zip(begins, sizes, strict=True)]
    planes = prefers_planes(step, 0)
    axes = step.constant([moved(axis, planes=planes) for axis in range(rank)])
    bounds = step.constant(begins), step.constant(ends)
    step.write(step.emit("Slice", step.read(0, planes=planes), *bounds, axes), planes=planes)


@dataclass
class _Cuts:
    """A strided slice, taken apart."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    axes: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    added: list[int] = field(default_factory=list)

    def add(self, axis: int, start: int, end: int, stride: int) -> None:
        self.axes.append(axis)
        self.starts.append(start)
        self.ends.append(end)
        self.steps.append(stride)


def strided_slice(step: Step) -> None:
    """begin:end:stride of each axis, with the masks of numpy's notation: ellipsis, new axis, one element."""
    cuts = _cuts(step)
    plain = not cuts.dropped and not cuts.added
    planes = plain and prefers_planes(step, 0)
    name = step.read(0, planes=planes)
    if cuts.axes:
        axes = [moved(axis, planes=planes) for axis in cuts.axes]
        name = step.emit("Slice", name, *map(step.constant, (cuts.starts, cuts.ends, axes, cuts.steps)))
    if cuts.dropped:
        name = step.emit("Squeeze", name, step.constant(cuts.dropped))
    if cuts.added:
        name = step.emit("Unsqueeze", name, step.constant(cuts.added))
    step.write(name, planes=planes)


def _cuts(step: Step) -> _Cuts:
    begins, ends, strides = (step.wholes(place, what) for place, what in _PARTS)
    if not len(begins) == len(ends) == len(strides) or 0 in strides:
        raise ModelError(f"{step.where}: {begins}, {ends} and {strides} do not fit each other")
    cuts, axis, place, rank = _Cuts(), 0, 0, step.tensor(0).rank
    for index, bounds in enumerate(zip(begins, ends, strides, strict=True)):
        if _masked(step, "ellipsisMask", index):
            rest = len(begins) - index - 1
            fresh = sum(_masked(step, "newAxisMask", later) for later in range(index + 1, len(begins)))
            width = max(rank - axis - (rest - fresh), 0)
            axis, place = axis + width, place + width
        elif _masked(step, "newAxisMask", index):
            cuts.added.append(place)
            place += 1
        elif axis >= rank:
            raise ModelError(f"{step.where}: more bounds than its input has axes ({rank})")
        else:
            dropped = _cut_axis(step, cuts, index, axis, *bounds)
            axis, place = axis + 1, place + (not dropped)
    return cuts


_PARTS = ((1, "begin"), (2, "end"), (3, "strides"))


def _cut_axis(step: Step, cuts: _Cuts, index: int, axis: int, begin: int, end: int, stride: int) -> bool:
    """Take the part of one axis; whether the axis goes, since it is one element."""
    if _masked(step, "shrinkAxisMask", index):
        if _masked(step, "beginMask", index):  # LiteRT heeds both
            begin = 0 if stride > 0 else -1
        cuts.add(axis, begin, END if begin == -1 else begin + 1, 1)
        cuts.dropped.append(axis)
        return True
    if step.options.flag("offset"):
        end += begin
    if _masked(step, "beginMask", index):
        begin = 0 if stride > 0 else END
    if _masked(step, "endMask", index):
        end = END if stride > 0 else -END
    cuts.add(axis, begin, end, stride)
    return False


def _masked(step: Step, mask: str, index: int) -> bool:
    return bool(step.options.whole(mask) >> index & 1)


def reverse(step: Step) -> None:
    """Axes from the end to the front."""
    tensor = step.tensor(0)
    planes = prefers_planes(step, 0)
    axes = sorted({moved(tensor.axis(axis), planes=planes) for axis in step.wholes(1, "axes")})
    count = len(axes)
    bounds = (step.constant(one) for one in ([END] * count, [-END] * count, axes, [-1] * count))
    step.write(step.emit("Slice", step.read(0, planes=planes), *bounds), planes=planes)


def split(step: Step) -> None:
    """Equal pieces along an axis."""
    axis, count = step.tensor(1).axis(step.whole(0, "axis")), len(step.operator.outputs)
    side = step.tensor(1).size(axis)
    if not count or side % count:
        raise ModelError(f"{step.where}: {side} elements cannot be split into {count} equal pieces")
    _split(step, 1, axis, [side // count] * count)


def split_v(step: Step) -> None:
    """Pieces of given sizes along an axis, -1 for what the others leave."""
    axis, sizes = step.tensor(0).axis(step.whole(2, "axis")), step.wholes(1, "sizes")
    side = step.tensor(0).size(axis)
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = side - sum(size for size in sizes if size != -1)
    if min(sizes, default=-1) < 0 or sum(sizes) != side or len(sizes) != len(step.operator.outputs):
        raise ModelError(f"{step.where}: {side} elements cannot be split into {sizes}")
    _split(step, 0, axis, sizes)


def unpack(step: Step) -> None:
    """The elements of an axis, each a tensor without it."""
    tensor, count = step.tensor(0), len(step.operator.outputs)
    axis = tensor.axis(step.options.whole("axis"))
    if not count or tensor.size(axis) != count:
        raise ModelError(f"{step.where}: {tensor.size(axis)} elements for {count} outputs")
    pieces = step.emit_all("Split", count, step.rows(0), step.constant([1] * count), axis=axis)
    for place, piece in enumerate(pieces):
        step.write(step.emit("Squeeze", piece, step.constant([axis])), place)


def gather(step: Step) -> None:
    """The elements of an axis that the indices name; with the same place of both in the first axes."""
    axis = step.tensor(0).axis(step.options.whole("axis"))
    batch = step.options.whole("batchDims")
    if not batch:
        step.write(step.emit("Gather", step.rows(0), step.rows(1), axis=axis))
        return
    if batch < 0 or batch != axis:
        raise NoEqualError(f"it gathers along axis {axis} with {batch} axes in common")
    indices = step.emit("Cast", step.rows(1), to=TensorProto.INT64)
    last = step.emit("Unsqueeze", indices, step.constant([-1]))
    step.write(step.emit("GatherND", step.rows(0), last, batch_dims=batch))


def gather_nd(step: Step) -> None:
    """The elements that rows of indices name."""
    indices = step.emit("Cast", step.rows(1), to=TensorProto.INT64)
    step.write(step.emit("GatherND", step.rows(0), indices))


def _split(step: Step, place: int, axis: int, sizes: list[int]) -> None:
    planes = prefers_planes(step, place)
    pieces = step.emit_all(
        "Split",
        len(sizes),
        step.read(place, planes=planes),
        step.constant(sizes),
        axis=moved(axis, planes=planes),
    )
    for number, piece in enumerate(pieces):
        step.write(piece, number, planes=planes)
