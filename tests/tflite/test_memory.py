"""What running a model takes."""

from __future__ import annotations

from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeinfer.errors import ModelError
from edgeinfer.tflite.memory import MAX_WORKING_BYTES, check_memory, scratch_bytes, working_bytes
from edgeinfer.tflite.model import Model, parse_model
from tests.fixtures.tflite import builtin, filled, graph_of, model_of, step, tensor_of


def read(graph: Any, *, code: str = "ADD", buffers: tuple[bytes, ...] = ()) -> Model:
    return parse_model(model_of([graph], [builtin(code)], buffers=buffers))


def chain(*sizes: int) -> Any:
    steps = [step(0, [n, n], [n + 1], schema.AddOptionsT()) for n in range(len(sizes) - 1)]
    return graph_of([tensor_of([size]) for size in sizes], steps)


def test_tensors_live_from_writer_to_last_reader() -> None:
    # Input and output stay; between, two neighbours at a time: 10 + 200 + 300 + 20 elements.
    (graph,) = read(chain(10, 200, 300, 100, 20)).subgraphs
    assert working_bytes(graph) == 4 * (10 + 200 + 300 + 20)


def test_what_nobody_reads_is_gone_at_once() -> None:
    made = [tensor_of([10]), tensor_of([500]), tensor_of([500]), tensor_of([10])]
    steps = [step(0, [0, 0], [n], schema.AddOptionsT()) for n in (1, 2, 3)]
    assert working_bytes(read(graph_of(made, steps)).subgraphs[0]) == 4 * (10 + 500 + 10)


def test_constants_are_in_the_file_and_variables_stay() -> None:
    made = [tensor_of([4]), tensor_of([50], buffer=1), tensor_of([60], isVariable=True), tensor_of([4])]
    graph = graph_of(made, [step(0, [0, 1], [3], schema.AddOptionsT())])
    assert working_bytes(read(graph, buffers=(bytes(200),)).subgraphs[0]) == 4 * (4 + 60 + 4)


def test_a_bomb_of_activations_is_refused() -> None:
    quarter = MAX_WORKING_BYTES // 16
    check_memory(read(chain(1, quarter, quarter, 1)))
    with pytest.raises(ModelError, match=r"needs about \d+ MB while it runs; 1074 MB are possible"):
        check_memory(read(chain(1, 2 * quarter, 2 * quarter, 1)))


def volume(source: list[int], kernel: list[int], made: list[int]) -> Any:
    tensors = [tensor_of(source), tensor_of(kernel), tensor_of(made)]
    options = filled(schema.Conv3DOptionsT(), {"strideD": 1, "strideH": 1, "strideW": 1})
    return graph_of(tensors, [step(0, [0, 1], [2], options)], inputs=[0, 1])


def test_convolutions_in_space_unfold_their_input() -> None:
    (graph,) = read(volume([1, 4, 4, 4, 2], [2, 2, 2, 2, 8], [1, 3, 3, 3, 8]), code="CONV_3D").subgraphs
    assert scratch_bytes(graph, graph.operators[0]) == 64 * 16 * 4
    (graph,) = read(volume([1, 4], [2, 2, 2, 2, 8], [1, 3]), code="CONV_3D").subgraphs
    assert scratch_bytes(graph, graph.operators[0]) == 0


def test_a_bomb_of_unfolding_is_refused() -> None:
    side = [1, 200, 200, 200, 4]
    check_memory(read(volume(side, [1, 1, 1, 4, 1], side), code="CONV_3D"))
    with pytest.raises(ModelError, match="MB while it runs"):
        check_memory(read(volume(side, [5, 5, 5, 4, 1], side), code="CONV_3D"))
