"""The smaller model: weights, constants and the shapes that nodes have as parameters are cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
from onnx import numpy_helper

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.graph.foreign import GRAPH_ERRORS, short_reason
from edgeinfer_converters.graph.naming import free_name
from edgeinfer_converters.graph.shapes import infer_shapes, known_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.weights import with_initializers
from edgeinfer_converters.prune.groups import Grouping
from edgeinfer_converters.prune.parameters import fit_attributes, fitted_inputs
from edgeinfer_converters.prune.selection import Kept, Selection, select


def keep_channels(model: onnx.ModelProto, grouping: Grouping, kept: Kept) -> onnx.ModelProto:
    """The model with only these channels of its groups, checked, its shapes inferred.

    `grouping` is that of this very model. Nodes, inputs and outputs keep their names and order, and what
    is kept its order; a constant that several nodes read is copied where they no longer read the same.
    Raises ModelError as `select` does: for a layer that would be empty, and for unknown groups.
    """
    view = GraphView(model)
    selection = select(view, grouping, kept)
    surgeon = _Surgeon(view, selection)
    nodes = [surgeon.operate(node) for node in view.nodes]
    smaller = with_initializers(model, surgeon.initializers(nodes))
    for field in ("node", "value_info"):
        smaller.graph.ClearField(field)
    smaller.graph.node.extend(nodes)
    smaller = infer_shapes(smaller)
    _check(smaller, view, selection)
    return smaller


class _Surgeon:
    def __init__(self, view: GraphView, selection: Selection) -> None:
        self._view = view
        self._selection = selection
        self._shapes = selection.shapes(view)
        self._taken = {name for node in view.nodes for name in (*node.input, *node.output)}
        self._taken.update(view.initializers)
        self._constants = dict(view.initializers)

    def operate(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """A copy of the node that fits the smaller tensors; its constants are put aside."""
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for name in dict.fromkeys(node.input):
            if (node.name, name) in self._selection.constants:
                self._replace(
                    copy, [i for i, one in enumerate(node.input) if one == name], self._cut(node, name)
                )
        for place, values in fitted_inputs(node, self._view, self._selection, self._shapes).items():
            copy.input.extend([""] * (place + 1 - len(copy.input)))
            self._replace(copy, [place], values)
        fit_attributes(copy, self._view, self._shapes)
        return copy

    def initializers(self, nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
        """The constants that are read, by nodes or as outputs of the graph, or were never read."""
        read = {name for node in nodes for name in node.input}
        for name, tensor in self._constants.items():
            if name in read or not self._view.readers.get(name) or self._is_held(name):
                yield tensor

    def _is_held(self, name: str) -> bool:
        """Whether the world outside or a subgraph knows a constant by its name."""
        readers = self._view.readers[name]
        return name in self._view.outputs or any(name not in node.input for node in readers)

    def _cut(self, node: onnx.NodeProto, name: str) -> Array:
        values = self._view.constant(name)
        for axis, mask in self._selection.constants[node.name, name].items():
            values = values.compress(mask, axis=axis)
        return values

    def _replace(self, node: onnx.NodeProto, places: list[int], values: Array) -> None:
        old = node.input[places[0]]
        single = self._view.is_private(old) and not self._is_held(old)
        name = old if single else free_name(f"{old or node.name}_kept", self._taken)
        self._taken.add(name)
        self._constants[name] = numpy_helper.from_array(values, name)
        for place in places:
            node.input[place] = name


def _check(model: onnx.ModelProto, view: GraphView, selection: Selection) -> None:
    try:
        onnx.checker.check_model(model, full_check=True)
    except GRAPH_ERRORS as error:
        raise ModelError(f"the pruned model is not valid: {short_reason(error)}", hint=_REPORT) from error
    shapes, wanted = known_shapes(model), selection.shapes(view)
    for node in view.nodes:
        for name in node.output:
            if name in wanted and shapes.get(name) != wanted[name]:
                raise ModelError(f"pruning gave `{name}` the wrong shape {shapes.get(name)}", hint=_REPORT)


_REPORT = "convert without pruning, and report this model"
