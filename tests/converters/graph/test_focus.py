"""Slices of every second pixel, joined."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from edgeinfer_converters.graph.focus import with_space_to_depth
from tests.fixtures.lite import model_of, normal

CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))
"""The order in which YOLOX and YOLOv5 join them."""

END = np.iinfo(np.int64).max
CONV = helper.make_node("Conv", ["f", "w"], ["y"], "conv", pads=[1, 1, 1, 1])


def focus(
    *tail: onnx.NodeProto,
    corners: Sequence[tuple[int, int]] = CORNERS,
    step: int = 2,
    side: int = 12,
    outputs: Sequence[str] = ("y",),
    axis: int = 1,
    groups: int = 1,
) -> onnx.ModelProto:
    """The corners of each block of an image, joined as `f`, and what is made of it."""
    constants = {
        "ends": np.array([END, END]),
        "axes": np.array([2, 3]),
        "steps": np.array([step, step]),
        "w": normal(8, 3 * len(corners) // groups, 3, 3, seed=2) / 4,
        "zero": np.array([0]),
        "one": np.array([1]),
    }
    nodes = []
    for number, corner in enumerate(corners):
        constants[f"start{number}"] = np.array(corner)
        bounds = [f"start{number}", "ends", "axes", "steps"]
        nodes.append(helper.make_node("Slice", ["x", *bounds], [f"part{number}"], f"slice{number}"))
    parts = [f"part{number}" for number in range(len(corners))]
    nodes.append(helper.make_node("Concat", parts, ["f"], "join", axis=axis))
    return model_of([*nodes, *tail], {"x": normal(1, 3, side, side)}, outputs, constants=constants)


def rewritten(model: onnx.ModelProto) -> Counter[str]:
    """What a model consists of when it is rewritten; it computes the same."""
    before = run(model)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    result = with_space_to_depth(copy)
    onnx.checker.check_model(result, full_check=True)
    for one, other in zip(before, run(result), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    return Counter(node.op_type for node in result.graph.node)


def run(model: onnx.ModelProto) -> list[np.ndarray]:
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, {"x": normal(*shape)}))


@pytest.mark.parametrize("corners", list(itertools.permutations(CORNERS))[::5])
@pytest.mark.parametrize("axis", [1, -3])
def test_a_convolution_takes_any_order_into_its_weights(
    corners: tuple[tuple[int, int], ...], axis: int
) -> None:
    assert rewritten(focus(CONV, corners=corners, axis=axis)) == {"Conv": 1, "SpaceToDepth": 1}


def test_two_convolutions() -> None:
    again = helper.make_node("Conv", ["f", "w"], ["z"], "other", strides=[2, 2])
    assert rewritten(focus(CONV, again, outputs=("y", "z"))) == {"Conv": 2, "SpaceToDepth": 1}


def test_larger_blocks() -> None:
    corners = [(row, column) for row in range(3) for column in range(3)]
    assert rewritten(focus(CONV, corners=corners[::-1], step=3)) == {"Conv": 1, "SpaceToDepth": 1}


CUT = helper.make_node("Slice", ["f", "zero", "one", "zero"], ["f0"])
TAPPED = helper.make_node("Relu", ["f"], ["z"])
FOURFOLD = helper.make_node("Concat", ["x", "x", "x", "x"], ["fourfold"], axis=1)
SAME_WEIGHTS = helper.make_node("Conv", ["fourfold", "w"], ["z"], "other")


@pytest.mark.parametrize(
    ("tail", "outputs", "groups"),
    [
        ((CONV, TAPPED), ("y", "z"), 1),
        ((CONV,), ("y", "f"), 1),
        ((CONV, FOURFOLD, SAME_WEIGHTS), ("y", "z"), 1),
        ((helper.make_node("Conv", ["f", "w"], ["y"], group=2),), ("y",), 2),
        ((CUT, helper.make_node("Conv", ["f", "f0"], ["y"])), ("y",), 1),
    ],
)
def test_other_readers_get_the_blocks_in_their_order(
    tail: tuple[onnx.NodeProto, ...], outputs: tuple[str, ...], groups: int
) -> None:
    """An operator that is no convolution, the outside world, weights that others read, groups, and weights
    that are no constants."""
    found = rewritten(focus(*tail, outputs=outputs, groups=groups))
    assert (found["SpaceToDepth"], found["Split"]) == (1, 1)
    assert found["Concat"] == 1 + (FOURFOLD in tail)
    assert found["Slice"] == (CUT in tail)


def test_the_order_of_the_operator_needs_nothing_more() -> None:
    ordered = [(row, column) for row in range(2) for column in range(2)]
    pool = helper.make_node("MaxPool", ["f"], ["y"], kernel_shape=[2, 2])
    assert rewritten(focus(pool, corners=ordered)) == {"MaxPool": 1, "SpaceToDepth": 1}


def test_slices_of_slices_and_starts_from_the_end() -> None:
    """Rows first and columns then, each with an axis and a step of its own, and one with defaults."""
    constants = {
        **{f"at{one}": np.array([one]) for one in (-12, -11, 0, 1)},
        **{"end": np.array([END]), "rows": np.array([2]), "columns": np.array([-1]), "two": np.array([2])},
        **{"all": np.zeros(4, int), "ends": np.full(4, END)},
        "w": normal(8, 12, 3, 3, seed=2) / 4,
    }
    nodes, parts = [], []
    for row, column in itertools.product((-12, -11), (0, 1)):
        name = f"{row}_{column}"
        nodes += [
            helper.make_node("Slice", ["x", "all", "ends"], [f"whole{name}"]),
            helper.make_node("Slice", [f"whole{name}", f"at{row}", "end", "rows", "two"], [f"row{name}"]),
            helper.make_node("Slice", [f"row{name}", f"at{column}", "end", "columns", "two"], [name]),
        ]
        parts.append(name)
    join = helper.make_node("Concat", parts, ["f"], axis=1)
    model = model_of([*nodes, join, CONV], {"x": normal(1, 3, 12, 12)}, ("y",), constants=constants)
    assert rewritten(model) == {"Conv": 1, "SpaceToDepth": 1}


def test_a_slice_that_is_read_elsewhere_stays() -> None:
    again = helper.make_node("Relu", ["part0"], ["z"])
    found = rewritten(focus(CONV, again, outputs=("y", "z")))
    assert found == {"Conv": 1, "SpaceToDepth": 1, "Slice": 1, "Relu": 1}


@pytest.mark.parametrize(
    ("corners", "side", "axis"),
    [
        (((0, 0), (1, 0), (0, 1), (0, 1)), 12, 1),
        (CORNERS[:2], 12, 1),
        (((0, 0),) * 4, 13, 1),
        (CORNERS, 12, 3),
    ],
)
def test_what_is_no_focus(corners: tuple[tuple[int, int], ...], side: int, axis: int) -> None:
    """A corner twice, too few of them, sides that blocks do not fill, and another axis."""
    model = focus(helper.make_node("Relu", ["f"], ["y"]), corners=corners, side=side, axis=axis)
    before = model.SerializeToString()
    assert with_space_to_depth(model).SerializeToString() == before


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.bool_])
def test_images_that_are_no_floats_are_left_alone(kind: type) -> None:
    """Older runtimes have no kernel for them."""
    model = focus(helper.make_node("Cast", ["f"], ["y"], to=onnx.TensorProto.FLOAT))
    for value in (*model.graph.input, *model.graph.value_info):
        value.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    before = model.SerializeToString()
    assert with_space_to_depth(model).SerializeToString() == before


def test_a_start_before_the_image_is_its_first_pixel() -> None:
    """Not the second one of the row before."""
    corners = [(0, 0), (1, -13), (1, 0), (1, 1)]
    model = focus(helper.make_node("Relu", ["f"], ["y"]), corners=corners)
    before = run(model)[0]
    np.testing.assert_array_equal(run(with_space_to_depth(model))[0], before)


def test_weights_that_are_seen_from_outside_stay_as_they_are() -> None:
    model = focus(CONV)
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == "w")
    model.graph.output.append(helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, weights.dims))
    assert rewritten(model)["Split"] == 1


def test_constants_that_nobody_reads_any_more_go() -> None:
    model = with_space_to_depth(focus(CONV))
    assert [tensor.name for tensor in model.graph.initializer] == ["w"]


def test_parts_of_different_images() -> None:
    parts = helper.make_node("Concat", ["part0", "part1", "part2", "other"], ["g"], axis=1)
    negative = helper.make_node("Neg", ["x"], ["minus"])
    other = helper.make_node("Slice", ["minus", "start3", "ends", "axes", "steps"], ["other"])
    tap = helper.make_node("Relu", ["g"], ["z"])
    found = rewritten(focus(negative, other, parts, CONV, tap, outputs=("y", "z")))
    assert (found["SpaceToDepth"], found["Slice"], found["Concat"]) == (1, 4, 1)
