"""The whole of making a graph ready."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.graph.shapes import shape_of
from edgeinfer_converters.graph.walk import standard_opset
from edgeinfer_converters.importers.onnx import read_onnx
from tests.fixtures.models import autoencoder, image_classifier, model_of


def run(model: onnx.ModelProto, **inputs: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, inputs))


def old_style_classifier() -> onnx.ModelProto:
    """As CNTK wrote them: IR 3, opset 8, initializers listed as inputs, batch normalization apart."""
    rng = np.random.default_rng(3)
    weights = {
        "w": rng.normal(0, 0.4, (4, 2, 3, 3)),
        **{name: rng.uniform(0.5, 1.5, 4) for name in ("scale", "bias", "mean", "variance")},
        "c": rng.normal(0, 1, (4, 1, 1)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1] * 4),
        helper.make_node("BatchNormalization", ["a", "scale", "bias", "mean", "variance"], ["b"]),
        helper.make_node("Add", ["b", "c"], ["d"]),
        helper.make_node("Dropout", ["d"], ["e"]),
        helper.make_node("Relu", ["e"], ["y"]),
    ]
    shape: list[int | str] = ["N", 2, 6, 6]
    tensors = {name: value.astype(np.float32) for name, value in weights.items()}
    model = model_of(
        nodes,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4, 6, 6])],
        tensors,
        opset=8,
    )
    model.ir_version = 3
    for name, value in tensors.items():
        model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape))
    onnx.checker.check_model(model)
    return model


def test_an_old_model_computes_the_same() -> None:
    model = old_style_classifier()
    ready = prepare(model, max_opset=17, max_ir_version=9)
    x = np.random.default_rng(0).normal(size=(1, 2, 6, 6)).astype(np.float32)
    np.testing.assert_allclose(run(ready, x=x)[0], run(model, x=x)[0], atol=1e-5)
    assert [value.name for value in ready.graph.input] == ["x"]
    assert [value.name for value in ready.graph.output] == ["y"]
    assert standard_opset(ready) == 13
    assert shape_of(ready.graph.input[0]) == (1, 2, 6, 6)
    assert shape_of(ready.graph.output[0]) == (1, 4, 6, 6)
    assert [node.op_type for node in ready.graph.node] == ["Conv", "Relu"]


def test_the_given_model_is_left_alone() -> None:
    model = old_style_classifier()
    before = model.SerializeToString(deterministic=True)
    prepare(model, max_opset=17, max_ir_version=9)
    assert model.SerializeToString(deterministic=True) == before


def test_every_node_has_a_name_of_its_own() -> None:
    model = image_classifier(batch="N")
    for node in model.graph.node:
        node.name = "same"
    ready = prepare(model, max_opset=17, max_ir_version=9)
    names = [node.name for node in ready.graph.node]
    assert len(set(names)) == len(names)


def test_a_prepared_model_stays_as_it_is() -> None:
    once = prepare(image_classifier(batch="N"), max_opset=17, max_ir_version=9)
    assert prepare(once, max_opset=17, max_ir_version=9).graph.node == once.graph.node


def test_functions_become_nodes() -> None:
    square = helper.make_function(
        "own",
        "Square",
        ["a"],
        ["b"],
        [helper.make_node("Mul", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 17)],
    )
    graph = helper.make_graph(
        [helper.make_node("Square", ["x"], ["y"], domain="own")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
    )
    model = helper.make_model(
        graph, functions=[square], opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    )
    ready = prepare(model, max_opset=17, max_ir_version=9)
    assert [node.op_type for node in ready.graph.node] == ["Mul"]
    x = np.array([[1, 2, 3]], np.float32)
    np.testing.assert_array_equal(run(ready, x=x)[0], x * x)


def padded_windows(count: int) -> onnx.ModelProto:
    """Windows of four rows, padded as far as needed: each time sizes are computed from what came before."""
    numbers = {"one": [1], "four": [4], "rest": [-1], "zero": [0], "zeros": [0] * 5}
    nodes, source = [], "x"

    def add(kind: str, *names: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, names[:-1], names[-1:], names[-1], **attributes))
        return names[-1]

    def rows(of: str, name: str) -> str:
        add("Shape", of, f"{name}_shape")
        return add("Gather", f"{name}_shape", "one", name, axis=0)

    for n in range(count):
        add("Mod", rows(source, f"rows{n}"), "four", f"over{n}")
        add("Sub", "four", f"over{n}", f"missing{n}")
        add("Mod", f"missing{n}", "four", f"more{n}")
        add("Concat", "zeros", f"more{n}", f"more{n}", "zero", f"pads{n}", axis=0)
        padded = add("Pad", source, f"pads{n}", f"padded{n}")
        add("Div", rows(padded, f"high{n}"), "four", f"windows{n}")
        add("Concat", "one", f"windows{n}", "four", "rest", f"sizes{n}", axis=0)
        add("Reshape", padded, f"sizes{n}", f"cut{n}")
        source = add("Transpose", f"cut{n}", f"turned{n}" if n < count - 1 else "y", perm=[0, 2, 1, 3])
    ends: dict[str, list[int | str]] = {"x": [1, 6, 6, 3], "y": ["a", "b", "c", "d"]}
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ends[name]) for name in ends]
    weights = {name: np.array(value, np.int64) for name, value in numbers.items()}
    return model_of(nodes, values[:1], values[1:], weights)


def test_sizes_that_follow_from_one_another_are_all_known() -> None:
    """Too many in a row for one clean-up, as in window attention."""
    model = padded_windows(30)
    prepared = prepare(model, max_opset=17, max_ir_version=9)
    assert {node.op_type for node in prepared.graph.node} == {"Pad", "Reshape", "Transpose"}
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 3)).astype(np.float32)
    np.testing.assert_array_equal(run(prepared, x=x), run(model, x=x))


def test_an_opset_that_the_runtime_does_not_read() -> None:
    with pytest.raises(ModelError, match="needs opset 17; the profile's runtime reads 15"):
        prepare(image_classifier(), max_opset=15, max_ir_version=9)


def test_open_dimensions() -> None:
    model = autoencoder()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "time"
    with pytest.raises(ModelError, match=r"`window` leaves dimension 1 \(time\) open"):
        prepare(model, max_opset=17, max_ir_version=9)


SCRIPT = """
import hashlib, sys
from edgeinfer_converters.graph.prepare import prepare
from tests.fixtures.models import image_classifier
ready = prepare(image_classifier(batch="N"), max_opset=17, max_ir_version=9)
print(hashlib.sha256(ready.SerializeToString(deterministic=True)).hexdigest())
"""


def test_the_same_bytes_whatever_the_hash_seed() -> None:
    root = Path(__file__).resolve().parents[3]
    digests = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.zoo
def test_the_zoo_computes_the_same(zoo: Path) -> None:
    files = [path for path in sorted((zoo / "models").rglob("*.onnx")) if "qdq" not in path.name]
    assert files
    for path in files:
        model = read_onnx(path)
        ready = prepare(model, max_opset=17, max_ir_version=9)
        rng = np.random.default_rng(0)
        inputs = {
            value.name: rng.normal(size=shape_of(value)).astype(np.float32) for value in ready.graph.input
        }
        for one, other in zip(run(model, **inputs), run(ready, **inputs), strict=True):
            np.testing.assert_allclose(other, one, atol=1e-4 * float(np.abs(one).max()))
