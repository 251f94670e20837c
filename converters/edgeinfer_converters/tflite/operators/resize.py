"""Resize: by TFLite's kernels where they compute the same, else by indices and matrices along each axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.images import read_image, write_image
from edgeinfer_converters.tflite.interpolation import (
    Axis,
    cubic,
    is_identity,
    linear,
    nearest,
    tflite_linear,
    tflite_nearest,
)
from edgeinfer_converters.tflite.layouts import channels_last, stored_axis
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.resize_late import is_settled, resize_late
from edgeinfer_converters.tflite.steps import along, compute, gathered
from edgeinfer_converters.tflite.tensors import Quant

_TOLERANCE = 2e-6
"""How far weights may differ and still be those of TFLite's kernel, which computes them in float32."""

_COPIES = 4
"""Pixels that one becomes at twice the size."""

_FORMS = ((False, True), (False, False), (True, False))
"""alignCorners and halfPixelCenters."""


def resize(node: Node, at: Lowering) -> None:
    """Resize of any axes, by any interpolation, to a size that is known; its factors may not be."""
    if not is_settled(node, at):
        resize_late(node, at)
        return
    axes, transform = _axes(node, at), _transform(node)
    mode = node.text("mode", "nearest")
    if any(axis.is_disputed(transform) for axis in axes.values()):
        raise UnsupportedError(
            "runtimes differ on what align_corners is by a factor that gives no whole length; sizes say it"
        )
    if mode == "nearest":
        rounding = node.text("nearest_mode", "round_prefer_floor")
        _nearest(node, at, {key: nearest(axis, transform, rounding) for key, axis in axes.items()})
    elif mode in ("linear", "cubic"):
        if at.facts.dtype(node.inputs[0]).kind != "f":
            raise UnsupportedError("how interpolated integers are rounded differs between runtimes")
        _interpolated(node, at, {key: _matrix(node, axis, mode) for key, axis in axes.items()})
        return
    else:
        raise UnsupportedError(f"the interpolation `{mode}` has no equal")
    if any(axis.outside(transform).any() for axis in axes.values()):
        _extrapolate(node, at, axes)


def _axes(node: Node, at: Lowering) -> dict[int, Axis]:
    """The axes that change, by number."""
    before, after = at.shape(node.inputs[0]), at.shape(node.outputs[0])
    if 0 in (*before, *after):
        raise UnsupportedError("it resizes an empty tensor")
    rank = len(before)
    given = tuple(axis % rank for axis in node.integers("axes", tuple(range(rank))))
    scales = dict(zip(given, _scales(node, at, given), strict=True))
    rois = _rois(node, at, given)
    found = {
        axis: Axis(before[axis], after[axis], scales[axis], rois.get(axis, (0.0, 1.0)))
        for axis in sorted(given)
    }
    return {
        key: axis
        for key, axis in found.items()
        if axis.before != axis.after or not np.isclose(axis.scale, 1.0) or not np.allclose(axis.roi, (0, 1))
    }


def _scales(node: Node, at: Lowering, given: tuple[int, ...]) -> list[float]:
    """The factors: those given, or the ratios of the sizes, which a policy can make all alike."""
    before, after = at.shape(node.inputs[0]), at.shape(node.outputs[0])
    factors = at.need_constant(node, 2, "factors").reshape(-1) if node.input(2) else np.zeros(0)
    if factors.size:  # older exporters leave them out by an empty constant
        return [float(one) for one in factors]
    policy = node.text("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return [after[axis] / before[axis] for axis in given]
    sizes = at.need_constant(node, 3, "sizes").reshape(-1)
    ratios = [float(size) / before[axis] for size, axis in zip(sizes, given, strict=True)]
    return [min(ratios) if policy == "not_larger" else max(ratios)] * len(given)


def _rois(node: Node, at: Lowering, given: tuple[int, ...]) -> dict[int, tuple[float, float]]:
    if _transform(node) != "tf_crop_and_resize":
        return {}
    bounds = at.need_constant(node, 1, "regions").astype(np.float64).reshape(2, len(given))
    return {axis: (float(start), float(end)) for axis, start, end in zip(given, *bounds, strict=True)}


def _transform(node: Node) -> str:
    return node.text("coordinate_transformation_mode", "half_pixel")


def _matrix(node: Node, axis: Axis, mode: str) -> Array:
    antialias, exclude = bool(node.integer("antialias", 0)), bool(node.integer("exclude_outside", 0))
    if mode == "linear":
        return linear(axis, _transform(node), antialias=antialias, exclude_outside=exclude)
    factor = node.real("cubic_coeff_a", -0.75)
    return cubic(axis, _transform(node), factor, antialias=antialias, exclude_outside=exclude)


def _nearest(node: Node, at: Lowering, indices: Mapping[int, Array]) -> None:
    """Pure moves: integers stay integers."""
    name, result = node.inputs[0], node.outputs[0]
    if at.rank(name) == 4 and indices and set(indices) <= {2, 3}:
        sides = [(at.shape(name)[axis], at.shape(result)[axis]) for axis in (2, 3)]
        places = [indices.get(axis, np.arange(at.shape(name)[axis])) for axis in (2, 3)]
        if _is_doubled(at, name, sides, places):
            _double(node, at)
            return
        for align, half in _FORMS:
            kernel = [tflite_nearest(*side, align=align, half=half) for side in sides]
            if all(np.array_equal(*pair) for pair in zip(kernel, places, strict=True)):
                _write(node, at, "RESIZE_NEAREST_NEIGHBOR", align=align, half=half)
                return
    layout = at.layout(name)
    tensor = at.stored(name, layout)
    if not indices:
        tensor = at.reshape_anew(tensor)
    for axis, numbers in indices.items():
        tensor = gathered(at, tensor, numbers, stored_axis(axis, layout))
    at.write(result, tensor, layout)


def _is_doubled(at: Lowering, name: str, sides: Sequence[tuple[int, int]], places: Sequence[Array]) -> bool:
    """Whether each pixel becomes four, of a type that DEPTH_TO_SPACE takes."""
    if at.quant(name) is None and at.facts.dtype(name).name != "float32":
        return False
    return all(
        after == 2 * before and np.array_equal(places, np.arange(after) // 2)
        for (before, after), places in zip(sides, places, strict=True)
    )


def _double(node: Node, at: Lowering) -> None:
    """Twice the size by four times the channels: RESIZE_NEAREST_NEIGHBOR is no operator of XNNPACK."""
    pixels = read_image(at, node.inputs[0], stored=at.quant(node.inputs[0]) is not None)
    found = at.graph.tensors[pixels]
    batch, height, width, channels = found.shape
    deep = (batch, height, width, _COPIES * channels)
    copies = at.add(
        "CONCATENATION",
        [pixels] * _COPIES,
        deep,
        found.dtype,
        found.quant,
        axis=3,
        fusedActivationFunction="NONE",
    )
    shape = (batch, 2 * height, 2 * width, channels)
    wide = at.add("DEPTH_TO_SPACE", [copies], shape, found.dtype, found.quant, blockSize=2)
    write_image(at, node.outputs[0], wide)


def _interpolated(node: Node, at: Lowering, matrices: Mapping[int, Array]) -> None:
    name, result = node.inputs[0], node.outputs[0]
    matrices = {axis: matrix for axis, matrix in matrices.items() if not is_identity(matrix)}
    axes, transform = _axes(node, at), _transform(node)
    outside = any(axis.outside(transform).any() for axis in axes.values())
    if at.rank(name) in (3, 4) and matrices and min(matrices) > 1 and not outside:
        for align, half in _FORMS:
            if _is_bilinear(at, name, matrices, align=align, half=half):
                _write(node, at, "RESIZE_BILINEAR", align=align, half=half)
                return
    is_image = at.rank(name) > 3 and at.layout(name) == channels_last(at.rank(name))
    layout = at.layout(name) if is_image or name in at.values else tuple(range(at.rank(name)))
    tensor = at.read(name, layout)
    if not matrices:
        tensor = at.reshape_anew(tensor)
    for axis, matrix in sorted(matrices.items(), key=lambda item: item[1].shape[0] / item[1].shape[1]):
        tensor = along(at, tensor, stored_axis(axis, layout), matrix)
    at.write(result, tensor, layout)
    if outside:
        _extrapolate(node, at, axes)


def _is_bilinear(at: Lowering, name: str, matrices: Mapping[int, Array], *, align: bool, half: bool) -> bool:
    """Whether RESIZE_BILINEAR, which always works on two axes, computes these matrices."""
    for axis in range(2, at.rank(name)):
        side = at.shape(name)[axis]
        matrix = matrices.get(axis, np.eye(side))
        kernel = tflite_linear(side, matrix.shape[0], align=align, half=half)
        if not np.allclose(kernel, matrix, rtol=0, atol=_TOLERANCE * max(side, 1)):
            return False
    return True


def _write(node: Node, at: Lowering, code: str, *, align: bool, half: bool) -> None:
    name, result = node.inputs[0], node.outputs[0]
    stored = at.is_integer(node, name) or (code == "RESIZE_NEAREST_NEIGHBOR" and at.quant(name) is not None)
    pixels = read_image(at, name, stored=stored)
    found = at.graph.tensors[pixels]
    sides = (1, *at.shape(result)[2:])[-2:]
    shape = (found.shape[0], *sides, found.shape[3])
    quant: Quant | None = found.quant
    options = {"alignCorners": align, "halfPixelCenters": half}
    write_image(at, result, at.add(code, [pixels, at.const(sides)], shape, found.dtype, quant, **options))


def _extrapolate(node: Node, at: Lowering, axes: Mapping[int, Axis]) -> None:
    """Places off the image have a number of their own."""
    result, transform = node.outputs[0], _transform(node)
    value = node.real("extrapolation_value", 0.0)
    layout, shape = at.layout(result), at.shape(result)
    mask = np.zeros(tuple(side if axis in axes else 1 for axis, side in enumerate(shape)), bool)
    for key, axis in axes.items():
        sides = [-1 if one == key else 1 for one in range(len(shape))]
        mask = mask | axis.outside(transform).reshape(sides)
    tensor = at.read(result, layout)
    tensor = compute(at, "MUL", tensor, (~mask).astype(np.float32).transpose(layout))
    at.write(result, compute(at, "ADD", tensor, (mask * value).transpose(layout)), layout)


OPERATORS: Table = {"Resize": resize}
