"""Whether a bundle fits a device."""

from __future__ import annotations

from typing import Any

import pytest

from edgeinfer.bundle.fit import check_fit
from edgeinfer.bundle.manifest import Manifest, RuntimeNeed
from edgeinfer.errors import CompatibilityError, MissingRuntimeError
from edgeinfer.host import Host
from edgeinfer.strict import replace
from tests.fixtures.bundles import manifest_of, profile_of, small_members


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return manifest_of(small_members(), name="double", task="raw")


def host(*, architecture: str = "x86_64", **runtimes: str) -> Host:
    return Host(
        architecture=architecture, runtimes={name.replace("_", "-"): text for name, text in runtimes.items()}
    )


@pytest.mark.parametrize("version", ["1.20", "1.20.0", "1.20.1", "1.100", "2.0", "1.21.0rc1", "1.20+local"])
def test_a_new_enough_runtime_fits(manifest: Manifest, version: str) -> None:
    check_fit(manifest, profile_of(), host(onnxruntime=version))
    check_fit(manifest, profile_of(), host(onnxruntime_gpu=version))
    check_fit(manifest, profile_of(), host(onnxruntime="1.0", onnxruntime_gpu=version))


@pytest.mark.parametrize("version", ["1.19.9", "1.2", "1.3.0", "0.99", "1.20rc1", "garbage", ""])
def test_an_older_runtime_does_not(manifest: Manifest, version: str) -> None:
    with pytest.raises(CompatibilityError, match=r"needs onnxruntime 1\.20 or newer") as caught:
        check_fit(manifest, profile_of(), host(onnxruntime=version))
    assert "pip install --upgrade 'edgeinfer[onnx]'" in caught.value.hint


def test_another_architecture_does_not(manifest: Manifest) -> None:
    with pytest.raises(CompatibilityError, match=r"is for x86_64 .* this device is aarch64"):
        check_fit(manifest, profile_of(), host(architecture="aarch64", onnxruntime="1.23"))


@pytest.mark.parametrize("runtimes", [{}, {"ai_edge_litert": "2.3"}])
def test_no_runtime_names_what_to_install(manifest: Manifest, runtimes: dict[str, str]) -> None:
    with pytest.raises(MissingRuntimeError, match="not installed") as caught:
        check_fit(manifest, profile_of(), host(**runtimes))
    assert "edgeinfer[onnx]" in caught.value.hint


@pytest.mark.parametrize("package", ["ai_edge_litert", "tflite_runtime"])
def test_either_tflite_runtime_will_do(manifest: Manifest, package: str) -> None:
    need = RuntimeNeed(name="tflite", minimum_version="2.0")
    check_fit(replace(manifest, runtime=need), profile_of(), host(**{package: "2.14.0"}))


def test_a_required_provider_needs_the_build_that_has_it(manifest: Manifest) -> None:
    profile = profile_of()
    gpu: Any = replace(
        profile.runtime[0],
        package="onnxruntime-gpu",
        providers=("CUDAExecutionProvider", "CPUExecutionProvider"),
        required_providers=("CUDAExecutionProvider",),
    )
    jetson = replace(profile, runtime=(gpu,))
    check_fit(manifest, jetson, host(onnxruntime_gpu="1.23"))
    with pytest.raises(MissingRuntimeError) as caught:
        check_fit(manifest, jetson, host(onnxruntime="1.23"))
    assert caught.value.hint == "pip install 'onnxruntime-gpu>=1.20'"
