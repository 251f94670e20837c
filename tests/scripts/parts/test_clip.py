"""The clip: what passes, and when."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeinfer.errors import EdgeInferError
from scripts.parts import clip
from scripts.parts.clip import DURATION_S, FPS, FRAMES, ORDER, SPEED, draw_frame, write_clip
from scripts.parts.gear import CONDITIONS
from scripts.parts.scene import HEIGHT, WIDTH


def test_it_shows_every_condition_and_is_short() -> None:
    assert set(ORDER) == set(CONDITIONS)
    assert DURATION_S < 20
    assert pytest.approx(DURATION_S * FPS, abs=1) == FRAMES


def test_a_frame_is_the_same_whenever_it_is_drawn() -> None:
    assert np.array_equal(draw_frame(100), draw_frame(100))
    assert not np.array_equal(draw_frame(100), draw_frame(101))


def test_parts_move_with_the_belt() -> None:
    moved = round(SPEED * 6 / FPS)
    before, after = (draw_frame(number)[40:320].astype(float) for number in (60, 66))
    with_belt = np.abs(before[:, :-moved] - after[:, moved:]).mean()
    against = np.abs(before[:, moved:] - after[:, :-moved]).mean()
    assert with_belt < against / 2


def test_the_file_can_be_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "FRAMES", 4)
    assert list(write_clip(tmp_path / "c.mp4", workers=1)) == [1, 2, 3, 4]
    capture = cv2.VideoCapture(str(tmp_path / "c.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == FPS
    found, frame = capture.read()
    capture.release()
    assert found
    assert frame.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(frame.astype(float) - draw_frame(0)).mean() < 8
    assert [path.name for path in tmp_path.glob("*.mp4")] == ["c.mp4"]


def test_an_unfinished_clip_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "FRAMES", 4)
    steps = write_clip(tmp_path / "c.mp4", workers=1)
    next(steps)
    steps.close()  # type: ignore[attr-defined]  # it is a generator: what Ctrl-C in the loop around it does
    assert not list(tmp_path.glob("**/*.mp4"))


def test_a_folder_that_is_not_there_is_an_error_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clip, "FRAMES", 1)
    with pytest.raises(EdgeInferError, match="could not open") as caught:
        list(write_clip(tmp_path / "none" / "c.mp4", workers=1))
    assert caught.value.hint
