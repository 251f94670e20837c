"""The first run in a child: errors, hangs and bombs stay there."""

from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeinfer.backends.rehearsal import rehearse
from edgeinfer.errors import ModelError
from tests.fixtures import models
from tests.fixtures.tflite import builtin, doubler, filled, graph_of, model_of, packed, step, tensor_of


def endless() -> bytes:
    """While x == x: x = x."""
    tensors = [tensor_of([1]), tensor_of([1])]
    loop = filled(schema.WhileOptionsT(), {"condSubgraphIndex": 1, "bodySubgraphIndex": 2})
    main = graph_of(tensors, [step(0, [0], [1], loop)])
    same = graph_of([tensor_of([1]), tensor_of([1], "BOOL")], [step(1, [0, 0], [1], schema.EqualOptionsT())])
    body = graph_of(tensors, [step(2, [0, 0], [1], schema.AddOptionsT())])
    return model_of([main, same, body], [builtin("WHILE"), builtin("EQUAL"), builtin("ADD")])


def test_a_model_that_runs() -> None:
    rehearse(doubler(), "tflite")
    rehearse(models.doubler().SerializeToString(), "onnx")


def test_the_runtimes_own_words_come_back() -> None:
    data = packed(schema.ModelT.InitFromPackedBuf(doubler(), 0)).replace(b"TFL3", b"TFL2")
    with pytest.raises(ModelError, match="LiteRT cannot load the model: not a TensorFlow Lite model"):
        rehearse(data, "tflite")


def test_a_loop_that_does_not_end() -> None:
    with pytest.raises(ModelError, match="on zeros, did not end within 3 seconds") as caught:
        rehearse(endless(), "tflite", timeout_s=3.0)
    assert "loop" in caught.value.hint


def test_a_bomb_meets_the_bound_of_memory() -> None:
    large = doubler(shape=(1, 60_000_000))
    with pytest.raises(ModelError):
        rehearse(large, "tflite", memory_bytes=200_000_000)
