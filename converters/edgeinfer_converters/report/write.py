"""Writing a report: `report.json` for programs, `report.html` for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgeinfer.errors import UsageError
from edgeinfer.files import write_atomically
from edgeinfer.strict import encode_json
from edgeinfer_converters.report.facts import Report

if TYPE_CHECKING:
    from edgeinfer_converters.report.pictures import Picture

REPORT_NAME = "report.json"
PAGE_NAME = "report.html"


def dump_report(report: Report) -> bytes:
    """The JSON of a report."""
    return encode_json(report, indent=2) + b"\n"


def check_report_folder(folder: Path) -> None:
    """Find out before the long steps whether a report can be written. Raises UsageError."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--report {folder}: is a file, and a folder is needed")


def write_report(folder: Path, report: Report, pictures: Sequence[Picture | None] = ()) -> None:
    """Write both files into the folder, which is made if need be.

    `pictures`: of the samples in `details.disagreements`, in their order.
    """
    from edgeinfer_converters.report.page import page  # pictures bring OpenCV, which few builds need

    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / REPORT_NAME, dump_report(report))
    write_atomically(folder / PAGE_NAME, page(report, pictures).encode())
