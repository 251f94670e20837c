"""Tables that can be read by ear."""

from __future__ import annotations

from edgeinfer_converters.report.tables import folded, legend, table


def test_headers_of_columns_and_rows() -> None:
    made = table("Fruit", ("name", "count"), [("apple", "1"), ("pear", "2")], "tn")
    scopes = [(one.text, one.get("scope")) for one in made.iter("th")]
    assert scopes == [("name", "col"), ("count", "col"), ("apple", "row"), ("pear", "row")]
    assert [one.get("class") for one in made.iter("td")] == ["number", "number"]
    assert (made.get("role"), made.get("aria-label"), made.get("tabindex")) == ("region", "Fruit", "0")


def test_folded_and_legend() -> None:
    assert "".join(folded("more", "text").itertext()) == "moretext"
    (swatch,) = (one for one in legend(("kept", "what is kept")).iter("span") if one.get("aria-hidden"))
    assert swatch.get("class") == "swatch kept"
