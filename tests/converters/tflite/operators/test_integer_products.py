"""Products of integers: exact, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import node_model, run_lite


def whole(*shape: int, dtype: Any = np.uint8, seed: int = 0) -> np.ndarray:
    info = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(info.min, info.max + 1, shape).astype(dtype)


def convolved(image: np.ndarray, weights: np.ndarray, border: int) -> np.ndarray:
    """A convolution written out."""
    padded = np.pad(image, ((0, 0), (0, 0), (border, border), (border, border)))
    height, width = (padded.shape[axis] - weights.shape[axis] + 1 for axis in (2, 3))
    total = np.zeros((image.shape[0], weights.shape[0], height, width), np.int64)
    for row, column in np.ndindex(*weights.shape[2:]):
        part = padded[:, :, row : row + height, column : column + width]
        total += np.einsum("nchw,oc->nohw", part, weights[:, :, row, column])
    return total


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_conv_integer(late: bool, dtype: Any) -> None:
    inputs = {"x": whole(1, 3, 6, 5, dtype=dtype)}
    weights = {"w": whole(4, 3, 3, 3, seed=1)}
    zeros = {"xz": np.array(7, dtype), "wz": np.array([3, 0, 128, 255], np.uint8)}
    given_late = {**inputs, **weights, **zeros} if late else inputs
    constants = {} if late else {**weights, **zeros}
    model = node_model("ConvInteger", given_late, constants=constants, pads=[1, 1, 1, 1])
    made = to_tflite(model)
    found = run_lite(made, given_late)["y"]
    image = inputs["x"].astype(np.int64) - 7
    filters = weights["w"].astype(np.int64) - zeros["wz"].astype(np.int64).reshape(-1, 1, 1, 1)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, convolved(image, filters, 1))


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 4),
    inner=st.integers(1, 60),
    columns=st.integers(1, 4),
    batch=st.lists(st.integers(1, 3), max_size=2),
    late=st.booleans(),
    kinds=st.tuples(*[st.sampled_from([np.uint8, np.int8])] * 2),
    by_row=st.booleans(),
)
def test_mat_mul_integer(
    rows: int,
    inner: int,
    columns: int,
    batch: list[int],
    late: bool,
    kinds: tuple[Any, Any],
    by_row: bool,
) -> None:
    left, right = whole(*batch, rows, inner, dtype=kinds[0]), whole(inner, columns, dtype=kinds[1], seed=1)
    zeros = {
        "az": whole(*((rows,) if by_row and not batch else ()), dtype=kinds[0], seed=2),
        "bz": whole(*((columns,) if by_row else ()), dtype=kinds[1], seed=3),
    }
    inputs, constants = {"a": left}, {"b": right, **zeros}
    if late:
        inputs, constants = {**inputs, **constants}, {}
    model = node_model("MatMulInteger", inputs, constants=constants)
    first = left.astype(np.int64) - (zeros["az"][:, None] if zeros["az"].ndim else zeros["az"]).astype(
        np.int64
    )
    expected = first @ (right.astype(np.int64) - zeros["bz"].astype(np.int64))
    np.testing.assert_array_equal(run_lite(to_tflite(model), inputs)["y"], expected)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_qlinear_conv(late: bool, dtype: Any) -> None:
    image, weights = whole(2, 3, 5, 5, dtype=dtype), whole(4, 3, 3, 3, dtype=np.int8, seed=1)
    parameters: dict[str, np.ndarray] = {
        **{"xs": np.array(0.03, np.float32), "xz": np.array(11, dtype), "w": weights},
        **{"ws": np.array([0.01, 0.02, 0.005, 0.03], np.float32), "wz": np.zeros(4, np.int8)},
        **{"ys": np.array(0.37, np.float32), "yz": np.array(5, dtype)},
        "b": np.array([100, -2000, 0, 70000], np.int32),
    }
    bias = {"b": parameters.pop("b")}
    inputs, constants = ({"x": image, **parameters}, bias) if late else ({"x": image}, {**parameters, **bias})
    model = node_model("QLinearConv", inputs, constants=constants, pads=[1, 1, 1, 1])
    total = convolved(image.astype(np.int64) - 11, weights.astype(np.int64), 1) + bias["b"].reshape(-1, 1, 1)
    factor = parameters["xs"] * parameters["ws"].reshape(-1, 1, 1) / parameters["ys"]
    info = np.iinfo(dtype)
    expected = (np.rint(total * factor.astype(np.float64)) + 5).clip(info.min, info.max)
    found = run_lite(to_tflite(model), inputs)["y"]
    assert found.dtype == dtype
    off = np.abs(found.astype(int) - expected)
    assert off.max() <= 1  # where float32 lies on the other side of a half
    assert off.mean() < 0.01
    assert len(np.unique(found)) > 20


@pytest.mark.parametrize("half", [np.float32, np.float16])
def test_qlinear_mat_mul(half: Any) -> None:
    left, right = whole(2, 4, 30), whole(2, 30, 3, seed=1)
    parameters = {
        **{"as": np.array(0.03, half), "az": np.array(120, np.uint8)},
        **{"b": right, "bs": np.array(0.02, half), "bz": np.array(131, np.uint8)},
        **{"ys": np.array(0.9, half), "yz": np.array(128, np.uint8)},
    }
    inputs = {"a": left, **parameters}
    opset = 21 if half is np.float16 else 17
    model = node_model("QLinearMatMul", inputs, opset=opset)
    total = (left.astype(np.int64) - 120) @ (right.astype(np.int64) - 131)
    scales = [float(parameters[name]) for name in ("as", "bs", "ys")]
    expected = (np.rint(total * (scales[0] * scales[1] / scales[2])) + 128).clip(0, 255)
    found = run_lite(to_tflite(model), inputs)["y"]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)


def test_sums_that_may_not_be_exact_are_refused() -> None:
    long = {"a": whole(1, 300), "b": whole(300, 1, seed=1)}
    with pytest.raises(ModelError, match="too great to be exact"):
        to_tflite(node_model("MatMulInteger", long))
    small = {"a": long["a"]}
    known = node_model("MatMulInteger", small, constants={"b": (long["b"] % 10).astype(np.int8)})
    expected = long["a"].astype(int) @ (long["b"] % 10).astype(int)
    np.testing.assert_array_equal(run_lite(to_tflite(known), small)["y"], expected)


def test_biases_that_are_not_known_are_refused() -> None:
    inputs = {"x": whole(1, 1, 3, 3), "b": np.zeros(1, np.int32)}
    scale, zero = np.array(1, np.float32), np.array(0, np.uint8)
    constants: dict[str, np.ndarray] = {"s": scale, "z": zero, "w": whole(1, 1, 3, 3)}
    model = node_model(
        "QLinearConv", inputs, constants=constants, order=["x", "s", "z", "w", "s", "z", "s", "z", "b"]
    )
    with pytest.raises(ModelError, match="biases are known only when"):
        to_tflite(model)
