"""Frames out of nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import SettingsError
from edgeinfer.processing.spec import ImageInput, WindowInput
from edgeinfer.sources import Source, open_source
from edgeinfer.sources.fake import ManualClock

IMAGE = ImageInput(size=(8, 8))
WINDOW = WindowInput(columns=("x", "y"), length=32, stride=8)


def arrays(source: Source, limit: int = 20) -> list[np.ndarray]:
    return [frame.data for _ in range(limit) if (frame := source.read())]


def drawn(uri: str, spec: ImageInput | WindowInput = IMAGE, limit: int = 20) -> list[np.ndarray]:
    with open_source(uri, spec, clock=ManualClock()) as source:
        return arrays(source, limit)


def test_images_have_the_size_that_is_asked_for() -> None:
    assert drawn("synthetic:", limit=1)[0].shape == (480, 640, 3)
    image = drawn("synthetic:?width=31&height=17", limit=1)[0]
    assert image.shape == (17, 31, 3)
    assert image.dtype == np.uint8


def test_as_many_frames_as_asked_for() -> None:
    assert len(drawn("synthetic:?frames=3&width=8&height=8")) == 3
    assert len(drawn("synthetic:?frames=3", WINDOW)) == 3
    assert len(drawn("synthetic:?width=8&height=8", limit=50)) == 50


@pytest.mark.parametrize("spec", [IMAGE, WINDOW])
def test_the_same_seed_gives_the_same_frames(spec: ImageInput | WindowInput) -> None:
    first, again = (np.stack(drawn("synthetic:?seed=3", spec, 4)) for _ in range(2))
    other = np.stack(drawn("synthetic:?seed=4", spec, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_picture_moves() -> None:
    images = drawn("synthetic:?width=64&height=48")
    assert all((one != two).mean() > 0.2 for one, two in itertools.pairwise(images))


def test_frames_are_the_readers_to_change() -> None:
    with open_source("synthetic:?width=64&height=48", IMAGE) as source:
        first = source.read()
        assert first is not None
        first.data[:] = 0
        second = source.read()
    assert second is not None
    assert np.array_equal(second.data, drawn("synthetic:?width=64&height=48", limit=2)[1])


def test_windows_slide_over_one_signal() -> None:
    windows = drawn("synthetic:", WINDOW, 5)
    assert all(window.shape == (32, 2) and window.dtype == np.float32 for window in windows)
    for one, two in itertools.pairwise(windows):
        assert np.array_equal(one[8:], two[:-8])


def test_a_window_is_a_sine_with_noise() -> None:
    signal = drawn("synthetic:", WindowInput(columns=("x",), length=1024, stride=1), 1)[0][:, 0]
    spectrum = np.abs(np.fft.rfft(signal))
    assert spectrum[1:].argmax() + 1 == 1024 // 16
    assert 0.02 < np.var(signal) - 0.5 + 0.05 < 0.1


@pytest.mark.parametrize(
    ("spec", "expected_s"),
    [(IMAGE, [0.0, 0.1, 0.2]), (WindowInput(columns=("x",), length=4, stride=2), [0.3, 0.5, 0.7])],
)
def test_realtime_keeps_its_pace_and_is_live(spec: ImageInput | WindowInput, expected_s: list[float]) -> None:
    clock = ManualClock()
    with open_source("synthetic:?fps=10&realtime=1", spec, clock=clock) as source:
        assert source.live is True
        stamps = [frame.captured_s for _ in range(3) if (frame := source.read())]
    assert stamps == pytest.approx(expected_s)


def test_without_realtime_nothing_waits() -> None:
    clock = ManualClock()
    with open_source("synthetic:", IMAGE, clock=clock) as source:
        assert source.live is False
        arrays(source, 3)
    assert clock.waits_s == []


@pytest.mark.parametrize("option", ["width=8", "height=8"])
def test_a_window_has_no_width(option: str) -> None:
    with pytest.raises(SettingsError, match="`width` and `height` are for images"):
        open_source(f"synthetic:?{option}", WINDOW)


@settings(max_examples=30)
@given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 2**63))
def test_any_size_and_seed_can_be_drawn(width: int, height: int, seed: int) -> None:
    images = drawn(f"synthetic:?width={width}&height={height}&seed={seed}", limit=3)
    assert [image.shape for image in images] == [(height, width, 3)] * 3
