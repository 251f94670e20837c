"""Images that are transposed before they are flattened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from edgeinfer_converters.graph.flattened import with_channels_last
from tests.fixtures.lite import model_of, normal

SIDES = (4, 2, 1)


def heads(
    *tail: onnx.NodeProto,
    axis: int = 2,
    perm: Sequence[int] = (0, 2, 1),
    shape: Sequence[int] = (1, 5, -1),
    outputs: Sequence[str] = ("y",),
    sides: Sequence[int] = SIDES,
) -> onnx.ModelProto:
    """Heads of a detector: images of five channels, flattened, joined and transposed."""
    nodes = [
        helper.make_node("Reshape", [f"x{side}", "shape"], [f"flat{side}"], f"flatten{side}")
        for side in sides
    ]
    flat = [f"flat{side}" for side in sides]
    if len(sides) > 1:
        nodes.append(helper.make_node("Concat", flat, ["joined"], "join", axis=axis))
        flat = ["joined"]
    nodes.append(helper.make_node("Transpose", flat, ["y"], "swap", perm=perm))
    images = {f"x{side}": normal(1, 5, side, side + 1, seed=side) for side in sides}
    return model_of([*nodes, *tail], images, outputs, constants={"shape": np.array(shape)})


def rewritten(model: onnx.ModelProto) -> onnx.ModelProto:
    """The rewritten model, which gives the same bits."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    result = with_channels_last(copy)
    onnx.checker.check_model(result, full_check=True)
    for one, other in zip(run(model), run(result), strict=True):
        np.testing.assert_array_equal(one, other)
    return result


def run(model: onnx.ModelProto) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    images = {one.name: normal(*one.shape, seed=one.shape[2]) for one in session.get_inputs()}
    return list(session.run(None, images))


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("axis", [2, -1])
@pytest.mark.parametrize("shape", [(1, 5, -1), (0, 0, -1)])
def test_heads_of_a_detector(axis: int, shape: tuple[int, ...]) -> None:
    result = rewritten(heads(axis=axis, shape=shape))
    assert kinds(result) == ["Transpose", "Reshape"] * len(SIDES) + ["Concat"]
    assert [node.name for node in result.graph.node if node.op_type == "Reshape"] == [
        f"flatten{side}" for side in SIDES
    ]


def test_a_single_head() -> None:
    result = rewritten(heads(sides=(3,)))
    assert kinds(result) == ["Transpose", "Reshape"]
    assert result.graph.output[0].name == "y"


def test_twice_in_a_graph() -> None:
    model = heads()
    again = heads()
    for node in again.graph.node:
        node.name += "_again"
        node.output[0] += "_again"
        node.input[:] = [name if name[0] in "xs" else f"{name}_again" for name in node.input]
        model.graph.node.append(node)
    model.graph.output.append(helper.make_tensor_value_info("y_again", onnx.TensorProto.FLOAT, None))
    model = onnx.shape_inference.infer_shapes(model)
    assert Counter(kinds(rewritten(model))) == {"Transpose": 6, "Reshape": 6, "Concat": 2}


@pytest.mark.parametrize(
    "model",
    [
        heads(perm=(1, 2, 0)),
        heads(outputs=("y", "joined")),
        heads(outputs=("y", "flat4")),
        heads(shape=(5, 1, -1)),
        heads(helper.make_node("Relu", ["joined"], ["z"]), outputs=("y", "z")),
    ],
    ids=["another order", "joined is seen", "a part is seen", "no images any more", "another reader"],
)
def test_what_is_left_alone(model: onnx.ModelProto) -> None:
    before = model.SerializeToString()
    assert with_channels_last(model).SerializeToString() == before
