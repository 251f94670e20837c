"""Operands of different shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from tests.fixtures.lite import check_agrees, model_of, node_model, normal


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_two_shapes_that_fit(data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, 6))
    whole = [data.draw(st.integers(1, 3)) for _ in range(rank)]

    def part() -> tuple[int, ...]:
        sides = [data.draw(st.sampled_from([1, side])) for side in whole]
        return tuple(sides[data.draw(st.integers(0, rank - 1)) :])

    inputs = {"a": normal(*part()), "b": normal(*part(), seed=1)}
    check_agrees(node_model(data.draw(st.sampled_from(["Add", "Mul", "Sub", "Max"])), inputs), inputs)


@pytest.mark.parametrize("shape", [(1,), (4, 1, 1), (1, 4, 1, 1), (5, 6), (6,), (2, 4, 5, 6)])
def test_constants_take_the_layout_of_the_image(shape: tuple[int, ...]) -> None:
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("Add", ["k", "c"], ["y"])]
    image = normal(2, 3, 5, 6)
    constants = {"w": normal(4, 3, 1, 1, seed=1), "k": normal(*shape, seed=2)}
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants), {"x": image})
    assert "TRANSPOSE" not in made.operators


def test_an_operand_of_lower_rank_is_turned_once() -> None:
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("Mul", ["c", "m"], ["y"])]
    inputs = {"x": normal(1, 3, 5, 6), "m": normal(4, 5, 6, seed=3)}
    made = check_agrees(model_of(nodes, inputs, ["y"], constants={"w": normal(4, 3, 1, 1, seed=1)}), inputs)
    assert made.operators["TRANSPOSE"] == 1


def test_more_axes_than_kernels_broadcast_over() -> None:
    inputs = {"a": normal(2, 1, 3, 1, 2, 1), "b": normal(1, 2, 1, 3, 1, 2, seed=1)}
    made = check_agrees(node_model("Mul", inputs), inputs)
    assert np.prod([made.operators.get(code, 1) for code in ("MUL",)]) == 1
