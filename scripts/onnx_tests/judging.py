"""One test: converted to TFLite, verified and run by LiteRT, held against what is expected.

LiteRT is called without our backend, which takes no model without inputs; some tests are such.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import onnx
from ai_edge_litert.interpreter import Interpreter

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer.strict import Struct
from edgeinfer.tflite.inspect import check_loadable
from edgeinfer_converters.tflite.convert import TfliteModel, to_tflite
from scripts.onnx_tests.cases import Case

Verdict = Literal["pass", "refused", "wrong", "crash", "time-out"]

RTOL = 1e-3
ATOL = 1e-4
REASON_CHARACTERS = 200


class Outcome(Struct, frozen=True):
    """What became of a test, and why where it did not pass."""

    verdict: Verdict
    reason: str = ""


PASS = Outcome(verdict="pass")


def judge(case: Case) -> Outcome:
    """Convert, run and compare. Raises what the converter or the runtime raises unforeseen."""
    try:
        made = to_tflite(onnx.load_from_string(case.model))
    except ModelError as refusal:
        return Outcome(verdict="refused", reason=first_reason(refusal.message))
    check_loadable(made.data)
    interpreter = Interpreter(model_content=made.data, num_threads=1)
    interpreter.allocate_tensors()
    for sample in case.samples:
        fault = difference(_run(interpreter, made, sample.inputs), sample.outputs)
        if fault:
            return Outcome(verdict="wrong", reason=fault)
    return PASS


def first_reason(message: str) -> str:
    """The line of a refusal that names the first node, or the only line."""
    first, *others = message.splitlines() or [""]
    return (others[0].strip() if others and first.endswith(":") else first)[:REASON_CHARACTERS]


def difference(found: Mapping[str, Array], expected: Mapping[str, Array]) -> str:
    """What the first difference is: names, shapes, types, numbers; empty where there is none.

    Floats are equal within RTOL and ATOL, integers and booleans when they are the same; NaN equals NaN.
    """
    if found.keys() != expected.keys():
        return f"outputs {', '.join(found)} instead of {', '.join(expected)}"
    faults = (_fault(found[name], wanted) for name, wanted in expected.items())
    return next((f"`{name}`: {fault}" for name, fault in zip(expected, faults, strict=True) if fault), "")


def _fault(found: Array, wanted: Array) -> str:
    if found.shape != wanted.shape:
        return f"shape {found.shape} instead of {wanted.shape}"
    if found.dtype != wanted.dtype:
        return f"{found.dtype} instead of {wanted.dtype}"
    if wanted.dtype.kind != "f":
        differ = found != wanted
    else:
        both = found.astype(np.float64), wanted.astype(np.float64)
        differ = ~np.isclose(*both, rtol=RTOL, atol=ATOL, equal_nan=True)
    return f"{np.count_nonzero(differ)} of {wanted.size} numbers differ" if differ.any() else ""


def _run(interpreter: Any, made: TfliteModel, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs; axes are ONNX's here and outside."""
    for one in interpreter.get_input_details():
        name = one["name"]
        interpreter.set_tensor(one["index"], inputs[name].transpose(made.inputs[name]).copy(order="C"))
    interpreter.invoke()
    found = {one["name"]: interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()}
    return {name: values.transpose(np.argsort(made.outputs[name])) for name, values in found.items()}
