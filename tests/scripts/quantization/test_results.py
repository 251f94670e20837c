"""Results as values: they survive JSON, and are held against the recorded ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import SettingsError
from edgeinfer.strict import decode_json, encode_json
from scripts.quantization.measured_run import Cost
from scripts.quantization.results import (
    Known,
    KnownPeers,
    Memory,
    Report,
    Row,
    TaskResult,
    differences,
    read_known,
)
from scripts.quantization.tasks import Score
from scripts.quantization.timing import Latency

SCORE = Score(metric="top-1", samples=10, converted=0.8, sqnr_db=20.0, float_metric=0.9, agreement=0.9)


def _known(**dev: float) -> KnownPeers:
    return KnownPeers(results=(Known(task="resnet8", method="ort_minmax", dev=dict(dev) or None),))


def _results(score: Score | None = SCORE) -> tuple[TaskResult, ...]:
    row = Row(candidate="ort_minmax", score=score, reason=None if score else "fell over")
    return (TaskResult(task="resnet8", metric="top-1", samples=10, rows=(row,)),)


def test_agreement_with_the_record_says_nothing() -> None:
    assert differences(_results(), _known(converted=0.8, sqnr_db=20.05)) == []


def test_what_was_never_recorded_says_nothing() -> None:
    assert differences(_results(), KnownPeers(results=())) == []


def test_another_metric_or_sqnr_is_told() -> None:
    assert differences(_results(), _known(converted=0.75, sqnr_db=20.0)) == [
        "resnet8, ort_minmax: top-1 0.8000, in peers.json 0.7500"
    ]
    assert differences(_results(), _known(converted=0.8, sqnr_db=18.0)) == [
        "resnet8, ort_minmax: SQNR 20.00 dB, in peers.json 18.00 dB"
    ]


def test_failing_only_here_or_only_there_is_told() -> None:
    assert "failed here" in differences(_results(None), _known(converted=0.8, sqnr_db=20.0))[0]
    assert "worked here" in differences(_results(), _known())[0]
    assert differences(_results(None), _known()) == []


def test_the_record_is_read_and_may_be_absent(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    assert read_known(path) == KnownPeers(results=())
    path.write_text(
        '{"methods": {}, "results": [{"task": "t", "method": "m", "size_kb": 3, "dev": {"converted": 0.5,'
        ' "agreement": null, "sqnr_db": 3.0}}, {"task": "t", "method": "n", "error": "no"}]}',
        encoding="utf-8",
    )
    found = read_known(path).results
    assert found[0].dev == {"converted": 0.5, "agreement": None, "sqnr_db": 3.0}
    assert found[1].error == "no"


def test_a_broken_record_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    path.write_text('{"results": 3}', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"peers\.json"):
        read_known(path)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.builds(
    Row,
    candidate=st.text(),
    reason=st.none() | st.text(),
    score=st.none()
    | st.builds(
        Score,
        metric=st.text(),
        samples=st.integers(0, 1000),
        converted=NUMBERS,
        sqnr_db=NUMBERS,
        float_metric=NUMBERS,
        agreement=st.none() | NUMBERS,
    ),
    size_bytes=st.none() | st.integers(0, 10**12),
    cost=st.none() | st.builds(Cost, seconds=NUMBERS, peak_bytes=st.integers(0, 10**12)),
    integer_share=st.none() | NUMBERS,
    latency=st.none() | st.builds(Latency, wall_ms=NUMBERS, cpu_ms=NUMBERS, ratio=NUMBERS),
)


@given(st.lists(ROWS, max_size=3), st.dictionaries(st.integers(1, 2000), st.integers(0, 10**10), max_size=3))
def test_a_report_survives_json(rows: list[Row], peaks: dict[int, int]) -> None:
    report = Report(
        schema=1,
        date="2026-01-02 03:04 UTC",
        profile="x86-64-vnni",
        versions={"nncf": "3"},
        tasks=(TaskResult(task="t", metric="top-1", samples=3, rows=tuple(rows), load=0.5),),
        memory=(Memory(task="t", float_bytes=1, peaks=peaks),),
    )
    assert decode_json(encode_json(report), Report, "report") == report
