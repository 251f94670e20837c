"""Calibration data and models that nobody would wish for: a correct model, or a clear error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnxconverter_common import float16

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.bundle.keys import default_trust
from edgeinfer.bundle.reader import open_bundle
from edgeinfer_converters import cli
from tests.fixtures.graphs import (
    SATURATES,
    bottlenecks,
    conv,
    filters,
    graph_of,
    residual,
    run,
    sqnr_db,
)
from tests.fixtures.models import model_of

PIPELINE = """
[model]
name = "odd"
version = "1.0.0"
task = "raw"

[[input]]
kind = "tensor"
"""
PLANE = (4, 8, 8)
RNG = np.random.default_rng(0)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pipeline.toml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def build(
    model: onnx.ModelProto,
    samples: np.ndarray,
    *options: str,
    precision: str = "int8",
    model_format: str = "onnx",
) -> int:
    onnx.save(model, "model.onnx")
    np.savez("cal.npz", x=samples)
    arguments = ["build", "model.onnx", "--profile", "raspberry-pi-4", "--pipeline", "pipeline.toml"]
    arguments += ["--precision", precision, "--calibration", "cal.npz", "-o", "out.eib", *options]
    arguments += ["--format", model_format]
    return cli.main(arguments)


def built() -> onnx.ModelProto:
    return onnx.load_from_string(open_bundle(Path("out.eib"), default_trust()).model())


def normal(count: int = 12, shape: tuple[int, ...] = PLANE) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, *shape)).astype(np.float32)


def answers(samples: np.ndarray) -> list[list[np.ndarray]]:
    """What the bundle's model says to each sample; images of a TFLite file are turned channels first."""
    bundle = open_bundle(Path("out.eib"), default_trust())
    form = bundle.manifest.model.format
    with open_backend(bundle.model(), form, BackendOptions(simulate_integers=SATURATES)) as backend:
        found = [list(backend.run({"x": one[None]}).values()) for one in samples]
    last = form == "tflite"
    return [[np.moveaxis(one, -1, 1) if last and one.ndim == 4 else one for one in row] for row in found]


def worst_sqnr_db(model: onnx.ModelProto, samples: np.ndarray) -> float:
    pairs = zip([run(model, {"x": one[None]}) for one in samples], answers(samples), strict=True)
    return min(sqnr_db(wanted[k], found[k]) for wanted, found in pairs for k in range(len(wanted)))


def assert_refused(capsys: pytest.CaptureFixture[str], words: str) -> None:
    """The error is what a user reads, and nothing but what was there is there."""
    error = " ".join(capsys.readouterr().err.split())
    assert words in error
    assert "Traceback" not in error
    assert {path.name for path in Path().iterdir()} <= {"pipeline.toml", "model.onnx", "cal.npz", "home"}


def with_outlier() -> np.ndarray:
    samples = normal()
    samples[3, 0, 0, 0] = 1e6
    return samples


DATA: dict[str, tuple[np.ndarray, float]] = {
    "constant": (np.full((12, *PLANE), 0.7, np.float32), 30.0),
    "zeros": (np.zeros((12, *PLANE), np.float32), -1.0),
    "one sample": (normal(1), 15.0),
    "one constant channel": (normal() * np.array([1, 0, 1, 1], np.float32)[:, None, None], 20.0),
    "tiny values": (normal() * np.float32(1e-30), -1.0),
    "huge values": (normal() * np.float32(1e12), 20.0),
}


@pytest.mark.parametrize("model_format", ["onnx", "tflite"])
@pytest.mark.parametrize("name", sorted(DATA))
def test_odd_calibration_data_give_a_model_that_fits_them(name: str, model_format: str, work: Path) -> None:
    """-1: whatever is computed, it is finite; there is no signal to hold it against."""
    samples, least_db = DATA[name]
    model = residual()
    assert build(model, samples, model_format=model_format) == 0
    if model_format == "onnx":
        onnx.checker.check_model(built(), full_check=True)
    assert all(np.isfinite(one).all() for row in answers(samples[:3]) for one in row)
    if least_db > 0:
        assert worst_sqnr_db(model, samples[:3]) > least_db


@pytest.mark.parametrize("precision", ["int8", "auto"])
def test_an_outlier_of_a_million_is_warned_of_by_its_sample(
    precision: str, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(residual(), with_outlier(), precision=precision) == 0
    assert np.isfinite(run(built(), {"x": normal(1)})[0]).all()
    words = " ".join(capsys.readouterr().out.split())
    assert "cal.npz, sample 3 has a value of 1e+06 in `x`, where typical samples end at" in words


@pytest.mark.parametrize(("name", "warned"), [("constant", True), ("zeros", True), ("one sample", False)])
def test_copies_of_one_sample_are_warned_of(
    name: str, work: Path, capsys: pytest.CaptureFixture[str], *, warned: bool
) -> None:
    samples, _ = DATA[name]
    assert build(residual(), samples) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert ("calibration samples are the same" in words) is warned


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_by_its_sample(
    value: float, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = normal()
    samples[5, 1, 2, 3] = value
    assert build(residual(), samples) == 1
    assert_refused(capsys, "cal.npz, sample 5: holds NaN or infinity leave such samples out")


def test_integer_data_for_a_float_model_are_taken_or_refused_but_never_misread(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(residual(), (normal() * 40).astype(np.int8)) == 1
    assert_refused(capsys, "array `x` is int8, the model's input `x` is float32")


def silent_weights() -> onnx.ModelProto:
    nodes = [conv("x", "a"), helper.make_node("Relu", ["a"], ["b"], "relu"), conv("b", "c", "v")]
    nodes.append(helper.make_node("Add", ["c", "x"], ["y"], "skip"))
    return graph_of(nodes, (1, *PLANE), {"w": np.zeros((4, 4, 3, 3)), "v": filters()})


def one_silent_channel() -> onnx.ModelProto:
    weights = filters()
    weights[2] = 0
    return graph_of([conv("x", "a"), conv("a", "y", "v")], (1, *PLANE), {"w": weights, "v": filters(seed=1)})


def shared_weights() -> onnx.ModelProto:
    nodes = [conv("x", "a"), helper.make_node("Relu", ["a"], ["b"], "relu"), conv("b", "y")]
    return graph_of(nodes, (1, *PLANE), {"w": filters()})


def weights_read_elsewhere_too() -> onnx.ModelProto:
    """The filter of a convolution is also added to a tensor of its shape."""
    nodes = [
        conv("x", "a"),
        helper.make_node("ReduceMean", ["a"], ["m"], "mean", axes=[2, 3], keepdims=1),
        helper.make_node("Mul", ["w", "m"], ["z"], "uses_weights"),
        helper.make_node("ReduceSum", ["z"], ["s"], "sum", keepdims=0),
        helper.make_node("Add", ["a", "s"], ["y"], "add"),
    ]
    return graph_of(nodes, (1, *PLANE), {"w": filters()})


def huge_biases() -> onnx.ModelProto:
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], "conv", pads=[1] * 4)
    return graph_of([node], (1, *PLANE), {"w": filters() * 1e-3, "b": np.array([1e4, -1e4, 0, 1])})


def output_read_inside() -> onnx.ModelProto:
    """A product's result is an output and goes on."""
    nodes = [conv("x", "a"), conv("a", "y", "v")]
    model = graph_of(nodes, (1, *PLANE), {"w": filters(), "v": filters(seed=1)})
    model.graph.output.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, (1, *PLANE)))
    return model


def unused_output() -> onnx.ModelProto:
    """A second result of a node that nobody reads."""
    nodes = [
        helper.make_node("Split", ["x"], ["a", "nobody"], "split", axis=1),
        helper.make_node("Conv", ["a", "w"], ["y"], "conv", pads=[1] * 4),
    ]
    return graph_of(nodes, (1, *PLANE), {"w": filters(4, 2)})


def input_read_by_float_operators() -> onnx.ModelProto:
    nodes = [
        conv("x", "a"),
        helper.make_node("Exp", ["x"], ["e"], "exp"),
        helper.make_node("Add", ["a", "e"], ["y"], "add"),
    ]
    return graph_of(nodes, (1, *PLANE), {"w": filters()})


def convolution_1d() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Reshape", ["x", "rows"], ["r"], "rows"),
        helper.make_node("Conv", ["r", "w"], ["c"], "conv", pads=[1, 1]),
        helper.make_node("Reshape", ["c", "plane"], ["y"], "plane"),
    ]
    weights = {
        "w": np.random.default_rng(0).normal(size=(4, 4, 3)),
        "rows": np.array([1, 4, 64]),
        "plane": np.array([1, *PLANE]),
    }
    return graph_of(nodes, (1, *PLANE), weights)


def convolution_3d() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Reshape", ["x", "cube"], ["r"], "cube"),
        helper.make_node("Conv", ["r", "w"], ["c"], "conv", pads=[1] * 6),
        helper.make_node("Reshape", ["c", "plane"], ["y"], "plane"),
    ]
    weights = {
        "w": np.random.default_rng(0).normal(size=(4, 4, 3, 3, 3)),
        "cube": np.array([1, 4, 4, 4, 4]),
        "plane": np.array([1, *PLANE]),
    }
    return graph_of(nodes, (1, *PLANE), weights)


def grouped_transposed_convolution() -> onnx.ModelProto:
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w"], ["a"], "up", group=2, strides=[2, 2]),
        helper.make_node("MaxPool", ["a"], ["y"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
    ]
    return graph_of(nodes, (1, *PLANE), {"w": filters(4, 2, 2)})


def scaled_gemm(**attributes: Any) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w", "b"], ["y"], "linear", **attributes),
    ]
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(size=(6, 256) if "transB" in attributes else (256, 6)),
        "b": rng.normal(size=6),
    }
    return graph_of(nodes, (1, 6), weights)


def branches() -> onnx.ModelProto:
    """A convolution, then an If whose branches read its result."""

    def branch(kind: str) -> onnx.GraphProto:
        node = helper.make_node(kind, ["a"], [f"{kind}_y"])
        return helper.make_graph([node], kind, [], [helper.make_tensor_value_info(f"{kind}_y", 1, None)])

    nodes = [
        conv("x", "a"),
        helper.make_node("ReduceMax", ["x"], ["top"], "top", keepdims=0),
        helper.make_node("Greater", ["top", "limit"], ["hot"], "compare"),
        helper.make_node(
            "If", ["hot"], ["b"], "choose", then_branch=branch("Relu"), else_branch=branch("Neg")
        ),
        conv("b", "y", "v"),
    ]
    return graph_of(
        nodes, (1, *PLANE), {"w": filters(), "v": filters(seed=1), "limit": np.array(2.0, np.float32)}
    )


def loop() -> onnx.ModelProto:
    """Three times an Add of what a convolution gives, then another convolution."""
    nodes = [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["sum", "a"], ["more"])]
    inputs = [
        helper.make_tensor_value_info("number", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, [1]),
        helper.make_tensor_value_info("sum", TensorProto.FLOAT, (1, *PLANE)),
    ]
    outputs = [
        helper.make_tensor_value_info("on", TensorProto.BOOL, [1]),
        helper.make_tensor_value_info("more", TensorProto.FLOAT, (1, *PLANE)),
    ]
    body = helper.make_graph(nodes, "body", inputs, outputs)
    nodes = [
        conv("x", "a"),
        helper.make_node("Loop", ["times", "yes", "a"], ["b"], "again", body=body),
        conv("b", "y", "v"),
    ]
    weights = {
        "w": filters().astype(np.float32),
        "v": filters(seed=1).astype(np.float32),
        "times": np.array([3]),
        "yes": np.array([True]),
    }
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, *PLANE)) for name in "xy"]
    return model_of(nodes, ends[:1], ends[1:], weights)


def weights_that_are_inputs_too() -> onnx.ModelProto:
    """As IR version 3 wants it."""
    shapes = {"x": (1, *PLANE), "w": (4, 4, 3, 3)}
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, one) for name, one in shapes.items()]
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, *PLANE))
    model = model_of([conv("x", "y")], values, [result], {"w": filters().astype(np.float32)})
    model.ir_version = 3
    return model


def shared_bias() -> onnx.ModelProto:
    """One bias for two convolutions whose inputs differ by a factor of a hundred."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"], "first", pads=[1] * 4),
        helper.make_node("Mul", ["a", "hundred"], ["m"], "scale"),
        helper.make_node("Conv", ["m", "w", "b"], ["y"], "second", pads=[1] * 4),
    ]
    weights = {"w": filters(), "b": np.array([1, -2, 3, 0.5]), "hundred": np.array(100.0)}
    return graph_of(nodes, (1, *PLANE), weights)


def two_products_of_one_matrix() -> onnx.ModelProto:
    """An autoencoder whose decoder is the encoder's matrix transposed."""
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"], "flatten"),
        helper.make_node("MatMul", ["f", "w"], ["code"], "encode"),
        helper.make_node("Gemm", ["code", "w"], ["y"], "decode", transB=1),
    ]
    return graph_of(nodes, (1, 256), {"w": np.random.default_rng(0).normal(size=(256, 8)) / 16})


def bias_by_row() -> onnx.ModelProto:
    """A Gemm that integer kernels do not know, behind one that they do."""
    nodes = [
        helper.make_node("Reshape", ["x", "rows"], ["r"], "rows"),
        helper.make_node("Gemm", ["r", "w"], ["a"], "first"),
        helper.make_node("Gemm", ["a", "v", "b"], ["y"], "second"),
    ]
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(32, 8)), "v": rng.normal(size=(8, 5)), "b": np.arange(8.0)[:, None]}
    return graph_of(nodes, (8, 5), weights | {"rows": np.array([8, 32])})


def clip_between(low: float, high: float) -> onnx.ModelProto:
    nodes = [
        conv("x", "a"),
        helper.make_node("Clip", ["a", "low", "high"], ["b"], "clip"),
        conv("b", "c", "v"),
        helper.make_node("Add", ["c", "x"], ["y"], "skip"),
    ]
    weights = {"w": filters(), "v": filters(seed=1), "low": np.array(low), "high": np.array(high)}
    return graph_of(nodes, (1, *PLANE), weights)


def masked_attention() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"], "flatten"),
        helper.make_node("MatMul", ["f", "w"], ["g"], "scores"),
        helper.make_node("Mul", ["g", "half"], ["h"], "scale"),
        helper.make_node("Add", ["h", "mask"], ["m"], "add_mask"),
        helper.make_node("Softmax", ["m"], ["p"], "softmax"),
        helper.make_node("MatMul", ["p", "v"], ["y"], "mix"),
    ]
    rng = np.random.default_rng(0)
    mask = np.array([0, 0, -np.inf, 0, 0, 0])
    weights = {"w": rng.normal(size=(256, 6)) / 9, "v": rng.normal(size=(6, 3))}
    return graph_of(nodes, (1, 3), weights | {"half": np.array(0.5), "mask": mask})


def masked_classes() -> onnx.ModelProto:
    """Of four classes one is never wanted; preparing merges the mask into the bias."""
    nodes = [
        conv("x", "a"),
        helper.make_node("Relu", ["a"], ["r"], "relu"),
        conv("r", "b", "v"),
        helper.make_node("Add", ["b", "mask"], ["m"], "add_mask"),
        helper.make_node("Softmax", ["m"], ["y"], "softmax", axis=1),
    ]
    mask = np.array([0, 0, -np.inf, 0]).reshape(1, 4, 1, 1)
    return graph_of(nodes, (1, *PLANE), {"w": filters(), "v": filters(seed=1), "mask": mask})


def names_that_quantizing_would_give() -> onnx.ModelProto:
    nodes = [
        conv("x", "x_scale"),
        helper.make_node("Relu", ["x_scale"], ["w_quantized"], "relu"),
        conv("w_quantized", "y_float", "v"),
        helper.make_node("Relu", ["y_float"], ["x_zero_point"], "relu2"),
        conv("x_zero_point", "y"),
    ]
    return graph_of(nodes, (1, *PLANE), {"w": filters(), "v": filters(seed=1)})


MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    "a loop behind a product": loop,
    "a mask of infinities": masked_attention,
    "an If that reads a product": branches,
    "bias by row": bias_by_row,
    "biases far beyond the sums": huge_biases,
    "clip that lets nothing through": lambda: clip_between(0.0, 0.0),
    "clip without bounds": lambda: clip_between(-np.inf, np.inf),
    "convolution in one dimension": convolution_1d,
    "convolution in three dimensions": convolution_3d,
    "gemm with alpha and beta": lambda: scaled_gemm(alpha=0.5, beta=2.0),
    "gemm with transB": lambda: scaled_gemm(transB=1),
    "grouped transposed convolution": grouped_transposed_convolution,
    "input read by float operators": input_read_by_float_operators,
    "linear bottlenecks": bottlenecks,
    "masked classes": masked_classes,
    "names that quantizing would give": names_that_quantizing_would_give,
    "one silent channel": one_silent_channel,
    "output read inside": output_read_inside,
    "shared bias": shared_bias,
    "shared weights": shared_weights,
    "silent weights": silent_weights,
    "two products of one matrix": two_products_of_one_matrix,
    "unused output": unused_output,
    "weights that are inputs too": weights_that_are_inputs_too,
    "weights read elsewhere too": weights_read_elsewhere_too,
}


NOT_IN_TFLITE = {"a loop behind a product", "an If that reads a product"}


@pytest.mark.parametrize(
    ("precision", "model_format"), [("int8", "onnx"), ("mixed", "onnx"), ("int8", "tflite")]
)
@pytest.mark.parametrize("name", sorted(MODELS))
def test_odd_models_stay_close_to_float(
    name: str, precision: str, model_format: str, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = MODELS[name]()
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim][1:]
    samples = normal(24, tuple(shape))
    options = {"precision": precision, "model_format": model_format}
    if model_format == "tflite" and name in NOT_IN_TFLITE:
        assert build(model, samples, **options) == 1
        assert_refused(capsys, "TFLite has no equal for part of the model")
        return
    assert build(model, samples, **options) == 0, capsys.readouterr().err
    if model_format == "onnx":
        onnx.checker.check_model(built(), full_check=True)
    assert worst_sqnr_db(model, samples[:4]) > 18


def test_a_dynamic_batch_becomes_one(work: Path) -> None:
    model = residual()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "N"
    assert build(model, normal()) == 0
    assert built().graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1


def test_a_model_without_weights_has_nothing_to_quantize(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = graph_of([helper.make_node("Relu", ["x"], ["y"], "relu")], (1, *PLANE), {})
    assert build(model, normal()) == 1
    assert_refused(capsys, "no convolution or matrix product that could be integer use `--precision float32`")
    assert build(model, normal(), precision="float32") == 0


def bad_weights() -> onnx.ModelProto:
    weights = filters()
    weights[1, 2, 0, 0] = np.nan
    return graph_of([conv("x", "y")], (1, *PLANE), {"w": weights})


def half() -> onnx.ModelProto:
    return float16.convert_float_to_float16(residual(), keep_io_types=True)


def product_in_a_branch() -> onnx.ModelProto:
    """There is none outside."""

    def branch(weights: str) -> onnx.GraphProto:
        node = helper.make_node("Conv", ["x", weights], [f"{weights}_y"], weights, pads=[1] * 4)
        value = helper.make_tensor_value_info(f"{weights}_y", TensorProto.FLOAT, (1, *PLANE))
        return helper.make_graph([node], weights, [], [value])

    nodes = [
        helper.make_node("ReduceMax", ["x"], ["top"], "top", keepdims=0),
        helper.make_node("Greater", ["top", "limit"], ["hot"], "compare"),
        helper.make_node("If", ["hot"], ["y"], "if", then_branch=branch("w"), else_branch=branch("v")),
    ]
    weights = {"w": filters(), "v": filters(seed=1), "limit": np.array(2.0)}
    return graph_of(nodes, (1, *PLANE), weights)


def weights_made_of_the_input() -> onnx.ModelProto:
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], "mean", keepdims=0),
        helper.make_node("Mul", ["w", "m"], ["d"], "mul"),
        helper.make_node("Conv", ["x", "d"], ["y"], "dynamic", pads=[1] * 4),
    ]
    return graph_of(nodes, (1, *PLANE), {"w": filters()})


REFUSED: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "NaN in weights": (bad_weights, "the weights `w` of Conv `conv_y` hold NaN or infinity"),
    "float16": (half, "could be integer; `conv_a`: its numbers are not float32"),
    "products in branches": (product_in_a_branch, "no convolution or matrix product that could be integer"),
    "weights made of the input": (
        weights_made_of_the_input,
        "could be integer; `dynamic`: its weights are not constant use `--precision float32`",
    ),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_models_that_cannot_be_integer_are_refused_with_the_reason(
    name: str, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, words = REFUSED[name]
    assert build(make(), normal()) == 1
    assert_refused(capsys, words)


def test_integer_inputs_only(work: Path) -> None:
    """A lookup by class numbers: there is a product, but its input is made of integers."""
    nodes = [
        helper.make_node("Gather", ["table", "x"], ["rows"], "lookup"),
        helper.make_node("MatMul", ["rows", "w"], ["y"], "linear"),
    ]
    rng = np.random.default_rng(0)
    model = model_of(
        nodes,
        [helper.make_tensor_value_info("x", TensorProto.INT64, [1, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5, 3])],
        {
            "table": rng.normal(size=(10, 8)).astype(np.float32),
            "w": rng.normal(size=(8, 3)).astype(np.float32),
        },
    )
    samples = rng.integers(0, 10, (16, 5), np.int64)
    assert build(model, samples) == 0
    assert worst_sqnr_db(model, samples[:4]) > 25


def test_a_quantized_model_is_not_quantized_again(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(residual(), normal()) == 0
    assert build(built(), normal()) == 2
    assert "packed as it is" in capsys.readouterr().err
