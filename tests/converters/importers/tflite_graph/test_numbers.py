"""Numbers of other types, and numbers that are counted out, against LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, assert_near, options, run_onnx


@pytest.mark.parametrize("before", ["float32", "int32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("after", ["float32", "int32", "int64", "bool"])
def test_cast(before: str, after: str) -> None:
    writer = Writer()
    data = writer.finish(writer.operator("CAST", [writer.input(4, 3, dtype=before)], None, dtype=after))
    agree(data)


def test_pictures_of_bytes() -> None:
    """uint8 without a scale is a number like any other."""
    writer = Writer()
    name = writer.operator("CAST", [writer.input(1, 4, 4, 3, dtype="uint8")])
    data = writer.finish(writer.operator("MUL", [name, writer.constant(1 / 255)], options("Mul")))
    agree(data)


def test_float16_weights() -> None:
    """Behind DEQUANTIZE they are constants again, and products see them as such."""
    writer = Writer()
    rng = np.random.default_rng(12)
    halves = [rng.normal(size=shape).astype(np.float16) for shape in ((4, 6), (4,))]
    names = [writer.operator("DEQUANTIZE", [writer.constant(one, "float16")]) for one in halves]
    data = writer.finish(
        writer.operator("FULLY_CONNECTED", [writer.input(2, 6), *names], options("FullyConnected"))
    )
    agree(data)
    model = import_graph(data)
    assert [node.op_type for node in model.graph.node] == ["Gemm"]
    assert {one.data_type for one in model.graph.initializer} == {1}


def test_float16_that_is_computed() -> None:
    writer = Writer()
    name = writer.operator("DEQUANTIZE", [writer.input(2, 3, dtype="float16")])
    writer.graph.outputs = [name]
    writer.graph.tensors[name].shape = [2, 3]
    values = np.arange(6, dtype=np.float16).reshape(2, 3) / 3
    (found,) = run_onnx(import_graph(writer.pack()), {"input_0": values}).values()
    assert_near(found, values.astype(np.float32))


@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize("numbers", [(0, 5, 1), (2, 11, 3), (5, 0, -2), (3, 3, 1)])
def test_counted_out(dtype: str, numbers: tuple[int, int, int]) -> None:
    writer = Writer()
    names = [writer.constant(one, dtype) for one in numbers]
    count = len(range(*numbers))
    ramp = writer.operator("RANGE", names, options("Range"), dtype=dtype)
    data = writer.finish(
        writer.operator("ADD", [writer.input(count, dtype=dtype), ramp], options("Add"), dtype=dtype)
    )
    if count:
        agree(data)
    else:
        import_graph(data)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_one_hot(axis: int) -> None:
    """Indices that are none give a row of `off`, those below zero too."""
    writer = Writer()
    names = [
        writer.input(2, 3, dtype="int32"),
        writer.constant(4, "int32"),
        writer.constant(5.0),
        writer.constant(-1.5),
    ]
    data = writer.finish(writer.operator("ONE_HOT", names, options("OneHot", axis=axis)))
    agree(data, {"input_0": np.array([[0, 1, 3], [4, -1, 2]], np.int32)})


@pytest.mark.parametrize(
    ("kind", "numbers", "message"),
    [
        ("RANGE", [0, 5, 0], "delta not 0"),
        ("RANGE", [0, 2**25, 1], "counts out more than"),
        ("RANGE", [[0, 1], 5, 1], "must be one number each"),
        ("RANGE", [0.0, np.inf, 1.0], "counts out more than"),
        ("RANGE", [np.inf, 0.0, 1.0], "counts out more than"),
        ("RANGE", [0.0, np.nan, 1.0], "counts out more than"),
        ("ONE_HOT", [0, -1, 1, 0], "has a depth of -1"),
        ("DEQUANTIZE", [1], "makes float32 of int32"),
    ],
)
def test_what_cannot_be(kind: str, numbers: list[Any], message: str) -> None:
    writer = Writer()
    dtype = "float32" if isinstance(numbers[0], float) else "int32"
    names = [writer.constant(one, dtype) for one in numbers]
    writer.graph.outputs = [writer.operator(kind, names)]
    with pytest.raises(ModelError, match=message):
        import_graph(writer.pack())


@pytest.mark.parametrize("kind", ["RANGE", "ZEROS_LIKE"])
def test_values_that_are_no_numbers(kind: str) -> None:
    writer = Writer()
    names = [writer.constant(one, "int32") for one in ((0, 5, 1) if kind == "RANGE" else (0,))]
    writer.graph.outputs = [writer.operator(kind, names, dtype="string")]
    with pytest.raises(ModelError, match="holds string values"):
        import_graph(writer.pack())
