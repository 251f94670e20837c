"""The structs of `report.json`."""

from __future__ import annotations

import pytest

from edgeinfer.errors import SettingsError
from edgeinfer.strict import decode_json, encode_json
from edgeinfer_converters.report.facts import Details, Report
from tests.fixtures.reports import details, estimated_report, full_report


def test_law_of_details() -> None:
    assert decode_json(encode_json(details()), Details, "details") == details()


def test_law_of_reports_measured_and_estimated() -> None:
    for report in (full_report(), estimated_report()):
        assert decode_json(encode_json(report), Report, "report") == report
        assert report.timing is None or report.forecast is None


def test_strange_fields_are_refused() -> None:
    with pytest.raises(SettingsError):
        decode_json(b'{"layer": []}', Details, "details")
