"""Spectra: complex tensors as their real and imaginary parts, Fourier transforms as matrix products.

TensorFlow's models for sound compute their spectrogram themselves. ONNX has no complex numbers. As a product
the transform of short frames costs little beside the network behind it, any runtime has it, and where a
filter bank follows directly both become one matrix.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.importers.tflite_graph.parts import (
    FlatModel,
    NoEqualError,
    Operator,
    Options,
    Tensor,
)
from edgeinfer_converters.importers.tflite_graph.step import Step

MAX_LENGTH = 2**16
"""Numbers of a frame."""

MAX_DIRECT = 1024
"""The longest frame whose whole spectrum is one product: its two matrices have 4 MB then."""

MAX_ALONE = 2048
"""The longest frame whose real part alone is one product: it may become one with a filter bank behind it."""

_MOVES = frozenset({"EXPAND_DIMS", "RESHAPE", "SLICE", "SQUEEZE", "STRIDED_SLICE", "TRANSPOSE"})
"""What LiteRT does with complex numbers, besides arithmetic."""

_PARTS = {"CAST": ("REAL", 0), "IMAG": ("IMAG", 1), "REAL": ("REAL", 0)}
"""What takes one part of a complex tensor; a cast drops the imaginary one."""


def split_complex(model: FlatModel) -> FlatModel:
    """The model with two float tensors for each complex one that a transform leads to.

    RFFT2D has a real and an imaginary output then, COMPLEX_ABS two inputs; what moves numbers is there twice.
    Operators that compute with complex numbers are left as they are: they have no equal.
    """
    splitter = _Splitter(list(model.tensors))
    operators = tuple(made for one in model.operators for made in splitter.split(one))
    return replace(model, tensors=tuple(splitter.tensors), operators=operators)


def drop_unread_parts(operators: Sequence[Operator], outputs: Sequence[int]) -> tuple[Operator, ...]:
    """The operators, a transform without its imaginary output where neither they nor `outputs` read it."""
    read = {*outputs}.union(*(one.inputs for one in operators))
    return tuple(
        replace(one, outputs=one.outputs[:1])
        if one.kind == "RFFT2D" and not read.intersection(one.outputs[1:])
        else one
        for one in operators
    )


class _Splitter:
    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors
        self._parts: dict[int, tuple[int, int]] = {}

    def split(self, operator: Operator) -> list[Operator]:
        """The operators in the place of one."""
        kind, inputs = operator.kind, operator.inputs
        if kind == "RFFT2D" and len(operator.outputs) == 1:
            return [replace(operator, outputs=self._split_tensor(operator.outputs[0]))]
        if not self._parts.keys() & {*inputs}:
            return [operator]
        if kind == "COMPLEX_ABS" and len(inputs) == 1:
            return [replace(operator, inputs=self._parts[inputs[0]])]
        if kind in _PARTS and len(inputs) == 1:
            kind, place = _PARTS[kind]
            return [replace(operator, kind=kind, inputs=(self._parts[inputs[0]][place],), options=Options())]
        if kind not in _MOVES:
            return [operator]
        outputs = [self._split_tensor(index) for index in operator.outputs]
        return [self._moved(operator, outputs, part) for part in (0, 1)]

    def _moved(self, operator: Operator, outputs: Sequence[tuple[int, int]], part: int) -> Operator:
        inputs = [self._parts[index][part] if index in self._parts else index for index in operator.inputs]
        return replace(operator, inputs=tuple(inputs), outputs=tuple(one[part] for one in outputs))

    def _split_tensor(self, index: int) -> tuple[int, int]:
        tensor, first = self.tensors[index], len(self.tensors)
        for place, part in enumerate(("real", "imaginary")):
            name = f"{tensor.name}/{part}"
            self.tensors.append(replace(tensor, index=first + place, name=name, kind="FLOAT32"))
        self._parts[index] = first, first + 1
        return self._parts[index]


def part(step: Step) -> None:
    """The real or the imaginary part of what is kept in parts."""
    if step.tensor(0).kind != step.out().kind:
        raise NoEqualError("its complex numbers do not come from a transform")
    step.write(step.rows(0))


def complex_abs(step: Step) -> None:
    """sqrt(real^2 + imaginary^2)."""
    if len(step.operator.inputs) != 2:
        raise NoEqualError("its complex numbers do not come from a transform")
    squares = [step.emit("Mul", name, name) for name in (step.rows(0), step.rows(1))]
    step.write(step.emit("Sqrt", step.emit("Add", *squares)))


def real_transform(step: Step) -> None:
    """The first half of the discrete Fourier transform of the last axis, and the number in the middle."""
    length = _length(step)
    tensor = step.tensor(0)
    width = tensor.size(tensor.rank - 1)
    source = step.rows(0)
    if width > length:
        source = step.emit("Slice", source, *(step.constant([one]) for one in (0, length, tensor.rank - 1)))
        width = length
    count = len(step.operator.outputs)
    if length <= (MAX_ALONE if count == 1 else MAX_DIRECT):
        matrices = _transform(length, width, length // 2 + 1)[:count]
        parts = [step.emit("MatMul", source, step.constant(matrix, "float32")) for matrix in matrices]
    else:
        parts = _in_two_steps(step, source, width, length)
    for place in range(count):
        step.write(parts[place], place)


def _length(step: Step) -> int:
    lengths, tensor = step.wholes(1, "lengths"), step.tensor(0)
    if len(lengths) != 2 or tensor.rank < 2:
        raise ModelError(f"{step.where}: the lengths {lengths} do not fit a tensor of rank {tensor.rank}")
    if lengths[0] != 1 or tensor.size(tensor.rank - 2) != 1:
        raise NoEqualError("it transforms two axes")
    if not 2 <= lengths[1] <= MAX_LENGTH:
        raise ModelError(f"{step.where}: frames of {lengths[1]} numbers; 2 to {MAX_LENGTH} are possible")
    return lengths[1]


def _transform(period: int, rows: int, columns: int) -> tuple[Array, Array]:
    """cos and -sin of 2 pi row column / period, in float64."""
    turns = np.outer(np.arange(rows), np.arange(columns)) % period * (2 * math.pi / period)
    return np.cos(turns), -np.sin(turns)


def _in_two_steps(step: Step, source: str, width: int, length: int) -> list[str]:
    """The transform as two small ones, of the columns and then the rows of each frame as a matrix.

    Cooley and Tukey, "An Algorithm for the Machine Calculation of Complex Fourier Series" (1965): number
    j = second a + b of the frame, and k = c + first d of the spectrum.
    """
    first = 2 ** (int(math.log2(length)) // 2)
    if length % first:
        raise NoEqualError(f"frames of {length} numbers")
    second, rank = length // first, step.tensor(0).rank
    lead = [step.tensor(0).size(axis) for axis in range(rank - 1)]
    if width < length:
        pads = [*[0] * (2 * rank - 1), length - width]
        source = step.emit("Pad", source, step.constant(pads))
    swap = [*range(rank - 1), rank, rank - 1]
    table = step.emit("Reshape", source, step.constant([*lead, first, second]))
    table = step.emit("Transpose", table, perm=swap)  # ..., b, a
    columns = _complex_product(step, [table], _transform(first, first, first))
    turned = _twiddled(step, columns, _transform(length, second, first))
    rows = [step.emit("Transpose", name, perm=swap) for name in turned]  # ..., c, b
    half = second // 2 + 1
    found = [
        step.emit("Transpose", name, perm=swap)  # ..., d, c
        for name in _complex_product(step, rows, _transform(second, second, half))
    ]
    flat = step.constant([*lead, half * first])
    ends = [step.constant([one]) for one in (0, length // 2 + 1, rank - 1)]
    return [step.emit("Slice", step.emit("Reshape", name, flat), *ends) for name in found]


def _complex_product(step: Step, parts: Sequence[str], matrix: tuple[Array, Array]) -> list[str]:
    """Real, or real and imaginary parts, times a complex matrix."""
    real, imaginary = (step.constant(one, "float32") for one in matrix)
    straight = [step.emit("MatMul", name, real) for name in parts]
    crossed = [step.emit("MatMul", name, imaginary) for name in parts]
    if len(parts) == 1:
        return [straight[0], crossed[0]]
    return [step.emit("Sub", straight[0], crossed[1]), step.emit("Add", crossed[0], straight[1])]


def _twiddled(step: Step, parts: Sequence[str], factors: tuple[Array, Array]) -> list[str]:
    """Each number of a table times its complex factor."""
    real, imaginary = (step.constant(one, "float32") for one in factors)
    straight = [step.emit("Mul", name, real) for name in parts]
    crossed = [step.emit("Mul", name, imaginary) for name in parts]
    return [step.emit("Sub", straight[0], crossed[1]), step.emit("Add", crossed[0], straight[1])]
