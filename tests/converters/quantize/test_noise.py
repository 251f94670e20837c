"""The noise that quantized tensors make at the outputs."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from edgeinfer_converters.quantize.affine import Affine, Form, affine_of
from edgeinfer_converters.quantize.noise import noise_meter, with_rounding
from tests.fixtures.graphs import GRAPHS, bottlenecks, graph_of, run, samples_of

U8 = Form("uint8", symmetric=False)


def test_nothing_quantized_makes_no_noise() -> None:
    model = bottlenecks()
    assert noise_meter(model, samples_of(model, 3)).of({}) == 0.0


@given(span=st.floats(0.1, 50), seed=st.integers(0, 20))
def test_noise_is_that_of_rounding(span: float, seed: int) -> None:
    """Of an identity: the mean squared error of rounding over the mean square."""
    model = graph_of([helper.make_node("Mul", ["x", "one"], ["y"])], (1, 4, 8, 8), {"one": np.array(2.0)})
    samples = list(samples_of(model, 2, seed=seed))
    affine = affine_of(-span, span, U8)
    found = noise_meter(model, samples).of({"x": affine})
    values = np.concatenate([one["x"].reshape(-1) for one in samples]).astype(np.float64)
    error = affine.dequantize(affine.quantize(values)) - values
    assert found == pytest.approx(np.square(error).sum() / np.square(values).sum(), rel=1e-3)


def test_every_output_counts_the_same() -> None:
    nodes = [helper.make_node("Mul", ["x", "big"], ["y"]), helper.make_node("Mul", ["x", "one"], ["z"])]
    model = graph_of(nodes[:1], (1, 4, 8, 8), {"big": np.array(1e3), "one": np.array(1.0)})
    alone = noise_meter(model, samples_of(model, 2)).of({"x": affine_of(-4, 4, U8)})
    both = onnx.ModelProto()
    both.CopyFrom(model)
    both.graph.initializer.append(onnx.numpy_helper.from_array(np.array(1.0, np.float32), "one"))
    both.graph.node.append(nodes[1])
    both.graph.output.append(helper.make_tensor_value_info("z", 1, [1, 4, 8, 8]))
    assert noise_meter(both, samples_of(model, 2)).of({"x": affine_of(-4, 4, U8)}) == pytest.approx(alone)


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_only_what_is_named_is_rounded(name: str) -> None:
    model = GRAPHS[name]()
    tensor = model.graph.node[0].output[0]
    rounded = with_rounding(model, {tensor: Affine(0.05, 128, U8)})
    kinds = [node.op_type for node in rounded.graph.node]
    assert kinds.count("QuantizeLinear") == kinds.count("DequantizeLinear") == 1
    assert len(kinds) == len(model.graph.node) + 2
    (sample,) = samples_of(model, 1)
    assert run(rounded, sample)[0].shape == run(model, sample)[0].shape


def test_a_silent_output_is_no_division_by_zero() -> None:
    model = graph_of([helper.make_node("Mul", ["x", "none"], ["y"])], (1, 4, 8, 8), {"none": np.array(0.0)})
    assert noise_meter(model, samples_of(model, 2)).of({"x": affine_of(-1, 1, U8)}) == 0.0
