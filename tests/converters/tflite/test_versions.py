"""Versions of operators."""

from __future__ import annotations

import pytest

from edgeinfer_converters.tflite.tensors import ABSENT, Graph
from edgeinfer_converters.tflite.versions import version_of


@pytest.mark.parametrize(
    ("code", "dtype", "version"),
    [
        ("CONV_2D", "float32", 1),
        ("CONV_2D", "int8", 3),
        ("ADD", "int8", 2),
        ("BROADCAST_TO", "float32", 2),
        ("NEG", "float32", 1),
    ],
)
def test_versions(code: str, dtype: str, version: int) -> None:
    graph = Graph()
    source, result = graph.tensor("x", (1,), dtype), graph.tensor("y", (1,), dtype)
    assert version_of(graph.add(code, [source], [result]), graph) == version


def test_an_input_that_is_left_out() -> None:
    graph = Graph()
    assert version_of(graph.add("CONV_2D", [ABSENT], [graph.tensor("y", (1,), "float32")]), graph) == 1
    assert version_of(graph.add("RANGE", [], [0]), graph) == 1


def test_what_is_split_counts_and_not_the_axis() -> None:
    graph = Graph()
    axis, source = graph.tensor("axis", (), "int32"), graph.tensor("x", (2,), "int8")
    parts = [graph.tensor(name, (1,), "int8") for name in "ab"]
    assert version_of(graph.add("SPLIT", [axis, source], parts, numSplits=2), graph) == 2
