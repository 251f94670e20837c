"""A model in each format that its device has a runtime for, and the fastest of them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from edgeinfer.errors import BudgetError, ModelError
from edgeinfer_converters.emitting.choose import Decision, Plan
from edgeinfer_converters.emitting.emit import Outcome, emit_best
from edgeinfer_converters.emitting.workshop import Workshop
from edgeinfer_converters.judging.measure import measure
from edgeinfer_converters.progress import announce


def emit_fastest(plans: Sequence[Plan], workshops: Sequence[Workshop]) -> tuple[Plan, Workshop, Outcome]:
    """The outcome of the best plan, and that plan with its workshop.

    `plans` are in order of preference. Where this machine stands for the device, each is carried out, and one
    further down is taken only if it is measured to be faster; elsewhere the first that can be carried out
    within the budget is.
    Raises ModelError if none can be, and what `emit_best` raises.
    """
    passed_over: list[Decision] = []
    best: tuple[Plan, Workshop, Outcome] | None = None
    for number, (plan, workshop) in enumerate(zip(plans, workshops, strict=True)):
        last = number == len(plans) - 1 and best is None
        if not _can_be_written(workshop, passed_over, last=last):
            continue
        try:
            found = plan, workshop, emit_best(workshop, plan)
        except BudgetError as error:
            if last:
                raise
            passed_over.append(_passed_over(plan, " ".join(error.message.split())))
            continue
        if best is None:
            best = found
        elif _is_faster(workshop, found[2], best[2]):
            passed_over.append(_passed_over(best[0], f"slower here than {plan.model_format}, as measured"))
            best = found
        else:
            passed_over.append(_passed_over(plan, f"no faster here than {best[0].model_format}"))
        if not workshop.timed:
            break
    if best is None:
        raise AssertionError("the last plan is carried out or raises")
    plan, workshop, outcome = best
    return plan, workshop, replace(outcome, decisions=(*passed_over, *outcome.decisions))


def _can_be_written(workshop: Workshop, passed_over: list[Decision], *, last: bool) -> bool:
    """Whether the format has an equal for each operator: better known before the long steps."""
    graph = workshop.graph
    if graph is None or workshop.model_format == "onnx":
        return True
    try:
        workshop.write(graph)
    except ModelError as error:
        if last:
            raise
        reason = " ".join(error.message.split())
        passed_over.append(Decision(what="passed over", choice=workshop.model_format, reason=reason))
        return False
    return True


def _is_faster(workshop: Workshop, one: Outcome, other: Outcome) -> bool:
    """Whether `one` is faster here than `other`, beyond the margin that measured times need."""
    options = workshop.options
    inputs = next(iter(workshop.data.verification)).inputs
    announce("comparing formats")
    with contextlib.ExitStack() as opened:
        first = opened.enter_context(one.chosen.file.open(options))
        second = opened.enter_context(other.chosen.file.open(options))
        timing = measure(lambda: first.run(inputs), lambda: second.run(inputs), threads=options.threads)
    return timing.slower


def _passed_over(plan: Plan, reason: str) -> Decision:
    return Decision(what="passed over", choice=plan.model_format, reason=reason)
