"""What a build did: `report.json`, `report.html`, and the summary that people read on a terminal."""

from edgeinfer_converters.report.facts import (
    BundleFacts,
    IntegerFacts,
    ModelFacts,
    Report,
    Trial,
)
from edgeinfer_converters.report.text import summary
from edgeinfer_converters.report.write import check_report_folder, dump_report, write_report

__all__ = [
    "BundleFacts",
    "IntegerFacts",
    "ModelFacts",
    "Report",
    "Trial",
    "check_report_folder",
    "dump_report",
    "summary",
    "write_report",
]
