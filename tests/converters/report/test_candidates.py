"""What was tried."""

from __future__ import annotations

from edgeinfer.strict import replace
from edgeinfer_converters.emitting.choose import Decision
from edgeinfer_converters.judging.evaluate import Accuracy
from edgeinfer_converters.judging.verify import Comparison
from edgeinfer_converters.report import candidates
from edgeinfer_converters.report.facts import Report
from tests.fixtures.reports import estimated_report, full_report


def text_of(report: Report) -> str:
    return " ".join(candidates.section(report).itertext())


def test_your_model_then_what_was_passed_over_then_the_choice() -> None:
    found = candidates.candidates(full_report())
    assert [one.kind for one in found] == ["reference", "rejected", "chosen"]
    assert [one.latency_ms for one in found] == [10.0, 4.0, 4.0]
    assert [one.metric for one in found] == [0.8309, 0.8235, 0.8235]
    assert [one.size_bytes for one in found] == [1_851_412, 900_000, 286_900]


def test_two_pictures_with_the_limit() -> None:
    section = candidates.section(full_report())
    assert len(list(section.iter("svg"))) == 2
    assert "limit" in "".join(section.itertext())
    assert "Better is up" in "".join(section.itertext())


def test_columns_that_nothing_is_known_of_are_left_out() -> None:
    report = replace(
        full_report(),
        timing=None,
        rejected=(),
        comparison=Comparison(samples=4, sqnr_db={"y": 20.0}),
    )
    heads = [one.text for one in candidates.section(report).iter("th") if one.get("scope") == "col"]
    assert heads == ["model", "size", "SQNR (worst output)"]
    assert len(list(candidates.section(report).iter("svg"))) == 0


def test_errors_are_better_when_lower() -> None:
    accuracy = Accuracy(metric="MAE / range", samples=9, converted=0.11, reference=0.1, drop=0.01)
    report = replace(full_report(), comparison=Comparison(samples=9, sqnr_db={}, accuracy=accuracy))
    assert "Better is down" in text_of(report)


def test_a_budget_that_is_none_is_not_drawn() -> None:
    section = candidates.section(replace(full_report(), max_drop=0.9))
    assert not [one for one in section.iter("line") if one.get("class") == "limit"]


def test_agreement_where_there_are_no_labels() -> None:
    comparison = Comparison(samples=9, sqnr_db={"y": 30.0}, agreement=0.9)
    report = replace(full_report(), comparison=comparison, rejected=())
    assert "same top class" in text_of(report)
    assert len(list(candidates.section(report).iter("svg"))) == 2


def test_a_model_packed_as_it_came_stands_alone() -> None:
    report = full_report()
    alone = replace(report, rejected=(), model=replace(report.model, precision="as-is"))
    assert [one.kind for one in candidates.candidates(alone)] == ["chosen"]


def test_estimated_times_have_a_heading_of_their_own() -> None:
    report = estimated_report()
    assert [one.latency_ms for one in candidates.candidates(report)] == [46.2, 120.0, 16.8]
    assert "time, estimated for raspberry-pi-4" in text_of(report)
    assert "measured here" not in text_of(report)
    assert "estimated" not in text_of(full_report())


def test_what_was_pruned_is_told_apart_and_explained() -> None:
    report = full_report()
    tried = replace(report.rejected[0], precision="float32, 33.0% pruned")
    gone = Decision(what="pruning", choice="9.4% of the multiply-accumulates removed", reason="channels: …")
    pruned = replace(report, rejected=(tried,), decisions=(gone, *report.decisions))
    names = [one.name for one in candidates.candidates(pruned)]
    assert names[1:] == [
        "float32, 33.0% pruned (passed over)",
        f"{report.model.precision}, 9.4% pruned (chosen)",
    ]
    assert candidates.PRUNED in text_of(pruned)
    assert "multiply-accumulates that is gone" not in text_of(report)
