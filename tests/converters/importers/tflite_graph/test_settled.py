"""Sizes that are computed, for a batch of one."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph import settled
from edgeinfer_converters.importers.tflite_graph.flatbuffer import read_flatbuffer
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from edgeinfer_converters.importers.tflite_graph.parts import OPEN
from edgeinfer_converters.importers.tflite_graph.settled import settle, sizes_and_values
from tests.fixtures.tflite_graphs import Writer, agree, options


def opened(writer: Writer) -> bytes:
    """The file with all computed sizes open, as TensorFlow leaves them."""
    for operator in writer.graph.operators:
        for index in operator.outputs:
            tensor = writer.graph.tensors[index]
            tensor.shapeSignature = [OPEN] * len(tensor.shape)
    return writer.pack()


def frames(writer: Writer, name: int, *, length: int = 8, hop: int = 4) -> int:
    """Overlapping pieces of a signal (batch, 24), as tf.signal.frame counts them out."""
    sizes = writer.operator("SHAPE", [name], options("Shape", outType=2), dtype="int32")
    bounds = [writer.whole(1), writer.whole(2), writer.whole(1)]
    shrink = options("StridedSlice", shrinkAxisMask=1)
    width = writer.operator("STRIDED_SLICE", [sizes, *bounds], shrink, dtype="int32")
    whole = [writer.constant(one, "int32") for one in (length, hop, 1, 0)]
    rest = writer.operator("SUB", [width, whole[0]], options("Sub"), dtype="int32")
    hops = writer.operator("FLOOR_DIV", [rest, whole[1]], options("FloorDiv"), dtype="int32")
    count = writer.operator("ADD", [hops, whole[2]], options("Add"), dtype="int32")
    starts = writer.operator("RANGE", [whole[3], count, whole[2]], options("Range"), dtype="int32")
    firsts = writer.operator("MUL", [starts, whole[1]], options("Mul"), dtype="int32")
    column = writer.operator("EXPAND_DIMS", [firsts, writer.constant(1, "int32")], dtype="int32")
    places = writer.constant(np.arange(length), "int32")
    table = writer.operator("ADD", [column, places], options("Add"), dtype="int32")
    return writer.operator("GATHER", [name, table], options("Gather", axis=1))


def framed() -> bytes:
    """Frames of a signal through a product; nothing but the signal's length has a fixed size."""
    writer = Writer()
    name = writer.input(1, 24, signature=(OPEN, 24))
    weights = [writer.constant(np.random.default_rng(0).normal(size=(3, 8))), -1]
    made = options("FullyConnected", keepNumDims=True)
    writer.finish(writer.operator("FULLY_CONNECTED", [frames(writer, name), *weights], made))
    return opened(writer)


def test_frames_that_are_counted_out() -> None:
    found = agree(framed())
    (value,) = found.values()
    assert value.shape == (1, 5, 3)
    graph = import_graph(framed()).graph
    assert {node.op_type for node in graph.node} == {"Gather", "MatMul"}
    assert [dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim] == [1, 24]


def test_what_follows_from_sizes_is_constant() -> None:
    data = framed()
    model = settle(read_flatbuffer(data), data)
    assert [one.kind for one in model.operators] == ["GATHER", "FULLY_CONNECTED"]
    table = model.tensors[model.operators[0].inputs[1]]
    assert table.data is not None
    np.testing.assert_array_equal(table.data, 4 * np.arange(5)[:, None] + np.arange(8))
    assert not any(OPEN in one.shape for one in model.tensors)


def test_a_model_that_does_without_keeps_its_batch() -> None:
    writer = Writer()
    name = writer.input(1, 24, signature=(OPEN, 24))
    writer.finish(writer.operator("RELU", [name]))
    graph = import_graph(opened(writer)).graph
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_sizes_that_depend_on_the_data_stay_open() -> None:
    """As many zeros as the first number says, in front of it: a run on zeros settles for none."""
    writer = Writer()
    name, count = writer.input(1, 4), writer.input(1, dtype="int32")
    zero = writer.whole(0)
    pairs = [
        writer.operator("PACK", [one, two], options("Pack", valuesCount=2), dtype="int32")
        for one, two in ((zero, zero), (count, zero))
    ]
    pads = writer.operator("PACK", pairs, options("Pack", valuesCount=2), dtype="int32")
    flat = writer.operator("RESHAPE", [pads, writer.whole(2, 2)], dtype="int32")
    padded = writer.operator("PAD", [name, flat], options("Pad"))
    result = writer.operator("RELU", [padded])
    sizes = writer.operator("SHAPE", [result], options("Shape", outType=2), dtype="int32")
    fixed = writer.operator("SHAPE", [name], options("Shape", outType=2), dtype="int32")
    writer.finish(result, sizes, fixed)
    data = opened(writer)
    found = sizes_and_values(data)
    assert not {padded, result, sizes} & found["shapes"].keys()
    assert found["values"] == {fixed: [1, 4]}
    model = settle(read_flatbuffer(data), data)
    assert model.tensors[result].shape == (OPEN, OPEN)
    assert [one.kind for one in model.operators].count("SHAPE") == 1


@pytest.mark.parametrize("kind", ["RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"])
def test_random_numbers_are_not_frozen(kind: str) -> None:
    writer = Writer()
    name = writer.input(1, 4, signature=(OPEN, 4))
    sizes = writer.operator("SHAPE", [name], options("Shape", outType=2), dtype="int32")
    noise = writer.operator(kind, [sizes], options("Random"))
    writer.finish(writer.operator("ADD", [name, noise], options("Add")))
    with pytest.raises(ModelError, match=kind):
        import_graph(opened(writer))


def test_an_axis_that_is_given_while_the_model_runs() -> None:
    writer = Writer()
    name, axis = writer.input(2, 3, signature=(OPEN, 3)), writer.input(1, dtype="int32")
    place = writer.operator("ARG_MAX", [name, axis], options("ArgMax", outputType=2), dtype="int32")
    sizes = writer.operator("SHAPE", [place], options("Shape", outType=2), dtype="int32")
    writer.finish(sizes)
    assert sizes not in sizes_and_values(opened(writer))["values"]


def test_values_without_numbers() -> None:
    """The sizes in front of the axis that is framed: there are none."""
    writer = Writer()
    name = writer.input(1, 4, signature=(OPEN, 4))
    sizes = writer.operator("SHAPE", [name], options("Shape", outType=2), dtype="int32")
    none = writer.operator("SLICE", [sizes, writer.whole(0), writer.whole(0)], dtype="int32")
    shape = writer.operator("CONCATENATION", [none, sizes], options("Concatenation"), dtype="int32")
    length = writer.operator("SLICE", [sizes, writer.whole(1), writer.whole(1)], dtype="int32")
    scalar = writer.operator("RESHAPE", [length, writer.constant(np.zeros(0), "int32")], dtype="int32")
    counted = writer.operator(
        "RANGE", [writer.constant(0, "int32"), scalar, writer.constant(1, "int32")], dtype="int32"
    )
    gathered = writer.operator("GATHER", [name, counted], options("Gather", axis=1))
    writer.finish(writer.operator("RESHAPE", [gathered, shape]))
    agree(opened(writer))


def test_a_batch_of_one_whatever_the_file_begins_with() -> None:
    writer = Writer()
    name = writer.input(8, 24, signature=(OPEN, 24))
    writer.finish(writer.operator("RELU", [frames(writer, name)]))
    data = opened(writer)
    assert settle(read_flatbuffer(data), data).tensors[name].shape == (1, 24)


def test_why_sizes_were_not_learnt_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ModelError("it took too long")

    monkeypatch.setattr("edgeinfer_converters.importers.tflite_graph.graph.settle", fails)
    with pytest.raises(ModelError, match=r"RANGE .*not to be learnt from a run: it took too long"):
        import_graph(framed())


def test_too_many_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "MAX_VALUES", 10)
    with pytest.raises(ModelError, match="more than 10 numbers follow from the model's sizes"):
        sizes_and_values(framed())


def test_a_model_that_litert_does_not_run() -> None:
    writer = Writer()
    name = writer.operator("custom Mystery", [writer.input(1, 4)])
    writer.graph.outputs = [name]
    with pytest.raises(ModelError):
        sizes_and_values(writer.pack())


@pytest.mark.parametrize("kind", sorted(settled._SIZED_BY))
def test_operators_are_known_by_their_names(kind: str) -> None:
    from edgeinfer_converters.importers.tflite_graph.table import CONVERTERS

    assert kind in CONVERTERS
