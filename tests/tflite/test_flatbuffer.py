"""Reading flatbuffers: no offset leads out of the file."""

from __future__ import annotations

import struct
from typing import Any

import flatbuffers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer.tflite.flatbuffer import (
    MAX_TABLES,
    SPARE_BYTES,
    Nested,
    Scalar,
    Table,
    Tables,
    Text,
    Union,
    Vector,
    read_root,
)

LEAF = Table("Leaf", (("size", Scalar("q", 7)), ("name", Text())))
TREE = Table(
    "Tree",
    (
        ("count", Scalar("i", -1)),
        ("numbers", Vector("h")),
        ("bytes", Vector("B")),
        ("leaf", Nested(LEAF)),
        ("leaves", Tables(LEAF)),
        ("choice_type", Scalar("B")),
        ("choice", Union({1: LEAF})),
        ("", Scalar("b")),
        ("flag", Scalar("?")),
    ),
)


def leaf(builder: Any, size: int, name: str) -> int:
    text = builder.CreateString(name)
    builder.StartObject(2)
    builder.PrependInt64Slot(0, size, 7)
    builder.PrependUOffsetTRelativeSlot(1, text, 0)
    return int(builder.EndObject())


def tree(*, choice: int = 1) -> bytes:
    builder = flatbuffers.Builder(64)
    leaves = [leaf(builder, n, f"leaf {n}") for n in (1, 2)]
    builder.StartVector(4, 2, 4)
    for one in reversed(leaves):
        builder.PrependUOffsetTRelative(one)
    vector = builder.EndVector()
    builder.StartVector(2, 3, 2)
    for number in (3, -2, 1):
        builder.PrependInt16(number)
    numbers = builder.EndVector()
    data = builder.CreateByteVector(b"abc")
    builder.StartObject(9)
    builder.PrependInt32Slot(0, 5, -1)
    builder.PrependUOffsetTRelativeSlot(1, numbers, 0)
    builder.PrependUOffsetTRelativeSlot(2, data, 0)
    builder.PrependUOffsetTRelativeSlot(3, leaves[0], 0)
    builder.PrependUOffsetTRelativeSlot(4, vector, 0)
    builder.PrependUint8Slot(5, choice, 0)
    builder.PrependUOffsetTRelativeSlot(6, leaves[1], 0)
    builder.PrependBoolSlot(8, True, False)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


def empty() -> bytearray:
    """A root table without fields: offset 8, vtable at 4."""
    return bytearray(struct.pack("<IHHi", 8, 4, 4, 4))


def test_every_kind_of_field_is_read() -> None:
    found = read_root(tree(), TREE)
    assert (found["count"], found["flag"], found["numbers"]) == (5, True, (1, -2, 3))
    assert bytes(found["bytes"]) == b"abc"
    assert [one["name"] for one in found["leaves"]] == [b"leaf 1", b"leaf 2"]
    assert (found["leaf"]["size"], found["choice"]["name"], found["choice"].table) == (1, b"leaf 2", "Leaf")
    assert "" not in found.values


def test_what_is_left_out_has_its_default() -> None:
    found = read_root(bytes(empty()), TREE)
    assert (found["count"], found["flag"], found["numbers"], found["leaf"]) == (-1, 0, None, None)


def test_a_union_of_no_kind_is_not_followed() -> None:
    assert read_root(tree(choice=0), TREE)["choice"] is None


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (b"", "lies outside the file"),
        (b"\0\0\0\0", "leads nowhere"),
        (struct.pack("<I", 2**31), "outside the file"),
        (struct.pack("<IHHi", 7, 4, 4, 4), "not aligned"),
        (struct.pack("<IHHi", 8, 3, 4, 4), "vtable of Tree has the length 3"),
        (struct.pack("<IHHi", 8, 2, 4, 4), "vtable of Tree has the length 2"),
        (struct.pack("<IHHi", 8, 400, 4, 4), "vtable of Tree has the length 400"),
        (struct.pack("<IHHi", 8, 4, 5, 4), "Tree reaches beyond the end"),
        (struct.pack("<IHHi", 8, 4, 2, 4), "Tree reaches beyond the end"),
        (struct.pack("<IHHi", 8, 4, 4, 12), "vtable of Tree lies outside"),
        (struct.pack("<IHHi", 8, 4, 4, -(2**31)), "vtable of Tree lies outside"),
        (struct.pack("<IHHHHi", 12, 6, 4, 4, 0, 8), "Tree.count lies outside its table"),
        (struct.pack("<IHHHHi", 12, 6, 4, 2, 0, 8), "Tree.count lies outside its table"),
        (struct.pack("<IHHHHHHiI", 16, 8, 8, 0, 4, 0, 0, 12, 0), "Tree.numbers leads nowhere"),
        (struct.pack("<IHHHHHHiII", 16, 8, 8, 0, 4, 0, 0, 12, 4, 9), "Tree.numbers reaches beyond the end"),
        (tree(choice=2), "kind 2, which is not known"),
    ],
)
def test_what_leads_out_of_the_file_is_refused(made: bytes, text: str) -> None:
    with pytest.raises(ModelError, match=text):
        read_root(made, TREE)


def test_a_union_that_is_announced_has_to_be_there() -> None:
    builder = flatbuffers.Builder(16)
    builder.StartObject(9)
    builder.PrependUint8Slot(5, 1, 0)
    builder.Finish(builder.EndObject())
    with pytest.raises(ModelError, match="announced and not there"):
        read_root(bytes(builder.Output()), TREE)


def test_a_string_ends_in_a_zero_byte() -> None:
    data = bytearray(tree())
    end = data.index(b"leaf 1") + 6
    data[end] = 1
    with pytest.raises(ModelError, match=r"Leaf.name has no zero byte"):
        read_root(bytes(data), TREE)


def test_sharing_is_bounded() -> None:
    """A small file whose vector names one long string a thousand times."""
    builder = flatbuffers.Builder(64)
    one = leaf(builder, 1, "x" * 10_000)
    builder.StartVector(4, 1000, 4)
    for _ in range(1000):
        builder.PrependUOffsetTRelative(one)
    vector = builder.EndVector()
    builder.StartObject(9)
    builder.PrependUOffsetTRelativeSlot(4, vector, 0)
    builder.Finish(builder.EndObject())
    data = bytes(builder.Output())
    assert len(data) < SPARE_BYTES
    with pytest.raises(ModelError, match="shared so often"):
        read_root(data, TREE)


def test_the_number_of_tables_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_TABLES > 100_000
    monkeypatch.setattr("edgeinfer.tflite.flatbuffer.MAX_TABLES", 3)
    with pytest.raises(ModelError, match="more than 3 tables"):
        read_root(tree(), TREE)


def test_every_length_that_a_file_is_cut_to() -> None:
    data = tree()
    whole = read_root(data, TREE)
    for length in range(len(data)):
        try:
            found = read_root(data[:length], TREE)
        except ModelError:
            continue
        assert found["count"] == whole["count"]


@given(st.data())
def test_changed_bytes_raise_nothing_but_model_errors(data: st.DataObject) -> None:
    changed = bytearray(tree())
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    message, found = "", None
    try:
        found = read_root(bytes(changed), TREE)
    except ModelError as error:
        message = error.message
    assert message.isprintable()
    assert found is None or found.table == "Tree"


@given(st.binary(max_size=100))
def test_garbage_raises_nothing_but_model_errors(data: bytes) -> None:
    try:
        found = read_root(data, TREE)
    except ModelError:
        return
    assert found.table == "Tree"
