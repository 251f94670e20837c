"""Our converter as the benchmark calls it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgeinfer.processing.spec import TensorInput, parse_pipeline_toml
from scripts.quantization.measured_run import ToolError
from scripts.quantization.ours import PIPELINE, UINT8_PROFILE, Converter, Ends, make_converter
from tests.fixtures.models import image_classifier


@pytest.fixture
def converter(tmp_path: Path) -> Converter:
    return make_converter(tmp_path / "work", tmp_path / "keys", UINT8_PROFILE, "default", 120.0)


def test_the_pipeline_leaves_everything_to_the_zoo() -> None:
    spec = parse_pipeline_toml(PIPELINE, "pipeline.toml")
    assert spec.model.task == "raw"
    assert spec.input == (TensorInput(),)


def test_nothing_but_calibration_data_is_given(converter: Converter) -> None:
    command = [str(part) for part in converter.command(Path("m.onnx"), Path("c.npz"), Path("o.eib"))]
    assert command[1:3] == ["build", "m.onnx"]
    options = dict(zip(command[3::2], command[4::2], strict=True))
    assert options == {
        "--profile": "x86-64-vnni",
        "--format": "onnx",
        "--precision": "int8",
        "--effort": "default",
        "--pipeline": str(converter.folder / "pipeline.toml"),
        "--calibration": "c.npz",
        "--key": str(converter.keys.private),
        "-o": "o.eib",
    }


def test_another_format_is_asked_for_by_name(converter: Converter) -> None:
    other = replace(converter, model_format="tflite")
    command = [str(part) for part in other.command(Path("m.onnx"), Path("c.npz"), Path("o.eib"))]
    assert command[command.index("--format") + 1] == "tflite"


@pytest.mark.parametrize("ends", [Ends(), Ends("uint8", "int8"), Ends("int8")])
def test_inputs_and_outputs_may_be_of_other_types(converter: Converter, ends: Ends) -> None:
    other = converter.with_ends(ends)
    command = [str(part) for part in other.command(Path("m.onnx"), Path("c.npz"), Path("o.eib"))]
    path = Path(command[command.index("--pipeline") + 1])
    spec = parse_pipeline_toml(path.read_bytes(), path.name)
    assert [one.dtype for one in spec.input] == [ends.input]
    assert spec.output.dtype == ends.output
    usual = parse_pipeline_toml((converter.folder / "pipeline.toml").read_bytes(), "pipeline.toml")
    assert usual.input == (TensorInput(),)


def test_a_model_comes_out(converter: Converter, tmp_path: Path) -> None:
    onnx.save(image_classifier(), tmp_path / "float.onnx")
    inputs = np.random.default_rng(0).normal(size=(12, 3, 16, 16)).astype(np.float32)
    np.savez(tmp_path / "c.npz", input=inputs)
    out = tmp_path / "int8.onnx"
    cost = converter.convert(tmp_path / "float.onnx", tmp_path / "c.npz", out)
    assert any(node.op_type == "QuantizeLinear" for node in onnx.load(out).graph.node)
    assert cost.seconds > 0
    assert cost.peak_bytes > 20_000_000


def test_a_refusal_is_told(converter: Converter, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"edgeinfer-convert: .*absent\.onnx"):
        converter.convert(tmp_path / "absent.onnx", tmp_path / "c.npz", tmp_path / "int8.onnx")
