"""Fourier transforms of fixed size, as products with constant matrices.

Source: the definitions of DFT and STFT in ONNX; complex numbers are the last axis, (real, imaginary).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.formulas import Term
from edgeinfer_converters.tflite.tensors import ABSENT

MAX_ELEMENTS = 1 << 22
"""Of a matrix: a transform of 1,024 complex numbers."""

_AXIS_IS_INPUT_SINCE = 20

Matrix = npt.NDArray[np.floating[Any]]


def dft(node: Node, at: Lowering) -> None:
    """DFT along one axis."""
    name, result = node.inputs[0], node.outputs[0]
    shape, axis = at.shape(name), _axis(node, at)
    length = int(at.need_constant(node, 1, "length").item()) if node.input(1) else shape[axis]
    one_sided, inverse = bool(node.integer("onesided", 0)), bool(node.integer("inverse", 0))
    if one_sided and inverse:
        raise UnsupportedError("the inverse of half a spectrum has no equal")
    bins = length // 2 + 1 if one_sided else length
    order = (*(place for place in range(len(shape) - 1) if place != axis), axis, len(shape) - 1)
    matrix = _matrix(shape[axis], length, bins, shape[-1], inverse=inverse)
    rows = at.reshape(at.read(name, order), (_others(shape, axis), shape[axis] * shape[-1]))
    spectrum = _transformed(at, rows, matrix)
    sides = [shape[place] for place in order[:-2]]
    at.write(result, at.reshape(spectrum, (*sides, bins, 2)), order)


def stft(node: Node, at: Lowering) -> None:
    """STFT: frames of the signal, each of them weighed and transformed."""
    signal, result = node.inputs[0], node.outputs[0]
    shape = at.shape(signal)
    if len(shape) == 3 and shape[2] != 1:
        raise UnsupportedError("spectrograms of complex signals have no equal")
    length = _frame_length(node, at)
    bins = length // 2 + 1 if node.integer("onesided", 1) else length
    step = _step(node, at, shape[1] - length)
    count = (shape[1] - length) // step + 1
    starts = step * np.arange(count)
    indices = at.const((starts[:, np.newaxis] + np.arange(length)).astype(np.int32))
    source = at.reshape(at.read(signal), shape[:2])
    sides = (shape[0], count, length)
    frames = Term(at, at.add("GATHER", [source, indices], sides, "float32", axis=1, batchDims=0))
    if node.input(2):
        frames = frames * Term(at, at.read(node.input(2)))
    rows = at.reshape(frames.tensor, (shape[0] * count, length))
    spectrum = _transformed(at, rows, _matrix(length, length, bins, 1, inverse=False))
    # onnx infers the shape of a whole spectrum where the attribute is left to its default.
    at.facts.types[result] = helper.make_tensor_type_proto(TensorProto.FLOAT, (shape[0], count, bins, 2))
    at.write(result, at.reshape(spectrum, (shape[0], count, bins, 2)))


def _axis(node: Node, at: Lowering) -> int:
    rank = at.rank(node.inputs[0])
    if node.opset < _AXIS_IS_INPUT_SINCE:
        return node.integer("axis", 1) % rank
    return int(at.need_constant(node, 2, "axis").item()) % rank if node.input(2) else rank - 2


def _others(shape: tuple[int, ...], axis: int) -> int:
    return prod(shape) // (shape[axis] * shape[-1])


def _matrix(size: int, length: int, bins: int, parts: int, *, inverse: bool) -> Matrix:
    """What turns `size` numbers of `parts` real parts into `bins` complex ones, (inputs, outputs)."""
    if size * parts * bins * 2 > MAX_ELEMENTS:
        raise UnsupportedError(f"its matrix has more than {MAX_ELEMENTS} elements")
    turns = np.outer(np.arange(size), np.arange(bins)) % length / length
    powers = np.exp((2j if inverse else -2j) * np.pi * turns) * (1 / length if inverse else 1)
    powers[length:] = 0  # What exceeds the transform is cut off.
    real = np.stack([powers.real, powers.imag], axis=-1)
    imaginary = np.stack([-powers.imag, powers.real], axis=-1)
    matrix = np.stack([real, imaginary][:parts], axis=1)
    return matrix.reshape(size * parts, bins * 2).astype(np.float32)


def _transformed(at: Lowering, rows: int, matrix: Matrix) -> int:
    weights = at.const(np.ascontiguousarray(matrix.T))
    shape = (at.graph.tensors[rows].shape[0], matrix.shape[1])
    return at.add(
        "FULLY_CONNECTED",
        [rows, weights, ABSENT],
        shape,
        "float32",
        fusedActivationFunction="NONE",
        keepNumDims=False,
    )


def _frame_length(node: Node, at: Lowering) -> int:
    window = at.shape(node.input(2))[0] if node.input(2) else None
    if not node.input(3):
        return at.shape(node.inputs[0])[1] if window is None else window
    length = int(at.need_constant(node, 3, "length of frames").item())
    if window not in (None, length):
        raise UnsupportedError("its window has another size than its frames")
    return length


def _step(node: Node, at: Lowering, room: int) -> int:
    """The distance of frames; where the model is given it, the only one that makes so many."""
    given = at.constant(node.inputs[1])
    if given is not None:
        return int(given.item())
    count = at.shape(node.outputs[0])[1]
    steps = [step for step in range(1, room + 1) if room // step + 1 == count]
    if len(steps) != 1:
        raise UnsupportedError("the distance of its frames is known only when the model runs")
    return steps[0]


OPERATORS: Table = {"DFT": dft, "STFT": stft}
