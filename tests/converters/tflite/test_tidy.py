"""What nothing needs is gone, and what is left computes the same."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.tensors import ABSENT, Graph
from edgeinfer_converters.tflite.tidy import tidy


def graph_of() -> Graph:
    graph = Graph()
    x = graph.tensor("x", (2, 3), "float32")
    graph.inputs.append(x)
    return graph


def test_reshapes_in_a_row_become_one() -> None:
    graph = graph_of()
    flat, tall, wide = (
        graph.tensor(f"r{n}", shape, "float32") for n, shape in enumerate([(6,), (3, 2), (1, 6)])
    )
    shape = graph.constant(np.array([6], np.int32), "shape")
    graph.add("RESHAPE", [0, shape], [flat])
    graph.add("RESHAPE", [flat, shape], [tall])
    graph.add("RESHAPE", [tall, shape], [wide])
    graph.outputs.append(wide)
    tidied = tidy(graph)
    assert [operator.code for operator in tidied.operators] == ["RESHAPE"]
    assert tidied.operators[0].inputs[0] == tidied.inputs[0]
    assert tidied.tensors[tidied.outputs[0]].shape == (1, 6)


def test_a_reshape_back_is_no_operator() -> None:
    graph = graph_of()
    flat, back, result = (
        graph.tensor(f"r{n}", shape, "float32") for n, shape in enumerate([(6,), (2, 3), (2, 3)])
    )
    shape = graph.constant(np.array([6], np.int32), "shape")
    graph.add("RESHAPE", [0, shape], [flat])
    graph.add("RESHAPE", [flat, shape], [back])
    graph.add("ABS", [back], [result])
    graph.outputs.append(result)
    tidied = tidy(graph)
    assert [operator.code for operator in tidied.operators] == ["ABS"]
    assert tidied.operators[0].inputs == tidied.inputs


def test_an_output_is_never_bypassed() -> None:
    graph = graph_of()
    copy = graph.tensor("y", (2, 3), "float32")
    graph.add("RESHAPE", [0, graph.constant(np.array([2, 3], np.int32), "shape")], [copy])
    graph.outputs.append(copy)
    tidied = tidy(graph)
    assert len(tidied.operators) == 1
    assert tidied.outputs != tidied.inputs


def test_dead_operators_and_unused_tensors_go() -> None:
    graph = graph_of()
    unused = graph.constant(np.zeros(100, np.float32), "unused")
    dead, result = graph.tensor("dead", (2, 3), "float32"), graph.tensor("y", (2, 3), "float32")
    graph.add("ADD", [0, unused], [dead])
    graph.add("PRELU", [0, ABSENT], [result])
    graph.outputs.append(result)
    tidied = tidy(graph)
    assert [operator.code for operator in tidied.operators] == ["PRELU"]
    assert tidied.operators[0].inputs[1] == ABSENT
    assert [tensor.name for tensor in tidied.tensors] == ["x", "y"]
