"""Results in integers: the tail of a quantized graph."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.processing.quantization import dequantize
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.outputs import FIXED, open_ranges, quantize_outputs
from edgeinfer_converters.tflite.convert import to_tflite
from edgeinfer_converters.tflite.forms import Forms
from tests.fixtures.lite import Arrays, model_of, normal, run_onnx

CONSTANTS: Arrays = {"s": np.array(0.05, np.float32), "z": np.array(7, np.int8)}


def tailed(*tail: onnx.NodeProto, outputs: tuple[str, ...] = ("y",)) -> onnx.ModelProto:
    """x (1, 2, 4) rounded to `d`, and what is made of it."""
    head = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], "quantize"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], "dequantize"),
    ]
    return model_of([*head, *tail], {"x": normal(1, 2, 4)}, list(outputs), constants=CONSTANTS, opset=21)


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def check_file(model: onnx.ModelProto, *, steps: float = 1.0) -> dict[str, int]:
    """The file gives integers that stand for what the graph computes, up to `steps`."""
    names = [value.name for value in model.graph.output]
    made = to_tflite(model, forms=Forms(integers=dict.fromkeys(names, "int8")))
    x = {"x": normal(1, 2, 4, seed=1)}
    expected = run_onnx(model, x)
    with open_backend(made.data, "tflite", BackendOptions()) as backend:
        found = backend.run(x)
        for one in backend.outputs:
            assert one.dtype == "int8"
            assert one.quantization is not None
            error = np.abs(dequantize(found[one.name], one) - expected[one.name]).max()
            assert error <= steps * one.quantization.scale + 1e-6
    return dict(made.operators)


def test_a_result_that_is_stored_in_8_bits_is_left_as_it_is() -> None:
    model = tailed(helper.make_node("Identity", ["d"], ["unused"]), outputs=("d",))
    assert open_ranges(model, ["d"]) == ()
    assert quantize_outputs(model, ["d"], {}) == model
    assert quantize_outputs(model, [], {}) == model


def test_moved_values_keep_their_scale() -> None:
    model = tailed(
        helper.make_node("Transpose", ["d"], ["t"], perm=[0, 2, 1]), helper.make_node("Flatten", ["t"], ["y"])
    )
    assert open_ranges(model, ["y"]) == ()
    made = quantize_outputs(model, ["y"], {})
    view = GraphView(made)
    for node in view.nodes:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            assert view.constant(node.input[1]) == np.float32(0.05)
            assert view.constant(node.input[2]) == 7
    before, after = (run_onnx(one, {"x": normal(1, 2, 4)})["y"] for one in (model, made))
    np.testing.assert_array_equal(before, after)
    assert "DEQUANTIZE" not in check_file(made)


@pytest.mark.parametrize(
    ("kind", "code"), [("Softmax", "SOFTMAX"), ("Sigmoid", "LOGISTIC"), ("Tanh", "TANH")]
)
def test_kernels_with_one_scale_for_their_result(kind: str, code: str) -> None:
    model = tailed(helper.make_node(kind, ["d"], ["y"]))
    assert open_ranges(model, ["y"]) == ()
    made = quantize_outputs(model, ["y"], {})
    assert GraphView(made).constant("y_scale") == np.float32(FIXED[kind].scale)
    assert check_file(made, steps=1.5) == {"QUANTIZE": 1, code: 1}


def test_other_results_need_their_range() -> None:
    model = tailed(helper.make_node("Exp", ["d"], ["y"]))
    assert open_ranges(model, ["y"]) == ("y",)
    made = quantize_outputs(model, ["y"], {"y": (0.05, 20.0)})
    assert GraphView(made).constant("y_scale") == np.float32(20 / 255)
    assert GraphView(made).constant("y_zero_point") == -128
    assert check_file(made)["DEQUANTIZE"] == 1


def test_joined_results_are_joined_as_integers() -> None:
    model = tailed(
        helper.make_node("Sigmoid", ["d"], ["p"]),
        helper.make_node("Concat", ["p", "d"], ["c"], axis=1),
        helper.make_node("Reshape", ["c", "shape"], ["y"]),
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 16], np.int64), "shape"))
    assert open_ranges(model, ["y"]) == ("y",)
    made = quantize_outputs(model, ["y"], {"y": (-4.0, 4.0)})
    assert "DEQUANTIZE" not in check_file(made, steps=1.5)
    assert kinds(made).count("QuantizeLinear") == 4


def test_several_results_and_the_graph_that_is_given() -> None:
    model = tailed(
        helper.make_node("Exp", ["d"], ["y"]), helper.make_node("Softmax", ["d"], ["p"]), outputs=("y", "p")
    )
    before = model.SerializeToString()
    made = quantize_outputs(model, ["y", "p"], {"y": (0.0, 9.0)})
    assert model.SerializeToString() == before
    onnx.checker.check_model(made, full_check=True)
    check_file(made, steps=1.5)
    assert quantize_outputs(model, ["y", "p"], {"y": (0.0, 9.0)}) == made


def test_clamps_that_saturation_stands_for_are_no_operators() -> None:
    low, high = (-128 - 7) * 0.05, (127 - 7) * 0.05
    model = tailed(helper.make_node("Clip", ["d", "low", "high"], ["y"]))
    for name, bound in (("low", low), ("high", high)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(bound, np.float32), name))
    assert open_ranges(model, ["y"]) == ()
    assert check_file(quantize_outputs(model, ["y"], {})) == {"QUANTIZE": 1}
    model.graph.initializer[-1].CopyFrom(onnx.numpy_helper.from_array(np.array(1, np.float32), "high"))
    assert open_ranges(model, ["y"]) == ("y",)
    assert "Clip" in kinds(quantize_outputs(model, ["y"], {"y": (low, 1.0)}))
