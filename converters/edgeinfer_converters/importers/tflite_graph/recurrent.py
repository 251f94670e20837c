"""Recurrent layers. The interpreter's state is that of a fresh start, at each run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ai_edge_litert.schema_py_generated import ActivationFunctionType

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.importers.tflite_graph.parts import NoEqualError
from edgeinfer_converters.importers.tflite_graph.step import Step

MAX_UNROLLED = 256
"""Steps of an LSTM whose cell is clipped, which ONNX's LSTM cannot do: each step is a dozen nodes."""

_INPUT_WEIGHTS, _RECURRENT_WEIGHTS, _BIASES = 1, 5, 12
"""The first of four inputs each: input, forget, cell and output gate."""
_PEEPHOLES = (9, 10, 11)
_PROJECTION = (16, 17)
_STATES = (18, 19)
_NORMALIZATION = (20, 21, 22, 23)
_ONNX_ORDER = (0, 3, 1, 2)
"""Input, output, forget, cell."""


@dataclass(frozen=True)
class _Gates:
    """Weights of the four gates in ONNX's order, (4 units, inputs), (4 units, units) and (4 units)."""

    inputs: Array
    recurrent: Array
    biases: Array

    @property
    def units(self) -> int:
        return int(self.recurrent.shape[1])


def sequence_lstm(step: Step) -> None:
    """An LSTM over a sequence, without peepholes, projection and normalization.

    Unrolled where the cell may reach its bound: it grows by 1 a step at most.
    """
    _refuse_variants(step)
    gates, length = _gates(step), step.tensor(0).size(0 if step.options.flag("timeMajor") else 1)
    clip = step.options.number("cellClip")
    sequence = step.rows(0)
    if not step.options.flag("timeMajor"):
        sequence = step.emit("Transpose", sequence, perm=(1, 0, 2))
    if 0 < clip < length:
        result = _unrolled(step, gates, sequence, length, clip)
    else:
        result = _at_once(step, gates, sequence)
    if not step.options.flag("timeMajor"):
        result = step.emit("Transpose", result, perm=(1, 0, 2))
    step.write(result)


def _refuse_variants(step: Step) -> None:
    variants = (("peepholes", _PEEPHOLES), ("a projection", _PROJECTION), ("normalization", _NORMALIZATION))
    for what, places in variants:
        if any(step.has(place) for place in places):
            raise NoEqualError(f"it has {what}")
    if not step.has(_INPUT_WEIGHTS):
        raise NoEqualError("its input gate is that of its forget gate")
    if step.options.whole("fusedActivationFunction") != ActivationFunctionType.TANH:
        raise NoEqualError("its activation is not tanh")
    for place in _STATES:
        if not step.tensor(place).variable:
            raise NoEqualError("its state is given from outside")
    if step.tensor(0).rank != 3:
        raise ModelError(f"{step.where}: `{step.tensor(0).name}` has rank {step.tensor(0).rank}, not 3")


def _gates(step: Step) -> _Gates:
    inputs, recurrent, biases = (
        [step.array(first + gate, "weights") for gate in _ONNX_ORDER]
        for first in (_INPUT_WEIGHTS, _RECURRENT_WEIGHTS, _BIASES)
    )
    units = biases[0].size
    shapes = {(units, step.tensor(0).size(2)): inputs, (units, units): recurrent}
    fits = all(one.shape == (units,) for one in biases) and all(
        one.shape == shape for shape, many in shapes.items() for one in many
    )
    if not fits or any(one.dtype != np.float32 for one in (*inputs, *recurrent, *biases)):
        raise ModelError(f"{step.where}: the weights of its gates do not fit each other")
    return _Gates(np.concatenate(inputs), np.concatenate(recurrent), np.concatenate(biases))


def _at_once(step: Step, gates: _Gates, sequence: str) -> str:
    biases = np.concatenate([gates.biases, np.zeros_like(gates.biases)])
    weights = [step.constant(one[None], "float32") for one in (gates.inputs, gates.recurrent, biases)]
    result = step.emit("LSTM", sequence, *weights, hidden_size=gates.units)
    return step.emit("Squeeze", result, step.constant([1]))  # the direction


def _unrolled(step: Step, gates: _Gates, sequence: str, length: int, clip: float) -> str:
    if length > MAX_UNROLLED:
        raise NoEqualError(
            f"it clips its cell, and has {length} steps: {MAX_UNROLLED} at most can be unrolled"
        )
    product = step.emit("MatMul", sequence, step.constant(gates.inputs.T, "float32"))
    driven = step.emit("Add", product, step.constant(gates.biases, "float32"))
    parts = step.emit_all("Split", length, driven, step.constant([1] * length), axis=0)
    bounds = step.constant(-clip, "float32"), step.constant(clip, "float32")
    recurrent = step.constant(gates.recurrent.T, "float32")
    hidden, cell, outputs = "", "", []
    for part in parts:
        total = part if not hidden else step.emit("Add", part, step.emit("MatMul", hidden, recurrent))
        hidden, cell = _one_step(step, total, cell, gates.units, bounds)
        outputs.append(hidden)
    return step.emit("Concat", *outputs, axis=0) if len(outputs) > 1 else outputs[0]


def _one_step(step: Step, total: str, cell: str, units: int, bounds: tuple[str, str]) -> tuple[str, str]:
    """The hidden state and the cell behind a step, each (1, batch, units)."""
    entry, exit_, forget, fresh = step.emit_all("Split", 4, total, step.constant([units] * 4), axis=2)
    grown = step.emit("Mul", step.emit("Sigmoid", entry), step.emit("Tanh", fresh))
    if cell:
        grown = step.emit("Add", step.emit("Mul", step.emit("Sigmoid", forget), cell), grown)
    clipped = step.emit("Clip", grown, *bounds)
    return step.emit("Mul", step.emit("Sigmoid", exit_), step.emit("Tanh", clipped)), clipped
