"""Numbers that turn out to mean the same: a union-find."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]


class Classes:
    """Members are numbered from 0; united ones form a class, whose root is its least member."""

    def __init__(self) -> None:
        self._parents: list[int] = []

    def __len__(self) -> int:
        return len(self._parents)

    def new(self, size: int) -> Indices:
        """As many new members, each a class of its own."""
        indices = np.arange(len(self._parents), len(self._parents) + size)
        self._parents.extend(indices.tolist())
        return indices

    def root(self, index: int) -> int:
        """The least member of the class."""
        while self._parents[index] != index:
            self._parents[index] = self._parents[self._parents[index]]
            index = self._parents[index]
        return index

    def unite(self, one: int, other: int) -> None:
        """Make the classes of two members one."""
        first, second = sorted((self.root(one), self.root(other)))
        self._parents[second] = first

    def roots(self) -> Indices:
        """The root of every member."""
        return np.array([self.root(index) for index in range(len(self._parents))], np.intp)
