"""The same graph in fewer bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edgeinfer.profile import Integer
from edgeinfer_converters.emitting.compact import compact
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.sources.source import serialized
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.graphs import (
    GRAPHS,
    bottlenecks,
    classifier,
    conv,
    exact_integer,
    filters,
    graph_of,
    ranges_of,
    run,
    samples_of,
)
from tests.fixtures.lite import model_of, normal

CONVERSIONS = ("DequantizeLinear", "QuantizeLinear")


def quantized(model: onnx.ModelProto, integer: Integer | None = None) -> onnx.ModelProto:
    return quantize_int8(model, ranges_of(model), integer or exact_integer())


def kept_names(model: onnx.ModelProto) -> list[tuple[str, list[str]]]:
    """Nodes other than conversions with what they make, in their order."""
    nodes = (node for node in model.graph.node if node.op_type not in CONVERSIONS)
    return [(node.name, list(node.output)) for node in nodes]


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("optimized", [False, True])
def test_the_same_numbers_in_fewer_bytes(make: Callable[[], onnx.ModelProto], *, optimized: bool) -> None:
    float_graph = make()
    model = quantized(float_graph)
    before = serialized(model)
    small = compact(model)
    assert serialized(model) == before
    assert len(serialized(small)) < 0.95 * len(before)
    assert serialized(compact(model)) == serialized(small)
    assert serialized(compact(small)) == serialized(small)
    onnx.checker.check_model(small, full_check=True)
    for sample in samples_of(float_graph, 3, seed=5):
        for wanted, found in zip(
            run(model, sample, optimized=optimized), run(small, sample, optimized=optimized), strict=True
        ):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_what_reports_speak_of_keeps_its_name(make: Callable[[], onnx.ModelProto]) -> None:
    model = quantized(make())
    small = compact(model)
    assert kept_names(small) == kept_names(model)
    assert small.graph.input == model.graph.input
    assert small.graph.output == model.graph.output
    assert max(Counter(node.name for node in small.graph.node).values()) == 1
    assert integer_share(infer_shapes(small)) == integer_share(infer_shapes(model))
    longest = {len(node.name) for node in small.graph.node if node.op_type in CONVERSIONS}
    assert max(longest) <= 2


def test_the_shapes_are_found_again() -> None:
    model = quantized(bottlenecks())
    small = compact(model)
    assert not small.graph.value_info
    wanted, found = GraphView(infer_shapes(model)), GraphView(infer_shapes(small))
    for name, shape in wanted.shapes.items():
        if any(name in outputs for _, outputs in kept_names(model)):
            assert found.shapes[name] == shape


def with_said(model: onnx.ModelProto, *names: str) -> onnx.ModelProto:
    """The model with the shapes of tensors of four numbers written down."""
    for name in names:
        model.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]))
    return model


def said(model: onnx.ModelProto) -> list[str]:
    return [value.name for value in model.graph.value_info]


def bare(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """A graph from x to y, four numbers each, of which nothing else is known."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    graph = helper.make_graph(list(nodes), "graph", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("vendor", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def with_constants(model: onnx.ModelProto, values: dict[str, np.ndarray]) -> onnx.ModelProto:
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    return model


def test_a_shape_that_nothing_tells_stays() -> None:
    model = bare(
        helper.make_node("Relu", ["x"], ["known"], "first"),
        helper.make_node("Custom", ["known"], ["hidden"], "custom", domain="vendor"),
        helper.make_node("Relu", ["hidden"], ["behind"], "relu"),
        helper.make_node("Identity", ["behind"], ["y"], "out"),
    )
    assert said(compact(with_said(model, "known", "hidden", "behind"))) == ["hidden", "behind"]


def test_a_shape_that_must_be_computed_stays() -> None:
    """A runtime may not look into the numbers of Shape."""
    constants = {"last": np.array([1], np.int64), "one": np.array([1], np.int64)}
    nodes = [
        helper.make_node("Shape", ["x"], ["sides"], "shape"),
        helper.make_node("Gather", ["sides", "last"], ["four"], "gather"),
        helper.make_node("Concat", ["one", "four"], ["both"], "join", axis=0),
        helper.make_node("Reshape", ["x", "both"], ["seen"], "reshape"),
        helper.make_node("Identity", ["seen"], ["y"], "out"),
    ]
    model = with_constants(bare(*nodes), constants)
    inferred = infer_shapes(model)
    assert GraphView(inferred).shapes["seen"] == (1, 4)
    assert said(compact(inferred)) == ["seen"]


def constants_of(values: dict[str, np.ndarray]) -> onnx.ModelProto:
    """x plus each of the constants, one after the other."""
    names = list(values)
    sums = ["x", *(f"sum_{name}" for name in names[:-1]), "y"]
    nodes = [
        helper.make_node("Add", [sums[index], name], [sums[index + 1]], f"add_{name}")
        for index, name in enumerate(names)
    ]
    return with_constants(bare(*nodes), values)


def test_equal_constants_are_one() -> None:
    one = np.ones(4, np.float32)
    values = {"a": one, "b": one.copy(), "c": np.ones((1, 4), np.float32), "d": -one, "e": one.copy()}
    small = compact(constants_of(values))
    assert [tensor.name for tensor in small.graph.initializer] == ["a", "c", "d"]
    assert [node.input[1] for node in small.graph.node] == ["a", "a", "c", "d", "a"]


def test_zeros_of_both_signs_are_not_equal() -> None:
    values = {"a": np.zeros(4, np.float32), "b": -np.zeros(4, np.float32)}
    assert len(compact(constants_of(values)).graph.initializer) == 2


@settings(deadline=None, max_examples=50)
@given(
    picks=st.lists(st.integers(0, 2), min_size=1, max_size=6),
    names=st.lists(st.text("abxyz_", min_size=1, max_size=2), min_size=6, max_size=6, unique=True),
)
def test_constants_of_any_names_give_the_same_sum(picks: list[int], names: list[str]) -> None:
    wanted = [name for name in names if name not in ("x", "y")][: len(picks)]
    values = {name: np.full(4, pick, np.float32) for name, pick in zip(wanted, picks, strict=False)}
    model = constants_of(values)
    small = compact(model)
    assert len(small.graph.initializer) == len({value[0] for value in values.values()})
    sample = {"x": np.arange(4, dtype=np.float32)[None]}
    np.testing.assert_array_equal(run(small, sample)[0], run(model, sample)[0])


def test_short_names_that_are_taken() -> None:
    """Tensors and nodes of the source model are called a and b already."""
    nodes = [conv("x", "a", "b"), helper.make_node("Relu", ["a"], ["c"], "b"), conv("c", "y", "e")]
    nodes[0].name = "a"
    float_graph = graph_of(nodes, (1, 4, 8, 8), {"b": filters(), "e": filters(seed=1)})
    small = compact(quantized(float_graph))
    assert max(Counter(node.name for node in small.graph.node).values()) == 1
    made = Counter(name for node in small.graph.node for name in node.output)
    made.update(tensor.name for tensor in small.graph.initializer)
    assert max(made.values()) == 1
    (sample,) = samples_of(float_graph, 1, seed=2)
    np.testing.assert_array_equal(run(small, sample)[0], run(quantized(float_graph), sample)[0])


def branching() -> onnx.ModelProto:
    """An If whose branches read a dequantized tensor and a constant from around it, and call theirs `a`."""

    def branch(name: str, other: str) -> onnx.GraphProto:
        nodes = [helper.make_node("Add", ["d", other], ["a"], f"add_{name}")]
        return helper.make_graph(
            nodes, name, [], [helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, 4])]
        )

    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], "quantize"),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"], "dequantize"),
        helper.make_node("ReduceSum", ["x"], ["total"], "sum", keepdims=0),
        helper.make_node("Greater", ["total", "limit"], ["yes"], "compare"),
        helper.make_node(
            "If", ["yes"], ["y"], "if", then_branch=branch("then", "ones"), else_branch=branch("else", "same")
        ),
    ]
    constants: dict[str, np.ndarray] = {
        "scale": np.array(0.5, np.float32),
        "zero": np.array(3, np.int8),
        "limit": np.array(0.0, np.float32),
        "ones": np.ones(4, np.float32),
        "same": np.ones(4, np.float32),
    }
    return model_of(nodes, {"x": normal(1, 4)}, ["y"], constants=constants, opset=21)


def test_what_subgraphs_read_keeps_its_name() -> None:
    model = branching()
    small = compact(model)
    onnx.checker.check_model(small)
    assert small.graph.node[1].output[0] == "d"
    assert {"ones", "same"} <= {tensor.name for tensor in small.graph.initializer}
    assert "a" not in [name for node in small.graph.node for name in (*node.input, *node.output)]
    for seed in range(3):
        x = {"x": normal(1, 4, seed=seed)}
        np.testing.assert_array_equal(run(small, x)[0], run(model, x)[0])


def test_a_tflite_file_of_the_small_graph_is_the_same() -> None:
    model = quantized(classifier(), exact_integer("int8"))
    assert to_tflite(infer_shapes(compact(model))).operators == to_tflite(model).operators
