"""Numbers in words that need no explanation."""

from __future__ import annotations

from edgeinfer_converters.judging.metrics import METRICS
from edgeinfer_converters.judging.verify import MAX_SQNR_DB
from edgeinfer_converters.report.facts import Report

EQUAL_SHARE = 0.02
LITTLE = 0.02
"""A loss that may be called small: two points."""

LONGEST_LABEL = 32
PRECISIONS = {
    "float32": "32-bit decimals (float32), as in your model",
    "float16": "16-bit decimals (float16)",
    "int8": "8-bit whole numbers (int8)",
    "mixed": "8-bit whole numbers (int8), and decimals where these would cost accuracy (mixed)",
    "as-is": "the numbers that your file already has (packed as it is)",
}
"""What a model computes with, by its precision."""


def lead(report: Report) -> str:
    """What was made, in two sentences."""
    model = report.model
    with_what = PRECISIONS.get(model.precision, model.precision)
    made = f"edgeinfer packed your model for the device {report.profile}. It computes with {with_what}."
    if model.precision in ("int8", "mixed"):
        return (
            f"{made} Such a copy is a quarter of the size or a little more, and processors compute "
            "faster with it; but every number is rounded, so this page shows what that changed."
        )
    if model.precision == "float16":
        return f"{made} That halves the model and rounds a little; this page shows what that changed."
    return f"{made} Its answers should not change at all.{_passed_over(report)}"


def _passed_over(report: Report) -> str:
    reasons = [f"{one.choice} {one.reason}" for one in report.decisions if one.what == "passed over"]
    return f" Smaller and faster forms were passed over: {'; '.join(reasons)}." if reasons else ""


def verdict(report: Report) -> tuple[str, str]:
    """Whether the model kept its accuracy: `good`, `unknown` or `poor`, and a sentence."""
    comparison = report.comparison
    accuracy = comparison.accuracy
    if accuracy is not None and accuracy.drop is not None:
        if accuracy.drop <= 0:
            return "good", "It kept its accuracy."
        lost = f"It lost {amount_text(accuracy.drop, accuracy.metric)}"
        if accuracy.drop <= min(report.max_drop, LITTLE):
            return "good", f"{lost}, within the limit that was set."
        if accuracy.drop <= report.max_drop:
            return "poor", f"{lost}. The limit that was set allows that; look whether you can."
        return "poor", "It lost more accuracy than the limit that was set."
    if accuracy is not None:
        return "good", "Its accuracy was measured; there is no other model to compare it with."
    if comparison.worst_sqnr_db is not None and comparison.worst_sqnr_db >= MAX_SQNR_DB:
        return "good", "It computes exactly what your model computes."
    if comparison.agreement is not None:
        if comparison.agreement >= 1 - report.max_drop:
            return "good", "It answers as your model does."
        return (
            "poor",
            (f"It answers otherwise than your model on {1 - comparison.agreement:.1%} of the samples."),
        )
    return "unknown", "Without labelled data nobody knows how accurate it is."


def times(before: float, after: float, better: str, worse: str) -> str:
    """How much smaller or faster, such as "2.5 times smaller"."""
    if before <= 0 or after <= 0:
        return "not known"
    ratio = before / after
    if abs(ratio - 1) < EQUAL_SHARE:
        return "the same"
    return f"{ratio:.2g} × {better}" if ratio > 1 else f"{1 / ratio:.2g} × {worse}"


def sqnr_text(sqnr_db: float) -> str:
    """An SQNR for people: the size of a typical error beside the size of the values."""
    if sqnr_db >= MAX_SQNR_DB:
        return "equal to the last bit"
    return f"typically {10 ** (-sqnr_db / 20):.2g} of the values' size off"


def metric_text(value: float, name: str) -> str:
    """A metric with the digits that it can mean: shares in percent."""
    if is_share(name):
        return f"{value:.1%}"
    return f"{value:.4f}" if name.startswith(("AUC", "MAE", "mAP")) else f"{value:.4g}"


def amount_text(amount: float, name: str) -> str:
    """A loss or gain of a metric: of shares in points."""
    if not is_share(name):
        return f"{amount:.4f} {name}"
    points = f"{amount * 100:.2g}"
    return f"{points} {'point' if points == '1' else 'points'} of {name}"


def higher_is_better(name: str) -> bool:
    """Which way a task's metric points."""
    return next(
        (one.higher_is_better for one in (make() for make in METRICS.values()) if one.name == name), True
    )


def brief(label: str) -> str:
    """A label as short as a card is wide; ImageNet's list all their synonyms."""
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1].rstrip(' ,')}…"


def is_share(name: str) -> bool:
    """Whether a metric is a share of samples, which is best read in percent."""
    return name.startswith(("top-1", "precision", "recall", "F1"))
