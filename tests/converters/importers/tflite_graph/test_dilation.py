"""Dilated convolutions as older converters write them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, options

VALID = 1


def dealt_out(
    writer: Writer, kind: str, block: int, padding: list[int], crops: list[int], *, stride: int = 1
) -> tuple[int, int]:
    """The convolution and what is put together of it, on an input of 9 by 8. Biases are above zero."""
    rng = np.random.default_rng(14)
    blocks = writer.whole(block, block)
    sides = [writer.constant(np.reshape(one, (2, 2)), "int32") for one in (padding, crops)]
    name = writer.operator(
        "SPACE_TO_BATCH_ND", [writer.input(1, 9, 8, 3), blocks, sides[0]], options("SpaceToBatchND")
    )
    shape = (5, 3, 3, 3) if kind == "CONV_2D" else (1, 3, 3, 3)
    filters, biases = rng.normal(size=shape), np.abs(rng.normal(size=5 if kind == "CONV_2D" else 3))
    weights = [writer.constant(filters), writer.constant(biases)]
    name_of = "Conv2D" if kind == "CONV_2D" else "DepthwiseConv2D"
    made = options(name_of, padding=VALID, strideH=stride, strideW=stride, fusedActivationFunction=1)
    middle = writer.operator(kind, [name, *weights], made)
    return middle, writer.operator("BATCH_TO_SPACE_ND", [middle, blocks, sides[1]], options("BatchToSpaceND"))


def kinds(data: bytes) -> list[str]:
    return [node.op_type for node in import_graph(data).graph.node]


@settings(max_examples=30)
@given(
    kind=st.sampled_from(["CONV_2D", "DEPTHWISE_CONV_2D"]),
    block=st.sampled_from([1, 2, 3]),
    starts=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    crops=st.tuples(*[st.integers(0, 2)] * 4),
)
def test_the_same_as_dealt_out(
    kind: str, block: int, starts: tuple[int, int], crops: tuple[int, int, int, int]
) -> None:
    """Folded or not: crops may take more than was padded."""
    padding = []
    for start, size in zip(starts, (9, 8), strict=True):
        whole = max(-(-(size + start) // block), 3) * block
        padding += [start, whole - size - start]
    room = [(sum(padding[n : n + 2]) + size) - 2 * block - 1 for n, size in ((0, 9), (2, 8))]
    cut = [min(crops[0], room[0]), 0, min(crops[2], room[1]), 0]
    cut[1], cut[3] = min(crops[1], room[0] - cut[0]), min(crops[3], room[1] - cut[2])
    writer = Writer()
    _, name = dealt_out(writer, kind, block, padding, cut)
    agree(writer.finish(name))


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_folded(kind: str) -> None:
    writer = Writer()
    _, name = dealt_out(writer, kind, 2, [2, 3, 2, 2], [0, 1, 0, 0])
    data = writer.finish(name)
    assert kinds(data) == ["Transpose", "Conv", "Relu", "Transpose"]
    (convolution,) = (node for node in import_graph(data).graph.node if node.op_type == "Conv")
    attributes = {one.name: list(one.ints) for one in convolution.attribute}
    assert (attributes["dilations"], attributes["pads"]) == ([2, 2], [2, 2, 2, 2])
    agree(data)


def test_not_folded_where_crops_take_more() -> None:
    writer = Writer()
    _, name = dealt_out(writer, "CONV_2D", 2, [0, 1, 0, 0], [1, 0, 0, 0])
    data = writer.finish(name)
    assert len(kinds(data)) > 4
    agree(data)


def test_not_folded_where_something_else_reads_it() -> None:
    writer = Writer()
    middle, name = dealt_out(writer, "CONV_2D", 2, [2, 3, 2, 2], [0, 1, 0, 0])
    data = writer.finish(name, middle)
    assert len(kinds(data)) > 4
    agree(data)


def test_not_folded_with_strides() -> None:
    writer = Writer()
    _, name = dealt_out(writer, "CONV_2D", 2, [2, 3, 2, 2], [0, 0, 0, 0], stride=2)
    data = writer.finish(name)
    assert len(kinds(data)) > 4
    agree(data)
