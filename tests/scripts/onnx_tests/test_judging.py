"""Judging a test."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.onnx_tests import judging
from scripts.onnx_tests.cases import Case, Sample
from scripts.onnx_tests.judging import ATOL, PASS, difference, first_reason, judge
from tests.fixtures.lite import node_model, normal


def case_of(model: onnx.ModelProto, *samples: Sample) -> Case:
    return Case("node", "test_it", model.SerializeToString(), samples)


def relu(*samples: np.ndarray, error: float = 0.0) -> Case:
    """Relu of images, which are given and expected in ONNX's order of axes."""
    filters = np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)
    model = node_model("Conv", {"x": samples[0]}, constants={"w": filters})
    return case_of(model, *(Sample({"x": one}, {"y": one + np.float32(error)}) for one in samples))


def test_what_is_equal_passes() -> None:
    assert judge(relu(normal(1, 3, 4, 5), normal(1, 3, 4, 5, seed=1))) == PASS


def test_wrong_numbers_are_found_in_any_sample() -> None:
    image, other = normal(1, 3, 4, 5), normal(1, 3, 4, 5, seed=1)
    right, wrong = relu(image), relu(other, error=0.1)
    outcome = judge(Case("node", "test_it", right.model, (*right.samples, *wrong.samples)))
    assert (outcome.verdict, outcome.reason) == ("wrong", "`y`: 60 of 60 numbers differ")


def test_a_refusal_has_a_reason() -> None:
    model = node_model("Det", {"x": normal(2, 2)})
    model.graph.node[0].op_type = "Nonesuch"
    outcome = judge(case_of(model))
    assert outcome.verdict == "refused"
    assert outcome.reason.startswith("Nonesuch `det` (output `y`): ")


def test_a_model_without_inputs() -> None:
    model = node_model("Constant", {}, value_floats=[1.0, 2.0])
    expected = {"y": np.array([1, 2], np.float32)}
    assert judge(case_of(model, Sample({}, expected))) == PASS


def test_what_the_runtime_must_not_see_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: bytes) -> None:
        raise ValueError("unsound")

    monkeypatch.setattr(judging, "check_loadable", refuse)
    with pytest.raises(ValueError, match="unsound"):
        judge(relu(normal(1, 3, 4, 5)))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("TFLite has no equal for part of the model:\n  Det `a`: none\n  Det `b`: none", "Det `a`: none"),
        ("input `x`: no shape\nmore", "input `x`: no shape"),
        ("ends with:", "ends with:"),
        ("", ""),
        ("x" * 300, "x" * 200),
    ],
)
def test_reasons_are_one_line(message: str, reason: str) -> None:
    assert first_reason(message) == reason


def test_names_shapes_and_types_must_be_the_same() -> None:
    one = np.ones((2, 1), np.float32)
    assert difference({"a": one}, {"b": one}) == "outputs a instead of b"
    assert difference({"a": one}, {"a": one.T}) == "`a`: shape (2, 1) instead of (1, 2)"
    assert difference({"a": one}, {"a": one.astype(np.float16)}) == "`a`: float32 instead of float16"
    assert difference({"a": one, "b": one}, {"b": one, "a": one}) == ""
    assert difference({"a": one, "b": one}, {"a": one, "b": 2 * one}) == "`b`: 2 of 2 numbers differ"


def test_nan_and_infinity_are_numbers_too() -> None:
    values = np.array([np.nan, np.inf, -np.inf, 0, 65504], np.float16)
    assert not difference({"a": values}, {"a": values.copy()})
    for place in range(4):
        other = values.copy()
        other[place] = 1
        assert difference({"a": values}, {"a": other}) == "`a`: 1 of 5 numbers differ"


@given(st.integers(2000, 2**31 - 1), st.sampled_from(["int32", "int64"]))
def test_integers_are_exact_and_floats_near(number: int, dtype: str) -> None:
    value = np.array(number, dtype)
    assert not difference({"a": value}, {"a": value})
    assert difference({"a": value}, {"a": value - 1})
    near = value.astype(np.float64)
    assert not difference({"a": near}, {"a": near * 1.0009})
    assert difference({"a": near}, {"a": near * 1.0012})


def test_near_zero_the_absolute_difference_counts() -> None:
    zero = np.zeros(1, np.float32)
    assert not difference({"a": zero}, {"a": zero + np.float32(0.9 * ATOL)})
    assert difference({"a": zero}, {"a": zero + np.float32(1.2 * ATOL)})


def test_booleans() -> None:
    truth = np.array([True, False])
    assert not difference({"a": truth}, {"a": truth})
    assert difference({"a": truth}, {"a": ~truth}) == "`a`: 2 of 2 numbers differ"
