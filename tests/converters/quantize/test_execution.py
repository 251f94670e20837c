"""Deterministic sessions."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from edgeinfer.errors import ModelError
from edgeinfer.profile import Integer
from edgeinfer_converters.quantize.execution import open_session, run_session, single_threaded
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import ranges_of, residual, run, samples_of


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
