"""The options of operators, line by line."""

from __future__ import annotations

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeinfer.tflite.flatbuffer import Scalar, Text, Vector, read_root
from edgeinfer.tflite.operators import builtins
from edgeinfer.tflite.options import first_options, second_options


def test_a_line_is_a_table() -> None:
    table = first_options()[1]
    assert table.name == "Conv2D"
    assert table.fields[1] == ("stride_w", Scalar("i"))
    assert table.fields[4] == ("dilation_wfactor", Scalar("i", 1))


def test_all_kinds_of_fields_occur() -> None:
    tables = {one.name: dict(one.fields) for one in (first_options() | second_options()).values()}
    assert tables["VarHandle"]["shared_name"] == Text()
    assert dict(first_options()[17].fields)["new_shape"] == Vector("i")
    assert first_options()[15].fields[0][0] == ""
    assert first_options()[22].fields == ()


def test_a_table_that_continues_on_the_next_line() -> None:
    fields = dict(second_options()[13].fields)
    assert fields["body_subgraph_index"] == Scalar("i")
    assert len(fields) == 6


@pytest.mark.parametrize("name", ["Conv2D", "DepthwiseConv2D", "Unique", "Add", "FullyConnected"])
def test_defaults_are_those_of_the_schema(name: str) -> None:
    """What the schema module's reader gives for a table without fields, ours gives too."""
    builder = flatbuffers.Builder(16)
    getattr(schema, f"{name}OptionsStart")(builder)
    builder.Finish(getattr(schema, f"{name}OptionsEnd")(builder))
    data = bytes(builder.Output())
    theirs = getattr(schema, f"{name}Options").GetRootAs(data, 0)
    table = next(one for one in first_options().values() if one.name == name)
    readers = {one.lower(): getattr(theirs, one) for one in dir(theirs) if not one.startswith("_")}
    for field, value in read_root(data, table).values.items():
        if value is not None:
            assert readers[field.replace("_", "")]() == value


def test_operators_name_tables_that_are_there() -> None:
    names = {one.name for one in (*first_options().values(), *second_options().values())}
    assert {one.options for one in builtins().values()} - {""} <= names
