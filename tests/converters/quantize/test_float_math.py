"""Arithmetic that stays float."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize import placement as placing
from edgeinfer_converters.quantize.float_math import float_math
from edgeinfer_converters.quantize.placement import place
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import (
    GELU_NUMBERS,
    conv,
    exact_integer,
    filters,
    gelu,
    graph_of,
    run,
    samples_of,
    sqnr_db,
)

PLANE = (1, 4, 8, 8)
WEIGHTS = {"w": filters(), "v": filters(seed=1)}


def normalized() -> onnx.ModelProto:
    """Conv with wide results, then a layer norm over the channels as it is exported, then Conv."""
    nodes = [
        conv("x", "a"),
        helper.make_node("ReduceMean", ["a"], ["mean"], "mean", axes=[1]),
        helper.make_node("Sub", ["a", "mean"], ["centred"], "sub"),
        helper.make_node("Mul", ["centred", "centred"], ["square"], "square"),
        helper.make_node("ReduceMean", ["square"], ["variance"], "variance", axes=[1]),
        helper.make_node("Add", ["variance", "epsilon"], ["safe"], "add_epsilon"),
        helper.make_node("Sqrt", ["safe"], ["root"], "root"),
        helper.make_node("Reciprocal", ["root"], ["inverse"], "inverse"),
        helper.make_node("Mul", ["inverse", "gamma"], ["factor"], "factor"),
        helper.make_node("Mul", ["centred", "factor"], ["scaled"], "scale"),
        helper.make_node("Transpose", ["scaled"], ["moved"], "move", perm=[0, 1, 3, 2]),
        conv("moved", "y", "v"),
    ]
    gamma = np.linspace(0.5, 2, 4).reshape(4, 1, 1)
    return graph_of(
        nodes, PLANE, {**WEIGHTS, "w": 8 * WEIGHTS["w"], "epsilon": np.array(1e-5), "gamma": gamma}
    )


def gelu_by_erf() -> onnx.ModelProto:
    """Conv, Gelu by Erf, Conv."""
    nodes = [conv("x", "a"), *gelu("a", "b"), conv("b", "y", "v")]
    return graph_of(nodes, PLANE, {**WEIGHTS, **GELU_NUMBERS})


def gelu_by_tanh() -> onnx.ModelProto:
    """Conv with wide results, Gelu by Tanh, Conv."""
    nodes = [
        conv("x", "a"),
        helper.make_node("Mul", ["a", "a"], ["square"], "square"),
        helper.make_node("Mul", ["square", "a"], ["cube"], "cube"),
        helper.make_node("Mul", ["cube", "share"], ["bend"], "bend"),
        helper.make_node("Add", ["a", "bend"], ["bent"], "bent"),
        helper.make_node("Mul", ["bent", "slope"], ["inner"], "inner"),
        helper.make_node("Tanh", ["inner"], ["tanh"], "tanh"),
        helper.make_node("Add", ["tanh", "one"], ["gate"], "gate"),
        helper.make_node("Mul", ["a", "gate"], ["double"], "double"),
        helper.make_node("Mul", ["double", "half"], ["b"], "halve"),
        conv("b", "y", "v"),
    ]
    numbers = {"share": 0.044715, "slope": 0.7978846, "one": 1.0, "half": 0.5}
    weights = {**WEIGHTS, "w": 8 * WEIGHTS["w"]}
    return graph_of(nodes, PLANE, {**weights, **{name: np.array(number) for name, number in numbers.items()}})


def test_a_norm_is_float_from_end_to_end() -> None:
    view = GraphView(normalized())
    found = float_math(view)
    assert {"sub", "square", "add_epsilon", "root", "inverse", "factor", "scale"} <= found
    assert not found & {"conv_a", "conv_y", "move"}
    # The product's result, and what the next one reads.
    assert place(view).tensors == ("x", "a", "scaled", "moved", "y")


def test_the_sum_that_only_a_norm_reads_is_float_as_well() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Add", ["a", "x"], ["sum"], "residual"),
        helper.make_node("Mul", ["sum", "sum"], ["square"], "square"),
        helper.make_node("Div", ["sum", "square"], ["ratio"], "ratio"),
        conv("ratio", "y", "v"),
    ]
    view = GraphView(graph_of(nodes, PLANE, WEIGHTS))
    assert float_math(view) == {"residual", "square", "ratio"}


def test_a_gate_of_one_tensor_and_a_sum_of_two_stay_integer() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Sigmoid", ["a"], ["gate"], "gate"),
        helper.make_node("Mul", ["a", "gate"], ["b"], "silu"),
        helper.make_node("Add", ["b", "x"], ["c"], "residual"),
        helper.make_node("LeakyRelu", ["c"], ["d"], "leaky"),
        conv("d", "y", "v"),
    ]
    assert float_math(GraphView(graph_of(nodes, PLANE, WEIGHTS))) == frozenset()


def test_division_by_a_constant_is_no_norm() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Add", ["a", "x"], ["b"], "residual"),
        helper.make_node("Div", ["b", "halves"], ["c"], "div"),
        conv("c", "y", "v"),
    ]
    halves = np.full((4, 1, 1), 2.0)
    assert float_math(GraphView(graph_of(nodes, PLANE, {**WEIGHTS, "halves": halves}))) == frozenset()


def test_a_function_written_with_several_operators() -> None:
    view = GraphView(gelu_by_erf())
    assert float_math(view) == {"div_b", "erf_b", "add_b", "mul_b", "half_b"}
    assert place(view).tensors == ("x", "a", "b", "y")


def test_gelu_by_tanh() -> None:
    assert place(GraphView(gelu_by_tanh())).tensors == ("x", "a", "b", "y")


def test_counting_is_no_arithmetic() -> None:
    """Squares and ratios of integers are those of shapes."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"], "shape"),
        helper.make_node("Gather", ["shape", "last"], ["side"], "side"),
        helper.make_node("Mul", ["side", "side"], ["area"], "area"),
        helper.make_node("Cast", ["area"], ["number"], "cast", to=onnx.TensorProto.FLOAT),
        conv("x", "a"),
        helper.make_node("Mul", ["a", "number"], ["b"], "mul"),
        conv("b", "y", "v"),
    ]
    weights = {**WEIGHTS, "last": np.array(3, np.int64)}
    assert float_math(GraphView(graph_of(nodes, PLANE, weights))) == frozenset()


@pytest.mark.parametrize(("build", "quiet"), [(normalized, 0.1), (gelu_by_tanh, 1.0)])
def test_it_is_better_than_rounding_all_of_it(
    build: Callable[[], onnx.ModelProto], quiet: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A norm makes quiet columns as loud as the others, whose range theirs must share without it."""
    graph = build()
    apart = _sqnr_db(graph, quiet)
    monkeypatch.setattr(placing, "float_math", lambda view: frozenset())
    assert apart > _sqnr_db(graph, quiet) + 10.0


def _sqnr_db(graph: onnx.ModelProto, quiet: float) -> float:
    """Of the int8 model on samples that it was not calibrated on."""
    seen = _columns(graph, quiet, seed=0)
    ranges = observe(graph, seen, total=len(seen), progress=lambda _: None)
    quantized = quantize_int8(graph, ranges, exact_integer())
    samples = _columns(graph, quiet, seed=1)
    wanted, found = (np.stack([run(model, one)[0] for one in samples]) for model in (graph, quantized))
    return sqnr_db(wanted, found)


def _columns(graph: onnx.ModelProto, quiet: float, seed: int) -> list[dict[str, np.ndarray]]:
    """Samples whose columns are between as loud as others and `quiet` times that."""
    rng = np.random.default_rng(seed)
    samples = list(samples_of(graph, seed=seed))
    return [{"x": one["x"] * (quiet ** rng.uniform(0, 1, 8)).astype(np.float32)} for one in samples]
