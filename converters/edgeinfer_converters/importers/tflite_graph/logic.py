"""Comparisons, truth values and choices."""

from __future__ import annotations

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.arithmetic import operands
from edgeinfer_converters.importers.tflite_graph.layouts import prefers_planes
from edgeinfer_converters.importers.tflite_graph.step import Step


def not_equal(step: Step) -> None:
    """x != y; ONNX has only its opposite."""
    left, right, planes = operands(step)
    step.write(step.emit("Not", step.emit("Equal", left, right)), planes=planes)


def select(step: Step) -> None:
    """Where the condition holds x, else y. A condition of rank 1 chooses whole rows of larger tensors."""
    condition, chosen = step.tensor(0), step.tensor(1)
    if condition.rank != 1 or chosen.rank < 2:
        select_v2(step)
        return
    shape = [condition.size(0), *[1] * (chosen.rank - 1)]
    by_row = step.emit("Reshape", step.rows(0), step.constant(shape))
    step.write(step.emit("Where", by_row, step.rows(1), step.rows(2)))


def select_v2(step: Step) -> None:
    """Where the condition holds x, else y, all three broadcast."""
    if len(step.operator.inputs) != 3:
        raise ModelError(f"{step.where} has {len(step.operator.inputs)} inputs, not 3")
    planes = prefers_planes(step)
    names = [step.read(place, planes=planes) for place in range(3)]
    step.write(step.emit("Where", *names), planes=planes)
