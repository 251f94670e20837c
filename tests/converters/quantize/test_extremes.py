"""Extremes of channels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgeinfer_converters.quantize.extremes import ChannelObserver, Extremes

VALUES = arrays(np.float32, (4, 3, 2), elements=st.floats(-1e6, 1e6, width=32))


def test_each_channel_has_its_own() -> None:
    observer = ChannelObserver()
    observer.update(np.array([[[1, 2], [-3, 0]]], np.float32))
    observer.update(np.array([[[5, 0], [-1, -2]]], np.float32))
    result = observer.result()
    assert result is not None
    np.testing.assert_array_equal(result.low, np.array([0, -3], np.float32))
    np.testing.assert_array_equal(result.high, np.array([5, 0], np.float32))
    np.testing.assert_array_equal(result.largest, np.array([5, 3], np.float32))


def test_nothing_seen() -> None:
    assert ChannelObserver().result() is None
    assert ChannelObserver().state() == {}


@given(VALUES, st.integers(1, 3))
def test_the_way_values_are_grouped_does_not_matter(values: np.ndarray, cut: int) -> None:
    whole, parts = ChannelObserver(), ChannelObserver()
    whole.update(values)
    parts.update(values[cut:])
    restored = ChannelObserver()
    restored.restore(parts.state())
    restored.update(values[:cut])
    for one, other in zip(whole.state().values(), restored.state().values(), strict=True):
        np.testing.assert_array_equal(one, other)


LOW, HIGH = np.array([-1, 0], np.float32), np.array([1, 2], np.float32)


@pytest.mark.parametrize(
    "state",
    [
        {"low": LOW},
        {"low": LOW, "high": HIGH, "more": HIGH},
        {"low": LOW, "high": HIGH.astype(np.float64)},
        {"low": LOW, "high": HIGH[:1]},
        {"low": LOW.reshape(1, 2), "high": HIGH.reshape(1, 2)},
        {"low": HIGH, "high": LOW},
        {"low": LOW, "high": np.array([1, np.inf], np.float32)},
        {"low": np.array([np.nan, 0], np.float32), "high": HIGH},
    ],
)
def test_other_states_are_refused_and_change_nothing(state: dict[str, np.ndarray]) -> None:
    observer = ChannelObserver()
    observer.restore({"low": LOW, "high": HIGH})
    with pytest.raises(ValueError, match="channel"):
        observer.restore(state)
    result = observer.result()
    assert result is not None
    np.testing.assert_array_equal(result.high, HIGH)


def test_joined_extremes_hold_both() -> None:
    both = Extremes(LOW, HIGH) | Extremes(LOW - 1, HIGH - 1)
    np.testing.assert_array_equal(both.low, LOW - 1)
    np.testing.assert_array_equal(both.high, HIGH)
