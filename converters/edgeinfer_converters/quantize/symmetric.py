"""Sums of symmetric products in little more than half of the memory, and on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeinfer.frames import Array
from edgeinfer_converters.shelf import Shelf

STRIP = 128
"""Rows of a strip."""

Floats = npt.NDArray[np.float64]


class SymmetricSum:
    """Sums of `count` symmetric matrices each: the strips from the diagonal to the right are kept."""

    def __init__(self, count: int, width: int) -> None:
        self._strips = [
            np.zeros((count, min(STRIP, width - start), width - start)) for start in range(0, width, STRIP)
        ]

    def add_products(self, rows: Array) -> None:
        """Add `x^T x` of each matrix x in `rows` (count, rows, width), in the precision of x."""
        start = 0
        for strip in self._strips:
            end = start + strip.shape[1]
            np.add(strip, rows[:, :, start:end].transpose(0, 2, 1) @ rows[:, :, start:], out=strip)
            start = end

    @property
    def strips(self) -> list[Floats]:
        """The sums as they are kept."""
        return self._strips

    def restore(self, strips: Sequence[Array]) -> None:
        """Take over sums as they are kept elsewhere. Raises ValueError for those of other matrices."""
        wanted = [(strip.shape, strip.dtype) for strip in self._strips]
        if [(strip.shape, strip.dtype) for strip in strips] != wanted:
            raise ValueError("not the sums of these matrices")
        self._strips = list(strips)

    def whole(self) -> Floats:
        """The sums, both halves of them."""
        return _whole(self._strips)

    def shelve(self, shelf: Shelf) -> ShelvedSum:
        """The sums, put aside. Raises OSError."""
        return ShelvedSum(tuple(_shelve(strip, shelf) for strip in self._strips))


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
