"""Sums of symmetric products in little more than half of the memory, and on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeinfer.frames import Array
from edgeinfer_converters.shelf import Shelf, kept

STRIP = 128
"""Rows of a strip."""

Floats = npt.NDArray[np.float64]


class SymmetricSum:
    """Sums of `count` symmetric matrices each: the strips from the diagonal to the right are kept."""

    def __init__(self, count: int, width: int, shelf: Shelf | None = None) -> None:
        """With a `shelf` the sums lie there. Raises OSError."""
        shapes = [(count, min(STRIP, width - start), width - start) for start in range(0, width, STRIP)]
        self._strips = [kept(shape, "float64", shelf) for shape in shapes]
        self._is_shelved = shelf is not None

    def add_products(self, rows: Array) -> None:
        """Add `x^T x` of each matrix x in `rows` (count, rows, width), in its precision. Raises OSError."""
        start = 0
        for strip in self._strips:
            end = start + strip.shape[1]
            strip.add(rows[:, :, start:end].transpose(0, 2, 1) @ rows[:, :, start:])
            start = end

    @property
    def strips(self) -> Sequence[Callable[[], Floats]]:
        """The sums as they are kept, each read when it is asked for."""
        return [strip.read for strip in self._strips]

    def restore(self, strips: Sequence[Array]) -> None:
        """Take over sums from elsewhere. Raises ValueError for those of other matrices, OSError."""
        wanted = [(strip.shape, strip.dtype) for strip in self._strips]
        if [(strip.shape, strip.dtype) for strip in strips] != wanted:
            raise ValueError("not the sums of these matrices")
        for strip, values in zip(self._strips, strips, strict=True):
            strip.write(values)

    def whole(self) -> Floats:
        """The sums, both halves of them. Raises OSError."""
        return _whole(strip.read() for strip in self._strips)

    def shelve(self, shelf: Shelf) -> ShelvedSum:
        """The sums, put aside: on this shelf, unless they lie on one. Raises OSError."""
        if self._is_shelved:
            return ShelvedSum(tuple(self.strips))
        return ShelvedSum(tuple(_shelve(strip.read(), shelf) for strip in self._strips))


@dataclass(frozen=True)
class ShelvedSum:
    """Sums that wait on disk; each of `strips` reads one."""

    strips: tuple[Callable[[], Floats], ...]

    def whole(self) -> Floats:
        """The sums, both halves of them. Raises OSError."""
        return _whole(read() for read in self.strips)


def _shelve(strip: Floats, shelf: Shelf) -> Callable[[], Floats]:
    shelved, shape = shelf.put(strip), strip.shape
    return lambda: np.frombuffer(shelved.read(), np.float64).reshape(shape)


def _whole(strips: Iterable[Floats]) -> Floats:
    matrices = np.empty((0, 0, 0))
    start = 0
    for strip in strips:
        if not start:
            matrices = np.empty((len(strip), strip.shape[2], strip.shape[2]))
        end = start + strip.shape[1]
        matrices[:, start:end, start:] = strip
        matrices[:, end:, start:end] = strip[:, :, end - start :].transpose(0, 2, 1)
        start = end
    return matrices
