"""Reading the flatbuffer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.flatbuffer import read_flatbuffer
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, options


def small() -> Writer:
    """y = relu(conv(x)), with a reshape behind."""
    writer = Writer()
    inputs = [writer.input(1, 4, 4, 3, signature=(-1, 4, 4, 3)), writer.constant(np.ones((2, 3, 3, 3)))]
    made = options("Conv2D", strideH=1, strideW=2, fusedActivationFunction=1)
    name = writer.operator("CONV_2D", [*inputs, writer.constant(np.ones(2))], made)
    name = writer.operator("RESHAPE", [name, writer.whole(-1, 16)], options("Reshape", newShape=[-1, 16]))
    writer.finish(name)
    return writer


def test_what_is_in_it() -> None:
    model = read_flatbuffer(small().pack())
    assert [one.kind for one in model.operators] == ["CONV_2D", "RESHAPE"]
    assert (model.inputs, model.outputs) == ((0,), (model.operators[1].outputs[0],))
    x, kernel = model.tensors[:2]
    assert (x.name, x.kind, x.shape, x.static) == ("input_0", "FLOAT32", (-1, 4, 4, 3), (1, 4, 4, 3))
    assert x.data is None
    assert kernel.data is not None
    assert kernel.data.shape == (2, 3, 3, 3)
    assert not kernel.data.flags.writeable
    assert model.operators[0].options.whole("strideW") == 2
    assert model.operators[1].options.wholes("newShape") == (-1, 16)


def test_constants_without_elements() -> None:
    writer = Writer()
    name = writer.operator("SUM", [writer.input(2, 3), writer.constant([], "int32")], options("Reducer"))
    model = read_flatbuffer(writer.finish(name))
    assert model.tensors[1].data is not None
    assert model.tensors[1].data.shape == (0,)


def test_names_that_are_missing() -> None:
    writer = Writer()
    name = writer.operator("RELU", [writer.input(3)])
    writer.graph.tensors[name].name = ""
    writer.graph.outputs = [name]
    assert read_flatbuffer(writer.pack()).tensors[name].name == f"tensor_{name}"


def tensor(number: int, **values: object) -> Callable[[Writer], None]:
    """Change a tensor."""
    return lambda writer: _change(writer.graph.tensors[number], values)


def operator(**values: object) -> Callable[[Writer], None]:
    """Change the convolution."""
    return lambda writer: _change(writer.graph.operators[0], values)


def _change(made: object, values: dict[str, object]) -> None:
    for name, value in values.items():
        setattr(made, name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (tensor(1, buffer=99), "names buffer 99"),
        (tensor(1, shape=[2, 3, 3, 4]), "has 216 bytes"),
        (tensor(1, shape=[2, 3, -1, 3]), "has 216 bytes"),
        (tensor(1, shape=[2, 3, -3, 3]), "which cannot be"),
        (tensor(0, shape=[1] * 17), "which cannot be"),
        (tensor(0, name="\x1b[2J"), "not printable"),
        (operator(inputs=[0, 1, 77]), r"inputs of operator 0 \(CONV_2D\) name tensor 77"),
        (operator(outputs=[-1]), r"outputs of operator 0 \(CONV_2D\) name tensor -1"),
        (operator(opcodeIndex=5), "operator 0 has no code"),
        (lambda writer: _change(writer.graph, {"outputs": [-1]}), "outputs of the model name tensor -1"),
        (lambda writer: _change(writer.model, {"subgraphs": []}), "0 subgraphs"),
    ],
)
def test_what_does_not_fit(change: Callable[[Writer], None], message: str) -> None:
    writer = small()
    change(writer)
    with pytest.raises(ModelError, match=message):
        read_flatbuffer(writer.pack())


def test_names_inside_may_be_long_and_odd() -> None:
    """The converter joins the names of all operators that it fuses."""
    writer = small()
    writer.graph.tensors[1].name = "\x1b[2J" + "model/conv;" * 300
    name = read_flatbuffer(writer.pack()).tensors[1].name
    assert name.startswith("?[2Jmodel/conv;")
    assert len(name) == 1024


def test_constants_need_not_be_read() -> None:
    writer = small()
    writer.graph.tensors[1].shape = [2, 3, 3, 4]
    model = read_flatbuffer(writer.pack(), constants=False)
    assert model.tensors[1].data is None


SMALL = small().pack()


@settings(max_examples=300)
@given(place=st.integers(0, len(SMALL) - 1), value=st.integers(0, 255), length=st.integers(8, len(SMALL)))
def test_a_changed_or_shortened_file_is_read_or_refused(place: int, value: int, length: int) -> None:
    data = bytearray(SMALL[:length])
    data[min(place, length - 1)] = value
    with suppress(ModelError):
        import_graph(bytes(data))


@given(data=st.binary(max_size=200))
def test_noise_is_refused(data: bytes) -> None:
    with suppress(ModelError):
        read_flatbuffer(data)
