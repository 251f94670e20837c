"""The public fake."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgeinfer.errors import SourceError
from edgeinfer.sources import Source
from edgeinfer.sources.fake import FakeSource

PICTURES = [np.full((2, 2, 3), value, np.uint8) for value in (1, 2)]


def test_it_plays_its_script() -> None:
    fake = FakeSource([PICTURES[0], SourceError("the cable is out"), PICTURES[1]])
    source: Source = fake
    with source:
        first = source.read()
        with pytest.raises(SourceError, match="cable"):
            source.read()
        second = source.read()
        assert source.read() is None
    assert first is not None
    assert second is not None
    assert [int(frame.data[0, 0, 0]) for frame in (first, second)] == [1, 2]


@pytest.mark.parametrize("live", [False, True])
def test_it_may_be_live(live: bool) -> None:
    assert FakeSource([], live=live).live is live


def test_it_counts_opening_and_releasing() -> None:
    fake = FakeSource([])
    assert (fake.opened, fake.released) == (0, 0)
    with fake:
        assert fake.opened == 1
    assert fake.released == 1


def test_it_takes_an_endless_script() -> None:
    with FakeSource(itertools.repeat(PICTURES[0])) as source:
        frames = [source.read() for _ in range(100)]
    assert [frame.sequence for frame in frames if frame] == list(range(100))
