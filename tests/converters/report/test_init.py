"""What the package offers."""

from __future__ import annotations

from edgeinfer_converters import report


def test_all_names_are_there_and_sorted() -> None:
    assert sorted(report.__all__) == list(report.__all__)
    assert all(hasattr(report, name) for name in report.__all__)
