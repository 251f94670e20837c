"""Layouts: in which order the axes of an ONNX tensor lie in the TFLite tensor that holds it.

A layout is a permutation: axis i of the stored tensor is axis `layout[i]` of the ONNX tensor. ONNX images
are stored with the layout (0, 2, 3, 1): channels last, as TFLite's kernels want them.
"""

from __future__ import annotations

from collections.abc import Sequence

Layout = tuple[int, ...]
Shape = tuple[int, ...]


def plain(rank: int) -> Layout:
    """The layout of a tensor that is stored as ONNX has it."""
    return tuple(range(rank))


def channels_last(rank: int) -> Layout:
    """(N, C, spatial...) stored as (N, spatial..., C)."""
    return (0, *range(2, rank), 1) if rank > 1 else plain(rank)


def stored_shape(shape: Sequence[int], layout: Layout) -> Shape:
    """The shape of the stored tensor."""
    return tuple(shape[axis] for axis in layout)


def inverse(layout: Layout) -> Layout:
    """Where each ONNX axis is in the stored tensor."""
    return tuple(layout.index(axis) for axis in range(len(layout)))


def stored_axis(axis: int, layout: Layout) -> int:
    """Where the ONNX axis `axis`, which may count from the end, is in the stored tensor."""
    return layout.index(axis % len(layout))


def transposition(source: Layout, target: Layout) -> Layout:
    """The permutation that brings a tensor stored as `source` to `target`."""
    return tuple(source.index(axis) for axis in target)


def same_order(shape: Sequence[int], one: Layout, other: Layout) -> bool:
    """Whether both layouts store the values in the same order: only axes of length 1 differ."""
    return [axis for axis in one if shape[axis] != 1] == [axis for axis in other if shape[axis] != 1]


def after_transpose(layout: Layout, permutation: Sequence[int]) -> Layout:
    """The layout of ONNX's Transpose(x, permutation) held by the very tensor that stores x."""
    return tuple(list(permutation).index(axis) for axis in layout)


def axis_groups(before: Sequence[int], after: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """What a reshape merges and splits: axes before and axes after that hold the same values.

    The smallest such groups, in order; axes of length 1 join the group that is open.
    Both shapes must have the same number of elements, which must not be 0.
    """
    groups: list[tuple[list[int], list[int]]] = []
    left, right = list(range(len(before))), list(range(len(after)))
    while left or right:
        old, new = _take(before, left), _take(after, right)
        while _size(before, old) != _size(after, new):
            if _size(before, old) < _size(after, new):
                old.append(left.pop(0))
            else:
                new.append(right.pop(0))
        groups.append((old, new))
    return _without_gaps(groups)


def _take(shape: Sequence[int], axes: list[int]) -> list[int]:
    return [axes.pop(0)] if axes else []


def _size(shape: Sequence[int], axes: list[int]) -> int:
    size = 1
    for axis in axes:
        size *= shape[axis]
    return size


def _without_gaps(groups: list[tuple[list[int], list[int]]]) -> list[tuple[list[int], list[int]]]:
    """Groups that are empty on one side join their neighbour."""
    joined: list[tuple[list[int], list[int]]] = []
    for old, new in groups:
        if joined and (not old or not new or not joined[-1][0] or not joined[-1][1]):
            joined[-1] = (joined[-1][0] + old, joined[-1][1] + new)
        else:
            joined.append((old, new))
    return joined


def reshaped_layout(
    before: Sequence[int], after: Sequence[int], layout: Layout
) -> tuple[Layout, Layout] | None:
    """The layouts between which a reshape is free of transposing.

    Given that the tensor of shape `before` is stored in `layout`: the nearest layout in which the axes of
    each group lie together and in order, and that of the result. None where no reshape applies (no
    elements).
    """
    if 0 in before or 0 in after:
        return None
    groups = axis_groups(before, after)
    places = inverse(layout)

    def place(group: tuple[list[int], list[int]]) -> int:
        long = [axis for axis in group[0] if before[axis] != 1]
        return min((places[axis] for axis in long or group[0]), default=0)

    ordered = sorted(groups, key=place)
    source = tuple(axis for old, _ in ordered for axis in old)
    target = tuple(axis for _, new in ordered for axis in new)
    return source, target
