"""Trees of markup: text stays text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.terminal import printable
from edgeinfer_converters.report.markup import document, element, extend, number, style
from tests.fixtures.pages import Reader


@given(st.text(), st.text())
def test_any_text_comes_out_as_it_went_in_and_makes_no_tag(text: str, value: str) -> None:
    written = document(element("html", element("p", text, title=value)))
    written.encode()
    seen = Reader(written)
    assert seen.tags == ["html", "p"]
    assert seen.text.strip() == printable(text).strip()
    assert seen.attributes == [("title", printable(value))]


def test_text_after_a_child_stays_behind_it() -> None:
    made = element("p", "one ", element("b", "two"), " three", None, " four")
    assert "<p>one <b>two</b> three four</p>" in document(made)


def test_names_of_attributes() -> None:
    written = document(element("rect", class_="a", stroke_width=2.04, viewBox="0 0 1 1", title=None))
    assert '<rect class="a" stroke-width="2" viewBox="0 0 1 1"></rect>' in written


def test_numbers_are_short() -> None:
    assert [number(value) for value in (3.0, 3.14159, "3.14159", -0.26)] == ["3", "3.1", "3.14159", "-0.3"]


def test_a_style_sheet_is_not_escaped() -> None:
    assert "<style>a > b {}</style>" in document(element("html", style("a > b {}")))


def test_lone_surrogates_of_file_names_can_be_written() -> None:
    assert "\\udcff" in document(extend(element("p"), "\udcff"))
