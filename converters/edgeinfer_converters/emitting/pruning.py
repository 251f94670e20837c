"""Pruning within a build: a share of the multiply-accumulates, or the largest that the budget bears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from edgeinfer.backends import open_backend
from edgeinfer.errors import BudgetError, ModelError
from edgeinfer_converters.calibration.oddities import Oddities
from edgeinfer_converters.emitting.choose import Decision, Plan
from edgeinfer_converters.emitting.emit import EmittedModel, Outcome
from edgeinfer_converters.emitting.model_file import write_model
from edgeinfer_converters.emitting.rivals import emit_fastest
from edgeinfer_converters.emitting.workshop import Workshop, inputs_of
from edgeinfer_converters.judging.verify import Comparison, compare
from edgeinfer_converters.progress import announce
from edgeinfer_converters.prune.chain import CostOf, Pruned, Survey, counts_for, remove, survey
from edgeinfer_converters.prune.latency import latency_cost
from edgeinfer_converters.quantize.execution import single_threaded
from edgeinfer_converters.samples import Samples
from edgeinfer_converters.shelf import shelve
from edgeinfer_converters.sources.source import serialized

MOST_PERCENT, FINENESS = 64, 8
"""`--prune auto` removes less than this of the multiply-accumulates. It stops looking for more when that
would be an eighth more, or one percent of the whole."""

PERCENT = 100

LEAST_AGREEMENT, LEAST_SQNR_DB = 0.98, 20.0
"""What `--prune auto` keeps to where no labelled data tell the accuracy."""

Result = tuple[Plan, Workshop, Outcome]
Counts = tuple[tuple[str, int], ...]
"""What each group keeps."""


def emit_pruned(wish: str, plans: Sequence[Plan], workshops: Sequence[Workshop]) -> Result:
    """As `emit_fastest`, with the model pruned first: `wish` is none, auto, or a share such as 0.2.

    A share that is asked for is removed, and the budget then decides as ever. `auto` looks for the largest
    share whose model keeps the budget in the precision that is preferred; it removes nothing if none does.
    Raises ModelError for a share that cannot be removed, and what `emit_fastest` raises.
    """
    if wish == "none":
        return emit_fastest(plans, workshops)
    found = _survey(plans[0], workshops[0])
    if wish == "auto":
        return _largest(found, plans, workshops)
    attempt = _attempt(found, float(wish), workshops)
    return _with(emit_fastest(plans, attempt.workshops), (attempt.decision,))


@dataclass(frozen=True)
class _Attempt:
    """A share of the work removed: of the multiply-accumulates, and of the time as estimated, if it is.

    `fault`: why the pruned float model will not do.
    """

    pruned: Pruned
    workshops: tuple[Workshop, ...]
    counts: Counts
    fault: str = ""

    @property
    def removed(self) -> str:
        """The share that is really gone."""
        return f"{self.pruned.share_removed:.1%}"

    @property
    def decision(self) -> Decision:
        """What was removed, and from where."""
        changed = [f"{one.group} {one.channels} -> {one.kept}" for one in self.pruned.choices]
        some = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
        time = self.pruned.time_removed
        saved = "" if time is None else f"; the device saves {time:.1%} of the time, as estimated"
        choice = f"{self.removed} of the multiply-accumulates removed"
        return Decision(what="pruning", choice=choice, reason=f"channels: {some}{saved}")


def _survey(plan: Plan, workshop: Workshop) -> Survey:
    graph, samples = workshop.graph, _samples(workshop)
    if graph is None:
        raise AssertionError("models that are packed as they are have been refused")
    with single_threaded():
        return survey(
            graph,
            lambda: inputs_of(samples),
            len(samples),
            progress=announce,
            time_of=_time_of(plan, workshop),
        )


def _time_of(plan: Plan, workshop: Workshop) -> CostOf | None:
    """What damage is weighed against: estimated time where there is an estimate, else the work.

    Never measured time: the same inputs give the same bytes.
    """
    if workshop.estimator is None:
        return None
    integer = plan.candidates[0].precision in ("int8", "mixed")
    return partial(latency_cost, workshop.estimator.costs["int8" if integer else "float32"])


def _counts(found: Survey, share: float, workshops: Sequence[Workshop]) -> Counts:
    multiple = workshops[0].profile.limits.channel_multiple
    return tuple(counts_for(found, share, multiple).items())


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
    own_workshops = tuple(
        replace(
            own,
            timed=one.timed,
            estimator=one.estimator,
            on_cpu=one.on_cpu,
            model_format=one.model_format,
        )
        for one in workshops
    )
    return _Attempt(pruned, own_workshops, _counts(found, share, workshops))


class _Trials:
    """Shares that `--prune auto` tries, each once, and what was found out about them."""

    def __init__(self, found: Survey, plans: Sequence[Plan], workshops: Sequence[Workshop]) -> None:
        self._found, self._plans, self._workshops = found, plans, workshops
        self._attempts: dict[Counts, _Attempt] = {}
        self._results: dict[Counts, Result | None] = {}
        self.decisions: list[Decision] = []
        self.passed_over: list[EmittedModel] = []

    def float_bears(self, percent: int) -> bool:
        """Whether the pruned float model keeps the budget: quantizing takes longer, and seldom helps."""
        attempt = self._attempt(percent)
        return attempt is not None and not attempt.fault

    def bears(self, percent: int) -> bool:
        """Whether the model does in the precision that is preferred, too."""
        return self.float_bears(percent) and self.result(percent) is not None

    def result(self, percent: int) -> Result | None:
        """The pruned model that is emitted for a share whose float model will do."""
        attempt = self._attempt(percent)
        if attempt is None:
            return None
        if attempt.counts not in self._results:
            self._results[attempt.counts] = self._emitted(attempt)
        return self._results[attempt.counts]

    def _attempt(self, percent: int) -> _Attempt | None:
        """None for a share that cannot be reached."""
        share = percent / PERCENT
        try:
            counts = _counts(self._found, share, self._workshops)
        except ModelError as error:
            self._pass_over(f"{share:.0%}", error.message)
            return None
        if counts not in self._attempts:
            attempt = _attempt(self._found, share, self._workshops)
            floats = _compared(attempt)
            fault = _fault(floats.comparison, self._workshops[0].max_drop)
            self._attempts[counts] = replace(attempt, fault=fault)
            if fault:
                self._pass_over(attempt.removed, f"with float weights: {fault}")
                self.passed_over.append(floats)
        return self._attempts[counts]

    def _emitted(self, attempt: _Attempt) -> Result | None:
        try:
            result = emit_fastest(self._plans, attempt.workshops)
        except BudgetError as error:
            self._pass_over(attempt.removed, error.message)
            return None
        fault = _fault(result[2].chosen.comparison, self._workshops[0].max_drop)
        if result[2].rejected or fault:
            self._pass_over(attempt.removed, fault or "the preferred precision loses too much then")
            self.passed_over.append(replace(result[2].chosen, note=_note(attempt)))
            return None
        return _with(result, (attempt.decision, *_bound(result[2].chosen.comparison)))

    def _pass_over(self, removed: str, reason: str) -> None:
        choice = f"{removed} pruned"
        self.decisions.append(Decision(what="passed over", choice=choice, reason=" ".join(reason.split())))


def _largest(found: Survey, plans: Sequence[Plan], workshops: Sequence[Workshop]) -> Result:
    """The model with the largest share that the budget bears, or the whole one."""
    trials = _Trials(found, plans, workshops)
    percent = largest(trials.float_bears, MOST_PERCENT)
    if percent and not trials.bears(percent):
        percent = largest(trials.bears, percent)
    result = trials.result(percent) if percent else None
    return _with(result or emit_fastest(plans, workshops), tuple(trials.decisions), tuple(trials.passed_over))


def largest(bears: Callable[[int], bool], most: int) -> int:
    """A whole number below `most` that is borne, 0 if none is found: bisection, the more exact the smaller.

    What is borne is taken to be all numbers up to some limit.
    """
    least = 0
    while most - least > max(1, least // FINENESS):
        middle = (least + most) // 2
        least, most = (middle, most) if bears(middle) else (least, middle)
    return least


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


def _bound(comparison: Comparison) -> tuple[Decision, ...]:
    """What the share was held against where there are no labelled data; nothing where there are."""
    if comparison.accuracy is not None and comparison.accuracy.drop is not None:
        return ()
    kept = f"{LEAST_AGREEMENT:.0%} of equal answers" if comparison.agreement is not None else ""
    reason = "there are no labelled data to hold --max-drop against"
    return (Decision(what="kept to", choice=kept or f"SQNR of {LEAST_SQNR_DB:g} dB", reason=reason),)


def _note(attempt: _Attempt) -> str:
    return f", {attempt.removed} pruned"


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
