"""Converters as processes: what they cost, and what they say when they fail."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.quantization.measured_run import SHOWN_CHARACTERS, ToolError, last_words, run_measured

TRACE = """Traceback (most recent call last):
  File "x.py", line 3, in <module>
    raise ValueError("first")
ValueError: first

During handling of the above exception, another exception occurred:

RuntimeError: conv_24 has no weights
progress: 100%|####|
"""


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_run_has_a_cost_and_a_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "run.log"
    cost = run_measured(_python("print('said')"), log, timeout_s=60)
    assert cost.seconds > 0
    assert cost.peak_bytes > 1_000_000
    assert log.read_text(encoding="utf-8") == "said\n"


def test_variables_reach_the_command(tmp_path: Path) -> None:
    code = "import os; raise SystemExit(os.environ['WANTED'] != 'here')"
    run_measured(_python(code), tmp_path / "run.log", variables={"WANTED": "here"}, timeout_s=60)


def test_a_failure_is_told_in_the_tools_own_words(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^ValueError: no weights$"):
        run_measured(_python("raise ValueError('no weights')"), tmp_path / "run.log", timeout_s=60)


def test_a_silent_failure_has_its_code(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="exit code 9"):
        run_measured(_python("raise SystemExit(9)"), tmp_path / "run.log", timeout_s=60)


def test_a_report_of_an_earlier_run_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"seconds": 1.0, "peak_bytes": 2}', encoding="utf-8")
    cost = run_measured(_python("pass"), tmp_path / "run.log", timeout_s=60)
    assert cost.peak_bytes > 2


def test_what_hangs_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="not done after 1 s"):
        run_measured(_python("import threading; threading.Event().wait()"), tmp_path / "r.log", timeout_s=1.0)


def test_the_cause_of_a_chain_is_the_one_shown() -> None:
    assert last_words(TRACE) == "ValueError: first"
    assert last_words("one\ntwo\n") == "two"
    assert last_words("edgeinfer-convert: no such profile\nhint") == "edgeinfer-convert: no such profile"
    assert last_words("") == ""


@given(st.text())
def test_any_log_has_short_last_words_of_one_line(text: str) -> None:
    words = last_words(text)
    assert len(words) <= SHOWN_CHARACTERS
    assert len(words.splitlines()) <= 1
    assert bool(words) == bool(text.strip())
