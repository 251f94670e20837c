"""Frames and what they tell of themselves."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from edgeinfer.frames import DTYPES, Frame


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((480, 640, 3), (640, 480)),
        ((128, 6), (6, 128)),
        ((640,), (640, 1)),
        ((), (1, 1)),
        ((1, 3, 8, 8), (3, 1)),
    ],
)
def test_the_size_of_every_kind_of_frame(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    frame = Frame(np.zeros(shape, np.float32), 0, datetime(2026, 1, 1, tzinfo=timezone.utc), 0.0)
    assert frame.size == size


def test_element_types_go_by_the_names_that_numpy_has() -> None:
    assert all(np.dtype(name) == dtype for name, dtype in DTYPES.items())
