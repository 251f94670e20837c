"""Comparisons, truth values and choices against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree

COMPARISONS = ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]
RNG = np.random.default_rng(6)


@pytest.mark.parametrize("kind", COMPARISONS)
@pytest.mark.parametrize("dtype", ["float32", "int32", "int64"])
def test_comparisons(kind: str, dtype: str) -> None:
    writer = Writer()
    names = [writer.input(4, 6, dtype=dtype), writer.input(6, dtype=dtype)]
    data = writer.finish(writer.operator(kind, names, None, dtype="bool"))
    inputs = {
        "input_0": RNG.integers(0, 3, size=(4, 6)).astype(dtype),
        "input_1": RNG.integers(0, 3, size=6).astype(dtype),
    }
    agree(data, inputs)


@pytest.mark.parametrize("kind", ["LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT"])
def test_truth_values(kind: str) -> None:
    writer = Writer()
    names = [writer.input(2, 2, dtype="bool") for _ in range(1 if kind == "LOGICAL_NOT" else 2)]
    data = writer.finish(writer.operator(kind, names, None, dtype="bool"))
    values = [np.array([[False, False], [True, True]]), np.array([[False, True], [False, True]])]
    agree(data, {f"input_{n}": values[n] for n in range(len(names))})


@pytest.mark.parametrize(
    ("kind", "condition", "shape"),
    [
        ("SELECT", (3, 4), (3, 4)),
        ("SELECT", (3,), (3, 4)),
        ("SELECT", (3,), (3,)),
        ("SELECT", (), (3, 4)),
        ("SELECT_V2", (3, 4), (3, 4)),
        ("SELECT_V2", (4,), (3, 4)),
        ("SELECT_V2", (3, 1), (3, 4)),
    ],
)
def test_choices(kind: str, condition: tuple[int, ...], shape: tuple[int, ...]) -> None:
    writer = Writer()
    names = [writer.input(*condition, dtype="bool"), writer.input(*shape), writer.input(*shape)]
    data = writer.finish(writer.operator(kind, names))
    inputs = {
        "input_0": RNG.integers(0, 2, size=condition).astype(bool),
        "input_1": RNG.normal(size=shape).astype(np.float32),
        "input_2": RNG.normal(size=shape).astype(np.float32),
    }
    agree(data, inputs)


def test_a_choice_without_a_second() -> None:
    writer = Writer()
    names = [writer.input(3, dtype="bool"), writer.input(3)]
    writer.graph.outputs = [writer.operator("SELECT_V2", names)]
    with pytest.raises(ModelError, match="has 2 inputs, not 3"):
        import_graph(writer.pack())
