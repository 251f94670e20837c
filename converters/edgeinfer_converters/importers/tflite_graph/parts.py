"""What a TFLite model is made of, as far as the importer needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array

OPEN = -1
"""A dimension without a fixed size."""

QUANTIZED_TYPES = frozenset({"INT2", "INT4", "UINT4", "INT8", "UINT8", "INT16", "UINT16"})
"""Element types that stand for real numbers if the tensor has a scale; int32 with one is a bias."""


class NoEqualError(ModelError):
    """An operator, or this use of it, that ONNX has no equal for. The message is the reason alone."""


@dataclass(frozen=True)
class Tensor:
    """`kind`: the schema's name of the element type, such as FLOAT32.

    `shape`: OPEN where the signature leaves a size open; `static`: what the interpreter starts with, where
    such a size is 1. `data`: the constant, a read-only view of the file; None for what is computed.
    """

    index: int
    name: str
    kind: str
    shape: tuple[int, ...]
    static: tuple[int, ...]
    data: Array | None = None
    scaled: bool = False
    variable: bool = False

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_quantized(self) -> bool:
        """Whether its integers stand for real numbers."""
        return self.scaled and self.kind in QUANTIZED_TYPES

    def size(self, axis: int) -> int:
        """The fixed size of an axis. Raises NoEqualError if it is open."""
        side = self.shape[self.axis(axis)]
        if side == OPEN:
            raise NoEqualError(f"the size of axis {axis} of `{self.name}` is not fixed")
        return side

    def axis(self, number: int) -> int:
        """An axis counted from the front. Raises ModelError for one that is not there."""
        if not -self.rank <= number < self.rank:
            raise ModelError(f"tensor `{self.name}` of rank {self.rank} has no axis {number}")
        return number % self.rank


@dataclass(frozen=True)
class Options:
    """The options of an operator by the schema's names. What a file leaves out is zero, as in the schema."""

    values: Mapping[str, object] = field(default_factory=dict)

    def whole(self, name: str, default: int = 0) -> int:
        """An integer, an enumeration's or a flag's value."""
        value = self.values.get(name, default)
        return int(value) if isinstance(value, int | np.integer) else default

    def number(self, name: str, default: float = 0.0) -> float:
        """A floating point number."""
        value = self.values.get(name, default)
        return float(value) if isinstance(value, int | float | np.number) else default

    def flag(self, name: str) -> bool:
        """A yes or no."""
        return bool(self.whole(name))

    def wholes(self, name: str) -> tuple[int, ...] | None:
        """A vector of integers; None if the file has none."""
        value = self.values.get(name)
        return tuple(int(one) for one in value) if isinstance(value, list | np.ndarray) else None


@dataclass(frozen=True)
class Operator:
    """`inputs` and `outputs` are numbers of tensors, an input OPEN where it is left out."""

    number: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class FlatModel:
    """The main graph. The numbers of all tensors are checked; operators are in the order they run."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def is_quantized(self) -> bool:
        """Whether any operator reads or writes integers that stand for real numbers, weights too."""
        return any(self.tensors[index].is_quantized for index in self._used())

    @property
    def is_open(self) -> bool:
        """Whether any tensor has a size that is not fixed."""
        return any(OPEN in tensor.shape for tensor in self.tensors)

    def _used(self) -> set[int]:
        used = {*self.inputs, *self.outputs}
        for operator in self.operators:
            used.update((*operator.inputs, *operator.outputs))
        return used - {OPEN}
