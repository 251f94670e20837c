"""In which layout an operator works."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer_converters.importers.tflite_graph.assembly import Assembly
from edgeinfer_converters.importers.tflite_graph.layouts import prefers_planes
from edgeinfer_converters.importers.tflite_graph.parts import FlatModel, Operator, Tensor
from edgeinfer_converters.importers.tflite_graph.step import Step

PICTURE, CONSTANT, VECTOR, FIVE, OTHER = range(5)
SHAPES = ((1, 4, 5, 3), (3,), (1, 3), (1, 1, 4, 5, 3), (1, 4, 5, 3))


def step(*inputs: int, convolved: bool = True) -> Step:
    """An operator on these tensors, of which PICTURE was written in planes if `convolved`."""
    tensors = tuple(
        Tensor(n, f"t{n}", "FLOAT32", shape, shape, np.zeros(3, np.float32) if n == CONSTANT else None)
        for n, shape in enumerate(SHAPES)
    )
    assembly = Assembly(FlatModel(tensors, (), (VECTOR, FIVE, OTHER), ()))
    assembly.write(PICTURE, planes=convolved)
    return Step(assembly, Operator(0, "ADD", inputs, ()))


@pytest.mark.parametrize(
    ("inputs", "planes"),
    [
        ((PICTURE,), True),
        ((PICTURE, CONSTANT), True),
        ((PICTURE, OTHER), True),
        ((PICTURE, -1), True),
        ((OTHER,), False),
        ((CONSTANT,), False),
        ((PICTURE, VECTOR), False),
        ((PICTURE, FIVE), False),
    ],
)
def test_planes_where_one_is_in_planes_and_all_can_be(inputs: tuple[int, ...], planes: bool) -> None:
    assert prefers_planes(step(*inputs)) is planes


def test_rows_where_none_is_in_planes() -> None:
    assert not prefers_planes(step(PICTURE, OTHER, convolved=False))


def test_only_the_named_inputs_count() -> None:
    assert prefers_planes(step(PICTURE, VECTOR), 0)
    assert not prefers_planes(step(OTHER, PICTURE), 0)
