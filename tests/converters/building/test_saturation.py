"""Data that leave the calibrated ranges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import pytest

from edgeinfer.profile import Integer
from edgeinfer_converters.building.saturation import LEAST_SHARE, TIMES, saturated_tensors
from edgeinfer_converters.calibration.int8 import Aims, Int8Model, calibrate, to_int8
from edgeinfer_converters.progress import counted
from edgeinfer_converters.shelf import shelve
from edgeinfer_converters.sources.source import serialized
from tests.fixtures.graphs import GRAPHS, samples_of


def made(model: onnx.ModelProto) -> Int8Model:
    def inputs() -> Iterator[dict[str, np.ndarray]]:
        return samples_of(model, 16)

    calibration = calibrate(shelve(serialized(model)), inputs, 16, counted)
    return to_int8(calibration, inputs, 16, Aims(Integer(activation="uint8")), counted)


def times(model: onnx.ModelProto, factor: float, seed: int = 5) -> Iterator[dict[str, np.ndarray]]:
    for sample in samples_of(model, 8, seed=seed):
        yield {name: (values * np.float32(factor)).astype(np.float32) for name, values in sample.items()}


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_data_like_those_of_calibration_do_not_stand_out(name: str) -> None:
    model = GRAPHS[name]()
    found = made(model)
    assert saturated_tensors(found.twin, found.quantized, times(model, 1, seed=0), times(model, 1)) == ()


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_data_of_another_scale_do(name: str) -> None:
    model = GRAPHS[name]()
    found = made(model)
    worst = saturated_tensors(found.twin, found.quantized, times(model, 1, seed=0), times(model, 8))
    assert model.graph.input[0].name in {one.tensor for one in worst}
    assert all(one.found > max(LEAST_SHARE, TIMES * one.calibrated) for one in worst)
    assert [one.found for one in worst] == sorted((one.found for one in worst), reverse=True)


def test_what_a_clamp_cuts_off_is_not_counted() -> None:
    """ReLU6 behind a convolution: however large the input, its output stays within its range."""
    model = GRAPHS["clipped"]()
    found = made(model)
    worst = saturated_tensors(found.twin, found.quantized, times(model, 1, seed=0), times(model, 50))
    assert "b" not in {one.tensor for one in worst}


def test_infinities_are_beyond_any_range_and_no_error() -> None:
    model = GRAPHS["residual"]()
    found = made(model)
    with np.errstate(invalid="ignore"):
        endless = list(times(model, np.inf))
    (worst, *_) = saturated_tensors(found.twin, found.quantized, times(model, 1, seed=0), endless)
    assert (worst.tensor, worst.found) == ("x", 1.0)
