"""Parts of tensors against LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, one_operator, options, run_onnx

RNG = np.random.default_rng(10)
SHAPE = (5, 4, 6)


VALUES = RNG.normal(size=SHAPE).astype(np.float32)


def reversing(axes: tuple[int, ...]) -> bytes:
    """A file with the operator alone, which LiteRT need not run."""
    writer = Writer()
    name = writer.operator("REVERSE_V2", [writer.input(*SHAPE), writer.whole(*axes)])
    writer.graph.outputs, writer.graph.tensors[name].shape = [name], list(SHAPE)
    return writer.pack()


def whole(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


def behind_a_convolution(kind: str, more: list[np.ndarray], made: Any, *, first: int = 0) -> bytes:
    """An operator on what a convolution makes: (1, 6, 5, 4). `first`: the place of that input."""
    writer = Writer()
    inputs = [
        writer.input(1, 6, 5, 3),
        writer.constant(RNG.normal(size=(4, 1, 1, 3))),
        writer.constant(RNG.normal(size=4)),
    ]
    name = writer.operator("CONV_2D", inputs, options("Conv2D", strideH=1, strideW=1))
    names = [writer.constant(one, one.dtype.name) for one in more]
    names.insert(first, name)
    return writer.finish(writer.operator(kind, names, made))


@pytest.mark.parametrize(
    ("begin", "size"), [((0, 0, 0), (5, 4, 6)), ((1, 2, 3), (2, 1, 3)), ((1, 2, 3), (-1, -1, -1))]
)
def test_cut(begin: tuple[int, ...], size: tuple[int, ...]) -> None:
    agree(one_operator("SLICE", [SHAPE, whole(*begin), whole(*size)], options("Slice")))


def test_cut_behind_a_convolution() -> None:
    agree(behind_a_convolution("SLICE", [whole(0, 1, 2, 1), whole(1, 3, -1, 2)], options("Slice")))
    bounds = [whole(0, 1, 4, 0), whole(1, 6, 0, 4), whole(1, 2, -1, 1)]
    agree(behind_a_convolution("STRIDED_SLICE", bounds, options("StridedSlice")))
    made = options("StridedSlice", shrinkAxisMask=2)
    agree(behind_a_convolution("STRIDED_SLICE", [bounds[0], bounds[1], whole(1, 1, -1, 1)], made))


bounds = st.tuples(*[st.integers(-7, 7)] * 3)
masks = st.integers(0, 7)


@settings(max_examples=120)
@given(
    begin=bounds,
    end=bounds,
    strides=st.tuples(*[st.sampled_from([-2, -1, 1, 2])] * 3),
    begins=masks,
    ends=masks,
    shrink=masks,
)
def test_strided_slice(
    begin: tuple[int, ...],
    end: tuple[int, ...],
    strides: tuple[int, ...],
    begins: int,
    ends: int,
    shrink: int,
) -> None:
    """Where numpy finds something; an axis that goes needs an element."""
    parts: list[Any] = []
    sizes = list(strides)
    for axis in range(3):
        if shrink >> axis & 1:
            assume(-SHAPE[axis] <= begin[axis] < SHAPE[axis])
            sizes[axis] = 1
            parts.append(begin[axis])
            continue
        start = None if begins >> axis & 1 else begin[axis]
        stop = None if ends >> axis & 1 else end[axis]
        parts.append(slice(start, stop, strides[axis]))
    assume(np.zeros(SHAPE)[tuple(parts)].size)
    made = options("StridedSlice", beginMask=begins, endMask=ends, shrinkAxisMask=shrink)
    agree(one_operator("STRIDED_SLICE", [SHAPE, whole(*begin), whole(*end), whole(*sizes)], made))


@pytest.mark.parametrize(
    ("masks", "bounds"),
    [
        ({"ellipsisMask": 1}, [(0, 1), (0, 3), (1, 1)]),  # [..., 1:3]
        ({"ellipsisMask": 2}, [(1, 0, 2), (3, 0, 4), (1, 1, 1)]),  # [1:3, ..., 2:4]
        ({"newAxisMask": 1}, [(0, 1), (0, 3), (1, 1)]),  # [None, 1:3]
        ({"newAxisMask": 2, "shrinkAxisMask": 1}, [(1, 0, 1), (2, 0, 3), (1, 1, 1)]),  # [1, None, 1:3]
        ({"ellipsisMask": 1, "newAxisMask": 2}, [(0, 0), (0, 0), (1, 1)]),  # [..., None]
        ({"ellipsisMask": 1, "shrinkAxisMask": 2}, [(0, -1), (0, 0), (1, 1)]),  # [..., -1]
        ({"offset": True}, [(1, 1, 1), (2, 3, 4), (1, 1, 1)]),  # 1:3, 1:4, 1:5
    ],
)
def test_masks(masks: dict[str, int], bounds: list[tuple[int, ...]]) -> None:
    made = options("StridedSlice", **masks)
    agree(one_operator("STRIDED_SLICE", [SHAPE, *(whole(*one) for one in bounds)], made))


@pytest.mark.parametrize("axes", [(0,), (2, 0), (-1,), (-2, 0, 2)])
def test_reverse(axes: tuple[int, ...]) -> None:
    """LiteRT reverses neighbouring axes only; the others are ours to get right."""
    found = run_onnx(import_graph(reversing(axes)), {"input_0": VALUES})
    (value,) = found.values()
    np.testing.assert_array_equal(value, np.flip(VALUES, axes))
    if len(axes) == 1:
        agree(reversing(axes))


def test_reverse_behind_a_convolution() -> None:
    agree(behind_a_convolution("REVERSE_V2", [whole(3)], None))
    agree(behind_a_convolution("REVERSE_V2", [whole(1)], None))


def test_split() -> None:
    for axis in (1, -1):
        writer = Writer()
        names = [writer.constant(axis, "int32"), writer.input(2, 6, 6)]
        data = writer.finish(
            *writer.operators("SPLIT", names, options("Split", numSplits=3), dtypes=["float32"] * 3)
        )
        agree(data)


def test_split_by_sizes() -> None:
    for sizes in ((1, 2, 3), (1, -1, 3)):
        writer = Writer()
        names = [writer.input(2, 6), writer.whole(*sizes), writer.constant(1, "int32")]
        made = options("SplitV", numSplits=3)
        agree(writer.finish(*writer.operators("SPLIT_V", names, made, dtypes=["float32"] * 3)))


def test_split_behind_a_convolution() -> None:
    writer = Writer()
    inputs = [
        writer.input(1, 6, 5, 3),
        writer.constant(RNG.normal(size=(4, 1, 1, 3))),
        writer.constant(RNG.normal(size=4)),
    ]
    name = writer.operator("CONV_2D", inputs, options("Conv2D", strideH=1, strideW=1))
    names = [writer.constant(3, "int32"), name]
    halves = writer.operators("SPLIT", names, options("Split", numSplits=2), dtypes=["float32"] * 2)
    data = writer.finish(writer.operator("MUL", halves, options("Mul")))
    agree(data)
    assert [node.op_type for node in import_graph(data).graph.node].count("Transpose") == 2


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_unpack(axis: int) -> None:
    writer = Writer()
    count = (2, 3, 4)[axis]
    made = options("Unpack", axis=axis, num=count)
    names = writer.operators("UNPACK", [writer.input(2, 3, 4)], made, dtypes=["float32"] * count)
    agree(writer.finish(*names))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("indices", [whole(3, 0, 2), np.array(1, np.int32), whole(1, 1, 2, 0).reshape(2, 2)])
def test_gather(axis: int, indices: np.ndarray) -> None:
    agree(one_operator("GATHER", [SHAPE, indices], options("Gather", axis=axis)))


def test_gather_with_axes_in_common() -> None:
    indices = whole(0, 1, 3, 2, 2, 0).reshape(2, 3)
    agree(one_operator("GATHER", [(2, 4, 5), indices], options("Gather", axis=1, batchDims=1)))


def test_gather_rows_of_indices() -> None:
    indices = whole(0, 1, 3, 2, 2, 0).reshape(3, 2)
    agree(one_operator("GATHER_ND", [SHAPE, indices], None))


@pytest.mark.parametrize(
    ("kind", "inputs", "made", "message"),
    [
        ("SLICE", [whole(0, 0), whole(1, 1)], None, "do not fit a tensor of rank 3"),
        ("SLICE", [whole(0, 0, -1), whole(1, 1, 1)], None, "do not fit a tensor of rank 3"),
        ("STRIDED_SLICE", [whole(0), whole(1), whole(0)], None, "do not fit each other"),
        ("STRIDED_SLICE", [whole(0, 1), whole(1), whole(1)], None, "do not fit each other"),
        ("STRIDED_SLICE", [whole(0, 0, 0, 0), whole(1, 1, 1, 1), whole(1, 1, 1, 1)], None, "more bounds"),
        ("SPLIT_V", [whole(1, 2), whole(1)], None, "cannot be split into"),
        ("UNPACK", [], options("Unpack", axis=1), "4 elements for 1 outputs"),
        ("GATHER", [whole(0)], options("Gather", axis=2, batchDims=1), "along axis 2 with 1 axes in common"),
    ],
)
def test_what_cannot_be(kind: str, inputs: list[np.ndarray], made: Any, message: str) -> None:
    writer = Writer()
    names = [writer.input(*SHAPE), *(writer.constant(one, one.dtype.name) for one in inputs)]
    writer.graph.outputs = [writer.operator(kind, names, made)]
    with pytest.raises(ModelError, match=message):
        import_graph(writer.pack())


def test_pieces_that_are_not_equal() -> None:
    writer = Writer()
    names = [writer.constant(1, "int32"), writer.input(2, 5)]
    writer.graph.outputs = writer.operators("SPLIT", names, options("Split"), dtypes=["float32"] * 2)
    with pytest.raises(ModelError, match="5 elements cannot be split into 2 equal pieces"):
        import_graph(writer.pack())
