"""Which products of a pruned network have to be mended, and what each of them should give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.elimination import Indices
from edgeinfer_converters.quantize.columns import Columns, columns_of
from edgeinfer_converters.quantize.operators import PRODUCTS, bias_input, clamp_bounds

UNCUT = 1 << 30
"""Of columns: as many as there are."""


@dataclass(frozen=True)
class Target:
    """A product of both models, and where its targets come from.

    `outputs`: of the original product, those that the pruned one still has. `total` and `other`: the
    original sum behind it and the pruned model's other side of that, if there is one. `fitted`: how many of
    its columns get new weights, all or none. `bounds`: what a ReLU or Clip behind it cuts off.
    """

    node: onnx.NodeProto
    make: Columns
    outputs: Indices | None
    ends: tuple[int, int]
    total: str
    other: str
    fitted: int
    bounds: tuple[float, float] | None


def targets_of(
    models: tuple[onnx.ModelProto, onnx.ModelProto], outputs: Mapping[str, Indices], widest: int
) -> list[Target]:
    """The products that have to be mended, in the order of the graph.

    `models`: the original and the pruned one, prepared, with known shapes; the same nodes by name. `outputs`
    by node the output channels that are left, where some are not. Products of more than `widest` columns
    keep their weights.
    """
    original, view = GraphView(models[0]), GraphView(models[1])
    known = columns_of(view, UNCUT, every=True)
    harmed = _harmed(original, view)
    places = {node.name: index for index, node in enumerate(original.nodes)}
    found = []
    for index, node in enumerate(view.nodes):
        if node.name not in harmed or node.name not in known or node.name not in places:
            continue
        if not _owns_constants(node, view):
            continue
        total, other, end = _sum_behind(original, places[node.name], view)
        make = known[node.name]
        fitted = make.width if make.width <= widest and make.groups == 1 else 0
        bounds = _bounds_behind(original, total) if fitted else None
        left = outputs.get(node.name)
        found.append(Target(node, make, left, (end, index), total, other, fitted, bounds))
    return found


def _harmed(original: GraphView, view: GraphView) -> set[str]:
    """The nodes whose inputs are not what they were, or fewer."""
    was, now = (columns_of(one, UNCUT, every=True) for one in (original, view))
    wrong: set[str] = set()
    names = set()
    for node in view.nodes:
        fewer = node.name in was and node.name in now and was[node.name].width != now[node.name].width
        if fewer or not wrong.isdisjoint(node.input):
            names.add(node.name)
            wrong.update(node.output)
    return names


def _owns_constants(node: onnx.NodeProto, view: GraphView) -> bool:
    bias = bias_input(node)
    names = [node.input[1], *([bias] if bias else [])]
    return all(name in view.initializers and view.is_private(name) for name in names)


def _sum_behind(original: GraphView, place: int, view: GraphView) -> tuple[str, str, int]:
    """The sum that a product's result goes into, the other side of it, and the position behind the sum.

    Without a sum, the product's result and the position behind the product. The other side must be there
    before the product, and nothing that is to be mended may lie between product and sum.
    """
    node = original.nodes[place]
    result = node.output[0]
    plain = result, "", place + 1
    readers = original.readers.get(result, ())
    if len(readers) != 1 or result in original.outputs or readers[0].op_type != "Add":
        return plain
    add = readers[0]
    end = next(index for index, one in enumerate(original.nodes) if one is add)
    other = next((name for name in add.input if name != result), "")
    between = original.nodes[place + 1 : end]
    if not other or other in original.initializers or original.shapes.get(other) != original.shapes[result]:
        return plain
    late = any(one.op_type in PRODUCTS for one in between)
    made_late = any(other in one.output for one in between)
    same = {one.name: one for one in view.nodes}.get(add.name)
    if late or made_late or same is None or list(same.input) != list(add.input):
        return plain
    return add.output[0], other, end + 1


def _bounds_behind(view: GraphView, name: str) -> tuple[float, float] | None:
    """What the only reader of a tensor clips it to, if it does."""
    readers = view.readers.get(name, ())
    if len(readers) != 1 or name in view.outputs:
        return None
    bounds = clamp_bounds(readers[0], view)
    if bounds is None:
        return None
    low, high = bounds
    return -np.inf if low is None else low, np.inf if high is None else high
