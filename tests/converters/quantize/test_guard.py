"""Float products that ONNX Runtime must leave alone."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.quantize.guard import guard_float_products
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import clipped, conv, filters, graph_of, ranges_of, run, samples_of, silu

U8 = Integer(activation="uint8")


def chain(clamp: str) -> onnx.ModelProto:
    """Three convolutions; a clamp, or nothing, behind the one in the middle."""
    middle = [helper.make_node(clamp, ["b"], ["c"], "clamp")] if clamp else []
    nodes = [conv("x", "a"), conv("a", "b", "v"), *middle, conv("c" if clamp else "b", "y", "u")]
    weights = {"w": filters(), "v": filters(seed=1), "u": filters(seed=2)}
    return graph_of(nodes, (1, 4, 8, 8), weights)


@pytest.mark.parametrize("clamp", ["", "Relu"])
def test_a_float_convolution_between_integers_stays_float(clamp: str) -> None:
    model = chain(clamp)
    mixed = quantize_int8(model, ranges_of(model), U8, exclude=frozenset({"conv_b"}))
    assert integer_share(mixed).float_nodes == ("conv_b",)
    assert [node.op_type for node in mixed.graph.node].count("LeakyRelu") == 1
    onnx.checker.check_model(mixed, full_check=True)
    # As loaded, not only as written: the runtime rounds nothing that the graph does not.
    (sample,) = samples_of(model, 1, seed=2)
    step = np.ptp(run(model, sample)[0]) / 255
    written, loaded = (run(mixed, sample, optimized=one)[0] for one in (False, True))
    assert np.abs(written - loaded).max() <= 1.5 * step


def test_nothing_to_guard_in_a_wholly_integer_or_a_float_graph() -> None:
    for model in (clipped(), silu()):
        assert guard_float_products(model) is model
        whole = quantize_int8(model, ranges_of(model), U8)
        assert guard_float_products(whole) is whole


def test_a_float_product_that_nobody_would_take_is_not_touched() -> None:
    model = silu()
    mixed = quantize_int8(model, ranges_of(model), U8, exclude=frozenset({"conv_a", "sigmoid", "mul"}))
    assert "LeakyRelu" not in [node.op_type for node in mixed.graph.node]
    assert integer_share(mixed).float_nodes == ("conv_a",)
