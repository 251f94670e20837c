"""The form of an ONNX graph that is lowered: functions expanded, constants as initializers, opset 13 up."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import onnx

from edgeinfer_converters.graph.batch import fix_batch
from edgeinfer_converters.graph.functions import inline_functions
from edgeinfer_converters.graph.initializers import lift_constants, unlist_initializers
from edgeinfer_converters.graph.naming import name_nodes
from edgeinfer_converters.graph.opset import raise_opset
from edgeinfer_converters.tflite.expanding import expand
from edgeinfer_converters.tflite.slopes import with_whole_slopes
from edgeinfer_converters.tflite.taps import with_few_taps

MIN_OPSET = 13
_MAX_OPSET = 10_000


def make_ready(model: onnx.ModelProto, known: AbstractSet[str]) -> onnx.ModelProto:
    """A copy with the same function. Operators that are not `known` are replaced by the standard's own
    definition where it has one. Raises ModelError."""
    ready = onnx.ModelProto()
    ready.CopyFrom(model)
    ready = with_whole_slopes(fix_batch(unlist_initializers(inline_functions(ready))))
    ready = raise_opset(ready, min_opset=MIN_OPSET, max_opset=_MAX_OPSET)
    return with_few_taps(name_nodes(lift_constants(expand(ready, known))))
