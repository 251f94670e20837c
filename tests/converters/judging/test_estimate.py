"""Estimates of models that were never run."""

from __future__ import annotations

import dataclasses

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.profile import Cost, Integer, Profile, load_profile
from edgeinfer.strict import decode_json, encode_json, replace
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.judging.estimate import Estimator, Forecast, find_estimator, operator_ms
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.quantize.work import Work, work_of
from tests.fixtures.graphs import classifier, ranges_of
from tests.fixtures.models import image_classifier

PI = load_profile("raspberry-pi-4")


def estimator(profile: Profile = PI) -> Estimator:
    found = find_estimator(profile, "tflite")
    assert found is not None
    return found


def int8_classifier(exclude: frozenset[str] = frozenset()) -> onnx.ModelProto:
    model = classifier()
    return quantize_int8(model, ranges_of(model), Integer(activation="int8"), exclude=exclude)


def cost(**changes: float) -> Cost:
    rates = {"gigamacs_per_s": 8.0, "gigabytes_per_s": 4.0, "operator_us": 50.0, "worst_ratio": 1.5}
    rates |= {"smallest_megamacs": 1.0, "largest_megamacs": 100.0}
    return Cost(runtime="tflite", precision="float32", threads=4, source="a test", **{**rates, **changes})


def test_one_operator_by_hand() -> None:
    work = Work("c", "Conv", "float32", macs=16_000_000, depthwise=False, moved_bytes=2_000_000)
    assert operator_ms(work, cost()) == pytest.approx(2.0 + 0.5 + 0.05)
    conversion = dataclasses.replace(work, operator="DequantizeLinear", macs=0)
    assert operator_ms(conversion, cost()) == pytest.approx(0.5)


def test_a_model_is_the_sum_of_its_operators() -> None:
    model = image_classifier()
    work = work_of(infer_shapes(model))
    costs = estimator().costs["float32"]
    assert estimator().latency_ms(model) == pytest.approx(sum(operator_ms(one, costs) for one in work))


def test_more_channels_take_longer() -> None:
    sizes = [estimator().latency_ms(image_classifier(classes=classes)) for classes in (1, 10, 1000)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3


@settings(max_examples=20, deadline=None)
@given(
    st.integers(8, 40),
    st.integers(1, 40),
    st.sampled_from(["raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5"]),
)
def test_a_larger_picture_never_takes_less(size: int, more: int, name: str) -> None:
    device = estimator(load_profile(name))
    small, large = (image_classifier(size=one) for one in (size, size + more))
    assert 0 < device.latency_ms(small) <= device.latency_ms(large)


def test_int8_is_faster_than_float_and_an_island_lies_between() -> None:
    ms = [
        estimator().latency_ms(one)
        for one in (int8_classifier(), int8_classifier(frozenset({"conv1"})), classifier())
    ]
    assert ms == sorted(ms)
    assert len(set(ms)) == 3


def test_an_open_batch_is_one() -> None:
    assert estimator().latency_ms(image_classifier(batch="n")) == estimator().latency_ms(image_classifier())


def test_a_forecast_says_what_it_holds_for() -> None:
    found = estimator().forecast(classifier(), int8_classifier())
    assert (found.runtime, found.threads, found.slower) == ("tflite", 4, False)
    assert found.worst_ratio == max(one.worst_ratio for one in PI.costs_for("tflite"))
    assert found.converted_ms < found.reference_ms
    assert found.reference_ms == float(f"{estimator().latency_ms(classifier()):.3g}")
    assert decode_json(encode_json(found), Forecast, "forecast") == found


@pytest.mark.parametrize(("slowdown", "slower"), [(0.5, False), (1.04, False), (1.06, True)])
def test_slower_needs_the_margin(slowdown: float, slower: bool) -> None:
    """Bytes cost nothing and operators have no overhead, so that only the rates of products count."""
    rates = {name: cost(gigabytes_per_s=1e6, operator_us=0.0) for name in ("float32", "int8")}
    rates["int8"] = replace(rates["int8"], gigamacs_per_s=rates["int8"].gigamacs_per_s / slowdown)
    device = Estimator({"float32": rates["float32"], "int8": rates["int8"]})
    found = device.forecast(classifier(), int8_classifier())
    assert found.converted_ms / found.reference_ms == pytest.approx(slowdown, rel=0.01)
    assert found.slower == slower


@pytest.mark.parametrize(
    ("smallest", "largest", "size"),
    [(0.1, 1.0, "smaller"), (0.01, 1.0, "usual"), (0.001, 0.01, "larger")],
)
def test_a_model_unlike_those_that_were_published_is_told(smallest: float, largest: float, size: str) -> None:
    model = classifier()
    assert 0.01 < sum(one.macs for one in work_of(infer_shapes(model))) / 1e6 < 0.1
    costs = cost(smallest_megamacs=smallest, largest_megamacs=largest)
    device = Estimator({"float32": costs, "int8": costs})
    assert device.forecast(model, int8_classifier()).size == size


def test_without_costs_there_is_no_estimator() -> None:
    assert find_estimator(PI, "onnxruntime") is None
    assert find_estimator(load_profile("generic-x86-64"), "onnxruntime") is None
    half = replace(PI, cost=PI.cost[:1])
    assert find_estimator(half, "tflite") is None
