"""How models are run in place of the device."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.host import Host, detect_host
from edgeinfer.profile import Integer, load_profile
from edgeinfer_converters.judging.local import integers_saturate, local_options
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.sources.source import serialized
from tests.fixtures.graphs import classifier, ranges_of, run, samples_of


def test_on_the_cpu_whatever_the_device_has() -> None:
    jetson = load_profile("jetson-orin-nano")
    options = local_options(jetson, detect_host())
    assert options.providers == ("CPUExecutionProvider",)
    assert options.required_providers == ()
    assert 1 <= options.threads <= jetson.limits.threads


@pytest.mark.parametrize(
    ("architecture", "features", "profile", "saturate"),
    [
        ("x86_64", {"avx2"}, "raspberry-pi-4", True),
        ("x86_64", {"avx2"}, "x86-64-vnni", True),
        ("x86_64", {"avx2"}, "generic-x86-64", False),
        ("x86_64", {"avx2", "avx512_vnni"}, "raspberry-pi-4", False),
        ("x86_64", {"avx2", "avx_vnni"}, "x86-64-vnni", False),
        ("aarch64", {"asimd"}, "raspberry-pi-4", False),
    ],
)
def test_where_integers_saturate(
    architecture: str, features: set[str], profile: str, *, saturate: bool
) -> None:
    host = Host(architecture=architecture, features=frozenset(features))
    assert integers_saturate(load_profile(profile), host) is saturate
    assert local_options(load_profile(profile), host).simulate_integers is saturate


def test_simulated_integers_give_what_the_nodes_say() -> None:
    model = quantize_int8(classifier(), ranges_of(classifier()), Integer(activation="uint8"))
    (sample,) = samples_of(model, 1, seed=3)
    with open_backend(serialized(model), "onnx", BackendOptions(simulate_integers=True)) as backend:
        (found,) = backend.run(sample).values()
    expected = run(model, sample, optimized=False)[0]
    assert np.abs(found - expected).max() <= 0.02 * np.abs(expected).max()
