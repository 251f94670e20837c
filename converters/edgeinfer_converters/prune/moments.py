"""Second moments of what goes into a product and of what should come out of it, in constant memory.

The columns x come from the pruned network, the targets y from the original one: least squares on their
moments make up for all that was lost before the product too (asymmetric reconstruction).
Source: He, Zhang, Sun, "Channel Pruning for Accelerating Very Deep Neural Networks" (ICCV 2017), 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
import numpy.typing as npt

from edgeinfer.frames import Array
from edgeinfer_converters.shelf import Shelf

Floats = npt.NDArray[np.float64]

_ROWS = 64


@dataclass(frozen=True)
class Moments:
    """Sums over `count` rows, for each of the product's groups.

    `xx` (groups, width, width) of x x^T, `yx` (groups, outputs, width) of y x^T, `yy` (groups, outputs) of
    y^2, `x` (groups, width), `y` (groups, outputs).
    """

    xx: Floats
    yx: Floats
    yy: Floats
    x: Floats
    y: Floats
    count: int

    def covariances(self, *, centred: bool, without: Moments | None = None) -> Covariances:
        """The means over all rows, or those `without` a part of them; with `centred` the products of the
        means are taken off."""
        xx, yx, yy, x, y = (one.copy() for one in self.sums)
        count = self.count
        if without is not None:
            for one, other in zip((xx, yx, yy, x, y), without.sums, strict=True):
                np.subtract(one, other, out=one)
            count -= without.count
        for one in (xx, yx, yy, x, y):
            np.divide(one, max(count, 1), out=one)
        if centred:
            for group, (mean_x, mean_y) in enumerate(zip(x, y, strict=True)):
                _take_off(xx[group], mean_x, mean_x)
                _take_off(yx[group], mean_y, mean_x)
            yy = np.maximum(yy - y**2, 0)
        return Covariances(xx, yx, yy, x, y)

    @property
    def sums(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """All but the number of rows."""
        return self.xx, self.yx, self.yy, self.x, self.y


@dataclass(frozen=True)
class Covariances:
    """Means of products, in the shapes of `Moments`, and the means of both sides."""

    xx: Floats
    yx: Floats
    yy: Floats
    mean_x: Floats
    mean_y: Floats

    def error(self, weights: Floats) -> float:
        """The mean squared error of `weights` (groups, outputs, width), summed over the outputs."""
        return float(self.yy.sum() - 2 * np.vdot(weights, self.yx) + np.vdot(weights @ self.xx, weights))


def moments_of(columns: Array, targets: Array) -> Moments:
    """Of rows: columns (rows, groups, width), targets (rows, groups, outputs)."""
    x = np.ascontiguousarray(columns.transpose(1, 0, 2), np.float32)
    y = np.ascontiguousarray(targets.transpose(1, 0, 2), np.float32)
    return Moments(
        xx=(x.transpose(0, 2, 1) @ x).astype(np.float64),
        yx=(y.transpose(0, 2, 1) @ x).astype(np.float64),
        yy=np.square(y, dtype=np.float64).sum(axis=1),
        x=x.sum(axis=1, dtype=np.float64),
        y=y.sum(axis=1, dtype=np.float64),
        count=x.shape[1],
    )


def with_targets(known: Moments, rows: Iterable[tuple[Array, Array]]) -> Moments:
    """The moments of the same columns, (rows, groups, width) each, with other targets."""
    yx, yy, y = np.zeros_like(known.yx), np.zeros_like(known.yy), np.zeros_like(known.y)
    for columns, targets in rows:
        by_group = np.ascontiguousarray(targets.transpose(1, 2, 0), np.float32)
        yx += by_group @ np.ascontiguousarray(columns.transpose(1, 0, 2), np.float32)
        yy += np.square(by_group, dtype=np.float64).sum(axis=2)
        y += by_group.sum(axis=2, dtype=np.float64)
    return replace(known, yx=yx, yy=yy, y=y)


def total_of(parts: Iterable[Moments]) -> Moments:
    """The sum of one or more, of which two are held at a time: those of wide products are large."""
    each = iter(parts)
    first = next(each)
    sums, count = [one.copy() for one in first.sums], first.count
    del first
    for part in each:
        for one, other in zip(sums, part.sums, strict=True):
            np.add(one, other, out=one)
        count += part.count
    return _moments(sums, count)


def _moments(sums: Sequence[Floats], count: int) -> Moments:
    xx, yx, yy, x, y = sums
    return Moments(xx, yx, yy, x, y, count)


class ShelvedMoments(Sequence[Moments]):
    """Several that wait on disk, each read when it is needed."""

    def __init__(self, parts: Iterable[Moments]) -> None:
        """Raises OSError."""
        shelf = Shelf()
        self._shelved = [
            ([(shelf.put(np.ascontiguousarray(one)), one.shape) for one in part.sums], part.count)
            for part in parts
        ]

    @overload
    def __getitem__(self, index: int) -> Moments: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Moments]: ...

    def __getitem__(self, index: int | slice) -> Moments | Sequence[Moments]:
        if isinstance(index, slice):
            return [self[one] for one in range(len(self))[index]]
        sums, count = self._shelved[index]
        return _moments([np.frombuffer(one.read()).reshape(shape) for one, shape in sums], count)

    def __len__(self) -> int:
        return len(self._shelved)


def _take_off(matrix: Floats, rows: Floats, columns: Floats) -> None:
    """Subtract (in place) the products of two vectors, some rows at a time."""
    for start in range(0, len(rows), _ROWS):
        matrix[start : start + _ROWS] -= rows[start : start + _ROWS, None] * columns
