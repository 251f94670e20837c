"""Fixtures of the tests of TFLite files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures.runs import Runner


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    """A child that runs files."""
    with Runner() as one:
        yield one
