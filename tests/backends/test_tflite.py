"""LiteRT: quantized tensors, the older runtime, and files that are no good."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.backends.tflite import TfliteBackend
from edgeinfer.errors import MissingRuntimeError, ModelError
from edgeinfer.frames import Quantization
from tests.fixtures.tflite import doubler
from tests.fixtures.tflite_graphs import Writer, lstm


def detail(name: str, index: int, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "index": index,
        "dtype": np.float32,
        "shape": np.array([1, 2]),
        "quantization_parameters": {"scales": np.array([]), "zero_points": np.array([])},
        **changes,
    }


class Interpreter:
    """As much of one as the backend uses."""

    inputs = (detail("x", 0),)
    outputs = (detail("y", 1),)
    fault: Exception | None = None

    def __init__(self, model_content: bytes, num_threads: int) -> None:
        self.model, self.threads = model_content, num_threads
        self.tensors: dict[int, Any] = {}
        self.resets = 0

    def allocate_tensors(self) -> None:
        if self.fault is not None:
            raise self.fault

    def reset_all_variables(self) -> None:
        self.resets += 1

    def get_input_details(self) -> Any:
        return self.inputs

    def get_output_details(self) -> Any:
        return self.outputs

    def set_tensor(self, index: int, array: Any) -> None:
        self.tensors[index] = array

    def invoke(self) -> None:
        if self.fault is not None:
            raise self.fault

    def get_tensor(self, index: int) -> Any:
        return self.tensors[0]


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> type[Interpreter]:
    """A machine with tflite-runtime only."""
    module = ModuleType("tflite_runtime.interpreter")
    kind = type("Interpreter", (Interpreter,), {})
    monkeypatch.setattr(module, "Interpreter", kind, raising=False)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", ModuleType("tflite_runtime"))
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", module)
    return kind


def test_a_quantized_model_tells_its_parameters_and_runs() -> None:
    with open_backend(doubler(quantization=(0.5, 3)), "tflite", BackendOptions()) as backend:
        assert backend.inputs[0].dtype == "int8"
        assert backend.inputs[0].quantization == Quantization(scale=0.5, zero_point=3)
        assert backend.outputs[0].quantization == Quantization(scale=0.5, zero_point=3)
        stored = backend.run({"x": np.array([[3, 5, 7, 9]], np.int8)})["y"]
    assert stored.tolist() == [[3, 7, 11, 15]]  # 0, 1, 2, 3 doubled


def test_a_float_model_has_no_parameters() -> None:
    with open_backend(doubler(), "tflite", BackendOptions()) as backend:
        assert backend.inputs[0].quantization is None


def test_the_models_bytes_live_as_long_as_the_interpreter() -> None:
    backend = open_backend(bytes(bytearray(doubler())), "tflite", BackendOptions())
    gc.collect()
    scratch = [bytes(1024) for _ in range(1000)]
    assert backend.run({"x": np.ones((1, 4), np.float32)})["y"].tolist() == [[2, 2, 2, 2]]
    assert len(scratch) == 1000


def test_the_older_runtime_serves_where_that_is_all_there_is(older: type[Interpreter]) -> None:
    with open_backend(doubler(), "tflite", BackendOptions(threads=3)) as backend:
        assert isinstance(backend, TfliteBackend)
        assert isinstance(backend._interpreter, older)
        assert backend._interpreter.threads == 3
        assert backend.run({"x": np.ones((1, 2), np.float32)})["y"].tolist() == [[1, 1]]


def test_recurrent_layers_start_afresh_with_each_run() -> None:
    writer = Writer()
    data = writer.finish(lstm(writer))
    inputs = {"input_0": np.ones((1, 5, 3), np.float32)}
    with open_backend(data, "tflite", BackendOptions()) as backend:
        (name,) = (one.name for one in backend.outputs)
        first, second = (backend.run(inputs)[name] for _ in range(2))
    assert np.array_equal(first, second)


def test_without_any_runtime_the_hint_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingRuntimeError, match="this model needs LiteRT") as caught:
        open_backend(doubler(), "tflite", BackendOptions())
    assert caught.value.hint == "pip install 'edgeinfer[tflite]'"


@pytest.mark.parametrize("kind", [RuntimeError, ValueError])
def test_an_error_while_loading_is_translated(older: type[Interpreter], kind: type[Exception]) -> None:
    older.fault = kind("unresolved custom op: Frobnicate")
    with pytest.raises(ModelError, match="cannot load the model: unresolved custom op") as caught:
        open_backend(doubler(), "tflite", BackendOptions())
    assert caught.value.__cause__ is older.fault


def test_an_error_while_running_is_translated(older: type[Interpreter]) -> None:
    backend = open_backend(doubler(), "tflite", BackendOptions())
    older.fault = RuntimeError("node 3 failed")
    with pytest.raises(ModelError, match="could not run the model: node 3 failed") as caught:
        backend.run({"x": np.ones((1, 2), np.float32)})
    assert caught.value.__cause__ is older.fault


@pytest.mark.parametrize(
    ("outputs", "complaint"),
    [
        ((), "the model has no output"),
        ((detail("y", 1), detail("y", 2)), "two outputs of the model have the same name: `y`, `y`"),
        ((detail("y", 1, dtype=np.bytes_),), "only tensors of numbers are supported"),
        (
            (
                detail(
                    "y",
                    1,
                    quantization_parameters={
                        "scales": np.array([0.1, 0.2]),
                        "zero_points": np.array([0, 0]),
                    },
                ),
            ),
            "`y` is quantized by channel",
        ),
    ],
    ids=["none", "same name", "text", "by channel"],
)
def test_models_that_cannot_be_served_are_refused(
    older: type[Interpreter], outputs: tuple[dict[str, Any], ...], complaint: str
) -> None:
    older.outputs = outputs  # type: ignore[assignment]  # a tuple of another length
    with pytest.raises(ModelError, match=complaint):
        open_backend(doubler(), "tflite", BackendOptions())


HOSTILE = """
import sys, numpy as np
from pathlib import Path
from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.errors import ModelError
from edgeinfer.frames import DTYPES
try:
    with open_backend(Path(sys.argv[1]).read_bytes(), "tflite", BackendOptions()) as backend:
        backend.run({one.name: np.zeros(one.shape, DTYPES[one.dtype]) for one in backend.inputs})
except ModelError:
    sys.exit(1)
"""


@pytest.mark.zoo
@pytest.mark.parametrize(
    "name",
    [
        "2_subgraphs.bin.tflite",
        "custom_sinh.bin.tflite",
        "invalid_model.bin.tflite",
        "model_invoking_error.tflite",
        "no_subgraphs.bin.tflite",
        "string_input_model.bin.tflite",
        "topo_sort_fork_violation.tflite",
    ],
)
def test_hostile_files_end_in_an_error_or_a_run(zoo: Path, name: str) -> None:
    path = zoo / "hostile" / "tflite" / name
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, str(path)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode in (0, 1), done.stderr.decode()
    assert b"Traceback" not in done.stderr
