"""Factors of Gemms."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from edgeinfer_converters.graph.gemms import fold_factors
from tests.fixtures.graphs import graph_of, run, samples_of

FACTORS = st.floats(-4, 4, width=32)


def linear(*, bias: bool = True, twice: bool = False, **attributes: Any) -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    inputs = ["x", "w", "b"] if bias else ["x", "w"]
    nodes = [helper.make_node("Gemm", inputs, ["y" if not twice else "h"], "linear", **attributes)]
    if twice:
        nodes.append(helper.make_node("Gemm", ["h", "w"], ["y"], "again"))
    weights = {"w": rng.normal(size=(4, 4))} | ({"b": rng.normal(size=4)} if bias else {})
    return graph_of(nodes, (2, 4), weights, shape=(2, 4))


@given(alpha=FACTORS, beta=FACTORS, bias=st.booleans())
def test_the_same_function_without_factors(alpha: float, beta: float, *, bias: bool) -> None:
    model = linear(bias=bias, alpha=alpha, beta=beta)
    (sample,) = samples_of(model, 1)
    wanted = run(model, sample)[0]
    folded = fold_factors(model)
    np.testing.assert_allclose(run(folded, sample)[0], wanted, rtol=1e-4, atol=1e-5)
    assert {one.name for one in folded.graph.node[0].attribute} <= {"transA", "transB"}


@pytest.mark.parametrize("transposed", [0, 1])
def test_other_attributes_stay(transposed: int) -> None:
    model = fold_factors(linear(alpha=2.0, transB=transposed))
    kept = {one.name: one.i for one in model.graph.node[0].attribute}
    assert kept.get("transB", 0) == transposed


def test_constants_that_others_read_are_left_alone() -> None:
    model = linear(twice=True, bias=False, alpha=2.0)
    before = model.SerializeToString(deterministic=True)
    assert fold_factors(model).SerializeToString(deterministic=True) == before
