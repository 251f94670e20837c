"""Operators that only say how values are arranged: many write nothing at all."""

from __future__ import annotations

from math import prod

import numpy as np

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import (
    after_transpose,
    plain,
    reshaped_layout,
    stored_shape,
)
from edgeinfer_converters.tflite.lowering import Lowering, Table, Value
from edgeinfer_converters.tflite.nodes import Node

_WITH_WEIGHTS = frozenset({"Gemm", "MatMul"})


def identity(node: Node, at: Lowering) -> None:
    """The same tensor under another name."""
    name = node.inputs[0]
    if name in at.values:
        at.values[node.outputs[0]] = at.values[name]
        return
    layout = plain(at.rank(name))
    at.values[node.outputs[0]] = Value(at.stored(name), layout)


def transpose(node: Node, at: Lowering) -> None:
    """Transpose: no operator, only another layout."""
    name = node.inputs[0]
    rank = at.rank(name)
    permutation = node.integers("perm", tuple(reversed(range(rank))))
    layout = at.layout(name)
    at.values[node.outputs[0]] = Value(at.stored(name, layout), after_transpose(layout, permutation))


def reshape(node: Node, at: Lowering) -> None:
    """Reshape and all that are one: between the layouts that need the least transposing."""
    name, result = node.inputs[0], node.outputs[0]
    before, after = at.shape(name), at.shape(result)
    layout = at.layout(name)
    if prod(before) != prod(after):
        raise UnsupportedError(f"{before} cannot be {after}: the model contradicts itself")
    if _flattens_for_weights(node, at):
        _flatten(node, at)
        return
    found = reshaped_layout(before, after, layout)
    source, target = found if found is not None else (plain(len(before)), plain(len(after)))
    tensor = at.stored(name, source)
    at.values[result] = Value(at.reshape(tensor, stored_shape(after, target)), target)


def _flattens_for_weights(node: Node, at: Lowering) -> bool:
    """Whether an image becomes a row that only matrix products with constant weights read."""
    name, result = node.inputs[0], node.outputs[0]
    before, after = at.shape(name), at.shape(result)
    layout = at.layout(name)
    if len(before) < 3 or len(after) != 2 or after[0] != before[0] != 0 or name not in at.values:
        return False
    if layout == plain(len(before)) or layout[0] != 0 or at.values[name].order is not None:
        return False
    readers, name = at.view.readers.get(result, ()), result
    while len(readers) == 1 and readers[0].op_type in ("DequantizeLinear", "QuantizeLinear"):
        name = readers[0].output[0]
        readers = at.view.readers.get(name, ())
    return bool(readers) and all(
        reader.op_type in _WITH_WEIGHTS and reader.input[0] == name and _is_weight(at, reader.input[1])
        for reader in readers
    )


def _is_weight(at: Lowering, name: str) -> bool:
    return at.facts.is_constant(name) or name in at.sites.constants


def _flatten(node: Node, at: Lowering) -> None:
    name, result = node.inputs[0], node.outputs[0]
    before, layout = at.shape(name), at.layout(name)
    places = np.arange(np.prod(before[1:])).reshape(1, *before[1:]).transpose(layout).reshape(-1)
    tensor = at.reshape(at.stored(name, layout), at.shape(result))
    at.values[result] = Value(tensor, plain(2), tuple(places.tolist()))


OPERATORS: Table = {
    "Flatten": reshape,
    "Identity": identity,
    "Reshape": reshape,
    "Squeeze": reshape,
    "Transpose": transpose,
    "Unsqueeze": reshape,
}
