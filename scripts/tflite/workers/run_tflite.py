"""Run a TFLite file in whichever runtime this Python has; the inputs and outputs are those of the file.

run_tflite.py MODEL.tflite INPUTS.npz OUTPUTS.npz

INPUTS: `input` for the file's one input, (samples, …) without a batch axis. OUTPUTS: `own_0`, … in the
file's order by the runtime's own kernels, `usual_0`, … as it runs a file by default, with its delegate; and
`step_0`, …: the size of an integer step of each, 0 where it is made of floats.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

try:
    from tflite_runtime.interpreter import Interpreter, OpResolverType
except ImportError:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

WAYS = {"own": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES, "usual": OpResolverType.AUTO}


def main() -> None:
    """Run on all samples in both ways and write what comes out."""
    model, source, target = sys.argv[1:4]
    with np.load(source) as stored:
        inputs = stored["input"]
    arrays: dict[str, Any] = {}
    for way, kernels in WAYS.items():
        interpreter = Interpreter(model, num_threads=1, experimental_op_resolver_type=kernels)
        interpreter.allocate_tensors()
        for number, found in enumerate(outputs_of(interpreter, inputs)):
            arrays[f"{way}_{number}"] = found
            arrays[f"step_{number}"] = step_of(interpreter, interpreter.get_output_details()[number])
    np.savez(target, **arrays)


def outputs_of(interpreter: Any, inputs: Any) -> list[Any]:
    """Each output of all samples, (samples, …)."""
    given, wanted = interpreter.get_input_details()[0], interpreter.get_output_details()
    found: list[list[Any]] = [[] for _ in wanted]
    for sample in inputs:
        interpreter.reset_all_variables()
        interpreter.set_tensor(given["index"], sample[None])
        interpreter.invoke()
        for values, detail in zip(found, wanted, strict=True):
            values.append(interpreter.get_tensor(detail["index"]))
    return [np.stack(values) for values in found]


def step_of(interpreter: Any, output: Any) -> float:
    """What one integer more makes in an output: 1, the scale before a DEQUANTIZE, 0 for other floats."""
    if np.issubdtype(output["dtype"], np.integer):
        return 1.0
    scales = {one["index"]: one["quantization"][0] for one in interpreter.get_tensor_details()}
    for operator in interpreter._get_ops_details():
        if output["index"] in operator["outputs"] and operator["op_name"] == "DEQUANTIZE":
            return float(scales[operator["inputs"][0]])
    return 0.0


if __name__ == "__main__":
    main()
