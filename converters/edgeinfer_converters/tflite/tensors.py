"""A TFLite graph in memory, while it is built: tensors and operators by number, as in the file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from edgeinfer.frames import Array

Shape = tuple[int, ...]
OptionValue = int | float | bool | str | Sequence[int]

ABSENT = -1
"""Stands for an optional input that is not there."""


@dataclass(frozen=True)
class Quant:
    """Affine quantization of a tensor: real = scale * (stored - zero point).

    One scale for the whole tensor, or one for each index along `axis`.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0

    @classmethod
    def whole(cls, scale: float, zero_point: int) -> Quant:
        """That of a whole tensor."""
        return cls((scale,), (zero_point,))

    @property
    def per_channel(self) -> bool:
        """Whether channels have scales of their own."""
        return len(self.scales) > 1


@dataclass
class Tensor:
    """A tensor; `data` holds the values of a constant. `dtype` is numpy's name for the element type."""

    name: str
    shape: Shape
    dtype: str
    data: Array | None = None
    quant: Quant | None = None

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)


@dataclass
class Operator:
    """An operator: its name in the schema's BuiltinOperator, its tensors, and the fields of its options."""

    code: str
    inputs: list[int]
    outputs: list[int]
    options: Mapping[str, OptionValue] = field(default_factory=dict)


@dataclass
class Graph:
    """The one subgraph of a model."""

    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    _constants: dict[tuple[str, Shape, bytes, Quant | None], int] = field(default_factory=dict)
    # Constants by what they hold: of values only a digest, for a key would keep a copy of all weights.

    def tensor(self, name: str, shape: Sequence[int], dtype: str, quant: Quant | None = None) -> int:
        """A new tensor that an operator will write; returns its number."""
        self.tensors.append(Tensor(name, tuple(int(side) for side in shape), dtype, None, quant))
        return len(self.tensors) - 1

    def constant(self, values: Array, name: str, quant: Quant | None = None) -> int:
        """A tensor with fixed values; the same values are stored once."""
        data = np.ascontiguousarray(values).reshape(np.shape(values))
        key = (data.dtype.name, data.shape, hashlib.sha256(data.data).digest(), quant)
        if key not in self._constants:
            self.tensors.append(Tensor(name, data.shape, data.dtype.name, data, quant))
            self._constants[key] = len(self.tensors) - 1
        return self._constants[key]

    def add(
        self, code: str, inputs: Sequence[int], outputs: Sequence[int], **options: OptionValue
    ) -> Operator:
        """Append an operator."""
        operator = Operator(code, list(inputs), list(outputs), options)
        self.operators.append(operator)
        return operator
