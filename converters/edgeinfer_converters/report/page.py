"""`report.html`: one page that needs nothing but itself. No script, no font, no address is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from edgeinfer_converters.report import candidates, inside, sections
from edgeinfer_converters.report.facts import Report
from edgeinfer_converters.report.glance import glance
from edgeinfer_converters.report.markup import Element, document, element, extend, style
from edgeinfer_converters.report.pictures import Picture

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Even a browser that was tricked into markup of others would run and fetch nothing."""


def page(report: Report, pictures: Sequence[Picture | None] = ()) -> str:
    """The page of a report. The same arguments give the same text; it holds no time stamp."""
    model = report.model
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{model.name} {model.version} for {report.profile}: build report"),
        style((resources.files(__package__) / "style.css").read_text("utf-8")),
    )
    body = element("body", glance(report), extend(element("main"), *_parts(report, pictures)))
    return document(element("html", head, body, lang="en"))


def _parts(report: Report, pictures: Sequence[Picture | None]) -> list[Element | None]:
    details = report.details
    first: list[Element | None] = [sections.decisions(report)]
    if details is None:
        return [*first, candidates.section(report)]
    return [
        *first,
        sections.quality(report, details),
        sections.disagreements(details, pictures),
        sections.size(report, details),
        candidates.section(report),
        inside.layers(details),
        inside.ranges(details),
        inside.arithmetic(report, details),
        sections.provenance(report, details),
    ]
