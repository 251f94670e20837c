"""What every backend does alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgeinfer.backends import BACKENDS, Backend, BackendOptions, ModelFormat, open_backend
from edgeinfer.backends.fake import FakeBackend
from edgeinfer.errors import ModelError
from edgeinfer.frames import Array, TensorInfo
from tests.fixtures import models, tflite

MODELS: dict[ModelFormat, Callable[[], bytes]] = {
    "onnx": lambda: models.doubler().SerializeToString(),
    "tflite": tflite.doubler,
}
X = TensorInfo(name="x", dtype="float32", shape=(1, 4))
Y = TensorInfo(name="y", dtype="float32", shape=(1, 4))


def make(kind: str) -> Backend:
    if kind == "fake":
        return FakeBackend((X,), (Y,), lambda tensors: {"y": tensors["x"] * 2})
    for model_format, build in MODELS.items():
        if model_format == kind:
            return open_backend(build(), model_format, BackendOptions())
    raise AssertionError(f"no tiny model for {kind}")


@pytest.fixture(params=sorted([*BACKENDS, "fake"]))
def backend(request: pytest.FixtureRequest) -> Backend:
    return make(request.param)


def rows(*values: float) -> Array:
    return np.array([values], np.float32)


def test_it_tells_its_inputs_and_outputs(backend: Backend) -> None:
    assert backend.inputs == (X,)
    assert backend.outputs == (Y,)


def test_it_computes(backend: Backend) -> None:
    with backend as opened:
        found = opened.run({"x": rows(1, 2, 3, 4)})
    assert list(found) == ["y"]
    assert found["y"].dtype == np.float32
    assert found["y"].tolist() == [[2, 4, 6, 8]]


def test_outputs_are_the_callers_to_keep(backend: Backend) -> None:
    with backend:
        first = backend.run({"x": rows(1, 1, 1, 1)})["y"]
        second = backend.run({"x": rows(2, 2, 2, 2)})["y"]
        first += 1
        third = backend.run({"x": rows(2, 2, 2, 2)})["y"]
    assert first.tolist() == [[3, 3, 3, 3]]
    assert second.tolist() == third.tolist() == [[4, 4, 4, 4]]


def test_outputs_outlive_the_backend(backend: Backend) -> None:
    with backend:
        found = backend.run({"x": rows(1, 2, 3, 4)})["y"]
    del backend
    assert found.tolist() == [[2, 4, 6, 8]]


def test_inputs_are_left_alone(backend: Backend) -> None:
    array = rows(1, 2, 3, 4)
    with backend:
        backend.run({"x": array})
    assert array.tolist() == [[1, 2, 3, 4]]


def test_an_input_may_lie_anywhere_in_memory(backend: Backend) -> None:
    array = np.arange(8, dtype=np.float32).reshape(1, 8)[:, ::2]
    with backend:
        assert backend.run({"x": array})["y"].tolist() == [[0, 4, 8, 12]]


@pytest.mark.parametrize(
    ("tensors", "complaint"),
    [
        ({}, "takes `x`, not nothing"),
        ({"z": rows(1, 2, 3, 4)}, "takes `x`, not `z`"),
        ({"x": rows(1, 2, 3, 4), "z": rows(1)}, "takes `x`, not `x`, `z`"),
        ({"x": rows(1, 2, 3)}, r"`x` is float32 \[1, 4\], not float32 \[1, 3\]"),
        ({"x": np.zeros(4, np.float32)}, r"not float32 \[4\]"),
        ({"x": np.zeros((2, 4), np.float32)}, r"not float32 \[2, 4\]"),
        ({"x": np.zeros((1, 4))}, r"not float64 \[1, 4\]"),
        ({"x": np.zeros((1, 4), np.int8)}, r"not int8 \[1, 4\]"),
    ],
    ids=["none", "other name", "one too many", "short", "no batch", "batch", "double", "integers"],
)
def test_tensors_that_do_not_fit_are_refused_before_native_code(
    backend: Backend, tensors: dict[str, Array], complaint: str
) -> None:
    with backend, pytest.raises(ModelError, match=complaint):
        backend.run(tensors)


def test_it_works_again_after_a_refusal(backend: Backend) -> None:
    with backend:
        with pytest.raises(ModelError):
            backend.run({})
        assert backend.run({"x": rows(1, 2, 3, 4)})["y"].tolist() == [[2, 4, 6, 8]]


def test_the_bare_call_runs_the_same_model(backend: Backend) -> None:
    bare = getattr(backend, "bare")()  # noqa: B009 - `bare` is not part of the seam
    with backend:
        found = bare({"x": rows(1, 2, 3, 4)})
    values = found["y"] if isinstance(found, dict) else found[0]
    assert values.tolist() == [[2, 4, 6, 8]]


@pytest.mark.parametrize("model_format", sorted(BACKENDS))
@pytest.mark.parametrize("keep", [0, 1, 20, -1])
def test_a_broken_file_is_a_model_error(
    model_format: ModelFormat, keep: int, capfd: pytest.CaptureFixture[str]
) -> None:
    model = MODELS[model_format]()
    broken = model[:keep] if keep >= 0 else b"\x00\xff" * 500
    with pytest.raises(ModelError, match="cannot load the model"):
        open_backend(broken, model_format, BackendOptions())
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("model_format", sorted(BACKENDS))
def test_every_module_of_the_table_loads_its_format(model_format: ModelFormat) -> None:
    with open_backend(MODELS[model_format](), model_format, BackendOptions(threads=2)) as backend:
        assert backend.inputs == (X,)
