"""Calibration data and models that nobody would wish for: a correct model, or a clear error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeinfer.bundle.keys import default_trust
from edgeinfer.bundle.reader import open_bundle
from edgeinfer_converters import cli
from tests.fixtures.graphs import bottlenecks, conv, filters, graph_of, residual, run, sqnr_db
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


def build(model: onnx.ModelProto, samples: np.ndarray, *options: str, precision: str = "int8") -> int:
    onnx.save(model, "model.onnx")
    np.savez("cal.npz", x=samples)
    arguments = ["build", "model.onnx", "--profile", "raspberry-pi-4", "--pipeline", "pipeline.toml"]
    arguments += ["--precision", precision, "--calibration", "cal.npz", "-o", "out.eib", *options]
    return cli.main(arguments)


def built() -> onnx.ModelProto:
    return onnx.load_from_string(open_bundle(Path("out.eib"), default_trust()).model())


def normal(count: int = 12, shape: tuple[int, ...] = PLANE) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, *shape)).astype(np.float32)


def worst_sqnr_db(model: onnx.ModelProto, quantized: onnx.ModelProto, samples: np.ndarray) -> float:
    pairs = [(run(model, {"x": one[None]}), run(quantized, {"x": one[None]})) for one in samples]
    return min(sqnr_db(wanted[k], found[k]) for wanted, found in pairs for k in range(len(wanted)))


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


@pytest.mark.parametrize("name", sorted(DATA))
def test_odd_calibration_data_give_a_model_that_fits_them(name: str, work: Path) -> None:
    """-1: whatever is computed, it is finite; there is no signal to hold it against."""
    samples, least_db = DATA[name]
    model = residual()
    assert build(model, samples) == 0
    found = built()
    onnx.checker.check_model(found, full_check=True)
    for one in samples[:3]:
        assert np.isfinite(run(found, {"x": one[None]})[0]).all()
    if least_db > 0:
        assert worst_sqnr_db(model, found, samples[:3]) > least_db


def test_an_outlier_of_a_million_is_no_reason_to_forget_the_rest(work: Path) -> None:
    model = residual()
    assert build(model, with_outlier()) == 0
    assert np.isfinite(run(built(), {"x": normal(1)})[0]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_by_its_sample(
    value: float, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = normal()
    samples[5, 1, 2, 3] = value
    assert build(residual(), samples) == 1
    error = capsys.readouterr().err
    assert "NaN or infinity" in error
    assert not Path("out.eib").exists()


def test_integer_data_for_a_float_model_are_taken_or_refused_but_never_misread(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(residual(), (normal() * 40).astype(np.int8)) == 1
    assert "float32" in capsys.readouterr().err
    assert not Path("out.eib").exists()


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


MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    "an If that reads a product": branches,
    "biases far beyond the sums": huge_biases,
    "convolution in one dimension": convolution_1d,
    "convolution in three dimensions": convolution_3d,
    "gemm with alpha and beta": lambda: scaled_gemm(alpha=0.5, beta=2.0),
    "gemm with transB": lambda: scaled_gemm(transB=1),
    "grouped transposed convolution": grouped_transposed_convolution,
    "input read by float operators": input_read_by_float_operators,
    "linear bottlenecks": bottlenecks,
    "one silent channel": one_silent_channel,
    "output read inside": output_read_inside,
    "shared weights": shared_weights,
    "silent weights": silent_weights,
    "unused output": unused_output,
    "weights read elsewhere too": weights_read_elsewhere_too,
}


@pytest.mark.parametrize("precision", ["int8", "mixed"])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_odd_models_stay_close_to_float(
    name: str, precision: str, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = MODELS[name]()
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim][1:]
    samples = normal(24, tuple(shape))
    assert build(model, samples, precision=precision) == 0, capsys.readouterr().err
    found = built()
    onnx.checker.check_model(found, full_check=True)
    assert worst_sqnr_db(model, found, samples[:4]) > 18


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
    assert "no convolution or matrix product" in capsys.readouterr().err
    assert build(model, normal(), precision="auto") in (0, 1)


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
    assert worst_sqnr_db(model, built(), samples[:4]) > 25


def test_a_quantized_model_is_not_quantized_again(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(residual(), normal()) == 0
    assert build(built(), normal()) == 2
    assert "packed as it is" in capsys.readouterr().err
