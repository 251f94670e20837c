"""A report in a few lines for a terminal."""

from __future__ import annotations

from edgeinfer.terminal import wrapped
from edgeinfer_converters.judging.estimate import Forecast
from edgeinfer_converters.judging.measure import Timing
from edgeinfer_converters.judging.verify import MAX_SQNR_DB
from edgeinfer_converters.report.facts import IntegerFacts, Report, Trial

_LABEL_WIDTH = 13
_NAMED_NODES = 3


def summary(report: Report) -> str:
    """The report for people, at most 80 columns wide where names allow it."""
    model, bundle = report.model, report.bundle
    lines = [
        f"{model.name} {model.version} for {report.profile}: {model.precision} {model.format}",
        "",
    ]
    for decision in report.decisions:
        lines += _entry(decision.what, f"{decision.choice}: {decision.reason}")
    lines += _entry("accuracy", _accuracy(report))
    lines += _entry("compared", _compared(report))
    lines += _entry("integer", _integer(report.integer) if report.integer else "")
    lines += _entry("speed", _speed(report.timing, report.forecast, report.profile) or report.timing_note)
    for trial in report.rejected:
        lines += _entry("", _speed_of_trial(trial))
    lines += _entry(
        "size",
        f"model {size_text(model.source_size_bytes)} -> {size_text(model.size_bytes)}, "
        f"bundle {size_text(bundle.size_bytes)}",
    )
    for warning in report.warnings:
        lines += _entry("warning", warning)
    if report.development_key:
        lines += _entry("signed", "development key; the device's trust.d needs this (or use --key):")
        lines += _entry("", report.development_key)
    lines += ["", f"written: {bundle.path}", f"next:    {report.next_step}"]
    return "\n".join(lines) + "\n"


def _entry(label: str, text: str) -> list[str]:
    return wrapped(text, f"  {label:<{_LABEL_WIDTH}}")


def _accuracy(report: Report) -> str:
    accuracy = report.comparison.accuracy
    if accuracy is None:
        return "not measured: no labelled data (--evaluate)"
    on = f"on {accuracy.samples} samples"
    if accuracy.reference is None or accuracy.drop is None:
        return f"{accuracy.metric} {accuracy.converted:.4f} {on}"
    return (
        f"{accuracy.metric} {accuracy.reference:.4f} -> {accuracy.converted:.4f} {on} "
        f"({_change(accuracy.drop)}; a drop of {report.max_drop:g} is allowed)"
    )


def _change(drop: float) -> str:
    if drop == 0:
        return "no drop"
    return f"{drop:.4f} worse" if drop > 0 else f"{-drop:.4f} better"


def _compared(report: Report) -> str:
    comparison = report.comparison
    if comparison.worst_sqnr_db is None:
        return ""
    parts = [_sqnr(comparison.worst_sqnr_db, outputs=len(comparison.sqnr_db))]
    if comparison.agreement is not None:
        parts.append(f"same top class {comparison.agreement:.1%}")
    return f"with the float model, on {comparison.samples} samples {report.data}: {', '.join(parts)}"


def _sqnr(worst_db: float, *, outputs: int) -> str:
    if worst_db >= MAX_SQNR_DB:
        return "equal to the last bit"
    return f"SQNR {worst_db:.1f} dB" + (" (worst output)" if outputs > 1 else "")


def _integer(integer: IntegerFacts) -> str:
    share = integer.integer_macs / integer.macs if integer.macs else 1.0
    text = f"{share:.1%} of {integer.macs:,} multiply-accumulates"
    left = len(integer.float_nodes)
    named = ", ".join(integer.float_nodes[:_NAMED_NODES]) + (", …" if left > _NAMED_NODES else "")
    return f"{text}; in float: {named}" if left else text


def _speed(timing: Timing | None, forecast: Forecast | None, device: str) -> str:
    """What was measured here, or estimated for the device; empty where neither was."""
    if timing is not None:
        return _measured(timing)
    return "" if forecast is None else f"{estimate_text(forecast, device)}; {doubt_text(forecast)}"


def _speed_of_trial(trial: Trial) -> str:
    """That of a candidate that was passed over: in brief, as the chosen one says what it holds for."""
    if trial.timing is not None:
        return f"{trial.precision} had {_measured(trial.timing)}"
    if trial.forecast is None:
        return ""
    return f"{trial.precision}: about {about_ms(trial.forecast.converted_ms)}, estimated in the same way"


def _measured(timing: Timing) -> str:
    ratio = timing.reference_ms / timing.converted_ms
    return (
        f"{timing.reference_ms:.3g} ms -> {timing.converted_ms:.3g} ms measured here "
        f"({ratio:.2f} times as fast, {timing.threads} threads)"
    )


def estimate_text(forecast: Forecast, device: str) -> str:
    """Estimated times for people, and what they hold for."""
    origin = f"estimated, from published figures; {forecast.runtime}, {threads_text(forecast.threads)}"
    text = f"about {about_ms(forecast.converted_ms)} on {device} ({origin})"
    same = forecast.converted_ms == forecast.reference_ms
    return text if same else f"{text}, float {about_ms(forecast.reference_ms)}"


def doubt_text(forecast: Forecast) -> str:
    """How far off an estimate may be, as far as that is known."""
    doubt = f"such estimates were up to {forecast.worst_ratio:g} times too high or too low"
    if forecast.size == "usual":
        return doubt
    return f"{doubt}, and this model is {forecast.size} than any whose time is published"


def threads_text(count: int) -> str:
    """A number of threads for people."""
    return f"{count} thread" if count == 1 else f"{count} threads"


def about_ms(ms: float) -> str:
    """Milliseconds in two digits, which is more than an estimate knows."""
    return f"{float(f'{ms:.2g}'):g} ms"


def size_text(count: int) -> str:
    """A number of bytes for people."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
