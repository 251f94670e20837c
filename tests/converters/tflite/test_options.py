"""Each operator that has options has the schema's table for them."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from edgeinfer_converters.tflite.options import OPTIONS, SECOND_OPTIONS, VALUES


def test_operators_and_tables_are_the_schemas() -> None:
    for union, options in ((schema.BuiltinOptions, OPTIONS), (schema.BuiltinOptions2, SECOND_OPTIONS)):
        for code, table in options.items():
            assert hasattr(schema.BuiltinOperator, code)
            assert hasattr(union, table)
            assert hasattr(schema, f"{table}T")
    assert list(OPTIONS) == sorted(OPTIONS)


def test_words_belong_to_enumerations() -> None:
    for enumeration in VALUES.values():
        assert hasattr(schema, enumeration)
    assert schema.Padding.SAME == 0
    assert schema.ActivationFunctionType.RELU6 == 3
