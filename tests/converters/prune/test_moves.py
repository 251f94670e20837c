"""Operators that move numbers: channels come to lie elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.prune.groups import Lane
from tests.fixtures.graphs import conv, filters
from tests.fixtures.pruning import between, check_pruned, grouping_of, one, only, reason

MEAN = one("ReduceMean", ["a"], ["m"], axes=[0, 2, 3], keepdims=0)
AS_INTS = [MEAN, one("Cast", ["m"], ["ints"], to=onnx.TensorProto.INT64)]


def lane(model: onnx.ModelProto, tensor: str) -> Lane:
    return next(one for one in only(model).tensors if one.tensor == tensor)


def test_a_transposed_axis_is_followed() -> None:
    nodes = [one("Transpose", ["a"], ["c"], perm=[2, 0, 3, 1]), one("Transpose", ["c"], perm=[1, 3, 0, 2])]
    model = between(nodes)
    assert [(one.tensor, one.axis) for one in only(model).tensors] == [("a", 1), ("c", 3), ("b", 1)]
    check_pruned(model, {"conv_a": [0, 3]})


def test_without_an_order_axes_are_turned_round() -> None:
    model = between([one("Transpose", ["a"], ["c"]), one("Transpose", ["c"])])
    assert lane(model, "c").axis == 2
    check_pruned(model, {"conv_a": [0, 3]})


@pytest.mark.parametrize(
    ("kind", "constant", "back", "axis"),
    [
        ("Reshape", [0, 4, 64], [1, 4, 8, 8], 1),
        ("Reshape", [-1, 64], [1, 4, 8, 8], 0),
        ("Unsqueeze", [0, 3], [1, 4, 8, 8], 2),
        ("Squeeze", [0], [1, 4, 8, 8], 0),
    ],
)
def test_other_axes_are_merged_split_added_and_dropped(
    kind: str, constant: list[int], back: list[int], axis: int
) -> None:
    nodes = [one(kind, ["a", "k"], ["c"]), one("Reshape", ["c", "back"])]
    model = between(nodes, {"k": np.array(constant), "back": np.array(back)})
    assert (lane(model, "c").axis, lane(model, "c").channels.tolist()) == (axis, [0, 1, 2, 3])
    check_pruned(model, {"conv_a": [0, 2]})


def test_a_flattened_channel_is_a_block_and_comes_back() -> None:
    model = between([one("Flatten", ["a"], ["c"]), one("Reshape", ["c", "k"])], {"k": np.array([1, 4, 8, 8])})
    assert lane(model, "c").channels.tolist() == np.repeat(range(4), 64).tolist()
    assert lane(model, "b").channels.tolist() == [0, 1, 2, 3]
    check_pruned(model, {"conv_a": [1]})


def test_channels_last_are_flattened_in_rounds() -> None:
    nodes = [
        one("Transpose", ["a"], ["c"], perm=[0, 2, 3, 1]),
        one("Flatten", ["c"], ["d"]),
        one("Reshape", ["d", "k"], ["e"]),
        one("Transpose", ["e"], perm=[0, 3, 1, 2]),
    ]
    model = between(nodes, {"k": np.array([1, 8, 8, 4])})
    assert lane(model, "d").channels.tolist() == [0, 1, 2, 3] * 64
    check_pruned(model, {"conv_a": [1, 3]})


def test_a_shuffle_ties_channels_in_the_same_place_of_each_group() -> None:
    nodes = [
        helper.make_node("Conv", ["a", "u"], ["c"], "six"),
        one("Reshape", ["c", "apart"], ["d"]),
        one("Transpose", ["d"], ["e"], perm=[0, 2, 1, 3, 4]),
        one("Reshape", ["e", "again"]),
    ]
    shapes = {"apart": np.array([1, 2, 3, 8, 8]), "again": np.array([1, 6, 8, 8])}
    model = between(nodes, {"u": filters(6, 4, 1), **shapes}, last=6)
    group = grouping_of(model)["six"]
    assert (group.channels, group.unit) == (3, 2)
    assert group.producers[0].activation.channels.tolist() == [0, 1, 2, 0, 1, 2]
    assert group.consumers[0].activation.channels.tolist() == [0, 0, 1, 1, 2, 2]
    check_pruned(model, {"six": [0, 2]})


def test_a_shape_that_is_computed_freezes() -> None:
    model = between([*AS_INTS, one("Reshape", ["a", "ints"], ["c"]), one("Relu", ["a"])])
    assert "its shape or places are computed" in reason(model)


@pytest.mark.parametrize("axis", [1, -3])
def test_a_concatenation_puts_channels_behind_each_other(axis: int) -> None:
    model = between(
        [conv("x", "c", "u"), one("Concat", ["x", "c", "a"], axis=axis)], {"u": filters()}, last=12
    )
    first, second = grouping_of(model)["conv_a"], grouping_of(model)["conv_c"]
    assert first.consumers[0].weights.positions.tolist() == [8, 9, 10, 11]
    assert second.consumers[0].weights.positions.tolist() == [4, 5, 6, 7]
    check_pruned(model, {"conv_a": [0], "conv_c": [1, 2, 3]})


def test_what_is_concatenated_along_another_axis_goes_together() -> None:
    model = between([conv("x", "c", "u"), one("Concat", ["a", "c"], axis=2)], {"u": filters(seed=4)})
    assert [member.node for member in only(model).producers] == ["conv_a", "conv_c"]
    check_pruned(model, {"conv_a": [0, 2]})


def test_a_tensor_may_be_concatenated_with_itself() -> None:
    model = between([one("Concat", ["a", "a"], axis=1)], last=8)
    assert lane(model, "b").channels.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    check_pruned(model, {"conv_a": [0, 2]})


def test_what_is_concatenated_with_the_input_along_another_axis_is_frozen() -> None:
    assert "it meets channels that are fixed" in reason(between([one("Concat", ["a", "x"], axis=3)]))


def test_concatenations_of_different_axes_are_frozen() -> None:
    nodes = [
        one("Resize", ["a", "", "half"], ["c"], mode="nearest"),
        one("Transpose", ["c"], ["d"], perm=[0, 2, 1, 3]),
        one("Concat", ["c", "d"], axis=3),
    ]
    assert "different axes" in reason(between(nodes, {"half": np.array([1.0, 1, 0.5, 0.5])}))


def test_parts_of_a_split_have_their_own_channels() -> None:
    nodes = [one("Split", ["a", "k"], ["c", "d"], axis=-3), one("Concat", ["d", "c"], axis=1)]
    model = between(nodes, {"k": np.array([1, 3])})
    assert lane(model, "c").channels.tolist() == [0]
    assert lane(model, "d").channels.tolist() == [1, 2, 3]
    assert lane(model, "b").channels.tolist() == [1, 2, 3, 0]
    assert [one.tolist() for one in only(model).required] == [[0], [1, 2, 3]]
    check_pruned(model, {"conv_a": [0, 2]})


def test_halves_that_meet_go_together() -> None:
    model = between([one("Split", ["a"], ["c", "d"], axis=1), one("Mul", ["c", "d"])], last=2)
    assert (only(model).channels, only(model).unit) == (2, 2)
    check_pruned(model, {"conv_a": [1]})


def test_a_slice_takes_a_stretch() -> None:
    constants = {"low": np.array([1, 0]), "high": np.array([-1, 8]), "axes": np.array([1, 2])}
    model = between([one("Slice", ["a", "low", "high", "axes"])], constants, last=2)
    assert lane(model, "b").channels.tolist() == [1, 2]
    check_pruned(model, {"conv_a": [0, 2]})


def test_a_slice_of_every_second_pixel_keeps_channels_and_of_every_second_channel_freezes() -> None:
    constants = {"low": np.array([0]), "high": np.array([8]), "axes": np.array([2]), "steps": np.array([2])}
    model = between([one("Slice", ["a", "low", "high", "axes", "steps"])], constants)
    assert lane(model, "b").channels.tolist() == [0, 1, 2, 3]
    check_pruned(model, {"conv_a": [0, 2]})
    constants["axes"] = np.array([1])
    model = between([one("Slice", ["a", "low", "high", "axes", "steps"])], constants, last=2)
    assert "it leaves out or turns round channels" in reason(model)


def test_a_gather_puts_channels_in_another_order() -> None:
    model = between([one("Gather", ["a", "k"], axis=1)], {"k": np.array([2, -4, 1, 2])})
    assert lane(model, "b").channels.tolist() == [2, 0, 1, 2]
    check_pruned(model, {"conv_a": [1, 2]})


def test_a_gather_along_another_axis_may_drop_or_add_axes() -> None:
    model = between(
        [one("Gather", ["a", "first"], ["c"], axis=0), one("Squeeze", ["c", "axes"])],
        {"first": np.array([[0]]), "axes": np.array([1])},
    )
    assert (lane(model, "c").axis, lane(model, "b").axis) == (2, 1)
    check_pruned(model, {"conv_a": [1, 2]})
    scalar = [one("Gather", ["a", "first"], ["c"], axis=0), one("Unsqueeze", ["c", "axes"])]
    model = between(scalar, {"first": np.array(0), "axes": np.array([0])})
    assert lane(model, "c").axis == 0
    check_pruned(model, {"conv_a": [1, 2]})


def test_a_single_channel_that_is_taken_freezes() -> None:
    nodes = [one("Gather", ["a", "k"], ["c"], axis=1), one("Unsqueeze", ["c", "axes"])]
    model = between(nodes, {"k": np.array(2), "axes": np.array([1])}, last=1)
    assert "it takes single channels" in reason(model)


def test_channels_as_places_freeze() -> None:
    nodes = [*AS_INTS, one("Gather", ["table", "ints"], ["c"]), one("Reshape", ["c", "shape"])]
    model = between(nodes, {"table": np.ones((9, 64)), "shape": np.array([1, 4, 8, 8])})
    assert "computed" in reason(model)


def test_expand_repeats_other_axes() -> None:
    nodes = [one("GlobalMaxPool", ["a"], ["c"]), one("Expand", ["c", "k"])]
    model = between(nodes, {"k": np.array([1, 1, 8, 8])})
    assert lane(model, "b").axis == 1
    check_pruned(model, {"conv_a": [3, 0]})


def test_expand_that_repeats_the_channel_freezes() -> None:
    plane = helper.make_node("Conv", ["a", "u"], ["p"], "plane")
    model = between([plane, one("Expand", ["p", "k"])], {"u": filters(1, 4, 1), "k": np.array([1, 4, 8, 8])})
    assert "it repeats a channel" in reason(model, "p")
    assert only(model).channels == 4


@pytest.mark.parametrize(
    ("repeats", "wanted"), [([1, 2, 1, 1], [0, 1, 2, 3] * 2), ([1, 1, 2, 1], [0, 1, 2, 3])]
)
def test_tile_repeats_all_channels(repeats: list[int], wanted: list[int]) -> None:
    model = between([one("Tile", ["a", "k"])], {"k": np.array(repeats)}, last=4 * repeats[1])
    assert lane(model, "b").channels.tolist() == wanted
    check_pruned(model, {"conv_a": [3, 0]})


@pytest.mark.parametrize(
    ("mode", "wanted"), [("DCR", [0, 1, 0, 1, 0, 1, 0, 1]), ("CRD", [0, 0, 0, 0, 1, 1, 1, 1])]
)
def test_channels_that_become_a_block_of_pixels_go_together(mode: str, wanted: list[int]) -> None:
    wide = helper.make_node("Conv", ["a", "u"], ["c"], "wide")
    model = between(
        [wide, one("DepthToSpace", ["c"], blocksize=2, mode=mode)], {"u": filters(8, 4, 1)}, last=2
    )
    group = grouping_of(model)["wide"]
    assert (group.channels, group.unit) == (2, 4)
    assert group.producers[0].activation.channels.tolist() == wanted
    check_pruned(model, {"wide": [1]})


def test_pixels_of_a_block_become_channels_in_rounds() -> None:
    model = between([one("SpaceToDepth", blocksize=2)], last=16)
    assert lane(model, "b").channels.tolist() == [0, 1, 2, 3] * 4
    check_pruned(model, {"conv_a": [1, 3]})


@pytest.mark.parametrize(
    ("kind", "attributes", "last"),
    [("DepthToSpace", {"blocksize": 2}, 4), ("SpaceToDepth", {"blocksize": 2}, 32)],
)
def test_blocks_of_another_axis_freeze(kind: str, attributes: dict[str, Any], last: int) -> None:
    turned = one("Transpose", ["a"], ["c"], perm=[0, 2, 1, 3])
    nodes = [turned, one(kind, ["c"], ["d"], **attributes), one("Reshape", ["d", "k"])]
    shape = np.array([1, last, 8, -1] if kind == "DepthToSpace" else [1, last, 2, 4])
    model = between(nodes, {"k": shape}, last=last)
    assert "another axis" in reason(model)
