"""Scales and zero points."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper

from edgeinfer.profile import Integer
from edgeinfer_converters.quantize.affine import (
    SMALLEST_SCALE,
    Affine,
    Form,
    activation_form,
    affine_of,
    clamps_like,
    normal_scale,
    stretched,
)
from tests.fixtures.models import model_of

FORMS = [Form(dtype, symmetric) for dtype in ("int8", "uint8") for symmetric in (False, True)]
BOUNDS = st.floats(min_value=-1e30, max_value=1e30)


@given(one=BOUNDS, other=BOUNDS, form=st.sampled_from(FORMS))
def test_scales_are_normal_and_zero_points_in_range(one: float, other: float, form: Form) -> None:
    affine = affine_of(min(one, other), max(one, other), form)
    info = np.iinfo(form.dtype)
    assert affine.scale >= np.float32(SMALLEST_SCALE)
    assert affine.scale == np.float32(affine.scale)
    assert info.min <= affine.zero_point <= info.max
    if form.symmetric:
        assert affine.zero_point == form.middle


@given(one=BOUNDS, other=BOUNDS, form=st.sampled_from(FORMS))
def test_zero_is_exact(one: float, other: float, form: Form) -> None:
    affine = affine_of(min(one, other), max(one, other), form)
    assert affine.dequantize(affine.quantize(np.zeros(3, np.float32))).tolist() == [0, 0, 0]


@given(
    values=hnp.arrays(np.float32, 20, elements=st.floats(min_value=-1000, max_value=1000, width=32)),
    form=st.sampled_from(FORMS),
)
def test_values_inside_the_range_move_by_a_step_at_most(values: np.ndarray, form: Form) -> None:
    affine = affine_of(float(values.min()), float(values.max()), form)
    error = np.abs(affine.dequantize(affine.quantize(values)) - values)
    # Half a step by rounding, half a step at the ends because the zero point is rounded too.
    assert error.max() <= affine.scale * 1.001 + 1e-6


@pytest.mark.parametrize("form", FORMS)
def test_the_runtime_rounds_and_saturates_as_we_do(form: Form) -> None:
    affine = Affine(0.25, form.middle + (0 if form.symmetric else 3), form)
    kind = TensorProto.INT8 if form.dtype == "int8" else TensorProto.UINT8
    model = model_of(
        [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 41])],
        [helper.make_tensor_value_info("y", kind, [1, 41])],
        {"s": np.array(affine.scale, np.float32), "z": np.array(affine.zero_point, form.dtype)},
    )
    x = np.concatenate([np.arange(-2, 2.01, 0.125), np.array([-99, -40, 40, 99, 31.9, -31.9, 1e9, -1e9])])
    x = x.astype(np.float32)[None]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(affine.quantize(x), session.run(None, {"x": x})[0])


def test_ranges_of_constants() -> None:
    form = Form("uint8", symmetric=False)
    assert affine_of(0.0, 0.0, form) == Affine(1.0, 0, form)
    assert affine_of(5.0, 5.0, form).zero_point == 0
    assert affine_of(5.0, 5.0, form).scale == pytest.approx(5 / 255)
    assert affine_of(-5.0, -5.0, form).zero_point == 255
    assert affine_of(1e-42, 1e-42, form).scale == np.float32(SMALLEST_SCALE)


def test_normal_scales() -> None:
    assert normal_scale(0.0) == 1.0
    assert normal_scale(1e-300) == SMALLEST_SCALE
    assert normal_scale(0.1) == float(np.float32(0.1))
    assert np.float32(SMALLEST_SCALE) * np.float32(SMALLEST_SCALE) >= np.finfo(np.float32).smallest_normal


def test_saturation_as_a_clamp() -> None:
    form = Form("uint8", symmetric=False)
    relu = affine_of(0.0, 5.0, form)
    assert clamps_like(relu, 0.0, None)
    assert clamps_like(relu, 0.0, 6.0)
    assert not clamps_like(relu, 0.0, 4.0)
    assert clamps_like(affine_of(0.0, 6.0, form), 0.0, 6.0)
    assert not clamps_like(affine_of(-1.0, 5.0, form), 0.0, None)
    assert clamps_like(affine_of(-1.0, 5.0, form), None, None)
    assert clamps_like(affine_of(-1.0, 1.0, form), -1.0, 1.0)
    assert clamps_like(affine_of(-0.9999999, 1.0, form), -1.0, 1.0)
    assert not clamps_like(affine_of(-0.99, 1.0, form), -0.99, 0.99)
    assert not clamps_like(affine_of(0.0, 5.0, Form("int8", symmetric=True)), 0.0, None)


def test_the_form_that_a_profile_asks_for() -> None:
    integer = Integer(activation="int8", symmetric_activation=True)
    assert activation_form(integer) == Form("int8", symmetric=True)
    assert (activation_form(integer).low, activation_form(integer).high) == (-127, 127)
    plain = activation_form(Integer(activation="uint8"))
    assert (plain.low, plain.high) == (0, 255)


@given(low=st.floats(-1e3, -1e-3), high=st.floats(1e-3, 1e3), factor=st.floats(0.5, 2))
@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_a_stretched_range_is_as_many_times_as_wide(
    form: Form, low: float, high: float, factor: float
) -> None:
    affine = affine_of(low, high, form)
    wider = stretched(affine, factor)
    assert wider.scale == pytest.approx(affine.scale * factor, rel=1e-5)
    assert abs(wider.zero_point - affine.zero_point) <= 1
    assert stretched(affine, 1.0) is affine


@pytest.mark.parametrize("symmetric", [False, True])
def test_bounds_are_what_the_ends_stand_for(symmetric: bool) -> None:
    form = Form("int8", symmetric=symmetric)
    affine = affine_of(-1.0, 3.0, form)
    ends = np.array([form.low, form.high], np.int8)
    np.testing.assert_allclose(affine.bounds, affine.dequantize(ends), rtol=1e-6)
