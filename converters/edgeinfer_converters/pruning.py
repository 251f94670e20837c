"""Pruning within a build: a share of the multiply-accumulates, or the largest that the budget bears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeinfer.backends import open_backend
from edgeinfer.errors import BudgetError, ModelError
from edgeinfer_converters.choose import Decision, Plan
from edgeinfer_converters.emit import EmittedModel, Outcome, Workshop, inputs_of
from edgeinfer_converters.model_file import write_model
from edgeinfer_converters.oddities import Oddities
from edgeinfer_converters.progress import announce
from edgeinfer_converters.prune.chain import Pruned, Survey, remove, survey
from edgeinfer_converters.quantize.execution import single_threaded
from edgeinfer_converters.rivals import emit_fastest
from edgeinfer_converters.samples import Samples
from edgeinfer_converters.shelf import shelve
from edgeinfer_converters.source import serialized
from edgeinfer_converters.verify import Comparison, compare

SHARES = (0.5, 0.4, 0.3, 0.2, 0.1)
"""Of the multiply-accumulates, that `--prune auto` tries to remove, the largest first."""

LEAST_AGREEMENT, LEAST_SQNR_DB = 0.98, 20.0
"""What `--prune auto` keeps to where no labelled data tell the accuracy."""

Result = tuple[Plan, Workshop, Outcome]


def emit_pruned(wish: str, plans: Sequence[Plan], workshops: Sequence[Workshop]) -> Result:
    """As `emit_fastest`, with the model pruned first: `wish` is none, auto, or a share such as 0.2.

    A share that is asked for is removed, and the budget then decides as ever. `auto` tries shares from the
    largest down, and takes the first whose model keeps the budget in the precision that is preferred; none
    if no one does. Raises ModelError for a share that cannot be removed, and what `emit_fastest` raises.
    """
    if wish == "none":
        return emit_fastest(plans, workshops)
    found = _survey(workshops[0])
    if wish == "auto":
        return _largest(found, plans, workshops)
    attempt = _attempt(found, float(wish), workshops)
    return _with(emit_fastest(plans, attempt.workshops), (attempt.decision,))


@dataclass(frozen=True)
class _Attempt:
    share: float
    pruned: Pruned
    workshops: tuple[Workshop, ...]

    @property
    def decision(self) -> Decision:
        """What was removed, and from where."""
        changed = [f"{one.group} {one.channels} -> {one.kept}" for one in self.pruned.choices]
        some = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
        choice = f"{self.pruned.share_removed:.1%} of the multiply-accumulates removed"
        return Decision(what="pruning", choice=choice, reason=f"channels: {some}")


def _survey(workshop: Workshop) -> Survey:
    graph, samples = workshop.graph, _samples(workshop)
    if graph is None:
        raise AssertionError("models that are packed as they are have been refused")
    with single_threaded():
        return survey(graph, lambda: inputs_of(samples), len(samples), progress=announce)


def _attempt(found: Survey, share: float, workshops: Sequence[Workshop]) -> _Attempt:
    """The pruned graph in place of the whole one. Raises ModelError."""
    samples = _samples(workshops[0])
    multiple = workshops[0].profile.limits.channel_multiple
    announce(f"removing {share:.0%} of the multiply-accumulates")
    with single_threaded():
        pruned = remove(found, lambda: inputs_of(samples), len(samples), share, multiple=multiple)
    own = replace(
        workshops[0].afresh(),
        prepared=shelve(serialized(pruned.model)),
        oddities=Oddities(),
        warnings=pruned.warnings,
        unpruned=workshops[0].prepared,
    )
    return _Attempt(
        share,
        pruned,
        tuple(
            replace(
                own,
                timed=one.timed,
                estimator=one.estimator,
                on_cpu=one.on_cpu,
                model_format=one.model_format,
            )
            for one in workshops
        ),
    )


def _largest(found: Survey, plans: Sequence[Plan], workshops: Sequence[Workshop]) -> Result:
    decisions: list[Decision] = []
    passed_over: list[EmittedModel] = []
    for share in SHARES:
        try:
            attempt = _attempt(found, share, workshops)
        except ModelError as error:
            decisions.append(_passed_over(share, error.message))
            continue
        floats = _compared(attempt)
        if fault := _fault(floats.comparison, workshops[0].max_drop):
            decisions.append(_passed_over(share, fault))
            passed_over.append(floats)
            continue
        try:
            result = emit_fastest(plans, attempt.workshops)
        except BudgetError as error:
            decisions.append(_passed_over(share, error.message))
            continue
        fault = _fault(result[2].chosen.comparison, workshops[0].max_drop)
        if result[2].rejected or fault:
            decisions.append(_passed_over(share, fault or "the preferred precision loses too much then"))
            passed_over.append(replace(result[2].chosen, note=_note(attempt)))
            continue
        return _with(result, (*decisions, attempt.decision), tuple(passed_over))
    return _with(emit_fastest(plans, workshops), tuple(decisions), tuple(passed_over))


def _compared(attempt: _Attempt) -> EmittedModel:
    """The pruned float model beside the whole one: quantizing takes longer, and never makes it better."""
    shop = attempt.workshops[0]
    file = write_model(attempt.pruned.model, "onnx")
    announce("verifying the pruned model")
    with (
        file.open(shop.options) as pruned,
        open_backend(shop.source.data, shop.source.model_format, shop.options) as reference,
    ):
        comparison = compare(reference, pruned, shop.data.verification, shop.spec, shop.labels)
    return EmittedModel("float32", file, comparison, note=_note(attempt))


def _fault(comparison: Comparison, max_drop: float) -> str:
    """Why a pruned model will not do; empty if it will."""
    accuracy = comparison.accuracy
    if accuracy is not None and accuracy.drop is not None:
        if accuracy.drop <= max_drop:
            return ""
        return f"loses {accuracy.drop:.4f} {accuracy.metric}, more than --max-drop {max_drop:g}"
    if comparison.agreement is not None and comparison.agreement < LEAST_AGREEMENT:
        return (
            f"agrees with the float model on {comparison.agreement:.1%} of the samples; "
            f"without labelled data {LEAST_AGREEMENT:.0%} is asked for"
        )
    worst = comparison.worst_sqnr_db
    if comparison.agreement is None and worst is not None and worst < LEAST_SQNR_DB:
        return f"SQNR {worst:.1f} dB; without labelled data {LEAST_SQNR_DB:g} dB is asked for"
    return ""


def _note(attempt: _Attempt) -> str:
    return f", {attempt.pruned.share_removed:.0%} pruned"


def _passed_over(share: float, reason: str) -> Decision:
    return Decision(what="passed over", choice=f"{share:.0%} pruned", reason=" ".join(reason.split()))


def _with(
    result: Result, decisions: tuple[Decision, ...], passed_over: tuple[EmittedModel, ...] = ()
) -> Result:
    plan, workshop, outcome = result
    return (
        plan,
        workshop,
        replace(
            outcome,
            decisions=(*decisions, *outcome.decisions),
            rejected=(*passed_over, *outcome.rejected),
        ),
    )


def _samples(workshop: Workshop) -> Samples:
    samples = workshop.data.calibration
    if samples is None:
        raise AssertionError("pruning without calibration data has been refused")
    return samples
