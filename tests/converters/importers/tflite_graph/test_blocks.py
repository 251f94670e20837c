"""Blocks of pixels against LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, one_operator, options


def whole(*numbers: Any) -> np.ndarray:
    return np.array(numbers, np.int32)


@pytest.mark.parametrize("block", [1, 2, 3])
def test_depth(block: int) -> None:
    agree(one_operator("SPACE_TO_DEPTH", [(2, 6, 12, 3)], options("SpaceToDepth", blockSize=block)))
    made = options("DepthToSpace", blockSize=block)
    agree(one_operator("DEPTH_TO_SPACE", [(2, 3, 2, 4 * block * block)], made))


@settings(max_examples=40)
@given(
    blocks=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    starts=st.tuples(st.integers(0, 2), st.integers(0, 2)),
)
def test_pictures_of_each_place(
    blocks: tuple[int, int], size: tuple[int, int], starts: tuple[int, int]
) -> None:
    """Padding at the end makes whole blocks."""
    sizes = [max(one * block - start, 1) for one, block, start in zip(size, blocks, starts, strict=True)]
    ends = [-(one + start) % block for one, start, block in zip(sizes, starts, blocks, strict=True)]
    padding = whole(*zip(starts, ends, strict=True))
    given_ = [(2, *sizes, 3), whole(*blocks), padding]
    agree(one_operator("SPACE_TO_BATCH_ND", given_, options("SpaceToBatchND")))


@settings(max_examples=40)
@given(
    blocks=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    crops=st.tuples(*[st.integers(0, 2)] * 4),
)
def test_back_into_blocks(
    blocks: tuple[int, int], size: tuple[int, int], crops: tuple[int, int, int, int]
) -> None:
    room = [one * block - 1 for one, block in zip(size, blocks, strict=True)]
    starts = [min(crop, most) for crop, most in zip(crops[:2], room, strict=True)]
    ends = [min(crop, most - start) for crop, most, start in zip(crops[2:], room, starts, strict=True)]
    given_ = [
        (2 * blocks[0] * blocks[1], *size, 3),
        whole(*blocks),
        whole(*zip(starts, ends, strict=True)),
    ]
    agree(one_operator("BATCH_TO_SPACE_ND", given_, options("BatchToSpaceND")))


def test_one_axis() -> None:
    agree(one_operator("SPACE_TO_BATCH_ND", [(1, 6, 3), whole(2), whole((1, 1))], options("SpaceToBatchND")))
    agree(one_operator("BATCH_TO_SPACE_ND", [(4, 3, 5), whole(2), whole((1, 0))], options("BatchToSpaceND")))


@pytest.mark.parametrize(
    ("kind", "inputs", "made", "message"),
    [
        ("SPACE_TO_DEPTH", [], options("SpaceToDepth", blockSize=0), "has blocks of 0"),
        ("SPACE_TO_BATCH_ND", [whole(0, 2), whole((0, 0), (0, 0))], None, r"has blocks \[0, 2\]"),
        ("SPACE_TO_BATCH_ND", [whole(2, 2), whole((0, 0))], None, "are no padding"),
        ("SPACE_TO_BATCH_ND", [whole(4, 4), whole((0, 1), (0, 0))], None, "do not make blocks of 4"),
        ("BATCH_TO_SPACE_ND", [whole(2, 2), whole((0, -1), (0, 0))], None, "are no crops"),
        ("BATCH_TO_SPACE_ND", [whole(*[2] * 4), whole(*[(0, 0)] * 4)], None, "on a tensor of rank 4"),
    ],
)
def test_what_cannot_be(kind: str, inputs: list[np.ndarray], made: Any, message: str) -> None:
    writer = Writer()
    names = [writer.input(4, 4, 4, 4), *(writer.constant(one, "int32") for one in inputs)]
    writer.graph.outputs = [writer.operator(kind, names, made)]
    with pytest.raises(ModelError, match=message):
        import_graph(writer.pack())
