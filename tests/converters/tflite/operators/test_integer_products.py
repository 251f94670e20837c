"""Matrix products of integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite import to_tflite
from edgeinfer_converters.tflite.operators.integer_products import MAX_TERMS
from tests.fixtures.lite import check_agrees, node_model


def integers(*shape: int, dtype: str, seed: int = 0) -> np.ndarray:
    limits = np.iinfo(dtype)
    generator = np.random.default_rng(seed)
    return generator.integers(int(limits.min), int(limits.max), shape, endpoint=True).astype(dtype)


def scale(number: float) -> np.ndarray:
    return np.array(number, np.float32)


@pytest.mark.parametrize("dtypes", [("uint8", "int8"), ("uint8", "uint8"), ("int8", "int8")])
@pytest.mark.parametrize("shapes", [((3, 258), (258, 4)), ((2, 3, 5), (2, 5, 4)), ((2, 3, 5), (5, 4))])
def test_sums_are_exact(dtypes: tuple[str, str], shapes: tuple[tuple[int, ...], ...]) -> None:
    inputs = {
        "a": integers(*shapes[0], dtype=dtypes[0]),
        "b": integers(*shapes[1], dtype=dtypes[1], seed=1),
        "za": np.array(100, dtypes[0]),
        "zb": np.array(7, dtypes[1]),
    }
    check_agrees(node_model("MatMulInteger", inputs), inputs, rtol=0, atol=0)
    plain = {name: inputs[name] for name in ("a", "b")}
    check_agrees(node_model("MatMulInteger", plain), plain, rtol=0, atol=0)


def test_a_zero_point_a_column() -> None:
    inputs = {
        "a": integers(3, 5, dtype="uint8"),
        "b": integers(5, 4, dtype="uint8", seed=1),
        "za": np.array(3, np.uint8),
        "zb": np.array([1, 2, 3, 4], np.uint8),
    }
    check_agrees(node_model("MatMulInteger", inputs), inputs, rtol=0, atol=0)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["int8", "uint8"]), st.integers(1, 40), st.integers(0, 99))
def test_results_at_a_scale(dtype: str, terms: int, seed: int) -> None:
    inputs = {
        "a": integers(3, terms, dtype=dtype, seed=seed),
        "sa": scale(0.0131),
        "za": np.array(20, dtype),
        "b": integers(terms, 4, dtype=dtype, seed=seed + 1),
        "sb": scale(0.00705),
        "zb": np.array(90, dtype),
        "sy": scale(0.0213),
        "zy": np.array(11, dtype),
    }
    check_agrees(node_model("QLinearMatMul", inputs, opset=21), inputs, rtol=0, atol=0)


def test_longer_sums_are_refused() -> None:
    inputs = {"a": np.ones((1, MAX_TERMS + 1), np.uint8), "b": np.ones((MAX_TERMS + 1, 1), np.uint8)}
    with pytest.raises(ModelError, match="sums of more than 258"):
        to_tflite(node_model("MatMulInteger", inputs))


def test_vectors_are_refused() -> None:
    inputs = {"a": np.ones(3, np.uint8), "b": np.ones(3, np.uint8)}
    with pytest.raises(ModelError, match="1 axes"):
        to_tflite(node_model("MatMulInteger", inputs))
