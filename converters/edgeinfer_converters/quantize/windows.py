"""Windows of a convolution: the elements of its input that some positions of its output see."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edgeinfer.frames import Array

_SMALL = 2
"""A plane with so many times as many elements as are taken, at most, is small."""

_APART = 7
"""How far apart neighbouring samples look, at least."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Windows:
    """Those of a convolution along one or more axes, whose attributes these are.

    `pads`: begin and end of each axis. `spacing`: how far apart the elements of the input lie, with zeros in
    between, as a transposed convolution sees them; next to each other where it is empty.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    spacing: tuple[int, ...] = ()

    def take(self, values: Array, offset: int, most: int) -> Array:
        """At most `most` windows of (batch, channels, *plane), as (windows, channels, elements).

        `offset` moves the choice, see `spread`.
        """
        batch, channels, *plane = values.shape
        start = offset % step_of(self.count(values.shape), most)
        index, outside = _places(self, (batch, *plane), start, most)
        # Only what is needed is gathered: padding the whole input takes longer than all the rest.
        flat = np.moveaxis(values, 1, 0).reshape(channels, -1)
        if flat.shape[1] <= _SMALL * index.size:
            # Whole rows are quicker to gather than single elements, and worth to be laid out for it.
            rows = flat.T.take(index.reshape(-1), axis=0)
            if outside is not None:
                rows[outside] = 0.0
            return rows.reshape(*index.shape, channels).transpose(0, 2, 1)
        found = flat.take(index.reshape(-1), axis=1)
        if outside is not None:
            found[:, outside] = 0.0
        return found.reshape(channels, *index.shape).transpose(1, 0, 2)

    def count(self, shape: tuple[int, ...]) -> int:
        """How many windows there are in an input of this shape."""
        batch, _, *plane = shape
        return math.prod((batch, *self._grid(plane)))

    def _grid(self, plane: list[int]) -> tuple[int, ...]:
        """How many positions along each axis the kernel takes."""
        room = [
            (size - 1) * self._apart(axis) + 1 + self.pads[axis] + self.pads[axis + len(plane)]
            for axis, size in enumerate(plane)
        ]
        sides = zip(room, self.kernel, self.dilations, self.strides, strict=True)
        return tuple((size - (kernel - 1) * gap - 1) // stride + 1 for size, kernel, gap, stride in sides)

    def _apart(self, axis: int) -> int:
        return self.spacing[axis] if self.spacing else 1

    def _seen_from(self, axis: int, positions: Indices, size: int) -> tuple[Indices, npt.NDArray[np.bool_]]:
        """Where along an axis of so many elements those of the kernel lie, (positions, elements of the
        kernel), and which of them there are: the others are padding."""
        elements = np.arange(self.kernel[axis]) * self.dilations[axis] - self.pads[axis]
        places, between = np.divmod(positions[:, None] * self.strides[axis] + elements, self._apart(axis))
        return np.clip(places, 0, size - 1), (between == 0) & (places >= 0) & (places < size)


@lru_cache(maxsize=64)  # the layers of a network have few geometries among them
def _places(
    windows: Windows, shape: tuple[int, ...], offset: int, most: int
) -> tuple[Indices, npt.NDArray[np.bool_] | None]:
    """Of the chosen windows' elements the places in an image (batch, *plane), (windows, elements), and flat
    which of them are padding, None if none is."""
    batch, *plane = shape
    grid = (batch, *windows._grid(plane))
    images, *positions = np.unravel_index(spread(math.prod(grid), offset, most), grid)
    index, inside = images[:, None], np.ones((len(images), 1), bool)
    for axis, (size, one) in enumerate(zip(plane, positions, strict=True)):
        seen, there = windows._seen_from(axis, one, size)
        index = (index[:, :, None] * size + seen[:, None, :]).reshape(len(images), -1)
        inside = (inside[:, :, None] & there[:, None, :]).reshape(len(images), -1)
    return index, None if inside.all() else ~inside.reshape(-1)


def spread(count: int, offset: int, most: int) -> Indices:
    """Positions at equal distances, at most `most` of `count`; each offset begins elsewhere."""
    if count <= most:
        return np.arange(count)
    distance = step_of(count, most)
    # Neighbouring samples look at other rows and columns of the picture, and all of them in the end.
    step = next(one for one in range(_APART, _APART + distance + 1) if math.gcd(one, distance) == 1)
    return (np.arange(most) * distance + (offset * step) % distance) % count


def step_of(count: int, most: int) -> int:
    """The distance of the positions: offsets that differ by a multiple of it choose the same."""
    return max(count // most, 1)
