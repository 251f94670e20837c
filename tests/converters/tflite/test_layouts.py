"""Permutations of axes, and what a reshape does to them."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.tflite.layouts import (
    after_transpose,
    axis_groups,
    channels_last,
    inverse,
    plain,
    reshaped_layout,
    same_order,
    stored_axis,
    stored_shape,
    transposition,
)

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=5).map(tuple)


@st.composite
def shapes_and_layouts(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape = draw(shapes)
    return shape, tuple(draw(st.permutations(range(len(shape)))))


def numbers(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(prod(shape)).reshape(shape)


def test_images_are_stored_channels_last() -> None:
    assert channels_last(4) == (0, 2, 3, 1)
    assert channels_last(3) == (0, 2, 1)
    assert channels_last(1) == (0,)
    assert stored_shape((1, 3, 8, 9), channels_last(4)) == (1, 8, 9, 3)
    assert stored_axis(1, channels_last(4)) == 3
    assert stored_axis(-1, channels_last(4)) == 2


@given(shapes_and_layouts(), st.randoms(use_true_random=False))
def test_transposition_leads_from_one_layout_to_the_other(
    case: tuple[tuple[int, ...], tuple[int, ...]], random: st.DataObject
) -> None:
    shape, layout = case
    other = list(layout)
    random.shuffle(other)  # type: ignore[attr-defined]
    array = numbers(shape)
    moved = array.transpose(layout).transpose(transposition(layout, tuple(other)))
    np.testing.assert_array_equal(moved, array.transpose(other))
    np.testing.assert_array_equal(array.transpose(layout).transpose(inverse(layout)), array)


@given(shapes_and_layouts(), st.data())
def test_a_transpose_is_only_another_layout(
    case: tuple[tuple[int, ...], tuple[int, ...]], data: st.DataObject
) -> None:
    shape, layout = case
    permutation = data.draw(st.permutations(range(len(shape))))
    stored = numbers(shape).transpose(layout)
    result = numbers(shape).transpose(permutation)
    np.testing.assert_array_equal(result.transpose(after_transpose(layout, permutation)), stored)


@given(shapes_and_layouts(), st.data())
def test_same_order_means_the_same_bytes(
    case: tuple[tuple[int, ...], tuple[int, ...]], data: st.DataObject
) -> None:
    shape, layout = case
    other = tuple(data.draw(st.permutations(range(len(shape)))))
    array = numbers(shape)
    equal = np.array_equal(array.transpose(layout).ravel(), array.transpose(other).ravel())
    if same_order(shape, layout, other):
        assert equal


@pytest.mark.parametrize(
    ("before", "after", "groups"),
    [
        ((2, 3, 4), (6, 4), [([0, 1], [0]), ([2], [1])]),
        ((2, 12), (2, 3, 4), [([0], [0]), ([1], [1, 2])]),
        ((1, 85, 52, 52), (1, 85, 2704), [([0], [0]), ([1], [1]), ([2, 3], [2])]),
        ((4, 3), (6, 2), [([0, 1], [0, 1])]),
        ((5,), (1, 5, 1), [([0], [0, 1, 2])]),
    ],
)
def test_what_a_reshape_merges_and_splits(
    before: tuple[int, ...], after: tuple[int, ...], groups: list[tuple[list[int], list[int]]]
) -> None:
    found = axis_groups(before, after)
    assert sorted(axis for old, _ in found for axis in old) == list(range(len(before)))
    assert sorted(axis for _, new in found for axis in new) == list(range(len(after)))
    if 1 not in before + after:
        assert found == groups
    for old, new in found:
        assert prod(before[axis] for axis in old) == prod(after[axis] for axis in new)


@given(shapes_and_layouts(), st.data())
def test_a_reshape_between_the_layouts_moves_nothing(
    case: tuple[tuple[int, ...], tuple[int, ...]], data: st.DataObject
) -> None:
    before, layout = case
    size = prod(before)
    divisors = [n for n in range(1, size + 1) if size % n == 0]
    first = data.draw(st.sampled_from(divisors))
    after = data.draw(st.sampled_from([(first, size // first), (size,), (1, first, size // first), before]))
    found = reshaped_layout(before, after, layout)
    assert found is not None
    source, target = found
    array = numbers(before)
    stored = array.transpose(source).reshape(stored_shape(after, target))
    np.testing.assert_array_equal(stored, array.reshape(after).transpose(target))


def test_merging_the_sides_of_an_image_keeps_it_channels_last() -> None:
    assert reshaped_layout((1, 85, 4, 5), (1, 85, 20), channels_last(4)) == (channels_last(4), (0, 2, 1))
    assert reshaped_layout((0, 3), (3, 0), plain(2)) is None
