"""The parts of the page below the first screen."""

from __future__ import annotations

from collections.abc import Sequence

from edgeinfer_converters.report.charts import picture
from edgeinfer_converters.report.facts import (
    ClassFacts,
    Details,
    Disagreement,
    Measure,
    Quality,
    Rates,
    Report,
)
from edgeinfer_converters.report.markup import Element, element, extend
from edgeinfer_converters.report.pictures import Picture, Thumbnail
from edgeinfer_converters.report.tables import folded, legend, table
from edgeinfer_converters.report.text import size_text
from edgeinfer_converters.report.words import is_share, metric_text

MOST_CLASSES = 30
_UNKNOWN = "–"


def decisions(report: Report) -> Element:
    """Each decision with its reason."""
    rows = [(one.what, one.choice, one.reason) for one in report.decisions]
    return element(
        "section",
        element("h2", "What was decided, and why"),
        table("Decisions", ("decision", "choice", "reason"), rows, "ttt"),
    )


def quality(report: Report, details: Details) -> Element | None:
    """Measures of both models, by class where there are classes."""
    found = details.quality
    if found is None:
        return None
    rows = [
        (
            one.name,
            _UNKNOWN if one.reference is None else metric_text(one.reference, one.name),
            metric_text(one.converted, one.name),
            _difference(one),
        )
        for one in found.measures
    ]
    heads = ("measure", "your model", "converted", "change")
    return element(
        "section",
        element("h2", "Accuracy in detail"),
        table(f"On {found.samples} labelled samples", heads, rows, "tnnn"),
        _classes(found),
        _confusions(found),
        _objects(found),
    )


def _difference(one: Measure) -> str:
    if one.reference is None:
        return _UNKNOWN
    change = one.converted - one.reference
    if change == 0:
        return "none"
    text = f"{change * 100:+.2f} points" if is_share(one.name) else f"{change:+.4g}"
    return f"{text} ({'better' if (change > 0) == one.higher_is_better else 'worse'})"


def _classes(found: Quality) -> Element | None:
    if not found.classes:
        return None
    shown, caption = found.classes, "By class"
    if len(found.classes) > MOST_CLASSES:
        shown = tuple(sorted((one for one in found.classes if _loss(one) != 0), key=_loss)[:MOST_CLASSES])
        caption = (
            f"The {len(shown)} of {len(found.classes)} classes whose F1 changed, the greatest loss first"
        )
    if not shown:
        return element("p", f"In none of the {len(found.classes)} classes did F1 change.")
    heads = ("class", "samples", "precision before → after", "recall before → after", "F1 before → after")
    rows = [
        (one.label, str(one.samples), *(_rates(one, name) for name in ("precision", "recall", "f1")))
        for one in shown
    ]
    return table(caption, heads, rows, "tnnnn")


def _loss(one: ClassFacts) -> float:
    """Negative where F1 got worse; where there is nothing to compare with, the poorest come first."""
    return one.converted.f1 - (one.reference.f1 if one.reference else 1.0)


def _rates(one: ClassFacts, name: str) -> str:
    converted = _rate(one.converted, name)
    return f"{_rate(one.reference, name)} → {converted}" if one.reference else converted


def _rate(rates: Rates, name: str) -> str:
    return f"{getattr(rates, name):.1%}"


def _confusions(found: Quality) -> Element | None:
    if not found.confusions:
        return None
    rows = [
        (one.truth, one.answer, _UNKNOWN if one.reference is None else str(one.reference), str(one.converted))
        for one in found.confusions
    ]
    heads = ("truly", "taken for", "by your model", "by the converted one")
    return table("What is confused most often: number of samples", heads, rows, "ttnn")


def _objects(found: Quality) -> Element | None:
    if not found.objects:
        return None
    rows = sorted(found.objects, key=lambda one: one.converted - (one.reference or 0.0))
    cells = [
        (one.label, _UNKNOWN if one.reference is None else f"{one.reference:.3f}", f"{one.converted:.3f}")
        for one in rows
    ]
    heads = ("class", "your model", "converted")
    caption = "Average precision of each class that occurs, the greatest loss first"
    if len(cells) <= MOST_CLASSES:
        return table(caption, heads, cells, "tnn")
    rest = table("The others", heads, cells[MOST_CLASSES:], "tnn")
    first = table(caption, heads, cells[:MOST_CLASSES], "tnn")
    return element("div", first, folded(f"{len(cells) - MOST_CLASSES} more", rest))


def size(report: Report, details: Details) -> Element:
    """Bytes in the file and in memory."""
    model, memory = report.model, details.memory
    rows = [
        ("model file", size_text(model.source_size_bytes), size_text(model.size_bytes)),
        ("bundle file", _UNKNOWN, size_text(report.bundle.size_bytes)),
    ]
    if memory is not None:
        rows.append(
            (
                "results between layers, most at a time",
                size_text(memory.reference_bytes),
                size_text(memory.converted_bytes),
            )
        )
    return element(
        "section",
        element("h2", "Size and memory"),
        table("Bytes on disk and in memory", ("what", "your model", "converted"), rows, "tnn"),
        element(
            "p",
            "The last line is computed from the graph: what has to be held at a time when layers run one "
            "after the other. The runtime needs some megabytes of its own beside it.",
            class_="note",
        )
        if memory
        else None,
    )


def disagreements(details: Details, pictures: Sequence[Picture | None]) -> Element | None:
    """The samples on which both models differ most, as cards."""
    if not details.compared:
        return None
    if details.differing:
        text = (
            f"Of {details.compared} samples, {details.differing} got another answer from the converted "
            "model. The worst come first."
        )
    elif details.disagreements:
        text = (
            f"All {details.compared} samples got the same answer from both models. These are the ones where "
            "the numbers behind it differ most."
        )
    else:
        text = f"On all {details.compared} samples both models say exactly the same."
    shown = [*pictures, *[None] * len(details.disagreements)]
    cards = [_card(one, image) for one, image in zip(details.disagreements, shown, strict=False)]
    boxes = any(isinstance(one, Thumbnail) and (one.reference or one.converted) for one in pictures)
    return element(
        "section",
        element("h2", "Where the two models disagree most"),
        element("p", text),
        _box_legend() if boxes else None,
        extend(element("ul", class_="cards"), *cards) if cards else None,
    )


def _card(one: Disagreement, image: Picture | None) -> Element:
    name = one.sample.rsplit("/", 1)[-1]
    answers = element("dl")
    for term, text in (("truth", one.truth), ("your model", one.reference), ("converted", one.converted)):
        if text:
            extend(answers, element("dt", term), element("dd", text))
    return element(
        "li",
        picture(image, name) if image is not None else None,
        element("p", name, class_="name"),
        answers,
        class_="card differs" if one.differs else "card",
    )


def _box_legend() -> Element:
    return legend(
        ("reference", "found by your model"), ("converted", "found by the converted model (dashed)")
    )


def provenance(report: Report, details: Details) -> Element:
    """Hashes, versions, options: enough to make the same bundle again."""
    made = details.provenance
    files = [
        (one.name, size_text(one.size_bytes), _hash(one.sha256)) for one in (*made.source, made.pipeline)
    ]
    files.append(
        (
            report.bundle.path.rsplit("/", 1)[-1],
            size_text(report.bundle.size_bytes),
            _hash(report.bundle.sha256),
        )
    )
    data = [
        (purpose, one.name, one.kind, f"{one.used} of {one.samples}", _hash(one.sha256))
        for purpose, one in (("calibration", made.calibration), ("evaluation", made.evaluation))
        if one is not None
    ]
    chosen = made.options
    options = [
        (f"--{name.replace('_', '-')}", f"{getattr(chosen, name)}") for name in chosen.__struct_fields__
    ]
    return element(
        "section",
        element("h2", "Where it comes from"),
        element("p", "The same files, options and versions give the same bundle, byte by byte."),
        table("Files", ("file", "size", "SHA-256"), files, "tnt"),
        table("Data", ("purpose", "name", "kind", "samples used", "SHA-256"), data, "tttnt")
        if data
        else None,
        table("Options", ("option", "value"), options, "tt"),
        table("Versions", ("package", "version"), sorted(made.tools.items()), "tt"),
    )


def _hash(text: str) -> Element:
    return element("code", text, class_="hash")
