"""The workers that this environment can run: ONNX Runtime's quantizer, and the float model."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from scripts.quantization.measured_run import ToolError, run_measured
from scripts.quantization.peers import PEERS, S8_PEERS, WORKERS, Peer
from tests.fixtures.models import image_classifier

TIMEOUT_S = 120.0


def _quantize(peer: Peer, tmp_path: Path, *, ir_version: int = 8, opset: int = 17) -> onnx.ModelProto:
    model = image_classifier()
    model.ir_version = ir_version
    model.opset_import[0].version = opset
    onnx.save(model, tmp_path / "float.onnx")
    inputs = np.random.default_rng(0).normal(size=(4, 3, 16, 16)).astype(np.float32)
    np.savez(tmp_path / "c.npz", input=inputs)
    out = tmp_path / "int8.onnx"
    command = peer.command(Path(sys.executable), tmp_path / "float.onnx", tmp_path / "c.npz", out)
    run_measured(command, tmp_path / "run.log", timeout_s=TIMEOUT_S)
    return onnx.load(out)


def _zero_point_types(model: onnx.ModelProto) -> set[int]:
    """The types that activations are quantized to."""
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    return {types[node.input[2]] for node in model.graph.node if node.op_type == "QuantizeLinear"}


def test_the_quantizer_makes_uint8_activations_and_int8_weights_per_channel(tmp_path: Path) -> None:
    model = _quantize(PEERS["ort_minmax"], tmp_path)
    assert _zero_point_types(model) == {onnx.TensorProto.UINT8}
    int8 = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.INT8]
    assert any(list(tensor.dims) == [8, 3, 3, 3] for tensor in int8)
    assert any(list(tensor.dims) == [8] for tensor in int8)


def test_the_form_for_arm_is_int8(tmp_path: Path) -> None:
    assert _zero_point_types(_quantize(S8_PEERS["ort_minmax_s8"], tmp_path)) == {onnx.TensorProto.INT8}


def test_an_old_opset_is_raised(tmp_path: Path) -> None:
    model = _quantize(PEERS["ort_minmax"], tmp_path, opset=11)
    assert next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx")) >= 13


def test_the_float_model_is_run(tmp_path: Path) -> None:
    path = tmp_path / "float.onnx"
    onnx.save(image_classifier(batch="batch"), path)
    command: list[str | Path] = [sys.executable, "-P", WORKERS / "run_float.py", path, "2"]
    assert run_measured(command, tmp_path / "run.log", timeout_s=TIMEOUT_S).peak_bytes > 20_000_000


def test_a_model_that_is_none_ends_in_its_error(tmp_path: Path) -> None:
    path = tmp_path / "float.onnx"
    path.write_bytes(b"no model")
    command: list[str | Path] = [sys.executable, "-P", WORKERS / "run_float.py", path, "1"]
    with pytest.raises(ToolError, match=r"InvalidProtobuf|InvalidArgument|Fail|parse"):
        run_measured(command, tmp_path / "run.log", timeout_s=TIMEOUT_S)
