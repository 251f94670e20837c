"""float16: half the size; onnxconverter-common's work."""

from __future__ import annotations

import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnxconverter_common import float16

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.foreign import GRAPH_ERRORS, short_reason
from edgeinfer_converters.graph.naming import free_name
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.importers.messages import all_tensors
from edgeinfer_converters.importers.onnx import is_quantized

LARGEST = float(np.finfo(np.float16).max)
SMALLEST = float(np.finfo(np.float16).smallest_subnormal)


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a prepared float graph that computes in float16; inputs and outputs stay float32.

    Operators without a float16 form keep float32 between Casts. Raises ModelError: quantized already,
    constants beyond ±65504, or a graph that onnxconverter-common cannot work on.
    """
    if is_quantized(model):
        raise ModelError("the model is quantized already", hint="pack it as it is")
    _refuse_large(model)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    _set_outputs_apart(copy)
    try:
        with warnings.catch_warnings():
            # Constants below float16's smallest number become that: rounding, not a fault.
            warnings.simplefilter("ignore", UserWarning)
            half: onnx.ModelProto = float16.convert_float_to_float16(
                copy, min_positive_val=SMALLEST, max_finite_val=LARGEST, keep_io_types=True
            )
        # The converter leaves the old types of the tensors around operators that stay float32.
        half.graph.ClearField("value_info")
        half = onnx.shape_inference.infer_shapes(half, strict_mode=True)
        onnx.checker.check_model(half)
    except GRAPH_ERRORS as error:
        raise ModelError(
            f"the model cannot be converted to float16: {short_reason(error)}",
            hint="use `--precision float32` or `--precision int8`",
        ) from error
    return half


def _set_outputs_apart(model: onnx.ModelProto) -> None:
    """Give outputs that nodes read a copy (in place): onnxconverter-common leaves their readers float32."""
    view = GraphView(model)
    taken = {*view.producers, *view.readers}
    for value in model.graph.output:
        if value.name not in view.readers or value.name not in view.producers:
            continue
        inner = free_name(f"{value.name}_inner", taken)
        taken.add(inner)
        place = next(index for index, node in enumerate(model.graph.node) if value.name in node.output)
        for node in model.graph.node:
            for names in (node.input, node.output):
                names[:] = [inner if name == value.name else name for name in names]
        copied = onnx.helper.make_node("Identity", [inner], [value.name], inner)
        model.graph.node.insert(place + 1, copied)


def _refuse_large(model: onnx.ModelProto) -> None:
    for tensor in all_tensors(model):
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size and float(np.abs(values).max()) > LARGEST:
            raise ModelError(
                f"the constant `{tensor.name}` holds values beyond ±{LARGEST:g}, the largest of float16",
                hint="use `--precision float32` or `--precision int8`",
            )
