"""The file: what LiteRT and its schema read is what was written."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.bundle.tflite_file import describe
from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite import flatbuffer
from edgeinfer_converters.tflite.flatbuffer import write
from edgeinfer_converters.tflite.tensors import Graph, Quant


def a_graph() -> Graph:
    graph = Graph()
    x = graph.tensor("x", (1, 4), "float32")
    weights = graph.constant(np.arange(12, dtype=np.float32).reshape(3, 4), "w")
    bias = graph.constant(np.ones(3, np.float32), "b")
    y = graph.tensor("y", (1, 3), "float32")
    graph.add("FULLY_CONNECTED", [x, weights, bias], [y], fusedActivationFunction="RELU")
    graph.inputs.append(x)
    graph.outputs.append(y)
    return graph


def test_it_runs() -> None:
    with open_backend(write(a_graph()), "tflite", BackendOptions()) as backend:
        found = backend.run({"x": np.array([[1, -1, 2, 0]], np.float32)})
    np.testing.assert_array_equal(found["y"], [[4.0, 12.0, 20.0]])


def test_the_same_graph_gives_the_same_bytes() -> None:
    assert write(a_graph()) == write(a_graph())


def test_weights_lie_at_multiples_of_sixteen() -> None:
    data = write(a_graph())
    model = schema.Model.GetRootAs(data, 0)
    assert model.BuffersLength() == 3
    assert model.Buffers(0).DataIsNone()
    for number in range(1, 3):
        values = model.Buffers(number).DataAsNumpy()
        start = values.__array_interface__["data"][0] - np.frombuffer(data, np.uint8).ctypes.data
        assert start % 16 == 0


def test_names_types_scales_and_the_signature() -> None:
    graph = a_graph()
    graph.tensors[0].quant = Quant.whole(0.25, -3)
    graph.tensors[0].dtype = "int8"
    data = write(graph)
    described = describe(data)
    assert described.inputs[0].name == "x"
    assert described.inputs[0].dtype == "int8"
    assert described.inputs[0].quantization is not None
    assert described.inputs[0].quantization.scale == 0.25
    assert described.inputs[0].quantization.zero_point == -3
    assert described.operators == {"FULLY_CONNECTED": 1}
    signature = schema.Model.GetRootAs(data, 0).SignatureDefs(0)
    assert signature.SignatureKey() == b"serving_default"
    assert signature.Inputs(0).Name() == b"x"
    assert signature.Outputs(0).Name() == b"y"


def test_channels_have_scales_along_their_axis() -> None:
    graph = a_graph()
    graph.tensors[1].quant = Quant((0.5, 0.25, 0.125), (0, 0, 0), 0)
    model = schema.Model.GetRootAs(write(graph), 0)
    tensors = [model.Subgraphs(0).Tensors(n) for n in range(model.Subgraphs(0).TensorsLength())]
    weights = next(tensor for tensor in tensors if tensor.Name() == b"w")
    assert weights.Quantization().ScaleAsNumpy().tolist() == [0.5, 0.25, 0.125]
    assert weights.Quantization().QuantizedDimension() == 0


def test_a_file_beyond_the_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatbuffer, "MAX_FILE_BYTES", 50)
    with pytest.raises(ModelError, match="holds 2 GB at most"):
        write(a_graph())


def test_equal_vectors_are_stored_once() -> None:
    def sized(channels: int) -> int:
        graph = a_graph()
        graph.tensors[1].quant = Quant((0.5,) * channels, (0,) * channels, 0)
        graph.tensors[2].quant = Quant((0.5,) * channels, (0,) * channels, 0)
        return len(write(graph))

    # A scale has 4 bytes and a zero point 8: two tensors' worth would be 24 for each channel.
    assert sized(1003) - sized(3) <= 12 * 1000 + 16


def layers(count: int, name: str = "") -> Graph:
    """Operators with the same scales and options, and one name for all results if there is a `name`."""
    graph = a_graph()
    shape = graph.tensors[graph.outputs[0]].shape
    for number in range(count):
        same = graph.tensor(name or f"layer {number:04}", shape, "int8", Quant.whole(0.25, -3))
        graph.add("LEAKY_RELU", [graph.inputs[0] if number == 0 else same - 1], [same], alpha=0.5)
    return graph


def test_equal_strings_are_stored_once() -> None:
    assert len(write(layers(100))) - len(write(layers(100, "layer 0000"))) >= 100 * len("layer 0000")


def tables_of(data: bytes) -> tuple[set[int], set[int]]:
    """Where quantization and options lie in a file."""
    main = schema.Model.GetRootAs(data, 0).Subgraphs(0)
    tensors = (main.Tensors(number) for number in range(main.TensorsLength()))
    operators = (main.Operators(number) for number in range(main.OperatorsLength()))
    quantized = {one.Quantization()._tab.Pos for one in tensors if one.Quantization() is not None}
    return quantized, {one.BuiltinOptions().Pos for one in operators if one.BuiltinOptions() is not None}


def test_tables_of_equal_scales_and_options_are_stored_once() -> None:
    quantized, options = tables_of(write(layers(5)))
    assert len(quantized) == 1
    assert len(options) == 2  # FULLY_CONNECTED's and LEAKY_RELU's


def test_tables_that_differ_stay_apart() -> None:
    graph = layers(5)
    for number, operator in enumerate(graph.operators):
        if operator.code == "LEAKY_RELU":
            operator.options = {"alpha": 0.5 + number}
            graph.tensors[operator.outputs[0]].quant = Quant.whole(0.25 + number, -3)
    quantized, options = tables_of(write(graph))
    assert len(quantized) == 5
    assert len(options) == 6


def test_the_inspector_takes_what_is_shared() -> None:
    """It counts what is shared each time, and allows so much for each byte of the file."""
    assert describe(write(layers(2000, "same"))).operators["LEAKY_RELU"] == 2000


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "ü"]), st.sampled_from([0.5, 0.25]), st.integers(-128, 127)),
        max_size=12,
    )
)
def test_what_is_shared_is_read_as_it_was_written(wanted: list[tuple[str, float, int]]) -> None:
    graph = Graph()
    for name, scale, zero_point in wanted:
        tensor = graph.tensor(name, (1, 4), "int8", Quant.whole(scale, zero_point))
        graph.add("LEAKY_RELU", [tensor], [tensor], alpha=scale)
    main = schema.ModelT.InitFromPackedBuf(write(graph), 0).subgraphs[0]
    assert [
        (tensor.name.decode(), tensor.quantization.scale[0], tensor.quantization.zeroPoint[0])
        for tensor in main.tensors
    ] == wanted
    assert [one.builtinOptions.alpha for one in main.operators] == [scale for _, scale, _ in wanted]
