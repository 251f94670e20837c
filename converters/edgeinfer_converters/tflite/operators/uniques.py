"""Unique, where it is known how many different elements there are."""

from __future__ import annotations

from math import prod

import numpy as np

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.moving import refuse_empty
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.ordering import first_true, smallest
from edgeinfer_converters.tflite.steps import compute, gathered


def unique(node: Node, at: Lowering) -> None:
    """Unique of all elements, by sorting; there must be no NaN among them."""
    name = node.inputs[0]
    refuse_empty(at, name, node.outputs[0])
    if node.has("axis") and at.rank(name) != 1:
        raise UnsupportedError("different rows cannot be told apart, only different elements")
    count, size = at.shape(node.outputs[0])[0], prod(at.shape(name))
    flat = at.reshape(at.read(name), (size,))
    values, order = smallest(at, flat, size)
    is_new = _is_new(at, values)
    firsts = gathered(at, order, first_true(at, is_new, count), 0)
    group = _group(at, is_new)
    if not node.integer("sorted", 1):
        firsts, by_place = smallest(at, firsts, count)
        numbers = at.const(np.arange(count, dtype=np.int32))
        group = gathered(at, _scattered(at, by_place, numbers, count), group, 0)
    ones = at.const(np.ones(size, np.int32))
    results = (
        gathered(at, flat, firsts, 0),
        firsts,
        _scattered(at, order, group, size),
        _scattered(at, group, ones, count),
    )
    for place, (result, tensor) in enumerate(zip(node.outputs, results, strict=False)):
        if result:
            at.write(result, at.cast(tensor, "int64") if place else tensor)


def _is_new(at: Lowering, values: int) -> int:
    """Which of sorted values (n,) differ from the one before."""
    found = at.graph.tensors[values]
    first, side = at.const(np.ones(1, np.bool_)), found.size - 1
    if not side:
        return first
    before, after = (
        at.add("SLICE", [values, at.const([start]), at.const([side])], (side,), found.dtype)
        for start in (0, 1)
    )
    differs = at.add("NOT_EQUAL", [before, after], (side,), "bool")
    return at.add(
        "CONCATENATION", [first, differs], (side + 1,), "bool", axis=0, fusedActivationFunction="NONE"
    )


def _group(at: Lowering, is_new: int) -> int:
    """The number of the group that each sorted value belongs to."""
    ones, side = at.cast(is_new, "int32"), at.graph.tensors[is_new].size
    axis = at.const(np.zeros((), np.int32))
    total = at.add("CUMSUM", [ones, axis], (side,), "int32", exclusive=False, reverse=False)
    return compute(at, "ADD", total, np.array([-1]))


def _scattered(at: Lowering, places: int, numbers: int, size: int) -> int:
    """Numbers at their places in (size,); those of one place are added up."""
    count = at.graph.tensors[places].size
    inputs = [at.reshape(places, (count, 1)), numbers, at.const([size])]
    return at.add("SCATTER_ND", inputs, (size,), "int32")


OPERATORS: Table = {"Unique": unique}
