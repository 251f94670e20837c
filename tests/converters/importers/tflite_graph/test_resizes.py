"""Pictures of another size against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, one_operator, options

sides = st.tuples(st.integers(1, 12), st.integers(1, 12))
MODES = [(False, False), (True, False), (False, True)]


@settings(max_examples=80)
@given(size=sides, out=sides, mode=st.sampled_from(MODES))
def test_bilinear(size: tuple[int, int], out: tuple[int, int], mode: tuple[bool, bool]) -> None:
    made = options("ResizeBilinear", alignCorners=mode[0], halfPixelCenters=mode[1])
    data = one_operator("RESIZE_BILINEAR", [(2, *size, 3), np.array(out, np.int32)], made)
    agree(data, tolerance=3e-5, delegates=False)


@settings(max_examples=120)
@given(size=sides, out=sides, mode=st.sampled_from(MODES))
def test_nearest(size: tuple[int, int], out: tuple[int, int], mode: tuple[bool, bool]) -> None:
    made = options("ResizeNearestNeighbor", alignCorners=mode[0], halfPixelCenters=mode[1])
    agree(one_operator("RESIZE_NEAREST_NEIGHBOR", [(2, *size, 3), np.array(out, np.int32)], made))


@settings(max_examples=60)
@given(size=sides, factor=st.tuples(st.integers(1, 5), st.integers(1, 5)), centred=st.booleans())
def test_whole_factors_are_a_resize(size: tuple[int, int], factor: tuple[int, int], centred: bool) -> None:
    out = np.multiply(size, factor).astype(np.int32)
    made = options("ResizeNearestNeighbor", halfPixelCenters=centred)
    data = one_operator("RESIZE_NEAREST_NEIGHBOR", [(1, *size, 2), out], made)
    agree(data)
    assert "Resize" in [node.op_type for node in import_graph(data).graph.node]


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ((1, 4, 4, 3), (0, 4), "is no size"),
        ((1, 4, 4, 3), (2**20, 4), "is no size"),
        ((1, 4, 4, 3), (4, 4, 4), "is no size"),
        ((4, 4, 3), (4, 4), "is no size for a tensor of rank 3"),
        ((1, 0, 4, 3), (4, 4), "is empty"),
    ],
)
@pytest.mark.parametrize("kind", ["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"])
def test_what_cannot_be(kind: str, shape: tuple[int, ...], size: tuple[int, ...], message: str) -> None:
    writer = Writer()
    writer.graph.outputs = [writer.operator(kind, [writer.input(*shape), writer.whole(*size)])]
    with pytest.raises(ModelError, match=message):
        import_graph(writer.pack())
