"""Pieces of a graph: what goes in, what comes out, and that together they are the whole."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgeinfer.profile import Integer
from edgeinfer_converters.graph.shapes import infer_shapes, known_shapes
from edgeinfer_converters.quantize.segments import (
    Cut,
    PlainConstants,
    with_plain_constants,
)
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.quantize.timeline import Timeline
from tests.fixtures.graphs import GRAPHS, PLANE, conv, filters, graph_of, ranges_of, run, samples_of


def quantized(model: onnx.ModelProto) -> onnx.ModelProto:
    return quantize_int8(model, ranges_of(model), Integer(activation="uint8"))


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_pieces_give_what_the_whole_gives(name: str) -> None:
    reference = GRAPHS[name]()
    (sample,) = samples_of(reference, 1, seed=3)
    integer = quantized(reference)
    for whole, model, constants in (
        (reference, reference, None),
        (integer, with_plain_constants(integer), PlainConstants(integer).__getitem__),
    ):
        model = infer_shapes(model)
        values = dict(sample)
        for start in range(0, len(model.graph.node), 3):
            end = min(start + 3, len(model.graph.node))
            values |= Cut(Timeline(model), start, end, constants=constants).runner().run(values)
        output = model.graph.output[0].name
        np.testing.assert_allclose(
            values[output], run(whole, sample, optimized=False)[0], rtol=1e-3, atol=0.2
        )


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_a_piece_reads_what_was_made_before_and_makes_what_is_read_behind(name: str) -> None:
    model = GRAPHS[name]()
    count = len(model.graph.node)
    for position in range(1, count):
        before, behind = Cut(Timeline(model), 0, position), Cut(Timeline(model), position, count)
        given = {value.name for value in model.graph.input}
        assert set(behind.inputs) <= set(before.outputs) | given
        assert set(before.outputs) >= Timeline(model).needed_behind(position) & {
            made for node in model.graph.node[:position] for made in node.output
        }


def test_constants_are_not_inputs_of_a_piece() -> None:
    model = GRAPHS["residual"]()
    constants = {tensor.name for tensor in model.graph.initializer}
    assert constants
    assert not constants & set(Cut(Timeline(model), 0, len(model.graph.node)).inputs)


def test_a_piece_without_nodes_passes_values_on() -> None:
    model = GRAPHS["residual"]()
    values = {"anything": np.ones(3, np.float32)}
    assert Cut(Timeline(model), 1, 1).runner().run(values) == values


def test_constants_are_dequantized_as_onnx_does() -> None:
    reference = GRAPHS["residual"]()
    integer = quantized(reference)
    constants = PlainConstants(integer)
    weights = next(node for node in integer.graph.node if node.op_type == "Conv").input[1]
    original = numpy_helper.to_array(reference.graph.initializer[0])
    assert np.abs(numpy_helper.to_array(constants[weights]) - original).max() < 0.01
    for tensor in integer.graph.initializer:
        assert constants[tensor.name] == tensor
    assert len(constants) == len(set(constants)) > len(integer.graph.initializer)


def test_the_plain_model_has_outlines_of_its_weights_only() -> None:
    integer = quantized(wide())
    plain, constants = with_plain_constants(integer), PlainConstants(integer)
    assert not any(constants.is_made_by(node) for node in plain.graph.node)
    assert plain.ByteSize() < 8000 < integer.ByteSize()
    for tensor in plain.graph.initializer:
        assert (tensor.dims, tensor.data_type) == (
            constants[tensor.name].dims,
            constants[tensor.name].data_type,
        )
    output = integer.graph.node[-1].input[0]
    assert known_shapes(infer_shapes(plain))[output] == known_shapes(integer)[output]


def wide() -> onnx.ModelProto:
    """Sixty-four channels: weights that are worth leaving out."""
    return graph_of(
        [conv("x", "a"), conv("a", "y", "v")],
        (1, 64, 8, 8),
        {"w": filters(64, 4), "v": filters(64, 64, seed=1)},
    )


def test_wanted_tensors_come_out_whether_they_are_read_behind_or_not() -> None:
    model = GRAPHS["residual"]()
    count = len(model.graph.node)
    inner = {name for node in model.graph.node[:-1] for name in node.output}
    assert set(Cut(Timeline(model), 0, count).outputs) == {"y"}
    assert set(Cut(Timeline(model), 0, count, frozenset(inner)).outputs) == inner | {"y"}


def test_what_a_subgraph_makes_for_itself_is_no_input() -> None:
    def branch(op_type: str) -> onnx.GraphProto:
        nodes = [helper.make_node(op_type, ["a"], ["z"]), helper.make_node("Identity", ["z"], ["out"])]
        return helper.make_graph(nodes, op_type, [], [helper.make_tensor_value_info("out", 1, PLANE)])

    model = onnx.helper.make_model(
        helper.make_graph(
            [
                helper.make_node("Neg", ["x"], ["a"], "neg"),
                helper.make_node(
                    "If", ["flag"], ["y"], "if", then_branch=branch("Neg"), else_branch=branch("Abs")
                ),
            ],
            "branches",
            [helper.make_tensor_value_info("x", 1, PLANE), helper.make_tensor_value_info("flag", 9, [])],
            [helper.make_tensor_value_info("y", 1, PLANE)],
        )
    )
    assert Cut(Timeline(model), 1, 2).inputs == ("flag", "a")


def test_an_output_of_the_model_that_later_nodes_read_goes_into_a_piece() -> None:
    model = infer_shapes(GRAPHS["residual"]())
    kinds = {value.name: value for value in model.graph.value_info}
    behind = Cut(Timeline(model), 2, len(model.graph.node))
    name = next(one for one in behind.inputs if one in kinds)
    expected = Cut(Timeline(model), 0, len(model.graph.node)).runner().run(next(iter(samples_of(model, 1))))
    model.graph.output.append(kinds[name])
    model.graph.value_info.remove(kinds[name])
    values = dict(next(iter(samples_of(model, 1))))
    for start, end in ((0, 2), (2, len(model.graph.node))):
        values |= Cut(Timeline(model), start, end).runner().run(values)
    output = model.graph.output[0].name
    np.testing.assert_allclose(values[output], expected[output], rtol=1e-5)
