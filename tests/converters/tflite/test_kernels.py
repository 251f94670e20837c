"""The types that kernels compute with, held against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.flatbuffer import write
from edgeinfer_converters.tflite.kernels import TYPES, check_types
from edgeinfer_converters.tflite.tensors import Graph

ONE = ("ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGICAL_NOT")
MORE_OF_ONE = (
    "LOGISTIC",
    "LOG_SOFTMAX",
    "NEG",
    "RELU",
    "RELU6",
    "ROUND",
    "RSQRT",
    "SIGN",
    "SIN",
    "SQRT",
    "SQUARE",
)
TWO = ("ADD", "ATAN2", "BITWISE_XOR", "DIV", "FLOOR_DIV", "FLOOR_MOD", "LOGICAL_AND", "LOGICAL_OR", "MAXIMUM")
MORE_OF_TWO = ("MINIMUM", "MUL", "POW", "RIGHT_SHIFT", "SQUARED_DIFFERENCE", "SUB")
COMPARISONS = ("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL")
REDUCTIONS = ("MEAN", "REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM")


def run(code: str, dtype: str, count: int, result: str, *, axes: bool = False) -> None:
    """Load and run one kernel; LiteRT raises where it lacks the type."""
    graph = Graph()
    graph.inputs = [graph.tensor(f"x{number}", (1, 4), dtype) for number in range(count)]
    operands = list(graph.inputs)
    if axes:
        operands.append(graph.constant(np.array([1], np.int32), "axes"))
    graph.outputs = [graph.tensor("y", (1, 1) if axes else (1, 4), result)]
    graph.add(code, operands, graph.outputs, **({"keepDims": True} if axes else {}))
    interpreter = Interpreter(model_content=write(graph))
    interpreter.allocate_tensors()
    for one in interpreter.get_input_details():
        interpreter.set_tensor(one["index"], np.ones((1, 4), dtype))
    interpreter.invoke()


@pytest.mark.parametrize("code", [*ONE, *MORE_OF_ONE])
def test_kernels_of_one_operand(code: str) -> None:
    for dtype in sorted(TYPES[code]):
        run(code, dtype, 1, dtype)


@pytest.mark.parametrize("code", [*TWO, *MORE_OF_TWO])
def test_kernels_of_two_operands(code: str) -> None:
    for dtype in sorted(TYPES[code]):
        run(code, dtype, 2, dtype)


@pytest.mark.parametrize("code", COMPARISONS)
def test_comparisons(code: str) -> None:
    for dtype in sorted(TYPES[code]):
        run(code, dtype, 2, "bool")


@pytest.mark.parametrize("code", REDUCTIONS)
def test_reductions(code: str) -> None:
    for dtype in sorted(TYPES[code]):
        run(code, dtype, 1, dtype, axes=True)


def test_casts_between_all_types() -> None:
    for source in sorted(TYPES["CAST"]):
        for target in sorted(TYPES["CAST"]):
            run("CAST", source, 1, target)


def test_other_types_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="TFLite's DIV does not compute with int64"):
        check_types("DIV", "int64", quantized=False)
    with pytest.raises(UnsupportedError, match="ADD"):
        check_types("ADD", "int8", quantized=False)


def test_quantized_tensors_and_moves_pass() -> None:
    check_types("ADD", "int8", quantized=True)
    check_types("RESHAPE", "uint64", quantized=False)
