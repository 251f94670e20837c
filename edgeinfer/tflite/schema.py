"""The tables of the TFLite schema, version 3, by slot. The options of operators are in `options`.

Source: the schema of TensorFlow Lite as LiteRT 2.3 carries it.
"""

from __future__ import annotations

from functools import cache

from edgeinfer.tflite.flatbuffer import Nested, Scalar, Table, Tables, Text, Union, Vector
from edgeinfer.tflite.options import first_options, second_options

_BUFFER = Table("Buffer", (("data", Vector("B")), ("offset", Scalar("Q")), ("size", Scalar("Q"))))

_OPERATOR_CODE = Table(
    "OperatorCode",
    (
        ("deprecated_builtin_code", Scalar("b")),
        ("custom_code", Text()),
        ("version", Scalar("i", 1)),
        ("builtin_code", Scalar("i")),
    ),
)

_DETAILS = {
    1: Table("CustomQuantization", (("custom", Vector("B")),)),
    2: Table(
        "BlockwiseQuantization",
        (
            ("scales", Scalar("i")),
            ("zero_points", Scalar("i")),
            ("block_size", Scalar("i")),
            ("block_shape", Vector("i")),
        ),
    ),
    3: Table(
        "MultiAxisQuantization",
        (
            ("scales", Scalar("i")),
            ("zero_points", Scalar("i")),
            ("block_size", Scalar("i")),
            ("quantized_dimensions", Vector("i")),
        ),
    ),
}

_QUANTIZATION = Table(
    "QuantizationParameters",
    (
        ("min", Vector("f")),
        ("max", Vector("f")),
        ("scale", Vector("f")),
        ("zero_point", Vector("q")),
        ("details_type", Scalar("B")),
        ("details", Union(_DETAILS)),
        ("quantized_dimension", Scalar("i")),
    ),
)

_INDEX_VECTORS = {
    1: Table("Int32Vector", (("values", Vector("i")),)),
    2: Table("Uint16Vector", (("values", Vector("H")),)),
    3: Table("Uint8Vector", (("values", Vector("B")),)),
}

_DIMENSION = Table(
    "DimensionMetadata",
    (
        ("format", Scalar("b")),
        ("dense_size", Scalar("i")),
        ("array_segments_type", Scalar("B")),
        ("array_segments", Union(_INDEX_VECTORS)),
        ("array_indices_type", Scalar("B")),
        ("array_indices", Union(_INDEX_VECTORS)),
    ),
)

_SPARSITY = Table(
    "SparsityParameters",
    (
        ("traversal_order", Vector("i")),
        ("block_map", Vector("i")),
        ("dim_metadata", Tables(_DIMENSION)),
    ),
)

_VARIANT = Table("VariantSubType", (("shape", Vector("i")), ("type", Scalar("b")), ("has_rank", Scalar("?"))))

_TENSOR = Table(
    "Tensor",
    (
        ("shape", Vector("i")),
        ("type", Scalar("b")),
        ("buffer", Scalar("I")),
        ("name", Text()),
        ("quantization", Nested(_QUANTIZATION)),
        ("is_variable", Scalar("?")),
        ("sparsity", Nested(_SPARSITY)),
        ("shape_signature", Vector("i")),
        ("has_rank", Scalar("?")),
        ("variant_tensors", Tables(_VARIANT)),
        ("external_buffer", Scalar("I")),
    ),
)

_METADATA = Table("Metadata", (("name", Text()), ("buffer", Scalar("I"))))

_TENSOR_MAP = Table("TensorMap", (("name", Text()), ("tensor_index", Scalar("I"))))

_SIGNATURE = Table(
    "SignatureDef",
    (
        ("inputs", Tables(_TENSOR_MAP)),
        ("outputs", Tables(_TENSOR_MAP)),
        ("signature_key", Text()),
        ("", Scalar("b")),
        ("subgraph_index", Scalar("I")),
    ),
)

_EXTERNAL_GROUP = Table("ExternalBufferGroup", (("name", Text()),))

_EXTERNAL = Table(
    "ExternalBuffer",
    (
        ("id", Scalar("I")),
        ("group", Scalar("I")),
        ("offset", Scalar("Q")),
        ("length", Scalar("Q")),
        ("packing", Text()),
    ),
)


@cache
def model_table() -> Table:
    """The root of a file."""
    return Table(
        "Model",
        (
            ("version", Scalar("I")),
            ("operator_codes", Tables(_OPERATOR_CODE)),
            ("subgraphs", Tables(_subgraph())),
            ("description", Text()),
            ("buffers", Tables(_BUFFER)),
            ("metadata_buffer", Vector("i")),
            ("metadata", Tables(_METADATA)),
            ("signature_defs", Tables(_SIGNATURE)),
            ("external_buffer_groups", Tables(_EXTERNAL_GROUP)),
            ("external_buffers", Tables(_EXTERNAL)),
        ),
    )


def _subgraph() -> Table:
    return Table(
        "SubGraph",
        (
            ("tensors", Tables(_TENSOR)),
            ("inputs", Vector("i")),
            ("outputs", Vector("i")),
            ("operators", Tables(_operator())),
            ("name", Text()),
            ("debug_metadata_index", Scalar("i", -1)),
        ),
    )


def _operator() -> Table:
    return Table(
        "Operator",
        (
            ("opcode_index", Scalar("I")),
            ("inputs", Vector("i")),
            ("outputs", Vector("i")),
            ("builtin_options_type", Scalar("B")),
            ("builtin_options", Union(first_options())),
            ("custom_options", Vector("B")),
            ("custom_options_format", Scalar("b")),
            ("mutating_variable_inputs", Vector("?")),
            ("intermediates", Vector("i")),
            ("large_custom_options_offset", Scalar("Q")),
            ("large_custom_options_size", Scalar("Q")),
            ("builtin_options_2_type", Scalar("B")),
            ("builtin_options_2", Union(second_options())),
            ("debug_metadata_index", Scalar("i", -1)),
        ),
    )
