"""The profiles that ship: each one is complete, and agrees with the facts of its own cores and runtimes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeinfer.profile import Profile, load_profile, parse_profile, profile_names

FOLDER = Path(__file__).parents[2] / "device_profiles"
NAMES = {
    "generic-arm64",
    "generic-x86-64",
    "jetson-agx-orin",
    "jetson-orin-nano",
    "raspberry-pi-3",
    "raspberry-pi-4",
    "raspberry-pi-5",
    "raspberry-pi-zero-2w",
    "rk3588",
    "x86-64-vnni",
}
PROFILES = {name: load_profile(name) for name in profile_names()}
ALL = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())

# What each core has of the features that kernels ask for (GCC, aarch64-cores.def).
DOT_PRODUCT = {"Cortex-A76", "Cortex-A76 and Cortex-A55", "Cortex-A78AE"}
WITHOUT_DOT_PRODUCT = {"Cortex-A53", "Cortex-A72", "ARMv8-A"}
# Opset and IR version that a release of ONNX Runtime reads, and TensorRT's parser behind it.
READS = {"onnxruntime": (21, 10), "onnxruntime-gpu": (17, 10)}


def test_the_named_profiles_are_there_and_no_others() -> None:
    assert set(PROFILES) == NAMES


@ALL
def test_file_and_name_agree(profile: Profile) -> None:
    data = (FOLDER / f"{profile.name}.toml").read_bytes()
    assert parse_profile(data, profile.name) == profile


@ALL
def test_arm_features_are_those_of_the_core(profile: Profile) -> None:
    if profile.cpu.architecture != "aarch64":
        assert profile.cpu.core.startswith("x86-64")
        return
    assert profile.cpu.core in DOT_PRODUCT | WITHOUT_DOT_PRODUCT
    assert ("asimddp" in profile.cpu.features) == (profile.cpu.core in DOT_PRODUCT)
    assert ("asimddp" in profile.cpu.lacks) == (profile.cpu.core in WITHOUT_DOT_PRODUCT)
    assert "i8mm" in profile.cpu.lacks


@ALL
def test_integer_form_is_the_one_with_fast_kernels(profile: Profile) -> None:
    x86 = profile.cpu.architecture == "x86_64"
    assert profile.integer.activation == ("uint8" if x86 else "int8")
    assert profile.integer.reduce_range == (profile.name == "generic-x86-64")
    assert profile.integer.symmetric_activation == profile.name.startswith("jetson")
    assert profile.integer.per_channel


@ALL
def test_opset_and_ir_version_are_what_the_oldest_runtime_reads(profile: Profile) -> None:
    for runtime in profile.runtime:
        if runtime.name == "onnxruntime":
            assert (runtime.max_opset, runtime.max_ir_version) == READS[runtime.package]
            assert runtime.minimum_version == "1.20"


@ALL
def test_a_gpu_that_is_needed_is_required(profile: Profile) -> None:
    gpu = [runtime for runtime in profile.runtime if runtime.package == "onnxruntime-gpu"]
    assert bool(gpu) == profile.name.startswith("jetson")
    for runtime in gpu:
        assert runtime.providers == (
            "TensorrtExecutionProvider",
            "CUDAExecutionProvider",
            "CPUExecutionProvider",
        )
        assert set(runtime.required_providers) == set(runtime.providers) - {"CPUExecutionProvider"}
        assert runtime.engine_cache


@ALL
def test_default_precision_is_fast_on_the_first_runtime(profile: Profile) -> None:
    if profile.default_precision != "float32":
        assert getattr(profile.runtime[0], profile.default_precision) == "fast"


@ALL
def test_float16_is_never_called_fast_on_a_cpu(profile: Profile) -> None:
    for runtime in profile.runtime:
        assert (runtime.float16 == "fast") == bool(runtime.required_providers)


@ALL
def test_threads_do_not_outnumber_cores(profile: Profile) -> None:
    assert 1 <= profile.limits.threads <= profile.cpu.cores


@ALL
def test_costs_are_for_a_cpu_with_published_times_and_its_threads(profile: Profile) -> None:
    published = {"raspberry-pi-3": "tflite", "raspberry-pi-4": "tflite", "raspberry-pi-5": "executorch"}
    assert bool(profile.cost) == (profile.name in published)
    for cost in profile.cost:
        assert cost.runtime == "tflite"
        assert cost.threads == profile.limits.threads
        assert "scripts/bench estimate" in cost.source
        assert published[profile.name] in cost.source
        assert published[profile.name] in {one.runtime for one in profile.latency}


@ALL
def test_every_claim_has_a_source_that_can_be_looked_up(profile: Profile) -> None:
    for fact in profile.facts:
        assert fact.claim.endswith(".")
        assert any(mark in fact.source for mark in ("http", "docs/", "data sheet", "gist", "Our choice"))
    claims = [fact.claim for fact in profile.facts]
    assert len(set(claims)) == len(claims)


@ALL
def test_profiles_that_name_a_board_can_be_told_apart(profile: Profile) -> None:
    generic = profile.name.startswith(("generic", "x86-64"))
    assert bool(profile.match.board or profile.match.compatible) != generic
