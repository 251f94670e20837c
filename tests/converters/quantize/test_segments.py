"""Pieces of a graph: what goes in, what comes out, and that together they are the whole."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgeinfer.profile import Integer
from edgeinfer_converters.quantize.segments import Cut, needed_behind, with_plain_constants
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import GRAPHS, ranges_of, run, samples_of


def quantized(model: onnx.ModelProto) -> onnx.ModelProto:
    return quantize_int8(model, ranges_of(model), Integer(activation="uint8"))


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_pieces_give_what_the_whole_gives(name: str) -> None:
    reference = GRAPHS[name]()
    (sample,) = samples_of(reference, 1, seed=3)
    for model in (reference, with_plain_constants(quantized(reference))):
        model = onnx.shape_inference.infer_shapes(model)
        values = dict(sample)
        for start in range(0, len(model.graph.node), 3):
            end = min(start + 3, len(model.graph.node))
            values |= Cut(model, start, end).runner().run(values)
        output = model.graph.output[0].name
        np.testing.assert_allclose(
            values[output], run(model, sample, optimized=False)[0], rtol=1e-3, atol=0.2
        )


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_a_piece_reads_what_was_made_before_and_makes_what_is_read_behind(name: str) -> None:
    model = GRAPHS[name]()
    count = len(model.graph.node)
    for position in range(1, count):
        before, behind = Cut(model, 0, position), Cut(model, position, count)
        given = {value.name for value in model.graph.input}
        assert set(behind.inputs) <= set(before.outputs) | given
        assert set(before.outputs) >= needed_behind(model, position) & {
            made for node in model.graph.node[:position] for made in node.output
        }


def test_constants_are_not_inputs_of_a_piece() -> None:
    model = GRAPHS["residual"]()
    constants = {tensor.name for tensor in model.graph.initializer}
    assert constants
    assert not constants & set(Cut(model, 0, len(model.graph.node)).inputs)


def test_a_piece_without_nodes_passes_values_on() -> None:
    model = GRAPHS["residual"]()
    values = {"anything": np.ones(3, np.float32)}
    assert Cut(model, 1, 1).runner().run(values) == values


def test_constants_are_dequantized_as_onnx_does() -> None:
    reference = GRAPHS["residual"]()
    integer = quantized(reference)
    plain = with_plain_constants(integer)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in plain.graph.initializer}
    weights = next(node for node in integer.graph.node if node.op_type == "Conv").input[1]
    original = numpy_helper.to_array(reference.graph.initializer[0])
    assert np.abs(stored[weights] - original).max() < 0.01
