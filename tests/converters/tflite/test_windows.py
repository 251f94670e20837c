"""Padding: which of ONNX's are TFLite's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.windows import (
    Window,
    is_beyond,
    is_larger,
    same_pads,
    share,
    to_the_end,
    window_of,
)


def node(**attributes: Any) -> Node:
    return Node(helper.make_node("Conv", ["x", "w"], ["y"], **attributes), 17)


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4))
def test_same_gives_an_output_of_input_over_stride(side: int, extent: int, stride: int) -> None:
    ((before, after),) = same_pads((side,), (extent,), (stride,))
    assert 0 <= after - before <= 1
    count = (side + before + after - extent) // stride + 1
    wanted = -(-side // stride)
    assert count == wanted or (count > wanted and before + after == 0 and extent < stride)


def test_the_padding_of_a_window() -> None:
    assert Window((3, 3), (1, 1), (1, 1), ((0, 0), (0, 0))).padding((8, 8)) == "VALID"
    assert Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1))).padding((8, 8)) == "SAME"
    assert Window((3, 3), (2, 2), (1, 1), ((1, 1), (1, 1))).padding((8, 8)) is None
    assert Window((3, 3), (2, 2), (1, 1), ((1, 1), (1, 1))).padding((9, 9)) == "SAME"
    assert Window((3, 3), (1, 1), (2, 2), ((2, 2), (2, 2))).padding((8, 8)) == "SAME"


def test_attributes() -> None:
    window = window_of(node(pads=[0, 1, 2, 3], strides=[2, 1]), (8, 8), (3, 5))
    assert window.pads == ((0, 2), (1, 3))
    assert window.extents == (3, 5)
    assert window.dilations == (1, 1)
    assert window.is_padded
    lower = window_of(node(auto_pad="SAME_LOWER", strides=[2, 2]), (8, 8), (3, 3))
    assert lower.pads == ((1, 0), (1, 0))
    assert not window_of(node(auto_pad="VALID"), (8, 8), (3, 3)).is_padded


def test_negative_padding_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="negative"):
        window_of(node(pads=[0, -1, 0, 0]), (8, 8), (3, 3))


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
def test_strides_that_leave_out_more_than_the_last_value_are_refused(auto_pad: str) -> None:
    """Where the windows begin is clear with one value left out, and with an explicit padding."""
    assert not window_of(node(auto_pad=auto_pad, strides=[2, 1]), (8, 8), (1, 1)).is_padded
    assert not window_of(node(auto_pad="VALID", strides=[4, 1]), (8, 8), (1, 1)).is_padded
    with pytest.raises(UnsupportedError, match="leave out more than the last value"):
        window_of(node(auto_pad=auto_pad, strides=[4, 1]), (8, 8), (1, 1))


NO_PADS = ((0, 0), (0, 0))


def test_a_last_window_may_reach_beyond_the_image() -> None:
    window = Window((3, 3), (2, 2), (1, 1), NO_PADS)
    assert to_the_end(window, (6, 7), (3, 3)).pads == ((0, 1), (0, 0))
    assert to_the_end(window, (7, 7), (3, 3)) == window
    assert not is_beyond(to_the_end(window, (6, 7), (3, 3)), (6, 7))
    assert is_beyond(Window((2, 2), (2, 2), (1, 1), ((0, 2), (0, 0))), (4, 4))


def test_windows_larger_than_the_image() -> None:
    assert is_larger(Window((5, 1), (1, 1), (1, 1), NO_PADS), (4, 4))
    assert is_larger(Window((3, 1), (1, 1), (2, 1), NO_PADS), (4, 4))
    assert not is_larger(Window((5, 1), (1, 1), (1, 1), ((1, 0), (0, 0))), (4, 4))


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.integers(0, 3))
def test_how_much_of_a_window_lies_on_the_image(
    side: int, size: int, stride: int, before: int, after: int
) -> None:
    window = Window((size,), (stride,), (1,), ((before, after),))
    count = max((side + before + after - size) // stride + 1, 0)
    on_image = [0] * before + [1] * side + [0] * (after + size)
    found = share(window, 0, side, count, (0, 0)).tolist()
    assert found == [sum(on_image[start : start + size]) for start in range(0, count * stride, stride)]
    whole = share(window, 0, side, count, (before, after)).tolist()
    assert whole == [size] * count
