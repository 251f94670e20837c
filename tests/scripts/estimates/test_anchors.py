"""Which published times are used."""

from __future__ import annotations

import pytest

from edgeinfer.profile import Latency, load_profile
from edgeinfer.strict import replace
from scripts.estimates.anchors import LEFT_OUT, anchors, is_usable

LATENCY = Latency(
    model="ResNet-18 224",
    runtime="tflite",
    precision="int8",
    threads=4,
    latency_ms=9.0,
    source="a test",
)


def test_only_known_networks_on_our_kernels_count() -> None:
    assert is_usable(LATENCY)
    for change in ({"model": "YOLO11n 640"}, {"runtime": "ncnn"}, {"precision": "float16"}):
        assert not is_usable(replace(LATENCY, **change))


def test_the_devices_with_published_times() -> None:
    assert {name: len(those) for name, those in anchors().items()} == {
        "raspberry-pi-3": 6,
        "raspberry-pi-4": 6,
        "raspberry-pi-5": 10,
    }


@pytest.mark.parametrize("name", anchors())
def test_one_number_of_threads_that_is_the_profiles(name: str) -> None:
    assert {one.threads for one in anchors()[name]} == {load_profile(name).limits.threads}


def test_what_is_left_out_is_in_no_fit() -> None:
    used = {(one.device, one.model) for those in anchors().values() for one in those}
    assert not used & {(one.device, one.model) for one in LEFT_OUT}
    assert all(one.work for one in LEFT_OUT)
