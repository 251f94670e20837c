"""Second moments of what goes into a product and of what should come out of it, in constant memory.

The columns x come from the pruned network, the targets y from the original one: least squares on their
moments make up for all that was lost before the product too (asymmetric reconstruction).
Source: He, Zhang, Sun, "Channel Pruning for Accelerating Very Deep Neural Networks" (ICCV 2017), 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from edgeinfer.frames import Array

Floats = npt.NDArray[np.float64]


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

    def __add__(self, other: Moments) -> Moments:
        """Those of both sets of rows."""
        return self._with(other, 1)

    def __sub__(self, other: Moments) -> Moments:
        """Those without a part of the rows."""
        return self._with(other, -1)

    def covariances(self, *, centred: bool) -> Covariances:
        """The means over all rows; with `centred` the products of the means are taken off."""
        count = max(self.count, 1)
        xx, yx, yy = self.xx / count, self.yx / count, self.yy / count
        mean_x, mean_y = self.x / count, self.y / count
        if centred:
            xx -= mean_x[:, :, None] * mean_x[:, None, :]
            yx -= mean_y[:, :, None] * mean_x[:, None, :]
            yy = np.maximum(yy - mean_y**2, 0)
        return Covariances(xx, yx, yy, mean_x, mean_y)

    def _with(self, other: Moments, sign: int) -> Moments:
        return Moments(
            xx=self.xx + sign * other.xx,
            yx=self.yx + sign * other.yx,
            yy=self.yy + sign * other.yy,
            x=self.x + sign * other.x,
            y=self.y + sign * other.y,
            count=self.count + sign * other.count,
        )


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
    """The sum of one or more."""
    return reduce(Moments.__add__, parts)
