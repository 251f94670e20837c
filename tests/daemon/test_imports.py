"""What importing the daemon costs: checked in a process of its own."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import edgeinfer.daemon
import edgeinfer.sinks
import edgeinfer.telemetry

HEAVY = (
    "ai_edge_litert",
    "cv2",
    "edgeinfer_converters",
    "onnx",
    "onnxruntime",
    "tensorflow",
    "tflite_runtime",
    "torch",
)
MODULES = ["edgeinfer.cli.daemon", "edgeinfer.config"] + [
    f"{package.__name__}.{one.name}"
    for package in (edgeinfer.daemon, edgeinfer.sinks, edgeinfer.telemetry)
    for one in pkgutil.iter_modules(package.__path__)
]


def loaded_by(*modules: str) -> set[str]:
    program = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_modules_are_found() -> None:
    assert "edgeinfer.daemon.supervise" in MODULES
    assert "edgeinfer.sinks.mqtt" in MODULES


def test_no_module_loads_a_runtime_opencv_or_the_converter() -> None:
    assert not loaded_by(*MODULES) & set(HEAVY)


@pytest.mark.parametrize("module", ["edgeinfer.daemon", "edgeinfer.daemon.unit", "edgeinfer.cli.daemon"])
def test_what_help_needs_is_lighter_still(module: str) -> None:
    assert not loaded_by(module) & {"numpy", "paho", "psutil", "cryptography", *HEAVY}
