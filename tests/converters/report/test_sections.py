"""The parts below the first screen."""

from __future__ import annotations

from edgeinfer.strict import replace
from edgeinfer_converters.report import sections
from edgeinfer_converters.report.facts import ClassFacts, Rates
from tests.fixtures.reports import details, full_report


def test_of_many_classes_only_those_that_changed() -> None:
    found = details()
    assert found.quality is not None
    good, bad = Rates(precision=1.0, recall=1.0, f1=1.0), Rates(precision=0.5, recall=0.5, f1=0.5)
    classes = tuple(
        ClassFacts(label=f"c{k}", samples=1, converted=bad if k == 7 else good, reference=good)
        for k in range(40)
    )
    section = sections.quality(full_report(), replace(found, quality=replace(found.quality, classes=classes)))
    assert section is not None
    text = "".join(section.itertext())
    assert "The 1 of 40 classes" in text
    assert "c7" in text
    assert "c8" not in text


def test_samples_without_another_answer() -> None:
    calm = sections.disagreements(replace(details(), differing=0), ())
    assert calm is not None
    assert "All 136 samples got the same answer" in "".join(calm.itertext())
    equal = sections.disagreements(replace(details(), differing=0, disagreements=()), ())
    assert equal is not None
    assert "say exactly the same" in "".join(equal.itertext())
