"""Our tables are those of the schema module that LiteRT's own tools use."""

from __future__ import annotations

import re
from pathlib import Path

from ai_edge_litert import schema_py_generated as generated

from edgeinfer.tflite.flatbuffer import Kind, Nested, Scalar, Table, Tables, Text, Union, Vector
from edgeinfer.tflite.options import first_options, second_options
from edgeinfer.tflite.schema import model_table

LETTERS = {
    "Bool": "?",
    **{"Int8": "b", "Uint8": "B", "Uint16": "H", "Int32": "i", "Uint32": "I"},
    **{"Int64": "q", "Uint64": "Q", "Float32": "f"},
}
SOURCE = Path(generated.__file__).read_text(encoding="utf-8")
# The accessors of both are missing in the module: the schema has them as deprecated, or by another way.
UNREAD = {("ExternalBuffer", 3)}


def accessors(table: str) -> dict[int, str]:
    """Slot and kind of every field, from the source of the class that reads it."""
    body = re.search(rf"^class {table}\(object\):\n(.*?)(?=^class |^def |\Z)", SOURCE, re.M | re.S)
    assert body is not None, table
    found = {}
    for name, text in re.findall(r"    def (\w+)\(self(?:, j)?\):\n((?:        .*\n|\n)+)", body[1]):
        offset = re.search(r"_tab\.Offset\((\d+)\)", text)
        if offset and not name.endswith(("AsNumpy", "Length", "IsNone")):
            found[(int(offset[1]) - 4) // 2] = kind_in(text)
    return found


def kind_in(text: str) -> str:
    number = re.search(r"_tab\.Get\(flatbuffers\.number_types\.(\w+)Flags", text)
    nested = re.search(r"obj = (\w+)\(\)", text)
    if "_tab.String" in text:
        return "text"
    if "_tab.Union" in text:
        return "union"
    what = LETTERS[number[1]] if number else nested[1] if nested else "?"
    return f"[{what}" if "_tab.Vector(o)" in text else what


def described(kind: Kind) -> str:
    match kind:
        case Scalar():
            return kind.letter
        case Vector():
            return f"[{kind.letter}"
        case Text():
            return "text"
        case Nested():
            return kind.table.name
        case Tables():
            return f"[{kind.table.name}"
        case Union():
            return "union"


def assert_same(table: Table, name: str) -> None:
    expected = accessors(name)
    ours = {slot: described(kind) for slot, (field, kind) in enumerate(table.fields) if field}
    for slot in expected.keys() | ours.keys():
        if (name, slot) not in UNREAD:
            assert ours.get(slot) == expected.get(slot), (name, slot)


def reachable(table: Table) -> list[Table]:
    found = [table]
    for _, kind in table.fields:
        if isinstance(kind, Nested | Tables):
            found += reachable(kind.table)
        elif isinstance(kind, Union):
            found += [one for two in kind.kinds.values() for one in reachable(two)]
    return found


def test_every_table_has_the_fields_of_the_schema() -> None:
    options = {id(one) for union in (first_options(), second_options()) for one in union.values()}
    tables = [one for one in reachable(model_table()) if id(one) not in options]
    assert len({one.name for one in tables}) == 21
    for one in tables:
        assert_same(one, one.name)


def test_every_options_table_has_the_fields_of_the_schema() -> None:
    pairs = ((generated.BuiltinOptions, first_options()), (generated.BuiltinOptions2, second_options()))
    for union, ours in pairs:
        numbers = {number: name for name, number in vars(union).items() if isinstance(number, int) and number}
        assert ours.keys() == numbers.keys()
        for number, name in numbers.items():
            assert f"{ours[number].name}Options" == name
            if ours[number].fields:
                assert_same(ours[number], name)


def test_unions_come_after_the_field_that_says_their_kind() -> None:
    for table in reachable(model_table()):
        names = [name for name, _ in table.fields]
        for place, (name, kind) in enumerate(table.fields):
            assert not isinstance(kind, Union) or names[place - 1] == f"{name}_type"
