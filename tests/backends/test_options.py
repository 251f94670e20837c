"""How a profile wants a model to be run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from edgeinfer.backends import BackendOptions, options_for
from edgeinfer.errors import CompatibilityError
from edgeinfer.profile import Cpu, Integer, Limits, Match, Profile, Runtime


def profile(*runtimes: Runtime) -> Profile:
    return Profile(
        schema=1,
        name="test",
        title="A test",
        cpu=Cpu(architecture="aarch64", core="cortex-a76", cores=4),
        limits=Limits(memory_mib=1024, model_memory_mib=512, threads=3),
        integer=Integer(activation="int8"),
        runtime=runtimes,
        default_precision="int8",
        match=Match(),
        facts=(),
    )


def runtime(name: Any, **changes: Any) -> Runtime:
    if name == "onnxruntime":
        changes |= {"max_opset": 21, "max_ir_version": 10}
    return Runtime(name=name, package="p", minimum_version="1", int8="fast", float16="slow", **changes)


def test_the_profile_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(4)))
    jetson = runtime("onnxruntime", providers=("A", "B"), required_providers=("A",), engine_cache=True)
    options = options_for(profile(jetson), "onnx", cache=Path("engines"))
    assert options == BackendOptions(
        threads=3, providers=("A", "B"), required_providers=("A",), engine_cache=Path("engines")
    )


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (3, 3), (64, 3)])
def test_no_more_threads_than_cores(monkeypatch: pytest.MonkeyPatch, cores: int, threads: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)))
    chosen = profile(runtime("tflite"))
    assert options_for(chosen, "tflite").threads == threads
    assert options_for(chosen, "tflite", threads=8).threads == 8


def test_threads_can_be_chosen() -> None:
    assert options_for(profile(runtime("tflite")), "tflite", threads=1).threads == 1


def test_a_runtime_that_builds_nothing_gets_no_cache() -> None:
    options = options_for(profile(runtime("onnxruntime")), "onnx", cache=Path("engines"))
    assert options.engine_cache is None
    assert options.providers == ("CPUExecutionProvider",)


def test_a_format_that_the_device_cannot_run() -> None:
    with pytest.raises(CompatibilityError, match="test has no runtime for onnx models") as caught:
        options_for(profile(runtime("tflite")), "onnx")
    assert caught.value.hint == "it has tflite"
