"""Elementary functions, by kernels and by formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, node_model, run_lite

UNBOUNDED = ["Abs", "Atan", "Ceil", "Cos", "Erf", "Floor", "Neg", "Round", "Sign", "Sin"]
NEAR_ZERO = ["Asinh", "Cosh", "Exp", "Sinh", "Tan"]
WITHIN_ONE = ["Acos", "Asin", "Atanh"]
POSITIVE = ["Log", "Sqrt"]


def check(kind: str, values: np.ndarray) -> None:
    inputs = {"x": values.astype(np.float32)}
    check_agrees(node_model(kind, inputs), inputs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", UNBOUNDED)
def test_over_wide_ranges(kind: str) -> None:
    check(kind, np.linspace(-50, 50, 2001).reshape(3, 23, 29))
    check(kind, np.array(2.5))


@pytest.mark.parametrize("kind", NEAR_ZERO)
def test_over_the_usual_range(kind: str) -> None:
    check(kind, np.linspace(-1.5, 1.5, 1001))


@pytest.mark.parametrize("kind", WITHIN_ONE)
def test_from_minus_one_to_one(kind: str) -> None:
    check(kind, np.linspace(-0.999, 0.999, 1001))


@pytest.mark.parametrize("kind", ["Acos", "Asin"])
def test_at_the_ends(kind: str) -> None:
    check(kind, np.array([-1.0, -0.0, 0.0, 1.0]))


@pytest.mark.parametrize("kind", POSITIVE)
def test_of_positive_numbers(kind: str) -> None:
    check(kind, np.geomspace(1e-20, 1e20, 501))


def test_hyperbolic_functions_to_the_ends_of_float32() -> None:
    check("Sinh", np.array([-88.5, -20, -1e-3, 0, 1e-3, 20, 88.5]))
    check("Cosh", np.array([-88.5, -20, 0, 20, 88.5]))
    check("Asinh", np.array([-1e30, -1e9, -1e5, 0, 1e5, 2e9, 3e38]))
    check("Acosh", np.array([1.0, 1.0001, 2, 1e5, 1e20, 1e37]))


def test_outside_the_domain_is_nan() -> None:
    for kind, values in (("Acos", [1.5, -1.5]), ("Acosh", [0.5, -1.0]), ("Asin", [2.0]), ("Atanh", [-1.5])):
        inputs = {"x": np.array(values, np.float32)}
        assert np.isnan(run_lite(to_tflite(node_model(kind, inputs)), inputs)["y"]).all(), kind


def test_infinities() -> None:
    check("Erf", np.array([-np.inf, np.inf]))
    check("Atan", np.array([-np.inf, np.inf]))
    check("Exp", np.array([-np.inf, np.inf]))


def test_the_inverse_hyperbolic_tangent_is_infinite_at_one() -> None:
    inputs = {"x": np.array([-1.0, 1.0], np.float32)}
    found = run_lite(to_tflite(node_model("Atanh", inputs)), inputs)["y"]
    np.testing.assert_array_equal(found, [-np.inf, np.inf])


def test_ties_are_rounded_to_even() -> None:
    check("Round", np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5]))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64"])
@pytest.mark.parametrize("kind", ["Abs", "Neg", "Sign"])
def test_of_integers(kind: str, dtype: str) -> None:
    inputs = {"x": np.array([-128, -1, 0, 1, 127], dtype)}
    check_agrees(node_model(kind, inputs), inputs)


def test_of_half_precision() -> None:
    inputs = {"x": np.linspace(-3, 3, 20).astype(np.float16)}
    check_agrees(node_model("Erf", inputs, opset=13), inputs, rtol=1e-3, atol=1e-3)


def test_what_no_kernel_computes_is_refused() -> None:
    with pytest.raises(ModelError, match="uint64"):
        to_tflite(node_model("Abs", {"x": np.ones(3, np.uint64)}))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=8), st.sampled_from([*NEAR_ZERO, *UNBOUNDED])
)
def test_any_number(numbers: list[float], kind: str) -> None:
    inputs = {"x": (np.array(numbers) / (6 if kind == "Tan" else 1)).astype(np.float32)}
    check_agrees(node_model(kind, inputs), inputs, rtol=2e-5, atol=1e-5)
