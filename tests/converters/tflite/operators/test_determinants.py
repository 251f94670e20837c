"""Determinants."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, node_model, normal


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (4, 2, 2), (2, 3, 3, 3), (1, 5, 1, 1)])
def test_small_matrices(shape: tuple[int, ...]) -> None:
    inputs = {"x": normal(*shape)}
    check_agrees(node_model("Det", inputs), inputs)


def test_larger_matrices_are_refused() -> None:
    with pytest.raises(ModelError, match="4 rows"):
        to_tflite(node_model("Det", {"x": normal(4, 4)}))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.lists(st.integers(1, 3), max_size=2), st.integers(0, 99))
def test_any_batch(size: int, batch: list[int], seed: int) -> None:
    inputs = {"x": normal(*batch, size, size, seed=seed)}
    check_agrees(node_model("Det", inputs), inputs)
