"""ONNX Runtime: what is asked of it, and what happens when it cannot."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.errors import MissingRuntimeError, ModelError
from tests.fixtures.models import doubler, model_of

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
JETSON = BackendOptions(threads=4, providers=(TENSORRT, CUDA, CPU), required_providers=(TENSORRT, CUDA))


class Node:
    def __init__(self, name: str, shape: list[Any], kind: str = "tensor(float)") -> None:
        self.name, self.shape, self.type = name, shape, kind


class Session:
    """Remembers how it was made; `active` and `fault` say how it behaves."""

    made: list[Session]
    active: list[str] | None = None
    fault: Exception | None = None

    def __init__(self, model: bytes, settings: Any, *, providers: list[Any], enable_fallback: int) -> None:
        self.model, self.settings, self.providers = model, settings, providers
        self.fallback = bool(enable_fallback)
        type(self).made.append(self)

    def disable_fallback(self) -> None:
        self.fallback = False

    def get_providers(self) -> list[str]:
        return [name for name, _ in self.providers] if self.active is None else self.active

    def get_inputs(self) -> list[Node]:
        return [Node("x", ["batch", 4])]

    def get_outputs(self) -> list[Node]:
        return [Node("y", [1, None])]

    def run(self, names: list[str], tensors: Any) -> list[Any]:
        if self.fault is not None:
            raise self.fault
        return [tensors["x"] for _ in names]


class Settings:
    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def add_session_config_entry(self, name: str, value: str) -> None:
        self.entries[name] = value


class ExecutionMode:
    ORT_SEQUENTIAL = "sequential"


class Fake(ModuleType):
    """ONNX Runtime as built for a Jetson."""

    def __init__(self, available: list[str]) -> None:
        super().__init__("onnxruntime")
        self.session: Any = type("Session", (Session,), {"made": []})
        self.InferenceSession = self.session
        self.SessionOptions = Settings
        self.ExecutionMode = ExecutionMode
        self.available = available
        self.severity: int | None = None
        self.telemetry = True

    def get_available_providers(self) -> list[str]:
        return self.available

    def set_default_logger_severity(self, severity: int) -> None:
        self.severity = severity

    def disable_telemetry_events(self) -> None:
        self.telemetry = False

    @property
    def made(self) -> Any:
        (session,) = self.session.made
        return session


@pytest.fixture
def jetson(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake([TENSORRT, CUDA, CPU])
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    return fake


def test_it_never_spins_nor_falls_back_nor_reports(jetson: Fake) -> None:
    open_backend(b"model", "onnx", JETSON)
    settings = jetson.made.settings
    assert settings.entries == {
        "session.load_model_format": "ONNX",
        "session.intra_op.allow_spinning": "0",
        "session.inter_op.allow_spinning": "0",
    }
    assert (settings.intra_op_num_threads, settings.inter_op_num_threads) == (4, 1)
    assert settings.log_severity_level == jetson.severity == 4
    assert not jetson.made.fallback
    assert not jetson.telemetry


def test_providers_keep_the_profiles_order(jetson: Fake) -> None:
    open_backend(b"model", "onnx", JETSON)
    assert jetson.made.providers == [(TENSORRT, {}), (CUDA, {}), (CPU, {})]


def test_engines_are_kept_in_the_cache(jetson: Fake, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "engines"
    options = BackendOptions(providers=(TENSORRT, CPU), engine_cache=folder)
    open_backend(b"... DequantizeLinear ...", "onnx", options)
    (_, chosen), (_, others) = jetson.made.providers
    assert chosen == {
        "trt_int8_enable": "True",
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(folder),
    }
    assert others == {}
    assert folder.is_dir()


def test_a_cache_that_cannot_be_made(jetson: Fake, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    options = BackendOptions(providers=(TENSORRT,), engine_cache=tmp_path / "file" / "engines")
    with pytest.raises(ModelError, match="cannot be made to keep built engines in"):
        open_backend(b"model", "onnx", options)


def test_a_required_provider_that_is_not_built_in_is_a_refusal(jetson: Fake) -> None:
    jetson.available = [CPU]
    with pytest.raises(MissingRuntimeError, match=f"has no {TENSORRT}, {CUDA}; it has {CPU}") as caught:
        open_backend(b"model", "onnx", JETSON)
    assert "onnxruntime-gpu" in caught.value.hint
    assert jetson.session.made == []


def test_a_required_provider_that_does_not_start_is_a_refusal(jetson: Fake) -> None:
    jetson.session.active = [CUDA, CPU]
    with pytest.raises(MissingRuntimeError, match=f"could not start {TENSORRT} and would run on") as caught:
        open_backend(b"model", "onnx", JETSON)
    assert "onnxruntime-gpu" in caught.value.hint


def test_a_provider_that_is_only_preferred_may_be_absent(jetson: Fake) -> None:
    jetson.available = [CUDA, CPU]
    open_backend(b"model", "onnx", BackendOptions(providers=(TENSORRT, CUDA, CPU)))
    assert [name for name, _ in jetson.made.providers] == [CUDA, CPU]


def test_no_provider_at_all_is_a_refusal(jetson: Fake) -> None:
    jetson.available = ["OtherExecutionProvider"]
    with pytest.raises(MissingRuntimeError, match=f"has no {CPU}") as caught:
        open_backend(b"model", "onnx", BackendOptions())
    assert caught.value.hint == "pip install 'edgeinfer[onnx]'"


@pytest.mark.parametrize("options", [BackendOptions(), JETSON])
def test_without_the_runtime_the_hint_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, options: BackendOptions
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingRuntimeError, match="this model needs ONNX Runtime") as caught:
        open_backend(b"model", "onnx", options)
    expected = "onnxruntime-gpu" if options.required_providers else "edgeinfer[onnx]"
    assert expected in caught.value.hint


def test_open_dimensions_are_minus_one(jetson: Fake) -> None:
    with open_backend(b"model", "onnx", BackendOptions()) as backend:
        assert backend.inputs[0].shape == (-1, 4)
        assert backend.outputs[0].shape == (1, -1)
        assert backend.run({"x": np.zeros((3, 4), np.float32)})["y"].shape == (3, 4)


def test_an_error_while_running_is_translated_with_its_cause(jetson: Fake) -> None:
    backend = open_backend(b"model", "onnx", BackendOptions())
    fault = RuntimeError("CUDA failure 700")
    jetson.session.fault = fault
    with pytest.raises(ModelError, match="could not run the model: CUDA failure 700") as caught:
        backend.run({"x": np.zeros((1, 4), np.float32)})
    assert caught.value.__cause__ is fault


def test_the_real_one_reports_only_in_its_error(capfd: pytest.CaptureFixture[str]) -> None:
    node = helper.make_node("Reshape", ["x", "shape"], ["y"])
    model = model_of(
        [node],
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4]),
            helper.make_tensor_value_info("shape", TensorProto.INT64, [2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, None])],
    )
    tensors = {"x": np.zeros((1, 4), np.float32), "shape": np.array([3, 3])}
    with (
        open_backend(model.SerializeToString(), "onnx", BackendOptions()) as backend,
        pytest.raises(ModelError, match="Reshape"),
    ):
        backend.run(tensors)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_an_unknown_operator_is_a_model_error(capfd: pytest.CaptureFixture[str]) -> None:
    model = doubler()
    model.graph.node[0].op_type = "Frobnicate"
    with pytest.raises(ModelError, match="Frobnicate"):
        open_backend(model.SerializeToString(), "onnx", BackendOptions())
    assert capfd.readouterr().err == ""


def test_weights_that_are_also_inputs_need_not_be_given(capfd: pytest.CaptureFixture[str]) -> None:
    """Old exporters list them so, and ONNX Runtime warns of each of them."""
    model = model_of(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4]),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [4]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        {"w": np.ones(4, np.float32)},
    )
    with open_backend(model.SerializeToString(), "onnx", BackendOptions()) as backend:
        assert [one.name for one in backend.inputs] == ["x"]
        assert backend.run({"x": np.zeros((1, 4), np.float32)})["y"].tolist() == [[1, 1, 1, 1]]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["bool", "float16", "double", "int8", "uint8", "int64", "uint16"])
def test_every_kind_of_number_is_known(name: str) -> None:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(name))
    value = [helper.make_tensor_value_info(side, kind, [1]) for side in ("x", "y")]
    model = model_of([helper.make_node("Identity", ["x"], ["y"])], value[:1], value[1:])
    with open_backend(model.SerializeToString(), "onnx", BackendOptions()) as backend:
        assert backend.inputs[0].dtype == np.dtype(name).name
        array = np.ones(1, np.dtype(name))
        assert backend.run({"x": array})["y"].dtype == array.dtype


def test_text_is_no_number() -> None:
    value = [helper.make_tensor_value_info(side, onnx.TensorProto.STRING, [1]) for side in ("x", "y")]
    model = model_of([helper.make_node("Identity", ["x"], ["y"])], value[:1], value[1:])
    with pytest.raises(ModelError, match=r"`x` is a tensor\(string\); only tensors of numbers"):
        open_backend(model.SerializeToString(), "onnx", BackendOptions())


def test_a_model_in_the_runtimes_own_format_is_refused(tmp_path: Path) -> None:
    # The same bytes may pass as an ONNX file with another content: a bundle's check would see that one.
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(doubler().SerializeToString(), options)
    data = (tmp_path / "model.ort").read_bytes()
    assert data[4:8] == b"ORTM"
    onnxruntime.InferenceSession(data)  # it would be run
    with pytest.raises(ModelError, match="cannot load the model"):
        open_backend(data, "onnx", BackendOptions())
