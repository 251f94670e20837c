"""The first screen: understood by someone who has never read about quantization."""

from __future__ import annotations

from edgeinfer_converters.judging.estimate import Forecast
from edgeinfer_converters.report.facts import Report
from edgeinfer_converters.report.markup import Element, element, extend
from edgeinfer_converters.report.text import about_ms, doubt_text, size_text, threads_text
from edgeinfer_converters.report.words import amount_text, lead, metric_text, sqnr_text, times, verdict

ASKED = "asked for"


def glance(report: Report) -> Element:
    """Title, verdict, three figures, what to do next, warnings."""
    model = report.model
    mood, sentence = verdict(report)
    return element(
        "header",
        element("p", "edgeinfer build report", class_="kicker"),
        element("h1", f"{model.name} {model.version} for {report.profile}"),
        element("p", _mark(mood), sentence, class_=f"verdict {mood}"),
        element("p", lead(report), class_="lead"),
        element("div", _accuracy(report), _size(report), _speed(report), class_="tiles"),
        _next(report),
        _warnings(report),
    )


def _mark(mood: str) -> Element:
    sign = {"good": "✓", "poor": "!", "unknown": "?"}[mood]
    return element("span", sign, class_="mark", aria_hidden="true")


def _tile(title: str, figure: str, *notes: str) -> Element:
    tile = element("section", element("h2", title), element("p", figure, class_="figure"), class_="tile")
    return extend(tile, *(element("p", note) for note in notes if note))


def _accuracy(report: Report) -> Element:
    comparison, accuracy = report.comparison, report.comparison.accuracy
    if accuracy is not None:
        shown = metric_text(accuracy.converted, accuracy.metric)
        on = f"{accuracy.metric}, on {accuracy.samples} labelled samples."
        if accuracy.reference is None or accuracy.drop is None:
            return _tile("Accuracy", shown, on)
        before = metric_text(accuracy.reference, accuracy.metric)
        allowed = f"A loss of {amount_text(report.max_drop, accuracy.metric)} was allowed."
        change = _change(accuracy.drop, accuracy.metric)
        return _tile("Accuracy, before → after", f"{before} → {shown}", f"{on} {change}", allowed)
    note = "No labelled data were given (--evaluate), so how many answers are right is not known."
    on = f"Compared with your model on {comparison.samples} samples {report.data}."
    if comparison.agreement is not None:
        return _tile("Same answer as before", f"{comparison.agreement:.1%}", on, note)
    if comparison.worst_sqnr_db is not None:
        error = sqnr_text(comparison.worst_sqnr_db)
        figure = "exact" if error.startswith("equal") else f"{comparison.worst_sqnr_db:.1f} dB"
        return _tile("Nearness to your model", figure, f"Outputs are {error}.", on, note)
    return _tile("Accuracy", "not measured", note)


def _change(drop: float, metric: str) -> str:
    if drop == 0:
        return "No loss."
    return f"{amount_text(abs(drop), metric)} {'lost' if drop > 0 else 'gained'}."


def _size(report: Report) -> Element:
    model = report.model
    return _tile(
        "Size of the model",
        times(model.source_size_bytes, model.size_bytes, "smaller", "larger"),
        f"{size_text(model.source_size_bytes)} → {size_text(model.size_bytes)}.",
        f"The whole bundle, with settings and test data, is {size_text(report.bundle.size_bytes)}.",
    )


def _speed(report: Report) -> Element:
    timing = report.timing
    if timing is not None:
        return _tile(
            "Speed, measured here",
            times(timing.reference_ms, timing.converted_ms, "faster", "slower"),
            f"{timing.reference_ms:.3g} ms → {timing.converted_ms:.3g} ms an inference, on "
            f"{threads_text(timing.threads)} of this machine.",
        )
    if report.forecast is not None:
        return _estimated(report.forecast, report.profile)
    if report.timing_note:
        reason = next((one.reason for one in report.decisions if one.what == "precision"), "")
        return _tile(
            "Speed",
            "not known",
            f"{_sentence(report.timing_note)} On the device, edgeinfer bench tells.",
            f"What the profile knows: {reason}." if reason and reason != ASKED else "",
        )
    return _tile("Speed", "as before", "The model was not converted, so its speed is its own.")


def _estimated(forecast: Forecast, device: str) -> Element:
    before, after = about_ms(forecast.reference_ms), about_ms(forecast.converted_ms)
    same = forecast.reference_ms == forecast.converted_ms
    return _tile(
        "Speed, estimated",
        f"about {after}" if same else times(forecast.reference_ms, forecast.converted_ms, "faster", "slower"),
        f"About {after if same else f'{before} → {after}'} an inference on {device}, with {forecast.runtime} "
        f"on {threads_text(forecast.threads)}: estimated from published figures, not measured.",
        f"{_sentence(doubt_text(forecast))} On the device, edgeinfer bench tells.",
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _next(report: Report) -> Element | None:
    if not report.next_step:
        return None
    hint, _, command = report.next_step.rpartition(": ")
    return element(
        "section",
        element("h2", "What to do next"),
        element("p", f"{hint[:1].upper()}{hint[1:]}:") if hint else None,
        element("pre", element("code", command), tabindex="0"),
        _key_note(report),
        class_="next",
    )


def _key_note(report: Report) -> Element | None:
    if not report.development_key:
        return None
    return element(
        "p",
        "The bundle is signed with your development key. Another device accepts it once its trust.d folder "
        "holds ",
        element("code", report.development_key),
        "; for a product, sign with a key of your own (--key).",
    )


def _warnings(report: Report) -> Element | None:
    if not report.warnings:
        return None
    items = element("ul")
    extend(items, *(element("li", _sentence(one)) for one in report.warnings))
    return element("section", element("h2", "To be aware of"), items, class_="warnings")
