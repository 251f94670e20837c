"""Making a graph ready: the form that calibration, quantization and the device's runtime can rely on."""

from __future__ import annotations

import onnx

from edgeinfer_converters.graph.batch import fix_batch
from edgeinfer_converters.graph.chained import join_products
from edgeinfer_converters.graph.cleanup import clean_up
from edgeinfer_converters.graph.flattened import with_channels_last
from edgeinfer_converters.graph.focus import with_space_to_depth
from edgeinfer_converters.graph.folding import fold_into_convolutions
from edgeinfer_converters.graph.functions import inline_functions
from edgeinfer_converters.graph.hard_swish import with_hard_swish
from edgeinfer_converters.graph.initializers import lift_constants, unlist_initializers
from edgeinfer_converters.graph.naming import name_nodes
from edgeinfer_converters.graph.opset import limit_ir_version, raise_opset
from edgeinfer_converters.graph.shapes import infer_shapes

MIN_OPSET = 13
"""The first opset whose QuantizeLinear and DequantizeLinear know channels."""


def prepare(
    model: onnx.ModelProto, *, max_opset: int, min_opset: int = MIN_OPSET, max_ir_version: int
) -> onnx.ModelProto:
    """A cleaned copy of `model` that computes the same, with the same inputs and outputs by name.

    Batch 1, no functions, initializers that are no inputs, opset from `min_opset` to `max_opset`, an IR
    version of `max_ir_version` at most, constants folded, HardSwish as one operator, batch normalization and
    other constant factors merged into convolutions, products in a row joined, joined slices as SpaceToDepth,
    images transposed before they are flattened, shapes inferred, each node with a name of its own. The same
    model gives the same bytes.
    Raises ModelError: open dimensions other than the batch, an opset that is too high, or a graph that
    onnx or onnxslim cannot work on; the message names the step.
    """
    prepared = onnx.ModelProto()
    prepared.CopyFrom(model)
    prepared = inline_functions(prepared)
    prepared = unlist_initializers(prepared)
    prepared = fix_batch(prepared)
    prepared = raise_opset(prepared, min_opset=min_opset, max_opset=max_opset)
    prepared = _without_sizes(infer_shapes(clean_up(lift_constants(prepared))))
    prepared = with_hard_swish(name_nodes(prepared), max_opset=max_opset)
    prepared = join_products(fold_into_convolutions(prepared))
    prepared = with_channels_last(with_space_to_depth(name_nodes(prepared)))
    return limit_ir_version(prepared, max_ir_version)


def _without_sizes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with as few Shape operators as can be: what follows from one size that becomes a constant may
    be the next one's. Shapes that stay open keep products behind them from being known for what they are."""
    left = _count_sizes(model)
    while left:
        model = infer_shapes(clean_up(model))
        before, left = left, _count_sizes(model)
        if left >= before:
            break
    return model


def _count_sizes(model: onnx.ModelProto) -> int:
    return sum(node.op_type in ("Shape", "Size") for node in model.graph.node)
