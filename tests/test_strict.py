"""Strict decoding: what is wrong is named, what is right survives."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import SettingsError
from edgeinfer.strict import (
    Meta,
    Struct,
    convert,
    convert_all,
    convert_text,
    decode_json,
    decode_toml,
    encode_json,
    field,
    list_faults,
    plain,
    replace,
    toml_table,
)


class Wheel(Struct, frozen=True):
    size: Annotated[int, Meta(ge=1)]
    rim: Literal["steel", "alloy"] = "steel"


class Car(Struct, frozen=True):
    name: str
    wheels: tuple[Wheel, ...] = ()
    spare: Wheel | None = None
    options: dict[str, float] = field(default_factory=dict)


class Bag(Struct, frozen=True):
    inside: Any


wheels = st.builds(Wheel, size=st.integers(1, 2**40), rim=st.sampled_from(["steel", "alloy"]))
cars = st.builds(
    Car,
    name=st.text(),
    wheels=st.lists(wheels, max_size=4).map(tuple),
    spare=st.none() | wheels,
    options=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
)


@given(cars)
def test_json_there_and_back(car: Car) -> None:
    assert decode_json(encode_json(car), Car, "car.json") == car
    assert decode_json(encode_json(car, indent=2), Car, "car.json") == car


@given(cars)
def test_plain_values_convert_back(car: Car) -> None:
    assert convert(plain(car), Car, "car") == car
    assert convert_all(plain(car), Car, "car") == car


def test_json_keeps_the_order_of_declaration() -> None:
    assert encode_json(Wheel(size=3)) == b'{"size":3,"rim":"steel"}'
    assert encode_json(Wheel(size=3), indent=2) == b'{\n  "size": 3,\n  "rim": "steel"\n}'


def test_toml() -> None:
    text = b'name = "mini"\nwheels = [{size = 10}, {size = 11, rim = "alloy"}]\n[options]\nheat = 1.5\n'
    assert decode_toml(text, Car, "car.toml") == Car(
        name="mini", wheels=(Wheel(size=10), Wheel(size=11, rim="alloy")), options={"heat": 1.5}
    )


@given(st.binary(max_size=100))
def test_bytes_of_any_kind_end_in_a_settings_error(data: bytes) -> None:
    for decode in (decode_json, decode_toml):
        with pytest.raises(SettingsError, match="car: "):
            decode(data, Car, "car")


def test_deep_nesting_is_no_crash() -> None:
    with pytest.raises(SettingsError, match=r"bag\.json: not valid JSON"):
        decode_json(b'{"inside": ' + b"[" * 100_000, Bag, "bag.json")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"name": "a", "wheel": []}', "did you mean `wheels`?"),
        ('{"name": "a", "wheels": [{"sise": 1}]}', "did you mean `size`?"),
        ('{"name": "a", "zzzzzz": 1}', "unknown field `zzzzzz`"),
        ('{"name": 1}', "$.name"),
        ('{"name": "a", "wheels": [{"size": 0}]}', "$.wheels[0].size"),
        ('{"name": "a", "wheels": [{"size": 1, "rim": "wood"}]}', "$.wheels[0].rim"),
        ('{"name": "a", "wheels": [{"size": 1.5}]}', "$.wheels[0].size"),
        ("{}", "missing required field `name`"),
        ('{"name": "a"', "not valid JSON"),
    ],
)
def test_a_fault_in_json_is_placed(text: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        decode_json(text.encode(), Car, "car.json")
    assert caught.value.message.startswith("car.json: ")
    assert complaint in caught.value.message


@pytest.mark.parametrize(
    ("data", "complaint"), [(b"name = ", "not valid TOML"), (b"name = '\xff'", "not UTF-8 text")]
)
def test_what_is_no_toml(data: bytes, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        toml_table(data, "car.toml")


def test_an_unknown_field_without_a_likely_one_is_named_alone() -> None:
    with pytest.raises(SettingsError) as caught:
        convert({"name": "a", "zzzzzz": 1}, Car, "car")
    assert "did you mean" not in caught.value.message


def test_every_fault_is_named_for_people() -> None:
    table: dict[str, Any] = {
        "wheels": [{"size": 1}, {"size": 0, "rin": "alloy"}],
        "spare": {"rim": 5},
        "colour": 1,
    }
    with pytest.raises(SettingsError) as caught:
        convert_all(table, Car, "car.toml")
    for part in (
        "name: missing",
        "wheels[1].size",
        "wheels[1].rin",
        "`rim`",
        "spare.size",
        "spare.rim",
        "colour",
    ):
        assert part in caught.value.message
    assert caught.value.message.count("\n") == 6


def test_one_fault_stays_on_its_line() -> None:
    assert list_faults("here", ["bad"]) == "here: bad"
    assert list_faults("here", ["bad", "worse"]) == "here:\n  bad\n  worse"


class Options(Struct, frozen=True):
    loop: bool = False
    fps: Annotated[float, Meta(gt=0)] = 25.0
    mode: Literal["fast", "slow"] = "fast"


def test_options_written_as_text() -> None:
    found = convert_text({"loop": "1", "fps": "12.5", "mode": "slow"}, Options, "uri")
    assert found == Options(loop=True, fps=12.5, mode="slow")


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ({"lop": "1"}, "unknown option `lop`; did you mean `loop`?"),
        ({"quality": "1"}, "unknown option `quality`; known are "),
        ({"fps": "many"}, "got `many`"),
        ({"fps": "0"}, "option `fps`"),
        ({"mode": "slwo"}, "did you mean `slow`?"),
    ],
)
def test_wrong_options_are_named(texts: dict[str, str], complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        convert_text(texts, Options, "uri")
    assert complaint in caught.value.message


def test_structs_are_frozen_and_copied_with_changes() -> None:
    wheel = Wheel(size=3)
    with pytest.raises(AttributeError):
        wheel.size = 4  # type: ignore[misc]  # that it cannot be is what is tested
    assert replace(wheel, size=4) == Wheel(size=4)
    assert wheel.size == 3


def test_the_decoder_is_the_one_of_this_python() -> None:
    expected = "tomllib" if sys.version_info >= (3, 11) else "tomli"
    assert vars(sys.modules["edgeinfer.strict"])["tomllib"].__name__ == expected
