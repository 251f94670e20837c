"""ONNX's own tests of its operators, each behind a product along each axis of its input.

What no rule follows is frozen; what one follows computes the same without the channels.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases

from edgeinfer_converters.graph.foreign import GRAPH_ERRORS
from edgeinfer_converters.graph.shapes import infer_shapes, known_shapes
from edgeinfer_converters.prune.follow import RULES
from tests.fixtures.graphs import run, samples_of
from tests.fixtures.pruning import check_pruned, chosen, grouping_of

LEAST = 450
"""Cases that are pruned, of some 1800 in onnx 1.22: the others are frozen, or not for floats, or too new."""


def single_nodes() -> Iterator[tuple[onnx.ModelProto, list[np.ndarray]]]:
    """The cases of one operator that the rules know, whose first input is float32, with their inputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the numbers that the cases are made of
        cases = collect_testcases(None)
    for case in cases:
        if case.model is None or len(case.model.graph.node) != 1 or not case.data_sets:
            continue
        if case.model.graph.node[0].op_type not in RULES:
            continue
        values = list(case.data_sets[0][0])
        arrays = all(isinstance(one, np.ndarray | np.generic) for one in values)
        if arrays and values[0].dtype == np.float32 and values[0].ndim > 1 and values[0].size:
            yield case.model, [np.asarray(one) for one in values]


def linear_ends(
    model: onnx.ModelProto, constants: dict[str, np.ndarray]
) -> tuple[list[onnx.NodeProto], list[onnx.ValueInfoProto]]:
    """A linear layer for each float result; its weights are put among the constants."""
    nodes, outputs = [], []
    for index, value in enumerate(model.graph.output):
        size = math.prod(known_shapes(model).get(value.name, (0,)))
        if value.type.tensor_type.elem_type == TensorProto.FLOAT and size > 0:
            constants[f"p_r{index}"] = np.array([1, size])
            constants[f"p_v{index}"] = np.random.default_rng(1).normal(size=(size, 2)).astype(np.float32)
            row, end = f"p_f{index}", f"p_o{index}"
            nodes.append(helper.make_node("Reshape", [value.name, f"p_r{index}"], [row], row))
            nodes.append(helper.make_node("Gemm", [row, f"p_v{index}"], [end], end))
            outputs.append(helper.make_tensor_value_info(end, TensorProto.FLOAT, (1, 2)))
    return nodes, outputs


def behind_a_product(model: onnx.ModelProto, values: list[np.ndarray], axis: int) -> onnx.ModelProto:
    """The node reads a product along `axis`; linear layers, which are the outputs, read its results."""
    shape, first = values[0].shape, model.graph.input[0].name
    order = [one for one in range(len(shape)) if one != axis] + [axis]
    constants = {value.name: one for value, one in zip(model.graph.input, values, strict=True)}
    del constants[first]
    weights = np.random.default_rng(0).normal(size=(shape[axis], shape[axis]))
    constants["p_w"] = weights.astype(np.float32)
    ends, outputs = linear_ends(model, constants)
    nodes = [
        helper.make_node("MatMul", ["p_x", "p_w"], ["p_y"], "product"),
        helper.make_node("Transpose", ["p_y"], [first], "turn", perm=np.argsort(order).tolist()),
        *model.graph.node,
        *ends,
    ]
    nodes[2].name = "node"
    source = helper.make_tensor_value_info("p_x", TensorProto.FLOAT, [shape[one] for one in order])
    stored = [numpy_helper.from_array(one, name) for name, one in constants.items()]
    graph = helper.make_graph(nodes, "case", [source], outputs, stored)
    made = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    onnx.checker.check_model(made, full_check=True)
    return infer_shapes(made)


def runs(model: onnx.ModelProto) -> bool:
    """Whether this ONNX Runtime knows the opset and the operator."""
    try:
        run(model, next(samples_of(model, 1)))
    except GRAPH_ERRORS:
        return False
    return True


def pruned(model: onnx.ModelProto) -> bool:
    """Whether channels of the product can go; if so, they went, and the numbers agree."""
    grouping = grouping_of(model)
    if "product" not in {group.name for group in grouping.groups} or not runs(model):
        return False
    check_pruned(model, chosen(grouping, 1, share=0.6))
    return True


def test_what_is_followed_computes_the_same_without_the_channels() -> None:
    count = 0
    for model, values in single_nodes():
        for axis, size in enumerate(values[0].shape):
            if size > 1:
                try:
                    made = behind_a_product(model, values, axis)
                except onnx.checker.ValidationError:
                    continue
                count += pruned(made)
    assert count >= LEAST
