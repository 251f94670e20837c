"""Means of 8-bit tensors: the nearest integers, by every kernel, and no operator more than a mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer_converters.tflite.convert import TfliteModel, to_tflite
from edgeinfer_converters.tflite.means import with_counts_in_weights
from edgeinfer_converters.tflite.operators import products
from edgeinfer_converters.tflite.tensors import Graph
from tests.fixtures.lite import Arrays, model_of, normal, run_onnx

KERNELS = (OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)


def run_own(made: TfliteModel, x: np.ndarray, kernels: Any) -> np.ndarray:
    """The first output, by XNNPACK or by LiteRT's own kernels."""
    interpreter: Any = Interpreter(
        model_content=made.data, num_threads=1, experimental_op_resolver_type=kernels
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    found: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return found


def rounded(name: str, of: str, scale: str) -> list[onnx.NodeProto]:
    """`of`, rounded to 8 bits."""
    return [
        helper.make_node("QuantizeLinear", [of, scale, "z"], [f"{name}_stored"]),
        helper.make_node("DequantizeLinear", [f"{name}_stored", scale, "z"], [name]),
    ]


def averaged(shape: tuple[int, ...], tail: list[onnx.NodeProto], **constants: Any) -> onnx.ModelProto:
    """An image, its mean `m`, and what is made of it: `y`."""
    nodes = [
        *rounded("d", "x", "s"),
        helper.make_node("GlobalAveragePool", ["d"], ["p"], "pool"),
        *rounded("m", "p", "t"),
        *tail,
    ]
    fixed: Arrays = {
        "s": np.array(0.05, np.float32),
        "t": np.array(0.017, np.float32),
        "z": np.array(-128, np.int8),
        **constants,
    }
    return model_of(nodes, {"x": np.zeros(shape, np.float32)}, ["y"], constants=fixed, opset=21)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 40), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_every_kernel_gives_the_nearest_integers(height: int, width: int, channels: int, seed: int) -> None:
    model = averaged((1, channels, height, width), [helper.make_node("Identity", ["m"], ["y"])])
    made = to_tflite(model)
    assert "MEAN" not in made.operators
    stored = np.random.default_rng(seed).integers(0, 256, (1, channels, height, width))
    x = (stored * 0.05).astype(np.float32)
    steps = stored.mean((2, 3)).reshape(-1) * (0.05 / 0.017)
    tie = np.abs(steps % 1 - 0.5) < 1e-4  # may fall either way
    for kernels in KERNELS:
        found = run_own(made, x.transpose(0, 2, 3, 1).copy(), kernels).reshape(-1) / 0.017
        np.testing.assert_allclose(found[~tie], np.rint(steps[~tie]).clip(0, 255), atol=1e-3)


@pytest.mark.parametrize("kernels", KERNELS)
def test_products_take_the_count_into_their_weights(kernels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "finer_way", lambda *_: None)  # the model is too small to have others
    tail = [
        helper.make_node("Flatten", ["m"], ["f"], "flatten"),
        helper.make_node("DequantizeLinear", ["w", "u"], ["v"], axis=0),
        helper.make_node("Gemm", ["f", "v", "b"], ["g"], "product", transB=1),
        *rounded("y", "g", "r"),
    ]
    weights = np.random.default_rng(1).integers(-127, 128, (5, 16)).astype(np.int8)
    scales = np.linspace(0.001, 0.01, 5, dtype=np.float32)
    model = averaged((1, 16, 3, 7), tail, w=weights, u=scales, b=normal(5), r=np.array(0.1, np.float32))
    made = to_tflite(model)
    assert "MUL" not in made.operators
    assert (made.operators["SUM"], made.operators["RESHAPE"]) == (1, 1)
    x = np.abs(normal(1, 16, 3, 7, seed=4)) * 3
    found = run_own(made, x.transpose(0, 2, 3, 1).copy(), kernels)
    np.testing.assert_allclose(found, run_onnx(model, {"x": x})["y"], atol=0.1001)


def test_other_readers_keep_the_count_as_an_operator() -> None:
    tail = [
        helper.make_node("Identity", ["m"], ["n"]),
        helper.make_node("Relu", ["m"], ["r"]),
        helper.make_node("Add", ["r", "n"], ["y"]),
    ]
    model = averaged((1, 6, 4, 5), tail)
    made = to_tflite(model)
    assert (made.operators["SUM"], made.operators["MUL"]) == (1, 1)
    x = np.abs(normal(1, 6, 4, 5, seed=2)) * 3
    expected = run_onnx(model, {"x": x})["y"].reshape(-1)
    for kernels in KERNELS:
        found = run_own(made, x.transpose(0, 2, 3, 1).copy(), kernels).reshape(-1)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_reductions_over_any_axes() -> None:
    nodes = [
        *rounded("d", "x", "s"),
        helper.make_node("ReduceMean", ["d", "axes"], ["p"], "mean", keepdims=0),
        *rounded("y", "p", "t"),
    ]
    constants: Arrays = {
        "s": np.array(0.05, np.float32),
        "t": np.array(0.03, np.float32),
        "z": np.array(3, np.int8),
        "axes": np.array([1], np.int64),
    }
    x = normal(2, 5, 7)
    model = model_of(nodes, {"x": x}, ["y"], constants=constants, opset=21)
    made = to_tflite(model)
    assert made.operators["SUM"] == 1
    for kernels in KERNELS:
        np.testing.assert_allclose(
            run_own(made, x, kernels), run_onnx(model, {"x": x})["y"], atol=0.0301, rtol=0
        )


def test_a_multiplication_of_floats_is_no_count() -> None:
    graph = Graph()
    x, y = (graph.tensor(name, (1, 2), "float32") for name in "xy")
    graph.add("MUL", [x, graph.constant(np.ones(1, np.float32), "one")], [y])
    graph.outputs.append(y)
    assert [one.code for one in with_counts_in_weights(graph).operators] == ["MUL"]


def pooled(shape: tuple[int, ...], scale: float, **attributes: Any) -> onnx.ModelProto:
    """An image, rounded, and its means in windows, rounded again."""
    nodes = [
        *rounded("d", "x", "s"),
        helper.make_node("AveragePool", ["d"], ["p"], "pool", **attributes),
        *rounded("y", "p", "t"),
    ]
    constants: Arrays = {
        "s": np.array(0.05, np.float32),
        "t": np.array(scale, np.float32),
        "z": np.array(-128, np.int8),
    }
    return model_of(nodes, {"x": np.zeros(shape, np.float32)}, ["y"], constants=constants, opset=21)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_means_of_windows_are_convolutions_and_the_nearest_integers(data: st.DataObject) -> None:
    number = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    kernel, strides = [number(1, 5), number(1, 5)], [number(1, 3), number(1, 3)]
    pads = [number(0, side - 1) for side in (*kernel, *kernel)] if data.draw(st.booleans()) else [0] * 4
    shape = (1, number(1, 20), number(5, 12), number(5, 12))
    scale = data.draw(st.sampled_from([0.05, 0.031]))
    model = pooled(
        shape, scale, kernel_shape=kernel, strides=strides, pads=pads, count_include_pad=int(any(pads))
    )
    made = to_tflite(model)
    whole = kernel == list(shape[2:]) and not any(pads)
    assert made.operators["SUM" if whole else "DEPTHWISE_CONV_2D"] == 1
    assert "DEQUANTIZE" not in {one for one in made.operators if made.operators[one] > 1}
    stored = np.random.default_rng(number(0, 99)).integers(0, 256, shape)
    around = ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3]))
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(stored, around).astype(np.float64), tuple(kernel), (2, 3)
    )
    steps = windows[:, :, :: strides[0], :: strides[1]].mean((-1, -2)) * (0.05 / scale)
    tie = np.abs(steps % 1 - 0.5) < 1e-4
    x = (stored * 0.05).astype(np.float32).transpose(made.inputs["x"]).copy()
    for kernels in KERNELS:
        found = run_own(made, x, kernels).transpose(np.argsort(made.outputs["y"])) / scale
        np.testing.assert_allclose(found[~tie], np.rint(steps[~tie]).clip(0, 255), atol=1e-3)


@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": [6, 6]},
        {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1, "count_include_pad": 1},
    ],
)
def test_large_windows_and_borders_that_do_not_count_are_pools(attributes: dict[str, Any]) -> None:
    model = pooled((1, 3, 12, 12), 0.05, **attributes)
    made = to_tflite(model)
    assert made.operators["AVERAGE_POOL_2D"] == 1
    x = np.abs(normal(1, 3, 12, 12)) * 3
    found = run_own(made, x.transpose(made.inputs["x"]).copy(), KERNELS[1])
    expected = run_onnx(model, {"x": x})["y"].transpose(made.outputs["y"])
    np.testing.assert_allclose(found, expected, atol=0.0501)
