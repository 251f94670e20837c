"""A file as plain data: indices, counts, buffers, names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeinfer.errors import ModelError
from edgeinfer.tflite import model as module
from edgeinfer.tflite.model import parse_model
from tests.fixtures.tflite import builtin, doubler, filled, graph_of, model_of, packed, step, tensor_of


def adding(**fields: Any) -> bytes:
    """y = x + constant."""
    tensors = [tensor_of([2]), tensor_of([2], buffer=1), tensor_of([2])]
    graph = graph_of(tensors, [step(0, [0, 1], [2], schema.AddOptionsT())])
    return model_of([graph], [builtin("ADD")], buffers=(bytes(8),), **fields)


def changed(what: Callable[[Any], None]) -> bytes:
    """`adding` after a change to the object of the schema's."""
    made = schema.ModelT.InitFromPackedBuf(adding(), 0)
    what(made)
    return packed(made)


def test_a_model_is_read() -> None:
    found = parse_model(adding())
    (graph,) = found.subgraphs
    (operator,) = graph.operators
    assert (graph.inputs, graph.outputs) == ((0,), (2,))
    assert (operator.code.name, operator.code.version, operator.inputs, operator.outputs) == (
        "ADD",
        1,
        (0, 1),
        (2,),
    )
    assert operator.options is not None
    assert operator.options.table == "Add"
    assert [one.data is not None for one in graph.tensors] == [False, True, False]
    assert bytes(graph.tensors[1].data or b"") == bytes(8)


def test_a_buffer_may_lie_behind_the_flatbuffer() -> None:
    def outside(made: Any) -> None:
        made.buffers[1] = filled(schema.BufferT(), {"offset": 16, "size": 8})

    data = changed(outside)
    assert bytes(parse_model(data).subgraphs[0].tensors[1].data or b"") == data[16:24]


def test_options_of_the_second_union_are_read() -> None:
    graph = graph_of([tensor_of([2])], [step(0, [0], [], schema.DilateOptionsT())])
    options = parse_model(model_of([graph], [builtin("DILATE")])).subgraphs[0].operators[0].options
    assert options is not None
    assert options.table == "Dilate"


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (lambda one: setattr(one, "version", 4), "schema version 4, not 3"),
        (lambda one: setattr(one, "externalBuffers", [schema.ExternalBufferT()]), "outside the file"),
        (lambda one: setattr(one.subgraphs[0].tensors[0], "externalBuffer", 1), "data outside the file"),
        (lambda one: setattr(one, "subgraphs", []), "0 subgraphs; 1 to 256"),
        (lambda one: setattr(one, "subgraphs", one.subgraphs * 257), "257 subgraphs"),
        (lambda one: setattr(one, "operatorCodes", one.operatorCodes * 1025), "1025 operator codes"),
        (lambda one: setattr(one.operatorCodes[0], "builtinCode", -3), None),
        (
            lambda one: setattr(one.subgraphs[0].operators[0], "opcodeIndex", 1),
            "has no code: it names number 1, of 1",
        ),
        (
            lambda one: setattr(one.subgraphs[0].operators[0], "inputs", [0, 3]),
            "an input names tensor 3, of 3",
        ),
        (lambda one: setattr(one.subgraphs[0].operators[0], "inputs", [0, -2]), "an input names tensor -2"),
        (lambda one: setattr(one.subgraphs[0].operators[0], "outputs", [-1]), "an output names tensor -1"),
        (
            lambda one: setattr(one.subgraphs[0].operators[0], "intermediates", [9]),
            "an intermediate names tensor 9",
        ),
        (lambda one: setattr(one.subgraphs[0], "inputs", [-1]), "an input names tensor -1"),
        (lambda one: setattr(one.subgraphs[0], "outputs", [8]), "an output names tensor 8"),
        (lambda one: setattr(one.subgraphs[0], "inputs", [0] * 257), "257 inputs in subgraph 0"),
        (lambda one: setattr(one.subgraphs[0].tensors[0], "buffer", 2), "has the buffer 2, of 2"),
        (lambda one: setattr(one.buffers[1], "offset", 2**40), "buffer 1 reaches beyond the end"),
        (
            lambda one: setattr(one.subgraphs[0].operators[0], "largeCustomOptionsOffset", 8),
            "options outside the flatbuffer",
        ),
        (
            lambda one: setattr(one, "metadata", [filled(schema.MetadataT(), {"name": "a", "buffer": 7})]),
            "metadata have the buffer 7, of 2",
        ),
        (
            lambda one: setattr(one, "signatureDefs", [filled(schema.SignatureDefT(), {"subgraphIndex": 1})]),
            "signature 0 is about subgraph 1, of 1",
        ),
        (
            lambda one: setattr(
                one,
                "signatureDefs",
                [
                    filled(
                        schema.SignatureDefT(),
                        {"inputs": [filled(schema.TensorMapT(), {"name": "a", "tensorIndex": 3})]},
                    )
                ],
            ),
            "one of its inputs names tensor 3, of 3",
        ),
    ],
)
def test_what_leads_nowhere_is_refused(what: Callable[[Any], None], text: str | None) -> None:
    data = changed(what)
    if text is None:
        # The older field decides where it is the larger one, as in the runtime.
        assert parse_model(data).codes[0].name == "ADD"
        return
    with pytest.raises(ModelError, match=text):
        parse_model(data)


def test_negative_operator_codes() -> None:
    def negative(made: Any) -> None:
        made.operatorCodes[0].builtinCode = made.operatorCodes[0].deprecatedBuiltinCode = -5

    with pytest.raises(ModelError, match="has the number -5"):
        parse_model(changed(negative))


def test_two_kinds_of_options() -> None:
    both = step(0, [0], [], schema.DilateOptionsT())
    both.builtinOptionsType, both.builtinOptions = schema.BuiltinOptions.AddOptions, schema.AddOptionsT()
    with pytest.raises(ModelError, match="two kinds of options"):
        parse_model(model_of([graph_of([tensor_of([2])], [both])], [builtin("DILATE")]))


def test_custom_names_are_text() -> None:
    data = model_of([graph_of([tensor_of([2])], [])], [builtin("CUSTOM", custom="Sinh")])
    assert parse_model(data).codes[0].name == "Sinh"
    with pytest.raises(ModelError, match="not UTF-8"):
        parse_model(data.replace(b"Sinh", b"Si\xff\xff"))


def test_the_number_of_operators_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OPERATORS", 0)
    with pytest.raises(ModelError, match="1 operators in subgraph 0; 0 to 0"):
        parse_model(doubler())


def test_the_number_of_buffers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BUFFERS", 1)
    with pytest.raises(ModelError, match="2 buffers"):
        parse_model(adding())


def test_another_file_is_not_a_model() -> None:
    with pytest.raises(ModelError, match="the identifier TFL3 is missing"):
        parse_model(b"\x08\0\0\0TFL2" + bytes(20))
