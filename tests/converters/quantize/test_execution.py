"""Deterministic sessions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from threadpoolctl import threadpool_info

from edgeinfer.errors import ModelError
from edgeinfer.profile import Integer
from edgeinfer_converters.graph.weights import with_initializers
from edgeinfer_converters.quantize import execution
from edgeinfer_converters.quantize.execution import open_model, open_session, run_session, single_threaded
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import classifier, ranges_of, residual, run, samples_of


def test_qdq_models_are_simulated_not_fused() -> None:
    model = residual()
    quantized = quantize_int8(model, ranges_of(model), Integer(activation="uint8"))
    (sample,) = samples_of(model, 1)
    session = open_session(quantized.SerializeToString())
    (found,) = run_session(session, ["y"], sample, "here")
    np.testing.assert_allclose(found, run(quantized, sample, optimized=False)[0], atol=0.1)


@pytest.mark.parametrize("pooled", [True, False])
def test_a_session_lets_go_of_the_file_and_runs_on(pooled: bool) -> None:
    data = residual().SerializeToString()
    before = sys.getrefcount(data)
    session = open_session(data, pooled=pooled)
    assert sys.getrefcount(data) == before
    (sample,) = samples_of(residual(), 1)
    np.testing.assert_allclose(
        run_session(session, ["y"], sample, "here")[0], run(residual(), sample)[0], 1e-4
    )


@pytest.mark.parametrize("apart", [False, True])
def test_weights_through_a_file(apart: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large ones, of a file that is gone by the time the session runs; the same numbers to the last bit."""
    model = classifier()
    large = np.random.default_rng(0).normal(size=(3, 1, 160, 160)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(large, "large"))
    model.graph.node.append(helper.make_node("ReduceSum", ["large"], ["sum"], "sum", keepdims=0))
    model.graph.output.append(helper.make_empty_tensor_value_info("sum"))
    weights = [*model.graph.initializer]
    monkeypatch.setattr(execution, "APART_BYTES", 1000 if apart else 10**9)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    written: list[onnx.TensorProto] = []
    real = execution._apart

    def watched(tensor: onnx.TensorProto, stream: BinaryIO) -> onnx.TensorProto:
        written.append(real(tensor, stream))
        return written[-1]

    monkeypatch.setattr(execution, "_apart", watched)
    session = open_model(with_initializers(model), iter(weights), pooled=False)
    assert not list(tmp_path.iterdir())
    external = [one.name for one in written if one.data_location == onnx.TensorProto.EXTERNAL]
    assert external == (["large"] if apart else [])
    (sample,) = samples_of(model, 1)
    names = [one.name for one in model.graph.output]
    wanted = run_session(open_session(model.SerializeToString()), names, sample, "here")
    for one, other in zip(run_session(session, names, sample, "here"), wanted, strict=True):
        assert one.tobytes() == other.tobytes()


def test_one_thread_for_matrix_products() -> None:
    np.ones((2, 2)) @ np.ones((2, 2))
    with single_threaded():
        assert all(one["num_threads"] == 1 for one in threadpool_info() if one["user_api"] == "blas")


def test_errors_say_where() -> None:
    session = open_session(residual().SerializeToString())
    with pytest.raises(ModelError, match="refining: ONNX Runtime cannot run the model"):
        run_session(session, ["y"], {"x": np.zeros((1, 9), np.float32)}, "refining")
    with pytest.raises(ModelError, match="cannot load the model"):
        open_session(b"nonsense")
    assert run_session(session, [], {}, "here") == []
