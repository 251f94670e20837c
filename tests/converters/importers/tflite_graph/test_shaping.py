"""Other shapes, and repeated numbers, against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, assert_near, one_operator, options, run_onnx

RNG = np.random.default_rng(9)


def whole(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


@pytest.mark.parametrize("shape", [(6, 4), (-1, 4), (2, -1), (24,), (1, 2, 3, 4)])
def test_reshape(shape: tuple[int, ...]) -> None:
    agree(one_operator("RESHAPE", [(2, 3, 4), whole(*shape)], None))
    agree(one_operator("RESHAPE", [(2, 3, 4)], options("Reshape", newShape=list(shape))))


@pytest.mark.parametrize(("size", "transposes"), [((5, 4, 3), 2), ((1, 1, 3), 1), ((5, 4, 1), 1)])
def test_flat_behind_a_convolution(size: tuple[int, int, int], transposes: int) -> None:
    """No transpose where the numbers lie in the same order in both layouts."""
    *sides, channels = size
    writer = Writer()
    inputs = [
        writer.input(1, *sides, 2),
        writer.constant(RNG.normal(size=(channels, 1, 1, 2))),
        writer.constant(RNG.normal(size=channels)),
    ]
    name = writer.operator("CONV_2D", inputs, options("Conv2D", strideH=1, strideW=1))
    data = writer.finish(writer.operator("RESHAPE", [name, writer.whole(1, -1)]))
    agree(data)
    kinds = [node.op_type for node in import_graph(data).graph.node]
    assert kinds.count("Transpose") == transposes


def test_a_shape_that_is_computed() -> None:
    """As Keras exports Reshape layers: the batch from the input's shape."""
    writer = Writer()
    name = writer.input(1, 4, 6, signature=(-1, 4, 6))
    sizes = writer.operator("SHAPE", [name], options("Shape", outType=2), dtype="int32")
    bounds = [writer.whole(0), writer.whole(1), writer.whole(1)]
    made = options("StridedSlice", shrinkAxisMask=1)
    batch = writer.operator("STRIDED_SLICE", [sizes, *bounds], made, dtype="int32")
    rest = [writer.constant(one, "int32") for one in (8, 3)]
    shape = writer.operator("PACK", [batch, *rest], options("Pack", valuesCount=3), dtype="int32")
    data = writer.finish(writer.operator("RESHAPE", [name, shape]))
    agree(data)
    values = RNG.normal(size=(5, 4, 6)).astype(np.float32)
    writer.graph.tensors[writer.graph.outputs[0]].shapeSignature = [-1, 8, 3]
    (found,) = run_onnx(import_graph(writer.pack()), {"input_0": values}).values()
    assert_near(found, values.reshape(5, 8, 3))


def test_sizes_that_are_fixed_are_a_constant() -> None:
    writer = Writer()
    data = writer.finish(
        writer.operator("SHAPE", [writer.input(2, 3)], options("Shape", outType=2), dtype="int32")
    )
    model = import_graph(data)
    assert [node.op_type for node in model.graph.node] == ["Identity"]
    agree(data)


@pytest.mark.parametrize("named", [[], [0], [2], [0, -2]])
def test_squeeze(named: list[int]) -> None:
    agree(one_operator("SQUEEZE", [(1, 3, 1, 4)], options("Squeeze", squeezeDims=named)))
    agree(one_operator("SQUEEZE", [(2, 3)], options("Squeeze", squeezeDims=[])))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_expand_dims(axis: int) -> None:
    agree(one_operator("EXPAND_DIMS", [(2, 3), np.array(axis, np.int32)], options("ExpandDims")))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_transpose(order: tuple[int, ...]) -> None:
    agree(one_operator("TRANSPOSE", [(2, 3, 4), whole(*order)], options("Transpose")))


def test_repeated() -> None:
    agree(one_operator("TILE", [(2, 3), whole(2, 3)], options("Tile")))
    agree(one_operator("BROADCAST_TO", [(2, 1, 3), whole(2, 4, 3)], None))
    agree(one_operator("ZEROS_LIKE", [(2, 3)], options("ZerosLike")))
    writer = Writer()
    data = writer.finish(writer.operator("FILL", [writer.whole(2, 3), writer.input()], options("Fill")))
    agree(data)


def test_repeated_as_often_as_is_computed() -> None:
    writer = Writer()
    names = [writer.input(2, 3), writer.input(2, dtype="int32")]
    data = writer.finish(writer.operator("TILE", names, options("Tile")))
    inputs = {"input_0": RNG.normal(size=(2, 3)).astype(np.float32), "input_1": whole(1, 1)}
    agree(data, inputs)


def test_the_number_of_axes() -> None:
    writer = Writer()
    writer.graph.outputs = [writer.operator("RANK", [writer.input(2, 3)], options("Rank"), dtype="int32")]
    (found,) = run_onnx(import_graph(writer.pack()), {"input_0": np.zeros((2, 3), np.float32)}).values()
    assert found.tolist() == 2


@pytest.mark.parametrize(
    ("kind", "second", "message"),
    [
        ("RESHAPE", whole(0, 24), "is no shape for"),
        ("TRANSPOSE", whole(0, 0, 1), "is no order of 3 axes"),
        ("TRANSPOSE", whole(0, 1), "is no order of 3 axes"),
        ("TRANSPOSE", whole(0, 1, 3), "has no axis 3"),
        ("EXPAND_DIMS", whole(0, 1), "its axis is 2 numbers, not one"),
        ("BROADCAST_TO", whole(-1, 3, 4), "is no shape"),
        ("BROADCAST_TO", whole(2**20, 2**20, 4), "more than"),
        ("TILE", whole(2**30, 1, 1), "more than"),
        ("RESHAPE", np.array([6.0, 4.0], np.float32), "its shape is float32, not integers"),
    ],
)
def test_what_cannot_be(kind: str, second: np.ndarray, message: str) -> None:
    writer = Writer()
    names = [writer.input(2, 3, 4), writer.constant(second, second.dtype.name)]
    name = writer.operator(kind, names)
    writer.graph.outputs = [name]
    writer.graph.tensors[name].shape = [1, 1, 1, 1]
    with pytest.raises(ModelError, match=message):
        import_graph(writer.pack())
