"""How each ONNX operator is lowered: a small function each, listed here.

A function takes the node and the conversion under way, and writes the node's outputs; it raises
UnsupportedError, with the reason, where TFLite has no equal. Operators that are not listed are expanded by
their definition in the standard where they have one.
"""

from edgeinfer_converters.tflite.lowering import Table
from edgeinfer_converters.tflite.operators import (
    activations,
    arithmetic,
    blocks,
    borders,
    conv,
    detections,
    fills,
    gathers,
    joins,
    moves,
    normalize,
    orders,
    pools,
    products,
    quantize,
    reduce,
    repeats,
    resize,
    scatters,
    sequences,
    slices,
    uniques,
)

OPERATORS: Table = {
    **activations.OPERATORS,
    **arithmetic.OPERATORS,
    **blocks.OPERATORS,
    **borders.OPERATORS,
    **conv.OPERATORS,
    **detections.OPERATORS,
    **fills.OPERATORS,
    **gathers.OPERATORS,
    **joins.OPERATORS,
    **moves.OPERATORS,
    **normalize.OPERATORS,
    **orders.OPERATORS,
    **pools.OPERATORS,
    **products.OPERATORS,
    **quantize.OPERATORS,
    **reduce.OPERATORS,
    **repeats.OPERATORS,
    **resize.OPERATORS,
    **scatters.OPERATORS,
    **sequences.OPERATORS,
    **slices.OPERATORS,
    **uniques.OPERATORS,
}
"""The functions by operator."""
