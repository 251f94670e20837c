"""A float TFLite model as an ONNX graph."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.foreign import GRAPH_ERRORS, short_reason
from edgeinfer_converters.importers.tflite_graph.assembly import Assembly
from edgeinfer_converters.importers.tflite_graph.dilation import fold_dilations
from edgeinfer_converters.importers.tflite_graph.flatbuffer import read_flatbuffer
from edgeinfer_converters.importers.tflite_graph.parts import OPEN, FlatModel, NoEqualError, Operator
from edgeinfer_converters.importers.tflite_graph.settled import settle
from edgeinfer_converters.importers.tflite_graph.spectra import drop_unread_parts, split_complex
from edgeinfer_converters.importers.tflite_graph.step import Step
from edgeinfer_converters.importers.tflite_graph.table import CONVERTERS

OPSET = 13
IR_VERSION = 7
MAX_NAMED = 20
"""Operators without an equal that a message names one by one."""


def is_quantized(data: bytes) -> bool:
    """Whether a TFLite model computes with integers that stand for real numbers, be it weights alone.

    Raises ModelError for a damaged file.
    """
    return read_flatbuffer(data, constants=False).is_quantized


def import_graph(data: bytes) -> onnx.ModelProto:
    """The main graph of a float TFLite model in opset 13, checked by onnx's own checker.

    Inputs and outputs keep their names, order, types and shapes (channels last). An open first size is the
    batch, and one where the model computes sizes that ONNX has to know. What no output depends on is left
    out. The state of recurrent layers is that of a fresh start.
    Raises ModelError: damaged, quantized, open sizes other than the batch, operators that have no equal in
    ONNX (all of them in one message), or a graph that is not sound.
    """
    model = read_flatbuffer(data)
    if model.is_quantized:
        raise ModelError("the model is quantized already", hint="it is packed as it is: --format tflite")
    _refuse_open_sizes(model)
    assembly, faults = _written(model)
    unsettled = ""
    if faults and model.is_open:
        try:
            model = settle(model, data)
            assembly, faults = _written(model)
        except ModelError as error:
            unsettled = f"; its sizes were not to be learnt from a run: {error.message}"
    if faults:
        raise _no_equals(model, faults, unsettled)
    try:
        return _checked(_assembled(model, assembly))
    except NoEqualError as error:
        raise ModelError(error.message) from error


def _written(model: FlatModel) -> tuple[Assembly, list[tuple[Operator, str]]]:
    """The graph in the making; the operators that have no equal, and the reasons."""
    model = split_complex(model)
    operators = drop_unread_parts(_needed(model), model.outputs)
    assembly = Assembly(model)
    return assembly, _convert_all(assembly, fold_dilations(model, operators))


def _refuse_open_sizes(model: FlatModel) -> None:
    faults = [
        f"input `{tensor.name}` leaves axis {axis} open"
        for tensor in (model.tensors[index] for index in model.inputs)
        for axis, side in enumerate(tensor.shape)
        if side == OPEN and (axis > 0 or tensor.rank == 1)
    ]
    if faults:
        raise ModelError(
            "only the batch may have no fixed size: " + "; ".join(faults),
            hint="export the model with fixed input shapes, such as keras.Input(shape=(96, 96, 3))",
        )


def _needed(model: FlatModel) -> tuple[Operator, ...]:
    """The operators that outputs depend on, in their order."""
    wanted, needed = set(model.outputs), []
    for operator in reversed(model.operators):
        if wanted.intersection(operator.outputs):
            needed.append(operator)
            wanted.update(operator.inputs)
    return tuple(reversed(needed))


def _convert_all(assembly: Assembly, operators: Iterable[Operator]) -> list[tuple[Operator, str]]:
    """Write all operators; those that have no equal, and the reasons."""
    faults = []
    for operator in operators:
        step = Step(assembly, operator)
        try:
            CONVERTERS.get(operator.kind, _refuse)(step)
        except NoEqualError as error:
            faults.append((operator, error.message))
            assembly.forgive(operator.outputs)
    return faults


def _refuse(_: Step) -> None:
    raise NoEqualError("ONNX has nothing like it, or this version does not know it")


def _no_equals(model: FlatModel, faults: list[tuple[Operator, str]], unsettled: str) -> ModelError:
    own = {operator.number: operator for operator in model.operators}
    named = [
        f"{operator.kind} (`{', '.join(model.tensors[index].name for index in operator.outputs)}`): {reason}"
        for operator, reason in ((own[one.number], reason) for one, reason in faults[:MAX_NAMED])
    ]
    if len(faults) > MAX_NAMED:
        named.append(f"and {len(faults) - MAX_NAMED} more")
    return ModelError(
        f"operators without an equal in ONNX: {'; '.join(named)}{unsettled}",
        hint="--format tflite packs the model as it is",
    )


def _assembled(model: FlatModel, assembly: Assembly) -> onnx.ModelProto:
    outputs = [assembly.value_info(index, assembly.result(index)) for index in model.outputs]
    inputs = [assembly.value_info(index, assembly.rows(index)) for index in model.inputs]
    graph = helper.make_graph(assembly.nodes, "tflite", inputs, outputs, assembly.initializers)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    made.ir_version = IR_VERSION
    return made


def _checked(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        onnx.checker.check_model(model, full_check=True)
    except GRAPH_ERRORS as error:
        raise ModelError(
            f"the shapes or types of the TFLite model contradict each other: {short_reason(error)}",
            hint="export it again",
        ) from error
    return model
