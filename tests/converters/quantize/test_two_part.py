"""Products whose input is quantized in two parts."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.quantize.two_part import result_of
from tests.fixtures.graphs import graph_of, ranges_of, run, samples_of, sqnr_db


def linear() -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(0, 1, (5, 16)), "b": rng.normal(0, 1, 5)}
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], "linear", transB=1)]
    return graph_of(nodes, (8, 5), weights, shape=(8, 16))


@pytest.mark.parametrize("activation", ["uint8", "int8"])
def test_the_rounding_of_the_input_no_longer_counts(activation: str) -> None:
    model = linear()
    integer = Integer(activation=activation)  # type: ignore[arg-type]  # a parameter
    plain = quantize_int8(model, ranges_of(model), integer, method="minmax")
    split = quantize_int8(model, ranges_of(model), integer, method="minmax", two_part=frozenset({"linear"}))
    onnx.checker.check_model(split, full_check=True)
    share = integer_share(split)
    assert share.share == 1.0
    assert share.kernels["QGemm"] == 2
    # Held against the stored weights, of a sample within the range: what is left is the input's rounding.
    sample = next(samples_of(model, 1))
    view = GraphView(split)
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in split.graph.initializer}
    product = next(node for node in view.nodes if node.name == "linear")
    values, scale = (stored[name] for name in view.producers[product.input[1]].input[:2])
    bias, unit = (stored[name] for name in view.producers[product.input[2]].input[:2])
    wanted = sample["x"] @ (values * scale[:, None]).T + bias * unit
    gained = sqnr_db(wanted, run(split, sample)[0]) - sqnr_db(wanted, run(plain, sample)[0])
    assert gained > 20


def test_both_parts_share_their_weights() -> None:
    model = linear()
    split = quantize_int8(
        model, ranges_of(model), Integer(activation="uint8"), two_part=frozenset({"linear"})
    )
    gemms = [node for node in split.graph.node if node.op_type == "Gemm"]
    assert [node.name for node in gemms] == ["linear", "linear_fine"]
    assert gemms[0].input[1] == gemms[1].input[1]
    assert [len(node.input) for node in gemms] == [3, 2]


def test_the_result_is_that_of_the_sum() -> None:
    model = linear()
    integer = Integer(activation="uint8")
    split = GraphView(quantize_int8(model, ranges_of(model), integer, two_part=frozenset({"linear"})))
    product = next(node for node in split.nodes if node.name == "linear")
    assert result_of(product, split) == "y"
    plain = GraphView(quantize_int8(model, ranges_of(model), integer))
    product = next(node for node in plain.nodes if node.name == "linear")
    assert result_of(product, plain) == product.output[0]
