"""What the inputs of a product look like: the Gram matrix of its columns, in constant memory.

A convolution is a matrix product of its weights and columns, one column for each position of its output
(im2col). The squared error that changed weights `w + d` make in the output is `d G d` with the Gram
matrix G, the mean of `x x^T` over the columns x: half the Hessian of that error. Rounding uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeinfer.frames import Array
from edgeinfer_converters.quantize.columns import POSITIONS, Columns
from edgeinfer_converters.quantize.symmetric import SymmetricSum
from edgeinfer_converters.shelf import ReadLater, Shelf, kept

FEW_POSITIONS = 16
"""Of each sample, instead of POSITIONS: enough for columns no wider than NARROW where there are MANY samples,
and saves time where groups are MANY."""

NARROW, MANY = 32, 64

ENOUGH_OF_EACH, ENOUGH = 16, 512
"""Columns seen, for each number in one and at least: further samples are passed over where time is dear."""

EVERY_AT_MOST = 4
"""At least one sample in so many is looked at."""

_ROWS_AT_ONCE, _ROWS_OF_WIDE = 32, 256
"""Columns that wait to be added: adding them to a wide matrix takes as long as multiplying a hundred."""

_WIDE = 256

IN_MEMORY_BYTES = 64_000_000
"""What the observers of a graph take in memory. Deep networks of plain convolutions would need a gigabyte."""
_SUM_ERROR = 1e-5

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gram:
    """Over `positions` columns: `matrices` (groups * blocks, width, width), the mean of x x^T, and `means`
    (groups * blocks, width), that of x."""

    matrices: Floats
    means: Floats
    positions: int

    def centred(self, part: slice = slice(None)) -> Floats:
        """The covariances, or `part` of them: what is left of the error if the bias makes up for its mean.

        The diagonal gains what the float32 sums may have lost, so that none is below zero.
        """
        means, matrices = self.means[part], self.matrices[part]
        covariances = means[:, :, None] * means[:, None, :]
        np.subtract(matrices, covariances, out=covariances)
        index = np.arange(covariances.shape[1])
        covariances[:, index, index] += _SUM_ERROR * matrices[:, index, index]
        return covariances

    def around(self, middle: Floats, step: Floats) -> Gram:
        """That of (x - middle) / step, one number each for each row of x."""
        moved, apart = middle.reshape(self.means.shape), step.reshape(self.means.shape)
        mixed = moved[:, :, None] * self.means[:, None, :]
        matrices = self.matrices - mixed - mixed.transpose(0, 2, 1) + moved[:, :, None] * moved[:, None, :]
        matrices /= apart[:, :, None] * apart[:, None, :]
        # What the sums may have lost is as large as before, see `centred`.
        index = np.arange(matrices.shape[1])
        matrices[:, index, index] += _SUM_ERROR * self.matrices[:, index, index] / np.square(apart)
        return Gram(matrices, (self.means - moved) / apart, self.positions)


class GramObserver:
    """Adds up the Gram matrix of one product while its inputs stream by."""

    def __init__(
        self, columns: Columns, samples: int = 0, *, sparing: bool = False, shelf: Shelf | None = None
    ) -> None:
        """`samples`: how many are expected, 0 if that is not known. `sparing`: to pass some of them over if
        the others say enough. `shelf`: where the sums lie, instead of in memory. Raises OSError."""
        self._columns = columns
        few = columns.width <= NARROW and samples >= MANY and columns.groups > MANY
        self._most = FEW_POSITIONS if few else POSITIONS
        self._samples = samples if sparing else 0
        self._every = 0
        matrices, most = columns.groups * columns.blocks, max(_rows_at_once(columns), self._most)
        self._sum = SymmetricSum(matrices, columns.width, shelf)
        self._total = np.zeros((matrices, columns.width))
        self._positions = 0
        self._seen = 0
        # One place for what waits: small pieces would lie between the large ones that come and go.
        self._waiting = kept((most, matrices, columns.width), "float32", shelf)
        self._rows = 0

    def update(self, values: Array) -> None:
        """Take in the product's input for one sample."""
        self._every = self._every or self._enough_of(values)
        number, left = divmod(self._seen, self._every)
        self._seen += 1
        if left:
            return
        new = self._columns.take(values, number, self._most)
        self._total += new.sum(axis=0)
        self._positions += len(new)
        if self._rows + len(new) > self._waiting.shape[0]:
            self._add()
        self._waiting.write(new.astype(np.float32, copy=False), self._rows)
        self._rows += len(new)

    def _enough_of(self, values: Array) -> int:
        """One in how many samples like this one is enough."""
        columns = self._samples * min(self._columns.count(values.shape), self._most)
        enough = max(ENOUGH_OF_EACH * self._columns.width, ENOUGH)
        return min(max(columns // enough, 1), EVERY_AT_MOST)

    def result(self) -> Gram:
        """The mean over all columns seen."""
        self._add()
        return _mean(self._sum.whole(), self._total, self._positions)

    def shelve(self, shelf: Shelf) -> Callable[[], Gram]:
        """The same, put aside until it is asked for. Raises OSError."""
        self._add()
        shelved, total, positions = self._sum.shelve(shelf), self._total, self._positions
        return lambda: _mean(shelved.whole(), total, positions)

    def state(self) -> Mapping[str, Array]:
        """All that the observer knows, columns that wait included: sums are added up in the same order."""
        counts = np.array([self._positions, self._seen, self._every], np.int64)
        strips = {f"strip{index}": strip for index, strip in enumerate(self._sum.strips)}
        return ReadLater(
            {
                "counts": lambda: counts,
                "total": lambda: self._total,
                "waiting": lambda: self._waiting.read(self._rows),
                **strips,
            }
        )

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state. Raises ValueError, and then nothing has changed."""
        now = self.state()
        if {name: array.dtype for name, array in state.items()} != {k: v.dtype for k, v in now.items()}:
            raise ValueError("not the arrays of a Gram matrix")
        counts, total, waiting = state["counts"], state["total"], state["waiting"]
        if counts.shape != (3,) or counts.min() < 0:
            raise ValueError("not the counts of a Gram matrix")
        fits = waiting.ndim == 3 and waiting.shape[1:] == self._total.shape
        if total.shape != self._total.shape or not fits or len(waiting) > self._waiting.shape[0]:
            raise ValueError("not the columns of this product")
        if not all(np.isfinite(array).all() for array in state.values()):
            raise ValueError("there are columns with NaN or infinity")
        self._sum.restore([state[f"strip{index}"] for index in range(len(self._sum.strips))])
        self._positions, self._seen, self._every = map(int, counts)
        self._total, self._rows = total.copy(), len(waiting)
        self._waiting.write(waiting)

    def _add(self) -> None:
        if not self._rows:
            return
        # In one layout, full or not: sums of floats depend on the order in which memory is read.
        rows = np.ascontiguousarray(self._waiting.read(self._rows).transpose(1, 0, 2))
        self._sum.add_products(rows)
        self._rows = 0


def gram_observers(
    columns: Mapping[str, Columns], samples: int = 0, *, sparing: bool = False
) -> Mapping[str, GramObserver]:
    """An observer for each product, by name. What is more than IN_MEMORY_BYTES together lies on disk, the
    largest sums first. Raises OSError."""
    shelf, left, shelved = Shelf(), IN_MEMORY_BYTES, set[str]()
    for name in sorted(columns, key=lambda one: _bytes(columns[one])):
        left -= _bytes(columns[name])
        if left < 0:
            shelved.add(name)
    return {
        name: GramObserver(one, samples, sparing=sparing, shelf=shelf if name in shelved else None)
        for name, one in columns.items()
    }


class Grams(Mapping[str, Gram]):
    """Gram matrices by node name. They wait on disk: rounding needs one at a time, other steps none."""

    def __init__(self, observers: Mapping[str, GramObserver]) -> None:
        """Raises OSError."""
        shelf = Shelf()
        self._shelved = {name: observer.shelve(shelf) for name, observer in observers.items()}

    def __getitem__(self, name: str) -> Gram:
        return self._shelved[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._shelved)

    def __len__(self) -> int:
        return len(self._shelved)


class GramsAround(Mapping[str, Gram]):
    """Those of products whose inputs have since got a middle and a step for each channel: `Gram.around`."""

    def __init__(self, grams: Mapping[str, Gram], spans: Mapping[str, tuple[Floats, Floats]]) -> None:
        self._grams, self._spans = grams, spans

    def __getitem__(self, name: str) -> Gram:
        gram = self._grams[name]
        return gram.around(*self._spans[name]) if name in self._spans else gram

    def __iter__(self) -> Iterator[str]:
        return iter(self._grams)

    def __len__(self) -> int:
        return len(self._grams)


def _rows_at_once(columns: Columns) -> int:
    return _ROWS_OF_WIDE if columns.width > _WIDE else _ROWS_AT_ONCE


def _bytes(columns: Columns) -> int:
    """About what an observer takes: half a matrix in float64, and the columns that wait."""
    waiting = 4 * max(_rows_at_once(columns), POSITIONS)
    return columns.groups * columns.blocks * columns.width * (4 * columns.width + waiting)


def _mean(whole: Floats, total: Floats, positions: int) -> Gram:
    count = max(positions, 1)
    whole /= count
    return Gram(whole, total / count, positions)
