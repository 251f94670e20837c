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
    comparisons,
    conv,
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
    pools,
    products,
    quantize,
    ranges,
    reduce,
    resize,
    signals,
    slices,
)

OPERATORS: Table = {
    **activations.OPERATORS,
    **arithmetic.OPERATORS,
    **casts.OPERATORS,
    **comparisons.OPERATORS,
    **conv.OPERATORS,
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
    **pools.OPERATORS,
    **products.OPERATORS,
    **quantize.OPERATORS,
    **ranges.OPERATORS,
    **reduce.OPERATORS,
    **resize.OPERATORS,
    **signals.OPERATORS,
    **slices.OPERATORS,
}
"""The functions by operator."""
