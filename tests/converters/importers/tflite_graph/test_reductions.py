"""Reductions against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, one_operator, options, run_onnx

KINDS = ["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"]
RNG = np.random.default_rng(7)


def axes(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("over", [(1, 2), (2, 1), (-1,), (0,), (0, 1, 2, 3), (3, 1)])
def test_numbers(kind: str, keep: bool, over: tuple[int, ...]) -> None:
    agree(one_operator(kind, [(2, 3, 4, 5), axes(*over)], options("Reducer", keepDims=keep)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("over", [(1, 2), (3,), (-1, 1)])
def test_behind_a_convolution(kind: str, keep: bool, over: tuple[int, ...]) -> None:
    writer = Writer()
    inputs = [
        writer.input(1, 6, 5, 3),
        writer.constant(RNG.normal(size=(4, 1, 1, 3))),
        writer.constant(RNG.normal(size=4)),
    ]
    name = writer.operator("CONV_2D", inputs, options("Conv2D", strideH=1, strideW=1))
    name = writer.operator(kind, [name, writer.whole(*over)], options("Reducer", keepDims=keep))
    agree(writer.finish(name), tolerance=1e-4)


def test_the_mean_of_a_picture_is_a_pooling() -> None:
    for keep in (False, True):
        made = options("Reducer", keepDims=keep)
        model = import_graph(one_operator("MEAN", [(1, 4, 4, 3), axes(1, 2)], made))
        assert "GlobalAveragePool" in [node.op_type for node in model.graph.node]


def test_over_no_axis() -> None:
    agree(one_operator("SUM", [(2, 3), axes()], options("Reducer")))


@pytest.mark.parametrize("kind", ["REDUCE_ANY", "REDUCE_ALL"])
@pytest.mark.parametrize("keep", [False, True])
def test_truth_values(kind: str, keep: bool) -> None:
    writer = Writer()
    names = [writer.input(4, 6, dtype="bool"), writer.whole(1)]
    data = writer.finish(writer.operator(kind, names, options("Reducer", keepDims=keep), dtype="bool"))
    values = np.array([[0] * 6, [1] * 6, [0, 1] * 3, [1, 0, 0, 0, 0, 0]]).astype(bool)
    agree(data, {"input_0": values})


@pytest.mark.parametrize("kind", ["ARG_MAX", "ARG_MIN"])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_places_of_extremes(kind: str, dtype: str, axis: int) -> None:
    writer = Writer()
    names = [writer.input(5, 6), writer.constant(axis, "int32")]
    name = "ArgMax" if kind == "ARG_MAX" else "ArgMin"
    made = options(name, outputType=2 if dtype == "int32" else 4)
    data = writer.finish(writer.operator(kind, names, made, dtype=dtype))
    # Among several, the first.
    agree(data, {"input_0": RNG.integers(0, 3, size=(5, 6)).astype(np.float32)})


def test_the_largest() -> None:
    writer = Writer()
    names = [writer.input(4, 9), writer.constant(3, "int32")]
    data = writer.finish(*writer.operators("TOPK_V2", names, options("TopKV2"), dtypes=["float32", "int32"]))
    agree(data)
    agree(data, {"input_0": RNG.integers(0, 3, size=(4, 9)).astype(np.float32)})


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_sums_of_all_before(exclusive: bool, reverse: bool) -> None:
    made = options("Cumsum", exclusive=exclusive, reverse=reverse)
    agree(one_operator("CUMSUM", [(3, 5), np.array(1, np.int32)], made))


def test_what_cannot_be() -> None:
    writer = Writer()
    writer.graph.outputs = [writer.operator("SUM", [writer.input(2, 3), writer.whole(2)], options("Reducer"))]
    with pytest.raises(ModelError, match="of rank 2 has no axis 2"):
        import_graph(writer.pack())
    writer = Writer()
    names = [writer.input(4, 9), writer.input(1, dtype="int32", name="k")]
    writer.graph.outputs = writer.operators("TOPK_V2", names, None, dtypes=["float32", "int32"])
    with pytest.raises(ModelError, match="it is given its count only"):
        import_graph(writer.pack())
    writer = Writer()
    names = [writer.input(4, 9), writer.constant(0, "int32")]
    writer.graph.outputs = [writer.operator("ARG_MAX", names, None, dtype="int16")]
    with pytest.raises(ModelError, match="its indices are int16"):
        import_graph(writer.pack())


def test_axes_that_are_named_twice() -> None:
    """Once from each end: they count once."""
    writer = Writer()
    name = writer.operator("SUM", [writer.input(2, 3), writer.whole(1, -1)], options("Reducer"))
    writer.graph.outputs = [name]
    writer.graph.tensors[name].shape = [2]
    (found,) = run_onnx(import_graph(writer.pack()), {"input_0": np.ones((2, 3), np.float32)}).values()
    assert found.tolist() == [3.0, 3.0]
