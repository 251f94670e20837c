"""What is drawn before the demo begins, and that it is drawn once."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.parts import material
from scripts.parts.material import prepare


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "CALIBRATION_COUNT", 4)
    monkeypatch.setattr(material, "EVALUATE_COUNT", 4)
    monkeypatch.setattr(material, "FRAMES", 2)

    def two_frames(path: Path) -> object:
        yield 1
        path.write_bytes(b"clip")
        yield 2

    monkeypatch.setattr(material, "write_clip", two_frames)


def test_everything_is_drawn_with_progress(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    made = prepare(tmp_path, lambda *step: told.append(step))
    assert made.clip.read_bytes() == b"clip"
    assert len(list(made.calibration.glob("*.png"))) == len(list(made.evaluate.glob("*.png"))) == 4
    assert told == [
        *(("pictures to calibrate with", done, 4) for done in (1, 2, 3, 4)),
        *(("pictures to judge on", done, 4) for done in (1, 2, 3, 4)),
        *(("the clip", done, 2) for done in (1, 2)),
    ]


def test_a_second_time_nothing_is_drawn(tmp_path: Path) -> None:
    first = prepare(tmp_path, lambda *_: None)
    told: list[object] = []
    assert prepare(tmp_path, lambda *step: told.append(step)) == first
    assert told == []


def test_what_was_interrupted_is_drawn_again(tmp_path: Path) -> None:
    made = prepare(tmp_path, lambda *_: None)
    (made.evaluate / "labels.csv").unlink()
    told: list[str] = []
    prepare(tmp_path, lambda what, *_: told.append(what))
    assert set(told) == {"pictures to judge on"}


def test_drawings_of_other_scripts_are_left_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(tmp_path, lambda *_: None)
    monkeypatch.setattr(material, "SOURCES", material.SOURCES[:1])
    assert prepare(tmp_path, lambda *_: None).clip != first.clip
