"""The largest and smallest along the last axis, at the limits of the types."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fixtures.lite import check_agrees, node_model


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32, np.int8])
@pytest.mark.parametrize("largest", [0, 1])
def test_limits_of_integers_do_not_overflow(dtype: type, largest: int) -> None:
    limits = np.iinfo(dtype)
    values: np.ndarray = np.array([[limits.max, limits.min, 1, limits.min + 1, limits.max - 1, 2]], dtype)
    model = node_model(
        "TopK", {"x": values}, constants={"k": np.array([6])}, outputs=("v", "p"), largest=largest
    )
    check_agrees(model, {"x": values})


@pytest.mark.parametrize("largest", [0, 1])
def test_infinity(largest: int) -> None:
    values = np.array([[1.0, -np.inf, np.inf, -2.0]], np.float32)
    model = node_model(
        "TopK", {"x": values}, constants={"k": np.array([3])}, outputs=("v", "p"), largest=largest
    )
    check_agrees(model, {"x": values})
