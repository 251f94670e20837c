"""Options of custom operators."""

from __future__ import annotations

import pytest
from flatbuffers import flexbuffers
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer.tflite.flexbuffer import MAX_BYTES, MAX_ENTRIES, read_numbers

NUMBERS = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(-1e30, 1e30))
NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@given(st.dictionaries(NAMES, NUMBERS, min_size=1, max_size=20))
def test_what_the_library_writes_is_read(numbers: dict[str, float]) -> None:
    assert read_numbers("it", bytes(flexbuffers.Dumps(numbers))) == flexbuffers.Loads(
        flexbuffers.Dumps(numbers)
    )


def test_numbers_that_are_stored_elsewhere() -> None:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Key("a")
        builder.IndirectFloat(0.5)
        builder.Key("b")
        builder.IndirectInt(-3)
    assert read_numbers("it", bytes(builder.Finish())) == {"a": 0.5, "b": -3}


@pytest.mark.parametrize("value", [5, "text", [1, 2], {"a": "text"}, {"a": [1]}, {"a": {"b": 1}}])
def test_anything_but_numbers_by_name_is_refused(value: object) -> None:
    with pytest.raises(ModelError, match="it has options that are damaged, or not numbers by name"):
        read_numbers("it", bytes(flexbuffers.Dumps(value)))


def test_limits() -> None:
    many = {f"n{number}": number for number in range(MAX_ENTRIES + 1)}
    for data in (b"", b"\0\0", bytes(MAX_BYTES + 1), bytes(flexbuffers.Dumps(many))):
        with pytest.raises(ModelError, match="damaged"):
            read_numbers("it", data)


GOOD = bytes(flexbuffers.Dumps({"count": 300, "scale": 0.5, "on": True}))


def test_every_length_that_options_are_cut_to() -> None:
    for length in range(len(GOOD)):
        with pytest.raises(ModelError, match="damaged"):
            read_numbers("it", GOOD[:length])


@given(st.data())
def test_changed_bytes_raise_nothing_but_model_errors(data: st.DataObject) -> None:
    changed = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(GOOD) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_numbers("it", bytes(changed))
    except ModelError:
        return
    assert all(isinstance(value, (int, float)) for value in found.values())
