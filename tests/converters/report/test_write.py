"""Both files of `--report`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeinfer.errors import UsageError
from edgeinfer.strict import decode_json
from edgeinfer_converters.report import Report, check_report_folder, dump_report, write_report
from tests.fixtures.reports import full_report


def test_law() -> None:
    report = full_report()
    assert decode_json(dump_report(report), Report, "report.json") == report


def test_the_folder_is_made_and_holds_both(tmp_path: Path) -> None:
    write_report(tmp_path / "a" / "b", full_report())
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["report.html", "report.json"]
    found = json.loads((tmp_path / "a" / "b" / "report.json").read_bytes())
    assert found["comparison"]["accuracy"]["drop"] == 0.0074
    assert found["details"]["layers"][0]["operator"] == "Conv"
    assert (tmp_path / "a" / "b" / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_a_file_in_place_of_the_report_folder(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        check_report_folder(tmp_path / "report")
    check_report_folder(tmp_path / "new")
