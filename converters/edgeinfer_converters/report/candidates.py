"""What was tried: accuracy, size and time of each model, the float model first."""

from __future__ import annotations

from dataclasses import dataclass

from edgeinfer_converters.judging.verify import MAX_SQNR_DB, Comparison
from edgeinfer_converters.report.charts import Point, trade_off
from edgeinfer_converters.report.facts import Report, Trial
from edgeinfer_converters.report.markup import Element, element
from edgeinfer_converters.report.tables import table
from edgeinfer_converters.report.text import size_text
from edgeinfer_converters.report.words import higher_is_better, metric_text

UNKNOWN = "–"
MEANINGFUL_DROP = 0.2
"""A wider budget is none: drawn to scale it would press all points together."""

PRUNED = """\
Pruned models have channels removed: the percentage is the part of the multiply-accumulates that is gone. \
Each is first tried with float weights, because that is quick, and is large as a file for that reason alone. \
Only what keeps the allowed loss so is converted further. Between a part that is too much and one that is \
not, the next one tried lies halfway."""


@dataclass(frozen=True)
class Candidate:
    """A model with what is known of it."""

    name: str
    kind: str
    size_bytes: int
    metric: float | None
    comparison: Comparison | None
    latency_ms: float | None


def candidates(report: Report) -> list[Candidate]:
    """Your model, those passed over, and the one that was chosen."""
    tried = [
        _candidate(f"{one.precision} (passed over)", "rejected", one, one.size_bytes)
        for one in report.rejected
    ]
    name = f"{report.model.precision}{_pruned(report)} (chosen)"
    chosen = _candidate(name, "chosen", report, report.model.size_bytes)
    return [*_reference(report), *tried, chosen]


def section(report: Report) -> Element:
    """A table of all, and the trade-offs as pictures where there is something to compare."""
    found = candidates(report)
    columns = [
        ("model", "t", [one.name for one in found]),
        ("size", "n", [size_text(one.size_bytes) if one.size_bytes else UNKNOWN for one in found]),
        (_metric(report), "n", [_score(one, report) for one in found]),
        ("same top class", "n", [_agreement(one) for one in found]),
        ("SQNR (worst output)", "n", [_sqnr(one) for one in found]),
        (_clock(report), "n", [_latency(one) for one in found]),
    ]
    told = [column for column in columns if set(column[2]) != {UNKNOWN}]
    heads, aligns, cells = zip(*told, strict=True)
    return element(
        "section",
        element("h2", "What was tried"),
        element(
            "p",
            "Each kind of model that could be made for this device, in the order of preference. The first "
            "that loses no more accuracy than allowed, and is not slower than your model, is chosen.",
        ),
        element("p", PRUNED) if report.rejected and _is_pruned(report) else None,
        table("What is known of each model", heads, zip(*cells, strict=True), "".join(aligns)),
        _charts(report, found),
    )


def _candidate(name: str, kind: str, tried: Trial | Report, size_bytes: int) -> Candidate:
    comparison, speed = tried.comparison, tried.timing or tried.forecast
    metric = comparison.accuracy.converted if comparison.accuracy else None
    return Candidate(name, kind, size_bytes, metric, comparison, speed.converted_ms if speed else None)


def _pruned(report: Report) -> str:
    """The part of the work that is gone, where it was pruned."""
    choices = [one.choice for one in report.decisions if one.what == "pruning"]
    return f", {choices[0].split()[0]} pruned" if choices else ""


def _is_pruned(report: Report) -> bool:
    return bool(_pruned(report)) or any("pruned" in one.precision for one in report.rejected)


def _reference(report: Report) -> list[Candidate]:
    if report.model.precision == "as-is":
        return []
    accuracy = report.comparison.accuracy
    speeds = (one.timing or one.forecast for one in _tried(report))
    latency = next((one.reference_ms for one in speeds if one), None)
    metric = accuracy.reference if accuracy else None
    return [Candidate("your model", "reference", report.model.source_size_bytes, metric, None, latency)]


def _charts(report: Report, found: list[Candidate]) -> Element | None:
    name, values = _heights(report, found)
    sized = [(one, y) for one, y in zip(found, values, strict=True) if one.size_bytes and y is not None]
    if len(sized) < 2:  # a single point is no trade-off
        return None
    limit = _limit(report)
    way = "up" if higher_is_better(_metric(report)) else "down"
    points = [Point(one.size_bytes / 1e6, y, one.name, one.kind) for one, y in sized]
    timed = [Point(one.latency_ms, y, one.name, one.kind) for one, y in sized if one.latency_ms is not None]
    return element(
        "div",
        element(
            "figure",
            trade_off(points, "size in MB", name, limit),
            element("figcaption", f"Better is {way} and to the left: more accurate and smaller."),
        ),
        element(
            "figure",
            trade_off(timed, f"{_clock(report)}, in ms", name, limit),
            element("figcaption", f"Better is {way} and to the left: more accurate and faster."),
        )
        if len(timed) > 1
        else None,
        class_="pair",
    )


def _tried(report: Report) -> tuple[Report | Trial, ...]:
    return report, *report.rejected


def _clock(report: Report) -> str:
    """Where the times come from: a build measures all its models, or estimates them all."""
    estimated = any(one.forecast is not None for one in _tried(report))
    return f"time, estimated for {report.profile}" if estimated else "time, measured here"


def _heights(report: Report, found: list[Candidate]) -> tuple[str, list[float | None]]:
    """The axis of accuracy: the metric where there is one, otherwise agreement, or the SQNR."""
    if report.comparison.accuracy is not None:
        return _metric(report), [one.metric for one in found]
    if report.comparison.agreement is not None:
        return "same top class", [one.comparison.agreement if one.comparison else 1.0 for one in found]
    return "SQNR in dB", [one.comparison.worst_sqnr_db if one.comparison else None for one in found]


def _limit(report: Report) -> float | None:
    accuracy = report.comparison.accuracy
    if accuracy is None or accuracy.reference is None:
        return None
    if report.max_drop > MEANINGFUL_DROP:
        return None
    return accuracy.reference + (-report.max_drop if higher_is_better(accuracy.metric) else report.max_drop)


def _metric(report: Report) -> str:
    return report.comparison.accuracy.metric if report.comparison.accuracy else "accuracy"


def _score(one: Candidate, report: Report) -> str:
    return UNKNOWN if one.metric is None else metric_text(one.metric, _metric(report))


def _latency(one: Candidate) -> str:
    return UNKNOWN if one.latency_ms is None else f"{one.latency_ms:.3g} ms"


def _agreement(one: Candidate) -> str:
    if one.comparison is None or one.comparison.agreement is None:
        return UNKNOWN
    return f"{one.comparison.agreement:.1%}"


def _sqnr(one: Candidate) -> str:
    if one.comparison is None or one.comparison.worst_sqnr_db is None:
        return UNKNOWN
    worst = one.comparison.worst_sqnr_db
    return "equal" if worst >= MAX_SQNR_DB else f"{worst:.1f} dB"
