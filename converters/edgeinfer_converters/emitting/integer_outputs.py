"""An int8 model whose file is to give integers."""

from __future__ import annotations

from collections.abc import Collection

import onnx

from edgeinfer_converters.calibration.int8 import Inputs, Int8Model, Progress
from edgeinfer_converters.calibration.streaming import bounds
from edgeinfer_converters.quantize.outputs import open_ranges, quantize_outputs


def with_integer_outputs(
    made: Int8Model, wanted: Collection[str], inputs: Inputs, count: int, progress: Progress
) -> onnx.ModelProto:
    """The quantized graph with the results that are among `wanted` in integers, as far as they are floats.

    `inputs` and `count` are the calibration samples: they run once more where the graph tells no scale.
    Raises DataError for samples that do not fit.
    """
    results = [value.name for value in made.quantized.graph.output if value.name in wanted]
    unknown = open_ranges(made.quantized, results)
    if not unknown:
        return quantize_outputs(made.quantized, results, {})
    with progress(count, "ranges of outputs") as advance:
        seen = bounds(made.twin, unknown, inputs(), total=count, progress=advance)
    return quantize_outputs(made.quantized, results, seen)
