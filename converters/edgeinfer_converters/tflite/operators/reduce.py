"""Reductions over axes.

Axes that the model computes are read off the shapes where these leave no doubt; else the kernel, which can
take them at run time, finds them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import Shape, plain, stored_axis
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.means import write_mean
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.formulas import Term
from edgeinfer_converters.tflite.tensors import Quant

_LARGEST = 3e38
"""About the largest float32."""

_OF_BOOLEANS = {"REDUCE_MAX": "REDUCE_ANY", "REDUCE_MIN": "REDUCE_ALL"}

Step = Callable[[Term], Term]


@dataclass(frozen=True)
class Reduction:
    """What is done to each element, the kernel that reduces, and what is done to the result."""

    code: str
    before: Step | None = None
    after: Step | None = None


def axes_of(node: Node, at: Lowering) -> tuple[int, ...]:
    """The axes that a reduction is over, from the attribute, the input, or the shapes; none for a reduction
    of nothing. Raises UnsupportedError where they are not known."""
    axes = _known_axes(node, at)
    if axes is None:
        raise UnsupportedError("its axes are known only when the model runs")
    return axes


def reduce(what: Reduction, node: Node, at: Lowering) -> None:
    """A reduction that one kernel computes, in the layout that the tensor is stored in."""
    target = at.target(node.outputs[0])
    if what.code == "MEAN" and target is not None and at.quant(node.inputs[0]) is not None:
        source = at.stored(node.inputs[0], at.layout(node.inputs[0]))
        write_reduced(node, at, what.code, source, target)
    elif _known_axes(node, at) is None:
        _at_run_time(what, node, at)
    else:
        _reduce(what, node, at)


def write_reduced(node: Node, at: Lowering, code: str, source: int, quant: Quant | None = None) -> None:
    """Reduce a tensor that has the layout of the node's input, and write the node's output."""
    axes = axes_of(node, at)
    reduced = source if not axes else _kernel(code, node, at, source, quant)
    _write(node, at, reduced)


def log_sum_exp(node: Node, at: Lowering) -> None:
    """log of the sum of e^x, taken from the greatest x so that nothing overflows."""
    if not axes_of(node, at):
        _write(node, at, at.read(node.inputs[0], at.layout(node.inputs[0])))
        return
    x = Term(at, at.read(node.inputs[0], at.layout(node.inputs[0])))
    if x.dtype != "float32":
        raise UnsupportedError("it is defined for floats only")
    greatest = Term(at, _kernel("REDUCE_MAX", node, at, x.tensor)).most(-_LARGEST)
    powers = (x - greatest).apply("EXP")
    _write(node, at, (_log(Term(at, _kernel("SUM", node, at, powers.tensor))) + greatest).tensor)


def _reduce(what: Reduction, node: Node, at: Lowering) -> None:
    source = Term(at, at.read(node.inputs[0], at.layout(node.inputs[0])))
    if what.before is not None:
        source = what.before(source)
    result = source.tensor
    if axes_of(node, at):
        result = _kernel(what.code, node, at, result)
    if what.after is not None:
        result = what.after(Term(at, result)).tensor
    _write(node, at, result)


def _kernel(code: str, node: Node, at: Lowering, source: int, quant: Quant | None = None) -> int:
    """The reduced tensor, in the layout of the input; its axes are kept."""
    axes, layout = axes_of(node, at), at.layout(node.inputs[0])
    found = at.graph.tensors[source]
    if not found.size:
        raise UnsupportedError("it reduces a tensor of no elements")
    places = tuple(sorted(stored_axis(axis, layout) for axis in axes))
    sides = tuple(1 if place in places else side for place, side in enumerate(found.shape))
    if code == "MEAN" and quant is not None:
        return write_mean(at, source, places, sides, quant)
    code = _OF_BOOLEANS.get(code, code) if found.dtype == "bool" else code
    return at.add(code, [source, at.const(places)], sides, found.dtype, quant, keepDims=True)


def _write(node: Node, at: Lowering, reduced: int) -> None:
    axes, layout = axes_of(node, at), at.layout(node.inputs[0])
    if node.integer("keepdims", 1) or not axes:
        at.write(node.outputs[0], reduced, layout)
        return
    kept = [axis for axis in layout if axis not in axes]
    shape = tuple(at.shape(node.inputs[0])[axis] for axis in kept)
    order = tuple(sorted(kept).index(axis) for axis in kept)
    at.write(node.outputs[0], at.reshape(reduced, shape), order)


def _at_run_time(what: Reduction, node: Node, at: Lowering) -> None:
    """With axes that the kernel reads when the model runs; the result's shape must be known."""
    shape, source = at.shape(node.outputs[0]), Term(at, at.read(node.inputs[0]))
    if node.integer("noop_with_empty_axes", 0) or node.integer("keepdims", 1):
        raise UnsupportedError("its axes are known only when the model runs")
    if what.before is not None:
        source = what.before(source)
    code = _OF_BOOLEANS.get(what.code, what.code) if source.dtype == "bool" else what.code
    axes = at.read_as(node.input(1), "int32")
    result = Term(at, at.add(code, [source.tensor, axes], shape, source.dtype, keepDims=False))
    at.write(node.outputs[0], (result if what.after is None else what.after(result)).tensor)


def _known_axes(node: Node, at: Lowering) -> tuple[int, ...] | None:
    rank, axes = at.rank(node.inputs[0]), node.integers("axes")
    if node.input(1):
        values = at.constant(node.input(1))
        if values is None and at.shape(node.input(1)) != (0,):
            return _inferred_axes(at.shape(node.inputs[0]), at.shape(node.outputs[0]), node)
        axes = () if values is None else tuple(int(axis) for axis in values.reshape(-1))
    if not axes:
        return () if node.integer("noop_with_empty_axes", 0) else plain(rank)
    return tuple(sorted({axis % rank for axis in axes}))


def _inferred_axes(before: Shape, after: Shape, node: Node) -> tuple[int, ...] | None:
    """The one set of axes that makes one shape of the other; axes of length 1 do not matter."""
    if node.integer("keepdims", 1):
        if len(before) != len(after):
            return None
        return tuple(axis for axis, side in enumerate(before) if after[axis] != side)
    sets = [
        axes
        for axes in combinations(range(len(before)), len(before) - len(after))
        if tuple(side for axis, side in enumerate(before) if axis not in axes) == after
    ]
    long = {tuple(axis for axis in axes if before[axis] != 1) for axes in sets}
    return sets[0] if len(long) == 1 else None


def _absolute(x: Term) -> Term:
    return x.most(-x) if x.dtype == "int64" else x.apply("ABS")


def _square(x: Term) -> Term:
    return x * x


def _root(x: Term) -> Term:
    return x.apply("SQRT")


def _log(x: Term) -> Term:
    return x.apply("LOG")


OPERATORS: Table = {
    "ReduceL1": partial(reduce, Reduction("SUM", _absolute)),
    "ReduceL2": partial(reduce, Reduction("SUM", _square, _root)),
    "ReduceLogSum": partial(reduce, Reduction("SUM", after=_log)),
    "ReduceLogSumExp": log_sum_exp,
    "ReduceMax": partial(reduce, Reduction("REDUCE_MAX")),
    "ReduceMean": partial(reduce, Reduction("MEAN")),
    "ReduceMin": partial(reduce, Reduction("REDUCE_MIN")),
    "ReduceProd": partial(reduce, Reduction("REDUCE_PROD")),
    "ReduceSum": partial(reduce, Reduction("SUM")),
    "ReduceSumSquare": partial(reduce, Reduction("SUM", _square)),
}
