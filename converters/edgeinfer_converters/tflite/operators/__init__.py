"""How each ONNX operator is lowered: a small function each, listed here.

A function takes the node and the conversion under way, and writes the node's outputs; it raises
UnsupportedError, with the reason, where TFLite has no equal. Operators that are not listed are expanded by
their definition in the standard where they have one.
"""

from edgeinfer_converters.tflite.lowering import Table
from edgeinfer_converters.tflite.operators import (
    activations,
    arithmetic,
    casts,
    columns,
    comparisons,
    conv,
    conv_transpose,
    determinants,
    dropout,
    einsum,
    elementary,
    fourier,
    gelu,
    integer_products,
    integers,
    moves,
    normalize,
    pool_indices,
    pools,
    products,
    quantize,
    ranges,
    recurrent,
    reduce,
    regions,
    resize,
    sampling,
    signals,
    slices,
)

OPERATORS: Table = {
    **activations.OPERATORS,
    **arithmetic.OPERATORS,
    **casts.OPERATORS,
    **columns.OPERATORS,
    **comparisons.OPERATORS,
    **conv.OPERATORS,
    **conv_transpose.OPERATORS,
    **determinants.OPERATORS,
    **dropout.OPERATORS,
    **einsum.OPERATORS,
    **elementary.OPERATORS,
    **fourier.OPERATORS,
    **gelu.OPERATORS,
    **integer_products.OPERATORS,
    **integers.OPERATORS,
    **moves.OPERATORS,
    **normalize.OPERATORS,
    **pool_indices.OPERATORS,
    **pools.OPERATORS,
    **products.OPERATORS,
    **quantize.OPERATORS,
    **ranges.OPERATORS,
    **recurrent.OPERATORS,
    **reduce.OPERATORS,
    **regions.OPERATORS,
    **resize.OPERATORS,
    **sampling.OPERATORS,
    **signals.OPERATORS,
    **slices.OPERATORS,
}
"""The functions by operator."""
