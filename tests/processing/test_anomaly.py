"""Reconstruction errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer.frames import Quantization, TensorInfo
from edgeinfer.processing.anomaly import AnomalyDecoder, reconstruction_error
from edgeinfer.processing.results import Anomaly

FLOATS = TensorInfo(name="x", dtype="float32", shape=(1, 2))
REBUILT = TensorInfo(name="y", dtype="float32", shape=(1, 2))
pairs = st.lists(st.tuples(st.floats(-100, 100, width=32), st.floats(-100, 100, width=32)), min_size=1)


@given(pairs)
def test_errors_are_the_means_by_the_book(values: list[tuple[float, float]]) -> None:
    given_, rebuilt = (np.array(column, np.float32) for column in zip(*values, strict=True))
    squares = sum((a - b) ** 2 for a, b in values) / len(values)
    absolutes = sum(abs(a - b) for a, b in values) / len(values)
    assert reconstruction_error(given_, rebuilt, "mse") == pytest.approx(squares)
    assert reconstruction_error(given_, rebuilt, "mae") == pytest.approx(absolutes)


def test_shapes_may_differ_but_not_the_count() -> None:
    assert reconstruction_error(np.ones((2, 2), np.float32), np.ones(4, np.float32), "mse") == 0.0
    with pytest.raises(ModelError, match="3 numbers for an input of 4"):
        reconstruction_error(np.ones(4, np.float32), np.ones(3, np.float32), "mse")


@pytest.mark.parametrize(
    ("measure", "threshold", "expected"),
    [
        ("mse", 2.5, Anomaly(score=2.5, threshold=2.5, anomalous=False)),
        ("mse", 2.4, Anomaly(score=2.5, threshold=2.4, anomalous=True)),
        ("mae", 1.0, Anomaly(score=1.5, threshold=1.0, anomalous=True)),
    ],
)
def test_anomalous_is_above_the_threshold(measure: Any, threshold: float, expected: Anomaly) -> None:
    decoder = AnomalyDecoder(measure, threshold, FLOATS, REBUILT)
    inputs = {"x": np.array([[1.0, 2.0]], np.float32)}
    assert decoder({"y": np.array([[2.0, 4.0]], np.float32)}, inputs, None) == expected


def test_quantized_tensors_are_compared_as_real_numbers() -> None:
    given_ = TensorInfo(
        name="x", dtype="int8", shape=(1, 2), quantization=Quantization(scale=0.5, zero_point=0)
    )
    rebuilt = TensorInfo(
        name="y", dtype="int8", shape=(1, 2), quantization=Quantization(scale=0.25, zero_point=4)
    )
    decoder = AnomalyDecoder("mae", 0.1, given_, rebuilt)
    found = decoder({"y": np.array([[8, 8]], np.int8)}, {"x": np.array([[2, 4]], np.int8)}, None)
    assert found.score == 0.5  # 1.0 and 1.0 for 1.0 and 2.0


def test_without_parameters_only_floats_can_be_compared() -> None:
    decoder = AnomalyDecoder("mse", 1.0, None, REBUILT)
    output = {"y": np.zeros((1, 2), np.float32)}
    assert decoder(output, {"x": np.ones((1, 2), np.float32)}, None).score == 1.0
    with pytest.raises(ModelError, match="how the int8 input is quantized is not known"):
        decoder(output, {"x": np.ones((1, 2), np.int8)}, None)


def test_nan_is_an_error_and_no_anomaly() -> None:
    decoder = AnomalyDecoder("mse", 1.0, FLOATS, REBUILT)
    with pytest.raises(ModelError, match="NaN"):
        decoder({"y": np.array([[np.nan, 0]], np.float32)}, {"x": np.ones((1, 2), np.float32)}, None)
