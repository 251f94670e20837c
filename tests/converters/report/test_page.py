"""The page: whole, by itself, and deaf to what names say."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgeinfer.strict import replace
from edgeinfer.terminal import printable
from edgeinfer_converters.judging.evaluate import Accuracy
from edgeinfer_converters.judging.verify import Comparison
from edgeinfer_converters.report.page import page
from edgeinfer_converters.report.pictures import Curves, Thumbnail
from tests.fixtures.pages import Reader
from tests.fixtures.reports import DIGEST, estimated_report, full_report

PICTURES = (Thumbnail(b"\x89PNG", "image/png", 20, 10), Curves(((1.0, 2.0, 1.0),)))
HOSTILE = "</style></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&<!--"


def test_each_part_is_there() -> None:
    seen = Reader(page(full_report(), PICTURES)).text
    for part in (
        "thing 1.0.0 for raspberry-pi-4",
        "What to do next",
        "edgeinfer install thing.eib",
        "To be aware of",
        "What was decided, and why",
        "Accuracy in detail",
        "Where the two models disagree most",
        "Of 136 samples, 2 got another answer",
        "Size and memory",
        "What was tried",
        "float16 (passed over)",
        "Layer by layer",
        "Ranges of the values between layers",
        "99.0% of the 1,000 multiply-accumulates",
        "Where it comes from",
        "512 of 600",
        DIGEST,
        "--max-drop",
    ):
        assert part in seen, part


def test_the_first_screen_comes_first_and_has_the_figures() -> None:
    text = page(full_report())
    first = Reader(text[: text.index("</header>")]).text
    for part in ("83.1% → 82.3%", "6.5 × smaller", "2.5 × faster", "10 ms → 4 ms", "8-bit whole numbers"):
        assert part in first, part


@given(st.text(min_size=1, max_size=40))
@example(HOSTILE)
@example("\udcff\x00\x1b[2J\n")
def test_names_are_never_markup(name: str) -> None:
    plain, hostile = Reader(page(full_report("plain"))), Reader(page(full_report(name)))
    assert hostile.tags == plain.tags
    assert [key for key, _ in hostile.attributes] == [key for key, _ in plain.attributes]
    assert printable(name) in hostile.text


def test_nothing_is_fetched_or_run() -> None:
    text = page(full_report(HOSTILE), PICTURES)
    seen = Reader(text)
    assert not {"script", "link", "iframe", "object", "form", "base"} & set(seen.tags)
    addresses = [value for key, value in seen.attributes if key in ("src", "href", "action", "xlink:href")]
    assert addresses
    assert all(value and value.startswith("data:image/") for value in addresses)
    assert not [key for key, _ in seen.attributes if key.startswith("on")]
    assert "default-src 'none'" in text
    sheet = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in sheet
    assert "@import" not in sheet


def test_the_same_report_gives_the_same_page_without_a_date() -> None:
    text = page(full_report(), PICTURES)
    assert page(full_report(), PICTURES) == text
    assert not re.search(r"\b20\d\d-\d\d|\d\d:\d\d:\d\d", text)


def test_for_screen_readers_phones_and_paper() -> None:
    text = page(full_report(), PICTURES)
    seen = Reader(text)
    assert ("lang", "en") in seen.attributes
    assert ("content", "width=device-width, initial-scale=1") in seen.attributes
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    pictures = re.findall(r"<svg[^>]*>", text)
    assert len(pictures) >= 5
    assert all('role="img"' in one and "aria-label=" in one for one in pictures)
    assert len(re.findall(r"<th [^>]*>", text)) == len(re.findall(r'<th [^>]*scope="(?:col|row)"', text)) > 20
    assert seen.tags.count("caption") == seen.tags.count("table")
    assert seen.tags.count("h1") == seen.tags.count("main") == 1


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.1 of two colours #rrggbb or #rgb."""

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_colours_can_be_told_apart_in_light_and_dark() -> None:
    assert contrast("#fff", "#000000") == pytest.approx(21)
    schemes = re.findall(r":root \{(.*?)\}", page(full_report()), re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): (#\w+)", scheme))
        for name in ("ink", "quiet", "good", "poor", "unknown", "one"):
            for ground in ("paper", "tile"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        assert contrast(colours["two"], colours["paper"]) >= 3
        assert contrast(colours["ink"], colours["soft"]) >= 4.5


def test_a_report_without_details() -> None:
    seen = Reader(page(replace(full_report(), details=None)))
    assert "What was tried" in seen.text
    assert "Layer by layer" not in seen.text


def test_a_model_packed_as_it_came() -> None:
    report = full_report()
    assert report.details is not None
    bare = replace(
        report,
        model=replace(report.model, precision="as-is"),
        comparison=Comparison(
            samples=64, sqnr_db={}, accuracy=Accuracy(metric="mAP50-95", samples=64, converted=0.2302)
        ),
        rejected=(),
        timing=None,
        integer=None,
        details=replace(
            report.details,
            quality=None,
            compared=0,
            disagreements=(),
            layers=(),
            ranges=(),
            kernels=(),
            memory=None,
        ),
    )
    seen = Reader(page(bare)).text
    assert "0.2302" in seen
    assert "The model was not converted" in seen
    for absent in ("your model (", "Layer by layer", "disagree most", "whole numbers: read"):
        assert absent not in seen, absent


def test_speed_that_was_not_measured_says_so() -> None:
    report = replace(
        full_report("fast kernels"), timing=None, timing_note="neither measured nor estimated: no pi here"
    )
    seen = Reader(page(report)).text
    assert "not known" in seen
    assert "Neither measured nor estimated: no pi here." in seen
    assert "What the profile knows: fast kernels." in seen


def test_an_estimated_page_speaks_of_no_measurement() -> None:
    seen = Reader(page(estimated_report())).text
    assert "Speed, estimated" in seen
    assert "time, estimated for raspberry-pi-4" in seen
    assert "measured here" not in seen
