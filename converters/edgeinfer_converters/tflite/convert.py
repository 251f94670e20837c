"""The conversion: nodes are lowered in their order, then the graph is tidied and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard, standard_opset
from edgeinfer_converters.tflite.branches import taken_branch, write_branch
from edgeinfer_converters.tflite.facts import Facts
from edgeinfer_converters.tflite.faults import Faults, UnsupportedError
from edgeinfer_converters.tflite.flatbuffer import write
from edgeinfer_converters.tflite.forms import Forms
from edgeinfer_converters.tflite.half import with_half_weights
from edgeinfer_converters.tflite.interface import add_inputs, add_outputs
from edgeinfer_converters.tflite.layouts import Layout
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.means import with_counts_in_weights
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators import OPERATORS
from edgeinfer_converters.tflite.qdq import find_sites
from edgeinfer_converters.tflite.ready import make_ready
from edgeinfer_converters.tflite.strides import without_strides
from edgeinfer_converters.tflite.tensors import Graph
from edgeinfer_converters.tflite.tidy import tidy
from edgeinfer_converters.tflite.work import Work, work_of

PLAIN = Forms()


@dataclass(frozen=True)
class TfliteModel:
    """A TFLite file.

    `inputs` and `outputs`: for each name the layout in which the file has it: its axis i is axis
    `layout[i]` of the ONNX tensor. `operators`: how many of each kind. `doubles`: the nodes of the ONNX graph
    that compute in float64, and in float32 here.
    """

    data: bytes
    inputs: Mapping[str, Layout]
    outputs: Mapping[str, Layout]
    operators: Mapping[str, int]
    work: Work
    doubles: tuple[str, ...] = ()


def to_tflite(model: onnx.ModelProto, *, forms: Forms = PLAIN, half_weights: bool = False) -> TfliteModel:
    """The TFLite file of an ONNX graph with fixed shapes; the same graph gives the same bytes.

    A float graph becomes a float file; a graph of QDQ form one that computes with int8 wherever TFLite has
    a kernel for it, with the scales of the graph. Inputs and outputs keep names and order; images are
    stored channels last where the graph works on them so, inputs and integers as `forms` says.
    With `half_weights` larger float constants are stored as float16.
    Raises ModelError, which names all nodes that have no equal.
    """
    lowering = _lower(make_ready(model, frozenset(OPERATORS)), forms)
    graph = tidy(with_counts_in_weights(without_strides(lowering.graph)))
    if half_weights:
        graph = with_half_weights(graph)
    counts: dict[str, int] = {}
    for operator in graph.operators:
        counts[operator.code] = counts.get(operator.code, 0) + 1
    return TfliteModel(
        data=write(graph),
        inputs=dict(lowering.inputs),
        outputs=dict(lowering.outputs),
        operators=dict(sorted(counts.items())),
        work=work_of(graph),
        doubles=tuple(lowering.doubles),
    )


def _lower(model: onnx.ModelProto, forms: Forms) -> Lowering:
    view, faults = GraphView(model), Faults()
    opset = standard_opset(model)
    lowering = Lowering(Graph(), Facts.of(model, opset), find_sites(view), view)
    lowering.integer_results = not forms.integers.keys().isdisjoint(view.outputs)
    add_inputs(lowering, forms)
    for proto in view.nodes:
        _try_node(Node(proto, opset), lowering, faults)
    faults.check()
    add_outputs(lowering, forms)
    return lowering


def _try_node(node: Node, lowering: Lowering, faults: Faults) -> None:
    try:
        branch = taken_branch(node, lowering.facts) if node.kind == "If" else None
        if branch is None:
            _lower_node(node, lowering)
            return
        for inner in branch.node:
            _try_node(Node(inner, node.opset), lowering, faults)
        write_branch(node, branch, lowering)
    except UnsupportedError as fault:
        faults.add(node.kind, node.proto.name, node.outputs[0], str(fault))
        _stand_in(node, lowering)


def _lower_node(node: Node, lowering: Lowering) -> None:
    if not is_standard(node.proto):
        raise UnsupportedError(f"operators of the domain `{node.proto.domain}` have no equal")
    if lowering.facts.learn(node) or node.proto.name in lowering.fused:
        return
    if node.kind not in OPERATORS:
        raise UnsupportedError("no equal is known")
    OPERATORS[node.kind](node, lowering)
    if any(lowering.facts.dtype(name) == np.float64 for name in node.outputs if name):
        lowering.doubles.append(node.name)


def _stand_in(node: Node, lowering: Lowering) -> None:
    """Something to read for the nodes behind one that has no equal: their own faults are wanted too."""
    for name in filter(None, node.outputs):
        try:
            shape, dtype = lowering.shape(name), lowering.dtype(name)
        except UnsupportedError:
            continue
        lowering.write(name, lowering.graph.tensor(name, shape, np.dtype(dtype).name))
