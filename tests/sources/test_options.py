"""Options: their defaults, their limits, and that each scheme has them."""

from __future__ import annotations

import pytest

from edgeinfer.errors import SettingsError
from edgeinfer.sources import SOURCES
from edgeinfer.sources.options import OPTIONS, CsvOptions, RtspOptions, SyntheticOptions, VideoOptions
from edgeinfer.strict import convert_text


def test_every_scheme_has_options_and_a_module() -> None:
    assert list(OPTIONS) == sorted(SOURCES) == list(SOURCES)


@pytest.mark.parametrize("scheme", OPTIONS)
def test_every_option_has_a_default(scheme: str) -> None:
    assert convert_text({}, OPTIONS[scheme], "x") == OPTIONS[scheme]()


@pytest.mark.parametrize(("text", "value"), [("1", True), ("true", True), ("0", False), ("false", False)])
def test_a_switch_is_a_digit_or_a_word(text: str, value: bool) -> None:
    assert convert_text({"loop": text}, VideoOptions, "x").loop is value


@pytest.mark.parametrize("text", ["2", "-1", "", "yes please", "nan"])
def test_anything_else_is_no_switch(text: str) -> None:
    with pytest.raises(SettingsError, match="x: option `loop`: Expected `bool`"):
        convert_text({"loop": text}, VideoOptions, "x")


@pytest.mark.parametrize(
    ("name", "text"),
    [("frames", "-1"), ("frames", "1.5"), ("fps", "0"), ("fps", "inf"), ("fps", "1e9"), ("width", "99999")],
)
def test_numbers_have_limits(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"option `{name}`: Expected"):
        convert_text({name: text}, SyntheticOptions, "x")


def test_several_faults_are_told_together() -> None:
    with pytest.raises(SettingsError) as caught:
        convert_text({"folow": "1", "bad": "no", "poll_s": "0"}, CsvOptions, "rows")
    for fault in ("unknown option `folow`; did you mean `follow`?", "option `bad`", "option `poll_s`"):
        assert fault in caught.value.message


def test_a_likely_choice_is_named() -> None:
    with pytest.raises(SettingsError, match=r"did you mean `udp`\?"):
        convert_text({"transport": "upd"}, RtspOptions, "x")
