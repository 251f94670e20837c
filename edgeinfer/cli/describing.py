"""A result in words, for people."""

from __future__ import annotations

from edgeinfer.processing.results import Anomaly, Classification, Detection, Outcome, Regression, Result


def describe(result: Result) -> str:
    """One line: the frame's name or number, then what was found."""
    return f"{result.name or f'#{result.sequence}'}  {describe_outcome(result.outcome)}"


def describe_outcome(outcome: Outcome) -> str:
    """What was found, best first."""
    if isinstance(outcome, Classification):
        return ", ".join(f"{one.label} {one.score:.2f}" for one in outcome.classes) or "nothing sure enough"
    if isinstance(outcome, Detection):
        found = [
            f"{one.label} {one.score:.2f} [{' '.join(f'{side:.0f}' for side in one.box)}]"
            for one in outcome.objects
        ]
        return ", ".join(found) or "nothing"
    if isinstance(outcome, Anomaly):
        verdict = "ANOMALOUS" if outcome.anomalous else "normal"
        return f"{verdict}  score {outcome.score:.4g}, threshold {outcome.threshold:.4g}"
    if isinstance(outcome, Regression):
        return ", ".join(f"{name} {value:.6g}" for name, value in outcome.values.items())
    return ", ".join(f"{name} {values}" for name, values in outcome.outputs.items())
