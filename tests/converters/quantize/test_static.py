"""Static quantization: the emitted QDQ models."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeinfer.errors import ModelError
from edgeinfer.profile import Integer
from edgeinfer_converters.quantize.ranges import Ranges
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import (
    GRAPHS,
    PLANE,
    classifier,
    clipped,
    concatenation,
    conv,
    exact_integer,
    filters,
    graph_of,
    ranges_of,
    residual,
    run,
    samples_of,
    silu,
    sqnr_db,
)

U8 = Integer(activation="uint8")
S8 = Integer(activation="int8")


def quantized(model: onnx.ModelProto, integer: Integer = U8, **options: object) -> onnx.ModelProto:
    return quantize_int8(model, ranges_of(model), integer, **options)  # type: ignore[arg-type]  # forwarded


def constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


@pytest.mark.parametrize("integer", [U8, S8], ids=["u8", "s8"])
@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_close_to_float_and_wholly_integer(name: str, integer: Integer) -> None:
    model = GRAPHS[name]()
    result = quantized(model, integer)
    onnx.checker.check_model(result, full_check=True)
    share = integer_share(result)
    assert share.share == 1.0, share.float_nodes
    (sample,) = samples_of(model, 1, seed=7)
    assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 20


@pytest.mark.parametrize(
    "integer",
    [
        Integer(activation="int8", symmetric_activation=True),
        Integer(activation="uint8", symmetric_activation=True),
        Integer(activation="uint8", reduce_range=True),
        Integer(activation="int8", per_channel=False),
    ],
)
@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_every_form_of_a_profile(name: str, integer: Integer) -> None:
    model = GRAPHS[name]()
    result = quantized(model, integer)
    (sample,) = samples_of(model, 1, seed=7)
    assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 17
    for name, values in constants(result).items():
        if integer.symmetric_activation and name.endswith("zero_point"):
            assert set(values.reshape(-1).tolist()) <= {0, 128}
        if integer.reduce_range and values.dtype == np.int8 and values.ndim > 1:
            assert np.abs(values.astype(int)).max() <= 64


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_integer_kernels_give_what_the_nodes_say(name: str) -> None:
    """Fused and written out, the results are within one step of the last scale, or a few behind a tail."""
    model = GRAPHS[name]()
    result = quantized(model, exact_integer())
    (sample,) = samples_of(model, 1, seed=3)
    fused, plain = run(result, sample)[0], run(result, sample, optimized=False)[0]
    assert np.abs(fused - plain).max() <= 0.02 * np.abs(plain).max()


def test_a_convolution_equals_the_numpy_reference_within_one_step() -> None:
    model = graph_of([conv("x", "y")], (1, 4, 8, 8), {"w": filters()})
    result = quantized(model)
    (sample,) = samples_of(model, 1, seed=5)
    values = constants(result)
    stored = np.clip(np.rint(sample["x"] / values["x_scale"]) + values["x_zero_point"], 0, 255).astype(int)
    padded = np.pad(stored - int(values["x_zero_point"]), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    sums = np.einsum("nchwij,ocij->nohw", windows, values["w_quantized"].astype(int))
    real = sums * values["x_scale"] * values["w_scale"].reshape(1, -1, 1, 1)
    steps = np.clip(np.rint(real / values["y_scale"]) + values["y_zero_point"], 0, 255)
    expected = (steps - values["y_zero_point"]) * values["y_scale"]
    assert np.abs(run(result, sample)[0] - expected).max() <= 1.001 * values["y_scale"]


def test_inputs_and_outputs_keep_their_names_and_types() -> None:
    for build in GRAPHS.values():
        model = build()
        result = quantized(model)
        assert list(result.graph.input) == list(model.graph.input)
        assert [value.name for value in result.graph.output] == [value.name for value in model.graph.output]
        assert all(value.type.tensor_type.elem_type == TensorProto.FLOAT for value in result.graph.output)


@pytest.mark.parametrize(("integer", "kind"), [(U8, TensorProto.UINT8), (S8, TensorProto.INT8)])
def test_integer_inputs(integer: Integer, kind: int) -> None:
    model = classifier()
    ranges = ranges_of(model)
    floats = quantize_int8(model, ranges, integer)
    result = quantize_int8(model, ranges, integer, input_dtype=integer.activation)
    assert result.graph.input[0].type.tensor_type.elem_type == kind
    values = constants(result)
    (sample,) = samples_of(model, 1)
    info = np.iinfo(integer.activation)
    stored = np.rint(sample["image"] / values["image_scale"]) + values["image_zero_point"]
    stored = np.clip(stored, info.min, info.max).astype(integer.activation)
    np.testing.assert_array_equal(run(result, {"image": stored})[0], run(floats, sample)[0])
    assert integer_share(result).share == 1.0


def test_integer_inputs_of_another_type_are_refused() -> None:
    with pytest.raises(ModelError, match="computes with uint8; inputs of int8 do not fit"):
        quantized(classifier(), U8, input_dtype="int8")


def test_clamps_that_saturation_replaces_are_gone() -> None:
    for model in (residual(), clipped(), classifier()):
        kinds = {node.op_type for node in quantized(model).graph.node}
        assert not kinds & {"Relu", "Clip"}
    symmetric = quantized(residual(), Integer(activation="int8", symmetric_activation=True))
    assert [node.op_type for node in symmetric.graph.node].count("Relu") == 2


@pytest.mark.parametrize(
    ("bounds", "integer_results", "tail"),
    [
        ((0.0, 6.0), False, ["Conv", "QuantizeLinear", "DequantizeLinear"]),
        ((0.0, 6.0), True, ["Conv", "Clip", "QuantizeLinear", "DequantizeLinear"]),
        ((-90.0, 90.0), True, ["Conv", "QuantizeLinear", "DequantizeLinear", "Clip"]),
    ],
)
def test_an_output_behind_a_clamp_is_quantized(
    bounds: tuple[float, float], integer_results: bool, tail: list[str]
) -> None:
    """Saturation replaces the clamp, but for what may become a float result."""
    nodes = [conv("x", "a"), helper.make_node("Clip", ["a", "low", "high"], ["y"], "clip")]
    low, high = map(np.array, bounds)
    model = graph_of(nodes, PLANE, {"w": filters() / 9, "low": low, "high": high})
    result = quantized(model, S8, integer_results=integer_results)
    assert [node.op_type for node in result.graph.node][-len(tail) :] == tail
    assert result.graph.node[-1].output[0] == "y"
    onnx.checker.check_model(result, full_check=True)
    (sample,) = samples_of(model, 1, seed=7)
    assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 25


def test_a_clamp_that_takes_zero_away_stays() -> None:
    model = clipped(1.0, 6.0)
    result = quantized(model)
    assert "Clip" in {node.op_type for node in result.graph.node}
    (sample,) = samples_of(model, 1, seed=7)
    assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 20


def test_moved_tensors_share_their_scale() -> None:
    result = quantized(silu())
    steps = {node.input[0]: node.input[1] for node in result.graph.node if node.op_type == "QuantizeLinear"}
    assert steps["p"] == steps["m"] == "m_scale"
    shared = quantized(concatenation())
    steps = {node.input[0]: node.input[1] for node in shared.graph.node if node.op_type == "QuantizeLinear"}
    assert steps["c"] == steps["a"]
    assert steps["b"] != steps["a"]


def test_biases_have_the_scale_of_the_sum() -> None:
    result = quantized(classifier())
    values = constants(result)
    np.testing.assert_array_equal(values["b1_scale"], values["image_scale"] * values["w1_scale"])
    assert values["b1_quantized"].dtype == np.int32
    assert values["w2_scale"].shape == (8,)
    assert values["w3_scale"].shape == (3,)


def test_per_tensor_weights() -> None:
    values = constants(quantized(classifier(), Integer(activation="int8", per_channel=False)))
    assert values["w1_scale"].shape == ()


def test_weights_that_two_nodes_share_are_stored_once() -> None:
    nodes = [conv("x", "a"), conv("a", "y")]
    result = quantized(graph_of(nodes, PLANE, {"w": filters()}))
    stored = [name for name, value in constants(result).items() if value.dtype == np.int8 and value.ndim == 4]
    assert stored == ["w_quantized"]


def test_excluded_operators_stay_float() -> None:
    model = residual()
    result = quantized(model, exclude=frozenset({"conv_a"}))
    assert integer_share(result).float_nodes == ("conv_a",)
    (sample,) = samples_of(model, 1, seed=7)
    everything = sqnr_db(run(model, sample)[0], run(quantized(model), sample)[0])
    assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > everything - 1


def test_transposed_convolutions_get_integer_weights() -> None:
    nodes = [helper.make_node("ConvTranspose", ["x", "w", "b"], ["y"], "up", strides=[2, 2])]
    weights = {"w": filters(4, 6, 2), "b": np.arange(6.0)}
    model = graph_of(nodes, (1, 6, 16, 16), weights)
    result = quantized(model)
    assert constants(result)["w_scale"].shape == (6,)
    (sample,) = samples_of(model, 1, seed=7)
    assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 30


@pytest.mark.parametrize("bias_shape", [(3,), (1, 3), (1,), (1, 1)])
def test_gemm_with_any_form_of_bias(bias_shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], "g", transB=1)]
    weights = {"w": rng.normal(size=(3, 8)), "b": rng.normal(size=bias_shape)}
    model = graph_of(nodes, (1, 3), weights, shape=(1, 8))
    result = quantized(model)
    assert integer_share(result).share == 1.0
    (sample,) = samples_of(model, 1, seed=7)
    assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 25


@pytest.mark.parametrize("integer", [U8, S8], ids=["u8", "s8"])
def test_products_of_two_activations(integer: Integer) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["q"], "q"),
        helper.make_node("Transpose", ["q"], ["t"], "t", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "t"], ["y"], "m"),
    ]
    weights = {"w": np.random.default_rng(0).normal(size=(8, 8))}
    model = graph_of(nodes, (1, 6, 6), weights, shape=(1, 6, 8))
    result = quantized(model, integer)
    assert integer_share(result).share == 1.0
    (sample,) = samples_of(model, 1, seed=7)
    assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 25


def test_constant_operands() -> None:
    nodes = [
        helper.make_node("Mul", ["x", "k"], ["a"], "mul"),
        helper.make_node("Add", ["a", "k"], ["b"], "add"),
        conv("b", "y"),
    ]
    weights = {"w": filters(), "k": np.linspace(-1, 2, 4).reshape(1, 4, 1, 1)}
    model = graph_of(nodes, PLANE, weights)
    result = quantized(model)
    (sample,) = samples_of(model, 1, seed=7)
    assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 20


def test_a_concatenation_with_a_constant_beyond_the_other_values() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Concat", ["a", "k"], ["c"], "concat", axis=1),
        conv("c", "y", "v"),
    ]
    weights = {"w": 0.1 * filters(), "k": np.full((1, 2, 8, 8), 9.0), "v": filters(4, 6)}
    model = graph_of(nodes, PLANE, weights)
    (sample,) = samples_of(model, 1, seed=7)
    assert sqnr_db(run(model, sample)[0], run(quantized(model), sample)[0]) > 25


def test_an_output_that_is_read_inside_too() -> None:
    nodes = [conv("x", "y"), helper.make_node("Relu", ["y"], ["r"], "relu"), conv("r", "z", "v")]
    model = graph_of(nodes[:1], PLANE, {"w": filters(), "v": filters(seed=1)})
    model.graph.node.extend(nodes[1:])
    model.graph.initializer.append(numpy_helper.from_array(filters(seed=1).astype(np.float32), "v"))
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, PLANE))
    model = onnx.shape_inference.infer_shapes(model)
    result = quantized(model)
    assert [value.name for value in result.graph.output] == ["y", "z"]
    (sample,) = samples_of(model, 1, seed=7)
    for one, other in zip(run(model, sample), run(result, sample), strict=True):
        assert sqnr_db(one, other) > 20


def test_weights_and_activations_of_zero_range() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["r"], "relu"),
        helper.make_node("Conv", ["r", "v"], ["y"], "second"),
    ]
    weights = {"w": np.zeros((4, 4, 1, 1)), "b": np.array([0.0, 1.0, -1.0, 1e4]), "v": filters(size=1)}
    model = graph_of(nodes, PLANE, weights)
    result = quantized(model)
    for name, values in constants(result).items():
        if name.endswith("_scale"):
            assert (values >= np.finfo(np.float32).smallest_normal).all()
            assert np.isfinite(values).all()
    (sample,) = samples_of(model, 1, seed=7)
    assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 30


def test_subgraphs_read_what_they_read_before() -> None:
    def branch(op_type: str) -> onnx.GraphProto:
        nodes = [helper.make_node(op_type, ["a"], ["z"])]
        return helper.make_graph(nodes, op_type, [], [helper.make_tensor_value_info("z", 1, PLANE)])

    nodes = [
        conv("x", "a"),
        helper.make_node("ReduceSum", ["x"], ["total"], "sum", keepdims=0),
        helper.make_node("Greater", ["total", "limit"], ["flag"], "compare"),
        helper.make_node("If", ["flag"], ["i"], "if", then_branch=branch("Neg"), else_branch=branch("Abs")),
        helper.make_node("Add", ["i", "a"], ["s"], "add"),
        conv("s", "y"),
    ]
    model = graph_of(nodes, PLANE, {"w": filters(), "limit": np.array(0.0)})
    result = quantized(model)
    for sample in samples_of(model, 4, seed=7):
        assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 20


def test_weights_that_only_a_subgraph_reads_stay() -> None:
    def branch(weights: str) -> onnx.GraphProto:
        nodes = [helper.make_node("Conv", ["a", weights], ["z"], pads=[1, 1, 1, 1])]
        return helper.make_graph(nodes, weights, [], [helper.make_tensor_value_info("z", 1, PLANE)])

    nodes = [
        conv("x", "a"),
        helper.make_node("ReduceSum", ["x"], ["total"], "sum", keepdims=0),
        helper.make_node("Greater", ["total", "limit"], ["flag"], "compare"),
        helper.make_node("If", ["flag"], ["i"], "if", then_branch=branch("v"), else_branch=branch("u")),
        conv("i", "y"),
    ]
    weights = {"w": filters(), "v": filters(seed=5), "u": filters(seed=6), "limit": np.array(0.0)}
    model = graph_of(nodes, PLANE, weights)
    result = quantized(model)
    for sample in samples_of(model, 4, seed=7):
        assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 20


def test_a_model_that_is_quantized_already() -> None:
    model = classifier()
    with pytest.raises(ModelError, match="quantized already"):
        quantize_int8(quantized(model), ranges_of(model), U8)


def test_nothing_to_quantize() -> None:
    model = graph_of([helper.make_node("Neg", ["x"], ["y"], "n")], PLANE, {})
    with pytest.raises(ModelError, match="no convolution or matrix product"):
        quantize_int8(model, ranges_of(model), U8)


def test_what_cannot_be_integer_is_named_with_the_reason() -> None:
    nodes = [helper.make_node("Conv", ["x", "x"], ["y"], "dynamic")]
    model = graph_of(nodes, (1, 1, 1, 1), {})
    with pytest.raises(ModelError, match="could be integer; `dynamic`: its weights are not constant"):
        quantize_int8(model, ranges_of(model), U8)


def test_ranges_of_another_graph() -> None:
    with pytest.raises(ModelError, match="seen no values of the tensor `image`"):
        quantize_int8(classifier(), Ranges({}, 1), U8)


def test_the_given_model_is_left_alone() -> None:
    model = residual()
    before = model.SerializeToString(deterministic=True)
    quantized(model)
    assert model.SerializeToString(deterministic=True) == before


SCRIPT = """
import hashlib
from edgeinfer.profile import Integer
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import concatenation, ranges_of
model = concatenation()
result = quantize_int8(model, ranges_of(model), Integer(activation="int8"))
print(hashlib.sha256(result.SerializeToString(deterministic=True)).hexdigest())
"""


def test_the_same_bytes_whatever_the_hash_seed_and_the_threads() -> None:
    root = Path(__file__).resolve().parents[3]
    digests = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root), "OMP_NUM_THREADS": seed},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
